/** What several processes did to a client's line, and what they were answered: the model that the stored line is held against. */
import { expect } from 'vitest';
import type { Batch, Registry } from '../../../../src/io/ports/registry.ts';
import { draft, moved } from '../../../contract/support.ts';

const LINE_PAGE = 2;

export class History {
  readonly #client: string;
  /** Answered or seen, by id: the greatest revision, and whether it was told closed. */
  readonly #known = new Map<string, Batch>();
  readonly #wins = new Set<string>();
  /** Numbers of acceptances by when they began and were answered, in ticks. */
  readonly #answers: { readonly number: number; readonly began: number; readonly ended: number }[] = [];
  #tick = 0;
  #headSeen = 0;
  /** Places that somebody has read beyond without finding anybody there. */
  readonly #left = new Set<number>();

  constructor(client: string) {
    this.#client = client;
  }

  async take(registry: Registry, step: { readonly kind: string; readonly on: number }): Promise<void> {
    const id = `${this.#client}-${step.on}`;
    try {
      await this.#do(registry, step.kind, id);
    } catch (error) {
      // The process ended: nothing was answered.
      if (!(error instanceof Error && 'code' in error && error.code === 'SERVICE_IO')) throw error;
    }
  }

  async #do(registry: Registry, kind: string, id: string): Promise<void> {
    const before = this.#known.get(id);
    const began = this.#tick++;
    if (kind === 'look') {
      const headBefore = this.#headSeen;
      const numbers = await this.#walk(registry);
      // Nobody comes to stand before who was seen at the head when this began.
      const [head] = numbers;
      if (head === undefined) return;
      expect(head).toBeGreaterThanOrEqual(headBefore);
      this.#headSeen = Math.max(this.#headSeen, head);
      return;
    }
    if (kind === 'accept' || before === undefined) {
      const { batch, created } = await registry.accept(draft(id, this.#client));
      if (created) this.#answers.push({ number: batch.number, began, ended: this.#tick++ });
      this.#learn(batch);
      return;
    }
    if (before.state === 'failed') return;
    if (kind === 'requeue') {
      const back = await registry.requeue(before, before.revision);
      if (back === undefined) return this.#learnFrom(await registry.get(id));
      this.#win(back);
      this.#answers.push({ number: back.number, began, ended: this.#tick++ });
      return;
    }
    const change = kind === 'close' ? { state: 'failed' as const, inLine: false, owed: [] } : {};
    const next = moved(before, { ...change, records: before.records + 1 });
    if (await registry.replace(next, before.revision)) this.#win({ ...next, revision: before.revision + 1 });
    else this.#learnFrom(await registry.get(id));
  }

  /** The line page by page; nobody is found where another walk, ended before, had passed an empty place. */
  async #walk(registry: Registry): Promise<number[]> {
    const leftBefore = new Set(this.#left);
    const numbers: number[] = [];
    for (let after = 0; ; ) {
      const page = (await registry.lineHead(this.#client, LINE_PAGE, after)).map((batch) => batch.number);
      for (const number of page) {
        expect(number).toBeGreaterThan(after);
        expect(leftBefore).not.toContain(number);
        for (let place = after + 1; place < number; place++) this.#left.add(place);
        numbers.push(number);
        after = number;
      }
      if (page.length < LINE_PAGE) return numbers;
    }
  }

  /** Against the table as it stands when all is over. */
  async judge(registry: Registry, open: readonly Batch[]): Promise<void> {
    const all = await registry.list({ client: this.#client });
    expect(new Set(all.map((batch) => batch.id)).size).toBe(all.length);
    for (const [id, known] of this.#known) {
      const stored = all.find((batch) => batch.id === id);
      expect(stored?.revision).toBeGreaterThanOrEqual(known.revision);
      if (stored?.revision === known.revision) expect(stored).toEqual(known);
    }
    const line = all.filter((batch) => batch.inLine).sort((a, b) => a.number - b.number);
    expect(await registry.lineHead(this.#client, 100)).toEqual(line);
    expect(await this.#walk(registry)).toEqual(line.map((batch) => batch.number));
    const mine = open.filter((batch) => batch.client === this.#client);
    expect(mine.map((batch) => batch.id).sort()).toEqual(line.map((batch) => batch.id).sort());
    for (const one of this.#answers) {
      for (const other of this.#answers) {
        if (one.ended < other.began) expect(one.number).toBeLessThan(other.number);
      }
    }
  }

  #win(batch: Batch): void {
    const name = `${batch.id} ${batch.revision}`;
    expect(this.#wins.has(name)).toBe(false);
    this.#wins.add(name);
    this.#learn(batch);
  }

  #learnFrom(batch: Batch | undefined): void {
    if (batch !== undefined) this.#learn(batch);
  }

  #learn(batch: Batch): void {
    if ((this.#known.get(batch.id)?.revision ?? 0) < batch.revision) this.#known.set(batch.id, batch);
  }
}
