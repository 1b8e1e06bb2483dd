import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deriveLimits } from '../../src/config/limits.ts';
import { type Environment, loadSettings, resolveSettings } from '../../src/config/load.ts';
import { SETTING_NAMES, SETTINGS, specOf } from '../../src/config/schema.ts';
import { readValue, valueText } from '../../src/config/text.ts';
import { type Fault, isFault } from '../../src/core/faults.ts';

const MiB = 1024 * 1024;

function fromText(environment: Environment, file?: unknown) {
  const given = file === undefined ? undefined : { text: JSON.stringify(file) };
  return resolveSettings(environment, given, 2);
}

function refused(resolve: () => unknown): Fault {
  try {
    resolve();
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
  throw new Error('the configuration was taken');
}

describe('where a value comes from', () => {
  it('takes every default where nothing is given', () => {
    const { settings, sources } = fromText({ PATH: '/bin', REMESSAX: '1' });
    expect(settings).toMatchObject({
      driver: 'embedded',
      dataDir: '.remessa',
      rangeBytes: 8 * MiB,
      heartbeatMs: 10_000,
    });
    expect(settings.threads).toBe(2);
    expect(settings.recordsMax).toBe(settings.shardsMax * settings.shardRecords);
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
    expect(Object.keys(sources)).toEqual(SETTING_NAMES);
  });

  it('lets the environment go before the file', () => {
    const { settings, sources } = fromText({ REMESSA_RANGE_BYTES: '1MiB' }, { rangeBytes: '2MiB', leaseMs: 9000 });
    expect(settings).toMatchObject({ rangeBytes: MiB, leaseMs: 9000, heartbeatMs: 3000 });
    expect(sources).toMatchObject({ rangeBytes: 'environment', leaseMs: 'file', heartbeatMs: 'default' });
  });

  it('takes numbers and text in the file', () => {
    expect(fromText({}, { threads: 1, pageBytes: 8192, readBytes: '128KiB' }).settings).toMatchObject({
      threads: 1,
      pageBytes: 8192,
      readBytes: 131_072,
    });
  });

  it('reads a file with a byte order mark', () => {
    expect(resolveSettings({}, { text: '\u{feff}{"threads": 1}' }, 4).settings.threads).toBe(1);
  });
});

describe('how a value is written', () => {
  it.each([
    ['REMESSA_RANGE_BYTES', '65536', 65_536],
    ['REMESSA_RANGE_BYTES', '64KiB', 65_536],
    ['REMESSA_RANGE_BYTES', '1 MiB', MiB],
    ['REMESSA_FILE_BYTES_MAX', '1GiB', 1024 * MiB],
    ['REMESSA_LEASE_MS', '31000', 31_000],
    ['REMESSA_LEASE_MS', '31000ms', 31_000],
  ])('%s=%s is %i', (key, written, value) => {
    const name = SETTING_NAMES.find((each) => SETTINGS[each].key === key);
    expect(name === undefined ? undefined : fromText({ [key]: written }).settings[name]).toBe(value);
  });

  it.each([
    ['REMESSA_RANGE_BYTES', '8MB'],
    ['REMESSA_RANGE_BYTES', '8mib'],
    ['REMESSA_RANGE_BYTES', '1.5MiB'],
    ['REMESSA_RANGE_BYTES', '-8MiB'],
    ['REMESSA_RANGE_BYTES', '1e7'],
    ['REMESSA_RANGE_BYTES', '0x100000'],
    ['REMESSA_RANGE_BYTES', '9999999999999999GiB'],
    ['REMESSA_RANGE_BYTES', '63KiB'],
    ['REMESSA_RANGE_BYTES', '257MiB'],
    ['REMESSA_RANGE_BYTES', '1MiB toString'],
    ['REMESSA_RANGE_BYTES', '1constructor'],
    ['REMESSA_LEASE_MS', '30s'],
    ['REMESSA_THREADS', '2ms'],
    ['REMESSA_THREADS', '0'],
    ['REMESSA_THREADS', ''],
    ['REMESSA_DRIVER', 'azure'],
    ['REMESSA_DATA_DIR', ''],
  ])('%s=%s is refused by name', (key, written) => {
    const fault = refused(() => fromText({ [key]: written }));
    expect(fault.code).toBe('CONFIG_INVALID');
    expect(fault.message).toContain(key);
  });

  it.each([
    [1.5],
    [Number.NaN],
    [null],
    [true],
    [[4]],
    [{}],
    ['four'],
  ])('the file may not say threads: %j', (written) => {
    expect(refused(() => fromText({}, { threads: written })).message).toContain('"threads"');
  });

  it('shows every number so that it reads back to itself', () => {
    for (const name of SETTING_NAMES) {
      const spec = specOf(name);
      if (!('min' in spec)) continue;
      fc.assert(
        fc.property(fc.integer({ min: spec.min, max: spec.max }), (value) => {
          expect(readValue(spec, valueText(spec, value))).toEqual({ value });
        }),
        { numRuns: 50 },
      );
    }
  });
});

describe('what is refused', () => {
  it('names every problem at once', () => {
    const fault = refused(() =>
      fromText(
        {
          REMESSA_THREADS: 'many',
          REMESSA_RANGE_BYTE: '1MiB',
          REMESSA_RETRY_MS_MIN: '5000',
          REMESSA_RETRY_MS_MAX: '10',
        },
        { leaseMs: 1, colour: 'red' },
      ),
    );
    expect(fault.code).toBe('CONFIG_INVALID');
    expect(fault.message).toMatch(/REMESSA_THREADS must be an integer/);
    expect(fault.message).toMatch(/REMESSA_RANGE_BYTE is no setting; did you mean REMESSA_RANGE_BYTES\?/);
    expect(fault.message).toMatch(/REMESSA_RETRY_MS_MIN \(5000\) must be at most REMESSA_RETRY_MS_MAX \(10\)/);
    expect(fault.message).toMatch(/"leaseMs" in the settings file must be from 300 to 43200000/);
    expect(fault.message).toMatch(/"colour" in the settings file is no setting(?!; did)/);
  });

  it('points from a key in the file to its property', () => {
    expect(refused(() => fromText({}, { REMESSA_THREADS: 2 })).message).toContain('write "threads"');
    expect(refused(() => fromText({}, { thread: 2 })).message).toContain('did you mean threads?');
  });

  it('does not blame a setting that was refused for a contradiction', () => {
    const fault = refused(() => fromText({ REMESSA_LEASE_MS: 'long', REMESSA_HEARTBEAT_MS: '14000' }));
    expect(fault.message).not.toContain('a third of');
  });

  it('refuses settings that are words of the language', () => {
    for (const text of ['{"__proto__": {"threads": 2}}', '{"constructor": 1}', '{"toString": 1}']) {
      expect(refused(() => resolveSettings({}, { text }, 2)).code).toBe('CONFIG_INVALID');
    }
  });

  it.each([['{'], ['[]'], ['null'], ['3'], ['']])('refuses %j as a file', (text) => {
    expect(refused(() => resolveSettings({}, { text }, 2)).code).toBe('CONFIG_INVALID');
  });
});

describe('threads', () => {
  it('are as many as the processors, where memory allows it', () => {
    const { settings } = resolveSettings({ REMESSA_MEMORY_BYTES_MAX: '16GiB' }, undefined, 12);
    expect(settings.threads).toBe(12);
  });

  it('are fewer by default where memory allows no more, so that defaults fit any machine', () => {
    for (const parallelism of [1, 2, 3, 4, 8, 16, 64, 192]) {
      const { settings } = resolveSettings({}, undefined, parallelism);
      expect(settings.threads).toBeLessThanOrEqual(parallelism);
      expect(deriveLimits(settings).memoryBytes).toBeLessThanOrEqual(settings.memoryBytesMax);
    }
    const wide = resolveSettings({}, undefined, 192).settings;
    expect(() => deriveLimits({ ...wide, threads: wide.threads + 1 })).toThrow(/CONFIG_INVALID/);
  });

  it('are refused, not lowered, where they were asked for', () => {
    const fault = refused(() => fromText({ REMESSA_THREADS: '64' }));
    expect(fault.message).toMatch(/the buffers add up to .*the largest: .*64 ×/);
  });
});

describe('the settings file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'remessa-config-'));
    await writeFile(join(folder, 'one.json'), '{"threads": 1}');
    await writeFile(join(folder, 'two.json'), '{"threads": 2}');
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it('is the one that --config names, else the one of the environment', async () => {
    const environment = { REMESSA_CONFIG: join(folder, 'one.json') };
    expect((await loadSettings({ environment, parallelism: 4 })).settings.threads).toBe(1);
    const configFile = join(folder, 'two.json');
    expect((await loadSettings({ environment, configFile, parallelism: 4 })).settings.threads).toBe(2);
  });

  it('must be there, and other problems are still named', async () => {
    const environment = { REMESSA_CONFIG: join(folder, 'none.json'), REMESSA_THREADS: 'x' };
    const loading = loadSettings({ environment, parallelism: 4 });
    await expect(loading).rejects.toThrow(/cannot be read: ENOENT.*REMESSA_THREADS/);
  });

  it('may not be named by nothing', async () => {
    await expect(loadSettings({ environment: { REMESSA_CONFIG: '' }, parallelism: 4 })).rejects.toThrow(
      /REMESSA_CONFIG is empty/,
    );
  });
});
