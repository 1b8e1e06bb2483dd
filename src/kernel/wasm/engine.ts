/**
 * The kernel that a worker reads with: the one on WebAssembly where its module is at hand, else the plain one. Both give
 * the same bytes; the plain one also takes what the other has no room for.
 *
 * One engine serves one task at a time: its buffer and its range kernel are the worker's only ones.
 */
import { RangeKernel } from '../kernel.ts';
import type { RecordModule } from '../modules/interface.ts';
import type { RecordPlan } from '../plan.ts';
import { scanPiece } from '../scan.ts';
import type { WasmModule } from './api.ts';
import { type KernelBounds, KernelMemory } from './memory.ts';
import { fitsPlan, type RangeParser, WasmRangeKernel } from './rangeKernel.ts';
import { wasmScanPiece } from './scanPiece.ts';

export interface KernelEngine {
  readonly kind: 'wasm' | 'plain';
  /** At least `bytes` long, the same memory at every call; its contents are whatever was left there. */
  buffer(bytes: number): Uint8Array;
  /** A kernel for a range; the one before it may not be used any more. Arguments as of `RangeKernel`. */
  range(
    plan: RecordPlan,
    firstLine: number,
    startOffset: number,
    pageBytes: number,
    module?: RecordModule,
  ): RangeParser;
  readonly scanPiece: typeof scanPiece;
}

/** `module` is what `build/` holds, compiled; without one the plain kernel reads. */
export function createKernelEngine(module: WasmModule | undefined, bounds: KernelBounds): KernelEngine {
  return module === undefined ? plainEngine() : wasmEngine(new KernelMemory(module, bounds));
}

export function plainEngine(): KernelEngine {
  return {
    kind: 'plain',
    buffer: growingBuffer(),
    range: plainRange(),
    scanPiece,
  };
}

export function wasmEngine(memory: KernelMemory): KernelEngine {
  const larger = growingBuffer();
  const plainRanges = plainRange();
  const owner: { current: object | undefined } = { current: undefined };
  const input = memory.bytes.subarray(memory.inputAt, memory.inputAt + memory.bounds.inputBytes);
  return {
    kind: 'wasm',
    buffer: (bytes) => (bytes <= input.length ? input : larger(bytes)),
    range(plan, firstLine, startOffset, pageBytes, module) {
      owner.current = undefined;
      return fitsPlan(memory, plan, pageBytes)
        ? new WasmRangeKernel(memory, owner, plan, firstLine, startOffset, pageBytes)
        : plainRanges(plan, firstLine, startOffset, pageBytes, module);
    },
    scanPiece: (...piece) => wasmScanPiece(memory, ...piece),
  };
}

/** Plain kernels, one after another on the same slab. */
function plainRange(): KernelEngine['range'] {
  const slab = growingBuffer();
  return (plan, firstLine, startOffset, pageBytes, module) =>
    new RangeKernel(plan, firstLine, startOffset, pageBytes, slab(plan.shards * pageBytes), module);
}

/** One buffer, as large as the largest request so far. */
function growingBuffer(): (bytes: number) => Uint8Array {
  let buffer = new Uint8Array(0);
  return (bytes) => {
    if (buffer.length < bytes) buffer = new Uint8Array(bytes);
    return buffer;
  };
}
