/**
 * A worker that was stopped, and wakes when its batch has ended long ago and its files were removed: what it then leaves
 * behind goes too. A file that was removed is not to come back by its answers, its outcomes or its preview.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/faults.ts';
import type { ObjectStore } from '../../src/io/ports/objects.ts';
import type { Registry } from '../../src/io/ports/registry.ts';
import { cancelBatch } from '../../src/stages/batch/cancel.ts';
import { expireFiles } from '../../src/stages/batch/retention.ts';
import { fileOf } from '../support/files.ts';
import { Life } from '../support/mortal.ts';
import { TINY, World, type WorldOptions } from '../support/world.ts';

const LINES = Array.from({ length: 9 }, (_, i) => ({ ref: `R-${i}` }));

/** A process that stops before the first call that is `meant`, until it is woken. */
class Sleeper extends Life {
  readonly slept = Promise.withResolvers<void>();
  readonly #woken = Promise.withResolvers<void>();
  readonly #isMeant: (call: string) => boolean;
  readonly #failing: string | undefined;
  #isAwake = false;

  /** `failing`: begins a call that fails from when it was woken. */
  constructor(isMeant: (call: string) => boolean, failing?: string) {
    super();
    this.#isMeant = isMeant;
    this.#failing = failing;
  }

  wake(): void {
    this.#isAwake = true;
    this.#woken.resolve();
  }

  override owns<T extends object>(store: T): T {
    return new Proxy(super.owns(store), {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => {
          const says = [name, ...args].join(' ');
          const call = (): unknown => member.apply(target, args) as unknown;
          if (this.#isAwake && this.#failing !== undefined && says.startsWith(this.#failing)) {
            return Promise.reject(new Fault('SERVICE_IO', 'no answer'));
          }
          if (!this.#isMeant(says)) return call();
          this.slept.resolve();
          return this.#woken.promise.then(call);
        };
      },
    });
  }
}

const isPutOf = (kind: Parameters<Registry['putResult']>[1]) => (call: string) =>
  call.startsWith('putResult ' satisfies `${keyof Registry} `) && call.split(' ')[2] === kind;
const isAnswerMade = (call: string) => call.startsWith('create answers/' satisfies `${keyof ObjectStore} ${string}`);

async function worldOf(options: WorldOptions): Promise<World> {
  const world = new World(options);
  world.state.installation.hashSeed = 7;
  const document = JSON.stringify({ format: 1, approval: 'required' });
  await world.clients.addProfile({ name: 'asking', version: 1, document, createdAtMs: 0 });
  return world;
}

/** All that stands of the batch: keys of objects and kinds of results. */
function leftOf(world: World, id: string): string[] {
  const results = [...(world.state.results.get(id)?.keys() ?? [])];
  return [...world.objects.keys().filter((key) => key.includes(id) || key.startsWith('raw/')), ...results];
}

describe('a worker that wakes when its batch was freed of its files', () => {
  it.each([
    ['preview of a small batch', {}, 'asking', isPutOf('approval')],
    ['preview of a shard', TINY, 'asking', isPutOf('preview')],
    ['preview of a large batch', TINY, 'asking', isPutOf('approval')],
    ['small batch', {}, 'default', isPutOf('shard')],
    ['range', TINY, 'default', isPutOf('range')],
    ['shard', TINY, 'default', isPutOf('shard')],
    ['answers', TINY, 'default', isAnswerMade],
    ['piece of the answers', TINY, 'default', isPutOf('finish')],
    ['plan', TINY, 'default', (call: string) => call.startsWith('put manifests/')],
  ] as const)('leaves nothing: %s', async (_, options, profile, isMeant) => {
    const world = await worldOf(options);
    const sleeper = new Sleeper(isMeant);
    const first = world.process(sleeper);
    const batch = await world.accept(first, fileOf(...LINES), { profile });
    const late = world.drain(first);
    await sleeper.slept.promise;
    const second = world.process();
    await world.recover(second);
    if (profile === 'asking') await cancelBatch(second, world.stored(batch));
    await world.drain(second);
    expect(['completed', 'cancelled']).toContain(world.stateOf(batch));
    await world.clock.advance(1);
    expect(await expireFiles(second, 0, new Map())).toBe(1);
    expect(leftOf(world, batch.id)).toEqual([]);
    sleeper.wake();
    await late;
    await world.drain(second);
    expect(leftOf(world, batch.id)).toEqual([]);
    expect(world.staging.batches()).toEqual([]);
  });
});

describe('a worker that fails when its batch had ended', () => {
  it.each([
    ['range', TINY, 'open', 'putResult'],
    ['inflated text', TINY, 'create work/', 'openRange'],
    ['table of ranges', TINY, 'put parts/', 'putResult'],
  ] as const)('leaves nothing but its file: %s', async (_, options, meant, failing) => {
    const world = await worldOf(options);
    // A range is opened in the staging store by its batch, not by a pin.
    const sleeper = new Sleeper(
      (call) => call.startsWith(meant) && (meant !== 'open' || call.startsWith('open b-')),
      failing,
    );
    const first = world.process(sleeper);
    const text = fileOf(...LINES);
    const batch = await world.accept(first, meant === 'create work/' ? gzipSync(text) : text);
    const late = world.drain(first);
    await sleeper.slept.promise;
    const second = world.process();
    await cancelBatch(second, world.stored(batch));
    await world.drain(second);
    expect(world.stateOf(batch)).toBe('cancelled');
    sleeper.wake();
    await late;
    await world.drain(second);
    expect(leftOf(world, batch.id).filter((one) => !one.startsWith('manifests/'))).toEqual([batch.key]);
    expect(world.staging.batches()).toEqual([]);
  });
});

describe('the files of a batch', () => {
  it.each([
    ['small', {}],
    ['large', TINY],
  ] as const)('are removed with what the file was inflated to (%s)', async (_, options) => {
    const world = await worldOf(options);
    const engine = world.process();
    const batch = await world.accept(engine, gzipSync(fileOf(...LINES)));
    await world.drain(engine);
    expect(world.stateOf(batch)).toBe('completed');
    await world.clock.advance(1);
    expect(await expireFiles(engine, 0, new Map())).toBe(1);
    expect(leftOf(world, batch.id)).toEqual([]);
  });
});
