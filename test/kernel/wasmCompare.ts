/** Both kernels on one range, read in chunks of any size: the same bytes at the same calls. */
import { RangeKernel } from '../../src/kernel/kernel.ts';
import type { RecordPlan } from '../../src/kernel/plan.ts';
import type { KernelEngine } from '../../src/kernel/wasm/engine.ts';
import { type RangeParser, WasmRangeKernel } from '../../src/kernel/wasm/rangeKernel.ts';

export interface KernelInput {
  readonly bytes: Uint8Array;
  readonly chunkBytes: number;
  readonly pageBytes: number;
  readonly firstLine: number;
  readonly startOffset: number;
}

/** All that a kernel gives, in the order in which it gives it, with the position of the input at each step. */
function outputOf(kernel: RangeParser, input: KernelInput, buffer?: Uint8Array): string[] {
  const { bytes, chunkBytes } = input;
  const said: string[] = [];
  const take = (): void => {
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      said.push(`page ${page.shard} ${page.records} ${Buffer.from(page.bytes).toString('hex')}`);
    }
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) {
      said.push(`rejects ${Buffer.from(block).toString('hex')}`);
    }
  };
  // In the engine's own memory the input moves to the front, as readers move it; else it stays where it stands.
  let from = 0;
  let filled = 0;
  let read = 0;
  while (read < bytes.length) {
    const chunk = bytes.subarray(read, Math.min(bytes.length, read + chunkBytes));
    buffer?.copyWithin(0, from, filled);
    if (buffer !== undefined) [from, filled] = [0, filled - from];
    buffer?.set(chunk, filled);
    filled += chunk.length;
    read += chunk.length;
    const last = read === bytes.length;
    for (;;) {
      const to = kernel.feed(buffer ?? bytes, from, filled, last);
      const moved = to > from;
      from = to;
      if (kernel.full) {
        said.push(`full ${buffer === undefined ? from : read - filled + from}`);
        take();
      } else if (!moved || from === filled) break;
    }
  }
  kernel.flush();
  take();
  const totals = JSON.stringify(kernel.totals(), (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  return [...said, totals];
}

/** What the kernel on WebAssembly gives otherwise than the plain one, be the input in its memory or copied there. */
export function compareKernels(engine: KernelEngine, plan: RecordPlan, input: KernelInput): string | undefined {
  const { firstLine, startOffset, pageBytes } = input;
  const plain = outputOf(new RangeKernel(plan, firstLine, startOffset, pageBytes), input);
  const range = (): RangeParser => {
    const kernel = engine.range(plan, firstLine, startOffset, pageBytes);
    if (!(kernel instanceof WasmRangeKernel)) throw new Error('the plan has no room');
    return kernel;
  };
  const runs = { inside: outputOf(range(), input, engine.buffer(1 << 20)), copied: outputOf(range(), input) };
  for (const [where, given] of Object.entries(runs)) {
    const at = plain.findIndex((says, index) => says !== given[index]);
    if (at >= 0 || plain.length !== given.length) return `${where}: ${given[at]}\ninstead of ${plain[at]}`;
  }
  return undefined;
}
