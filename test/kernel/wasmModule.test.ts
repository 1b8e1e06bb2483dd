/** Loading the kernel's module: built once from its sources, never stale, and never in the way of a start. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deriveLimits } from '../../src/config/limits.ts';
import { resolveSettings } from '../../src/config/load.ts';
import {
  builtKernel,
  type KernelOrigin,
  kernelBounds,
  loadKernelModule,
  openKernel,
} from '../../src/engine/kernelModule.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { WasmRangeKernel } from '../../src/kernel/wasm/rangeKernel.ts';

const NO_COMPILER = 'no-such-compiler';
let folder: string;
let origin: KernelOrigin;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remessa-kernel-'));
  const sources = new URL('../../src/kernel/wasm/assembly/', import.meta.url);
  await cp(fileURLToPath(sources), join(folder, 'sources'), { recursive: true });
  const at = (name: string) => pathToFileURL(`${join(folder, name)}/`);
  origin = { sources: at('sources'), build: at('build'), compiler: 'assemblyscript/asc' };
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const kept = () => readdir(join(folder, 'build'));

describe('the module of the kernel', () => {
  it('is built once, and found again without a compiler', async () => {
    const first = await builtKernel(origin);
    expect(first.kept).toBe(true);
    expect(await kept()).toEqual([first.file.pathname.split('/').at(-1)]);
    const again = await builtKernel({ ...origin, compiler: NO_COMPILER });
    expect(again.file.href).toBe(first.file.href);
    expect(await loadKernelModule({ ...origin, compiler: NO_COMPILER })).toMatchObject({ problem: '' });
  });

  it('is built anew when a source changes, and the old one goes', async () => {
    const first = await builtKernel(origin);
    const source = join(folder, 'sources', 'hash.ts');
    await writeFile(source, `${await readFile(source, 'utf8')}\n// changed\n`);
    expect((await loadKernelModule({ ...origin, compiler: NO_COMPILER })).module).toBeUndefined();
    const second = await builtKernel(origin);
    expect(second.file.href).not.toBe(first.file.href);
    expect(await kept()).toEqual([second.file.pathname.split('/').at(-1)]);
  });

  it('is built anew where what was kept is no module', async () => {
    const { file } = await builtKernel(origin);
    await writeFile(file, '');
    expect((await builtKernel(origin)).kept).toBe(true);
    expect((await readFile(file)).length).toBeGreaterThan(1000);
  });

  it('is whole however many build it at once', async () => {
    const built = await Promise.all([1, 2, 3].map(() => builtKernel(origin)));
    expect(built.map((one) => one.kept)).toEqual([true, true, true]);
    expect((await kept()).length).toBe(1);
    expect((await builtKernel({ ...origin, compiler: NO_COMPILER })).kept).toBe(true);
  });

  it('is used even where it cannot be kept', async () => {
    await writeFile(join(folder, 'build'), 'in the way');
    const built = await builtKernel(origin);
    expect(built.kept).toBe(false);
    expect(built.module).toBeDefined();
  });

  it('is done without where there is neither module nor compiler, or the sources do not compile: the reason is told', async () => {
    const none = await loadKernelModule({ ...origin, compiler: NO_COMPILER });
    expect(none.module).toBeUndefined();
    expect(none.problem).toContain(NO_COMPILER);
    await writeFile(join(folder, 'sources', 'hash.ts'), 'export function hashRef(): u32 { return "x"; }');
    const broken = await loadKernelModule(origin);
    expect(broken.module).toBeUndefined();
    expect(broken.problem).toContain('does not compile');
    expect(await readdir(folder)).not.toContain('build');
  });
});

describe("a worker's kernel", () => {
  const { settings } = resolveSettings({ REMESSA_DATA_DIR: '/nowhere', REMESSA_THREADS: '1' }, undefined, 1);
  const limits = deriveLimits(settings);

  it('has room for every plan and every input that the settings let through', async () => {
    const { module } = await loadKernelModule();
    const kernel = openKernel(module, settings, limits);
    const plan = {
      dialect: DEFAULT_DIALECT,
      fields: [0, 1, 2, 3, 4],
      recordBytesMax: settings.recordBytesMax,
      hashSeed: 1,
    };
    for (let shards = 1; shards <= settings.shardsMax; shards += 31) {
      const range = kernel.range({ ...plan, shards }, 1, 0, limits.pageBytesFor(shards));
      expect(range).toBeInstanceOf(WasmRangeKernel);
    }
    const bounds = kernelBounds(settings, limits);
    const { buffer } = kernel.buffer(1);
    for (const bytes of [
      settings.rangeBytes + 1,
      settings.readBytes + settings.recordBytesMax,
      settings.smallBytesMax,
    ]) {
      expect(bytes).toBeLessThanOrEqual(bounds.inputBytes);
      expect(kernel.buffer(bytes).buffer).toBe(buffer);
    }
  });

  it('is the plain one without a module', () => {
    expect(openKernel(undefined, settings, limits).kind).toBe('plain');
  });
});
