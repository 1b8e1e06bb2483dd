/** Deliveries in memory (port: deliveries), as strict as the contract allows. */
import type { Delivery, DeliveryChannel, DeliveryFilter, DeliveryStore } from '../../src/io/ports/deliveries.ts';
import { briefly, type Pause } from './pause.ts';

export class MemoryDeliveries implements DeliveryStore {
  readonly #stored = new Map<string, Delivery>();
  readonly #pause: Pause;

  constructor(pause: Pause = briefly) {
    this.#pause = pause;
  }

  async add(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      await this.#pause();
      const name = `${delivery.client}/${delivery.id}`;
      if (!this.#stored.has(name)) this.#stored.set(name, structuredClone(delivery));
    }
  }

  async replace(delivery: Delivery, expectedRevision: number): Promise<boolean> {
    await this.#pause();
    const name = `${delivery.client}/${delivery.id}`;
    if (this.#stored.get(name)?.revision !== expectedRevision) return false;
    this.#stored.set(name, { ...structuredClone(delivery), revision: expectedRevision + 1 });
    return true;
  }

  async get(client: string, id: string): Promise<Delivery | undefined> {
    await this.#pause();
    return structuredClone(this.#stored.get(`${client}/${id}`));
  }

  async due(nowMs: number, max: number): Promise<Delivery[]> {
    await this.#pause();
    return this.#some((one) => one.state === 'pending' && one.nextAtMs <= nowMs)
      .sort((a, b) => a.nextAtMs - b.nextAtMs)
      .slice(0, max);
  }

  async pending(client: string, channel: DeliveryChannel, max: number): Promise<Delivery[]> {
    await this.#pause();
    return this.#some((one) => one.client === client && one.channel === channel && one.state === 'pending').slice(
      0,
      max,
    );
  }

  async list({ client, batch, state, limit }: DeliveryFilter): Promise<Delivery[]> {
    await this.#pause();
    return this.#some(
      (one) => one.client === client && (batch ?? one.batch) === one.batch && (state ?? one.state) === one.state,
    )
      .reverse()
      .slice(0, limit);
  }

  async remove(client: string, batches?: ReadonlySet<string>): Promise<number> {
    await this.#pause();
    const gone = this.#some((one) => one.client === client && batches?.has(one.batch) !== false);
    for (const { id } of gone) this.#stored.delete(`${client}/${id}`);
    return gone.length;
  }

  async sweep(createdBeforeMs: number, max: number): Promise<number> {
    await this.#pause();
    const gone = this.#some((one) => one.state !== 'pending' && one.createdAtMs < createdBeforeMs).slice(0, max);
    for (const { client, id } of gone) this.#stored.delete(`${client}/${id}`);
    return gone.length;
  }

  #some(holds: (delivery: Delivery) => boolean): Delivery[] {
    const all = [...this.#stored.values()].filter(holds).sort((a, b) => (a.id < b.id ? -1 : 1));
    return structuredClone(all);
  }
}
