/**
 * Every judge of the kernel over the one on WebAssembly: the suites are those of the plain kernel, word for word, with
 * the other engine in its place. What has no room in the engine's memory would call the replaced kernel and never end,
 * so that no test passes on the plain one by mistake.
 */
import { vi } from 'vitest';
import type { KernelEngine } from '../../src/kernel/wasm/engine.ts';

const held = vi.hoisted<{ engine: KernelEngine | undefined; ranges: number; pieces: number }>(() => ({
  engine: undefined,
  ranges: 0,
  pieces: 0,
}));

vi.mock('../../src/kernel/kernel.ts', async (original) => ({
  ...(await original<typeof import('../../src/kernel/kernel.ts')>()),
  RangeKernel: function rangeKernel(...plan: Parameters<KernelEngine['range']>) {
    held.ranges++;
    return held.engine!.range(...plan);
  },
}));

vi.mock('../../src/kernel/scan.ts', async (original) => ({
  ...(await original<typeof import('../../src/kernel/scan.ts')>()),
  scanPiece(...piece: Parameters<KernelEngine['scanPiece']>) {
    held.pieces++;
    return held.engine!.scanPiece(...piece);
  },
}));

const { afterAll, expect } = await import('vitest');
const { openTestEngine } = await import('./wasmWorld.ts');
held.engine = await openTestEngine();

await import('./split.test.ts');
await import('./records.test.ts');
await import('./fuzz.test.ts');
await import('./canary.test.ts');

afterAll(() => {
  expect(held.ranges).toBeGreaterThan(1000);
  expect(held.pieces).toBeGreaterThan(100_000);
});
