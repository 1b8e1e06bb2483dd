/**
 * The fault-injecting wrapper, and drivers of several ports under it: what fails before it acts changes nothing, what loses
 * its answer has acted, and asking again gives the same (faults 17, 21, 24).
 */
import { describe, expect, it } from 'vitest';
import { draft } from '../contract/support.ts';
import { SimQueue } from '../model/simQueue.ts';
import { Random } from '../oracle/random.ts';
import { FakeClock } from '../support/clock.ts';
import { MemoryRegistry } from '../support/memoryRegistry.ts';
import { MemoryObjects, MemoryStaging } from '../support/memoryStores.ts';
import { bySeed, type Fate, faultyDriver, nth } from './faulty.ts';
import { interposed, type PortCall } from './interpose.ts';

const atOnce = { wait: async () => {} };

describe('a faulty driver', () => {
  it('fails the Nth call before it acts, and no other', async () => {
    const objects = new MemoryObjects();
    const faulty = faultyDriver('objects', objects, nth('objects', 'put', 2, 'fail'), atOnce);
    await faulty.put('a', new Uint8Array(1));
    await expect(faulty.put('b', new Uint8Array(1))).rejects.toMatchObject({ code: 'SERVICE_IO' });
    await faulty.put('c', new Uint8Array(1));
    expect(objects.keys()).toEqual(['a', 'c']);
  });

  // fault 21
  it('lets a call act whose answer it loses; asked again, the driver answers the same', async () => {
    const registry = new MemoryRegistry();
    const faulty = faultyDriver('registry', registry, nth('registry', 'accept', 1, 'lose'), atOnce);
    await expect(faulty.accept(draft('b-1'))).rejects.toThrow('injected');
    expect(registry.state.batches.size).toBe(1);
    const { batch, created } = await faulty.accept(draft('b-1'));
    expect([created, batch.number]).toEqual([false, 1]);
    expect((await faulty.accept(draft('b-2'))).batch.number).toBe(2);
  });

  // faults 17, 24
  it('makes a call twice where that is the same call: messages double, results do not', async () => {
    const always = (): Fate => 'twice';
    const unkind = { receivesMax: 9, takesTwice: true, doubleShare: 0, shuffledShare: 0 };
    const queue = new SimQueue(new FakeClock(), new Random(1), unkind);
    await faultyDriver('queue', queue, always, atOnce).send('q', [{ id: 'm', group: 'g', body: '' }]);
    expect(queue.ids()).toEqual(['m', 'm']);
    const registry = new MemoryRegistry();
    const faulty = faultyDriver('registry', registry, always, atOnce);
    const { batch } = await faulty.accept(draft('b-1'));
    expect(await faulty.replace({ ...batch, state: 'picking' }, batch.revision)).toBe(true);
    expect((await faulty.putResult('b-1', 'range', 0, 'one')).body).toBe('one');
    expect([await registry.countResults('b-1', 'range'), (await registry.get('b-1'))?.revision]).toEqual([1, 2]);
  });

  it('holds a call back while later ones pass: they come reordered', async () => {
    const objects = new MemoryObjects();
    let go = (): void => {};
    const held = new Promise<void>((done) => {
      go = done;
    });
    const faulty = faultyDriver('objects', objects, nth('objects', 'put', 1, 'delay'), { wait: () => held });
    const first = faulty.put('a', Uint8Array.of(1));
    await faulty.put('a', Uint8Array.of(2));
    go();
    await first;
    expect(objects.bytesOf('a')).toEqual(Uint8Array.of(1));
  });

  it('reaches what a driver opens: readers, writers and listings', async () => {
    const calls: string[] = [];
    const seen = async <T>({ port, method }: PortCall, act: () => Promise<T>): Promise<T> => {
      calls.push(`${port}.${method}`);
      return await act();
    };
    const objects = interposed('objects', new MemoryObjects(), seen);
    const writer = await objects.create('a');
    await writer.write(Uint8Array.of(7));
    const info = await writer.commit();
    const reader = await objects.openRange(info, 0, 1);
    const target = new Uint8Array(1);
    expect([await reader.read(target), target[0]]).toEqual([1, 7]);
    await reader.close();
    for await (const { key } of objects.list('')) expect(key).toBe('a');
    const staging = interposed('staging', new MemoryStaging(), seen);
    const pages = await staging.open('b', 0, 'x');
    await pages.write(0, Uint8Array.of(1));
    await pages.commit();
    for await (const page of staging.read('b', 0, { range: 0, attempt: 'x', pages: 1 })) expect(page[0]).toBe(1);
    expect(calls).toEqual([
      'objects.create',
      'objects.create.write',
      'objects.create.commit',
      'objects.openRange',
      'objects.openRange.read',
      'objects.openRange.close',
      'objects.list.next',
      'objects.list.next',
      'staging.open',
      'staging.open.write',
      'staging.open.commit',
      'staging.read.next',
      'staging.read.next',
    ]);
  });

  it('decides alike for the same seed, and spares closing', async () => {
    const fatesOf = (seed: number): Fate[] => {
      const fateOf = bySeed(new Random(seed), 0.5, ['fail', 'lose']);
      return Array.from({ length: 50 }, () => fateOf({ port: 'p', method: 'm' }));
    };
    expect(fatesOf(3)).toEqual(fatesOf(3));
    expect(fatesOf(3)).not.toEqual(fatesOf(4));
    expect(new Set(fatesOf(3))).toEqual(new Set(['pass', 'fail', 'lose']));
    const objects = new MemoryObjects();
    const info = await objects.put('a', new Uint8Array(1));
    const fails = faultyDriver('objects.openRange', await objects.openRange(info, 0, 1), () => 'fail', atOnce);
    await expect(fails.read(new Uint8Array(1))).rejects.toThrow('injected');
    await fails.close();
  });
});
