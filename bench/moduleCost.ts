/**
 * What a module costs: the same made file read by the kernel on WebAssembly, by the plain kernel, and by the plain kernel
 * through a module that gives what it is given. One thread, passes interleaved, medians; all three must find the same.
 *
 *   node bench/moduleCost.ts [--lines 300000] [--passes 9]
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { fixtureBlocks } from '../src/cli/fixture.ts';
import { deriveLimits } from '../src/config/limits.ts';
import { withDefaults } from '../src/config/schema.ts';
import { loadKernelModule, openKernel } from '../src/engine/kernelModule.ts';
import { Modules } from '../src/engine/modules.ts';
import { makeWatch } from '../src/engine/moduleWatch.ts';
import { readHeader } from '../src/kernel/header.ts';
import type { RecordModule } from '../src/kernel/modules/interface.ts';
import { DEFAULT_DIALECT, type RecordPlan } from '../src/kernel/plan.ts';
import { type KernelEngine, plainEngine } from '../src/kernel/wasm/engine.ts';
import { AS_OF } from './input.ts';
import { medianOf } from './statistics.ts';

interface Way {
  readonly name: string;
  readonly engine: KernelEngine;
  readonly plan: RecordPlan;
  readonly module?: RecordModule;
}

const CHUNK_BYTES = 1024 * 1024;

function madeFile(lines: number): Uint8Array {
  const options = { lines, seed: 1, badShare: 0.02, quotedShare: 0.02, duplicateShare: 0, refPrefix: 'F', asOf: AS_OF };
  return new Uint8Array(Buffer.concat([...fixtureBlocks(options, { truth: false })].map(({ file }) => file)));
}

/** Milliseconds of the processor for one pass, and what it found. */
function pass({ engine, plan, module }: Way, bytes: Uint8Array, from: number): { ms: number; found: string } {
  const started = process.cpuUsage();
  const kernel = engine.range(plan, 2, from, 64 * 1024, module);
  const buffer = engine.buffer(CHUNK_BYTES + plan.recordBytesMax);
  const drain = (): void => {
    while (kernel.takePage() !== undefined);
    while (kernel.takeRejects() !== undefined);
  };
  let held = 0;
  for (let at = from; at < bytes.length || held > 0; ) {
    const take = bytes.subarray(at, Math.min(bytes.length, at + CHUNK_BYTES));
    buffer.set(take, held);
    at += take.length;
    held += take.length;
    let done = 0;
    for (;;) {
      const next = kernel.feed(buffer, done, held, at === bytes.length);
      const moved = next > done;
      done = next;
      if (kernel.full) drain();
      else if (!moved || done === held) break;
    }
    buffer.copyWithin(0, done, held);
    held -= done;
  }
  kernel.flush();
  drain();
  const { user, system } = process.cpuUsage(started);
  // Bytes that are no text are found before the module is asked, so a record with two faults may be told of the other one.
  const { records, staged, rejected, centsStaged } = kernel.totals();
  return { ms: (user + system) / 1000, found: JSON.stringify([records, staged, rejected, String(centsStaged)]) };
}

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '300000' }, passes: { type: 'string', default: '9' } },
});
const lines = Number(values.lines);
const bytes = madeFile(lines);
const header = readHeader(bytes, bytes.length, true, DEFAULT_DIALECT);
if (header.kind !== 'header') throw new Error(`the made file has no header: ${header.kind}`);
const names = Buffer.from(bytes.subarray(header.start, header.end)).toString().trim().split(',');
const settings = withDefaults({}, 1);
const plan: RecordPlan = {
  dialect: DEFAULT_DIALECT,
  fields: header.fields,
  recordBytesMax: settings.recordBytesMax,
  shards: 3,
  hashSeed: 7,
};
const watch = makeWatch();
const loaded = await new Modules(new URL('./modules', import.meta.url).pathname).open('passthrough', watch);
const code = { ...loaded.declared, encoding: 'utf-8' as const, names };
const fast = await loadKernelModule();
const ways: Way[] = [
  { name: 'WebAssembly', engine: openKernel(fast.module, settings, deriveLimits(settings)), plan },
  { name: 'plain', engine: plainEngine(), plan },
  {
    name: 'module',
    engine: plainEngine(),
    plan: { ...plan, code, fields: names.map((_, column) => column) },
    module: loaded.watched(watch),
  },
];
const times = new Map(ways.map(({ name }) => [name, [] as number[]]));
for (let n = 0; n <= Number(values.passes); n++) {
  const found = ways.map((way) => {
    const { ms, found: what } = pass(way, bytes, header.end);
    // The first pass warms up.
    if (n > 0) times.get(way.name)?.push(ms);
    return what;
  });
  if (new Set(found).size !== 1) throw new Error(`they found different things: ${found.join(' | ')}`);
}
const base = medianOf(times.get('plain') ?? []);
for (const [name, all] of times) {
  const ms = medianOf(all);
  const rate = Math.round(lines / ms).toLocaleString('en');
  process.stdout.write(
    `${name.padEnd(12)} ${rate.padStart(6)} thousand records/s of processor time, ${(base / ms).toFixed(2)} of plain\n`,
  );
}
