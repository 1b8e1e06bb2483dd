/**
 * The WebAssembly module of the kernel: compiled from `src/kernel/wasm/assembly` where it is missing or stale, kept in
 * `src/kernel/wasm/build`, handed to every worker as a compiled module.
 *
 * Promises: a module is only ever used with the sources it was made from: its file is named after a hash of the sources,
 * the compiler's version and its options. Building twice at once is harmless (whole files appear by rename), and a file
 * that is no module, as a power cut may leave one, is built again. Where there
 * is neither a built module nor a compiler (dependencies installed without the development ones), or no room to keep the
 * result, work goes on all the same: without a module the plain kernel reads, and the reason is told.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Limits } from '../config/limits.ts';
import type { Settings } from '../config/schema.ts';
import { LOOK_AROUND_BYTES_MAX } from '../kernel/formats/lineScan.ts';
import { compileModule, type WasmModule } from '../kernel/wasm/api.ts';
import { createKernelEngine, type KernelEngine } from '../kernel/wasm/engine.ts';
import type { KernelBounds } from '../kernel/wasm/memory.ts';

const PACKAGE = new URL('../../package.json', import.meta.url);
const ENTRY = 'index.ts';
/** No runtime, no garbage collection, one imported memory; vector instructions. */
const OPTIONS = ['--runtime', 'stub', '--enable', 'simd', '-O3', '--converge', '--noAssert', '--importMemory'];

/** What a module is made from, and where it is kept. */
export interface KernelOrigin {
  readonly sources: URL;
  readonly build: URL;
  /** Module name of the compiler: it is a development dependency, and only asked for where something is to be built. */
  readonly compiler: string;
}

const ORIGIN: KernelOrigin = {
  sources: new URL('../kernel/wasm/assembly/', import.meta.url),
  build: new URL('../kernel/wasm/build/', import.meta.url),
  compiler: 'assemblyscript/asc',
};

export interface BuiltKernel {
  readonly module: WasmModule;
  readonly file: URL;
  /** `false`: it could not be written, and is built again at the next start. */
  readonly kept: boolean;
}

export interface LoadedKernel {
  /** `undefined`: the plain kernel is to be used, for the reason that `problem` gives. */
  readonly module: WasmModule | undefined;
  readonly problem: string;
}

/** The part of the compiler's interface that is used. */
interface Compiler {
  main(
    args: readonly string[],
    io: {
      readFile(name: string): string | null;
      writeFile(name: string, contents: Uint8Array | string): void;
      listFiles(): string[];
    },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

/** Loads the module, building it first where that is needed. Never throws. */
export async function loadKernelModule(origin: KernelOrigin = ORIGIN): Promise<LoadedKernel> {
  try {
    const { module } = await builtKernel(origin);
    return { module, problem: '' };
  } catch (error) {
    return { module: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** The module of the present sources, built where it was not kept. Throws what is wrong with compiler or sources. */
export async function builtKernel(origin: KernelOrigin = ORIGIN): Promise<BuiltKernel> {
  const sources = await readSources(origin.sources);
  const file = new URL(`kernel-${await keyOf(sources)}.wasm`, origin.build);
  try {
    return { module: compileModule(await readFile(file)), file, kept: true };
  } catch {
    const bytes = await compile(origin.compiler, sources);
    return { module: compileModule(bytes), file, kept: await keep(origin.build, file, bytes) };
  }
}

async function readSources(folder: URL): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort();
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, folder), 'utf8')));
  return new Map(names.map((name, index) => [name, texts[index] as string]));
}

/** The version is the one this project pins, so that a built module is found where the compiler is not installed. */
async function keyOf(sources: ReadonlyMap<string, string>): Promise<string> {
  const { devDependencies } = JSON.parse(await readFile(PACKAGE, 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const hash = createHash('sha256');
  hash.update(JSON.stringify([devDependencies['assemblyscript'], OPTIONS, [...sources]]));
  return hash.digest('hex').slice(0, 16);
}

/** Compiles the sources in memory. Throws with the compiler's words where it fails or warns. */
async function compile(compilerName: string, sources: ReadonlyMap<string, string>): Promise<Uint8Array> {
  const compiler = (await import(compilerName)) as Compiler;
  let bytes: Uint8Array | undefined;
  const result = await compiler.main([ENTRY, ...OPTIONS, '--outFile', 'kernel.wasm'], {
    readFile: (name) => sources.get(name) ?? null,
    writeFile(_name, contents) {
      if (typeof contents !== 'string') bytes = contents;
    },
    listFiles: () => [],
  });
  const says = result.stderr.toString().trim();
  if (result.error !== null || says !== '' || bytes === undefined) {
    throw new Error(`the kernel does not compile: ${says || (result.error?.message ?? 'nothing came out')}`);
  }
  return bytes;
}

/** Keeps the module for the next start and drops those of other sources. `false` where the folder cannot be written. */
async function keep(folder: URL, file: URL, bytes: Uint8Array): Promise<boolean> {
  const whole = new URL(`${randomUUID()}.tmp`, folder);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(whole, bytes);
    await rename(whole, file);
    for (const name of await readdir(folder)) {
      const stale = name.endsWith('.wasm') && !file.pathname.endsWith(`/${name}`);
      if (stale) await rm(new URL(name, folder), { force: true });
    }
    return true;
  } catch {
    await rm(whole, { force: true }).catch(() => {});
    return false;
  }
}

/** A worker's kernel, with room for everything that the settings let through. */
export function openKernel(module: WasmModule | undefined, settings: Settings, limits: Limits): KernelEngine {
  return createKernelEngine(module, kernelBounds(settings, limits));
}

/** What the settings let through; a batch that was planned under larger ones is read by the plain kernel. */
export function kernelBounds(settings: Settings, limits: Limits): KernelBounds {
  const { rangeBytes, readBytes, recordBytesMax, smallBytesMax, shardsMax } = settings;
  let pagesBytes = 0;
  for (let shards = 1; shards <= shardsMax; shards++) {
    pagesBytes = Math.max(pagesBytes, shards * limits.pageBytesFor(shards));
  }
  return {
    // A piece and what is looked at around it; what is read at a time behind a record that was cut; a small file.
    inputBytes: Math.max(rangeBytes + LOOK_AROUND_BYTES_MAX, readBytes + recordBytesMax, smallBytesMax),
    pagesBytes,
    shards: shardsMax,
    recordBytes: recordBytesMax,
  };
}
