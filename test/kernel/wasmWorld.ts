/** The kernel on WebAssembly as tests use it: the module of the present sources, in a memory large enough for any of them. */
import { builtKernel } from '../../src/engine/kernelModule.ts';
import { type KernelEngine, wasmEngine } from '../../src/kernel/wasm/engine.ts';
import { type KernelBounds, KernelMemory } from '../../src/kernel/wasm/memory.ts';

export const TEST_BOUNDS: KernelBounds = {
  inputBytes: 4 << 20,
  pagesBytes: 8 << 20,
  shards: 64,
  recordBytes: 1 << 18,
};

/** Throws where the sources do not compile: tests have no plain kernel to fall back on. */
export async function openTestMemory(bounds: KernelBounds = TEST_BOUNDS): Promise<KernelMemory> {
  const { module } = await builtKernel();
  return new KernelMemory(module, bounds);
}

export async function openTestEngine(bounds: KernelBounds = TEST_BOUNDS): Promise<KernelEngine> {
  return wasmEngine(await openTestMemory(bounds));
}
