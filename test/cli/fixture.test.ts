import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { dayNumber, dayText, monthsBefore } from '../../src/cli/fixture/calendar.ts';
import { FixturePlan } from '../../src/cli/fixture/plan.ts';
import {
  addFixtureCommand,
  type BlockOptions,
  FIXTURE_DEFAULTS,
  type FixtureOptions,
  fixtureBlocks,
  TRUTH_HEADER,
} from '../../src/cli/fixture.ts';
import { RECORD_CODES } from '../../src/core/codes.ts';
import { type OracleRead, oracleFile, oracleOutcomes } from '../oracle/oracle.ts';

const AS_OF = '2025-06-15';
const options = (some: Partial<FixtureOptions>): FixtureOptions => ({
  ...FIXTURE_DEFAULTS,
  lines: 2_000,
  seed: 7,
  asOf: AS_OF,
  ...some,
});

interface Made {
  readonly file: Buffer;
  /** Rows without the header. */
  readonly truth: string[];
}

function make(some: Partial<FixtureOptions> = {}, how: BlockOptions = {}): Made {
  const blocks = [...fixtureBlocks(options(some), { truth: true, ...how })];
  const text = Buffer.concat(blocks.map((block) => block.truth ?? new Uint8Array())).toString('utf8');
  expect(text.startsWith(TRUTH_HEADER)).toBe(true);
  return {
    file: Buffer.concat(blocks.map((block) => block.file)),
    truth: text.slice(TRUTH_HEADER.length).split('\n').slice(0, -1),
  };
}

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
/** The last columns hold no quotes, so they can be cut off from the right. */
const columnsOf = (row: string) => {
  const parts = row.split(',');
  const [outcome, code, cents] = parts.slice(-3);
  return { line: Number(parts[0]), ref: parts.slice(1, -3).join(','), outcome: outcome!, code: code!, cents: cents! };
};

function read(file: Uint8Array): OracleRead {
  const made = oracleFile(file, { recordBytesMax: 262_144 });
  if (made.fault !== undefined) throw new Error(`the oracle refuses the file: ${made.fault}`);
  return made;
}

const csv = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** The rows of the truth as the oracle states them, by reading. */
function oracleTruth(file: Uint8Array, some: Partial<FixtureOptions>): string[] {
  const outcomes = oracleOutcomes(read(file), {
    version: 1,
    businessDate: some.asOf ?? AS_OF,
    amountCentsMin: some.amountCentsMin ?? 0,
    amountCentsMax: some.amountCentsMax ?? Number.MAX_SAFE_INTEGER,
  });
  return outcomes.map(({ line, ref, outcome, code, cents }) => `${line},${csv(ref)},${outcome},${code},${cents ?? ''}`);
}

describe('the bytes of a made file', () => {
  it('are the same for the same arguments, on every machine and in every build', () => {
    const { file, truth } = make();
    expect(sha256(file)).toBe('e49de6f81b8bfc30529f65b4868b3ace55a576df3d11e70d2fdf28d6b261827c');
    expect(sha256(truth.join('\n'))).toBe('e178a9e8c6db77990d5d1a664e9ce84f9ff9e28d6a6139bf24eb262f372acce1');
  });

  it('do not depend on the size of the blocks or on whether the truth is asked', () => {
    const whole = make({ lines: 5_000, quotedShare: 0.3 });
    const pieces = make({ lines: 5_000, quotedShare: 0.3 }, { blockBytes: 8_192 });
    expect(pieces.file.equals(whole.file)).toBe(true);
    expect(pieces.truth).toEqual(whole.truth);
    const silent = [...fixtureBlocks(options({ lines: 5_000, quotedShare: 0.3 }), { blockBytes: 10_000 })];
    expect(silent.length).toBeGreaterThan(50);
    expect(silent.every((block) => block.truth === undefined)).toBe(true);
    expect(Buffer.concat(silent.map((block) => block.file)).equals(whole.file)).toBe(true);
  });

  it('differ with the seed, and only after the common start with the number of lines', () => {
    const { file } = make({ badShare: 0 });
    expect(make({ badShare: 0, seed: 8 }).file.equals(file)).toBe(false);
    const longer = make({ badShare: 0, lines: 2_100 }).file;
    expect(longer.subarray(0, file.length).equals(file)).toBe(true);
    expect(longer.length).toBeGreaterThan(file.length);
  });

  it('keep their blocks apart: a block stays as it is when the next is made', () => {
    const blocks: Uint8Array[] = [];
    const hashes: string[] = [];
    for (const block of fixtureBlocks(options({}), { blockBytes: 8_192 })) {
      blocks.push(block.file);
      hashes.push(sha256(block.file));
    }
    expect(blocks.map(sha256)).toEqual(hashes);
  });

  it('are a header alone for no lines', () => {
    const { file, truth } = make({ lines: 0 });
    expect(file.toString().split('\n')).toHaveLength(2);
    expect(truth).toEqual([]);
  });

  it('average about 110 a record', () => {
    const { file, truth } = make({ lines: 20_000 });
    expect(file.length / truth.length).toBeGreaterThan(105);
    expect(file.length / truth.length).toBeLessThan(115);
  });

  it('have one physical line a record, without quotes, where no share asks for more', () => {
    const { file, truth } = make({ badShare: 0, quotedShare: 0, duplicateShare: 0 });
    expect(file.includes('"')).toBe(false);
    expect(file.toString('utf8').split('\n')).toHaveLength(truth.length + 2);
  });
});

/** Whether a debt was erased is known to the store alone, and the truth supposes an empty one; the others need a profile. */
const ELSEWHERE =
  /^(?:DEBT_ERASED|CODE_FAILED|CNPJ_.*|DOCUMENT_KIND_UNKNOWN|REF_REPEATED|REF_REPLACED|LINE_.*|JSON_.*|CNAB_.*)$/;

describe('the truth', () => {
  const cases: Partial<FixtureOptions>[] = [
    { seed: 1 },
    { seed: 2, badShare: 0.3, quotedShare: 0.3, duplicateShare: 0.05 },
    { seed: 3, badShare: 1, quotedShare: 0, duplicateShare: 0, asOf: '2024-02-29' },
    { seed: 4, badShare: 0.4, quotedShare: 1, duplicateShare: 0.5, asOf: '2024-03-31' },
    { seed: 5, badShare: 0, quotedShare: 0.5, duplicateShare: 1, refPrefix: '' },
    { seed: 6, badShare: 0.9, quotedShare: 0.9, asOf: '2025-01-31', amountCentsMin: 1_000, amountCentsMax: 5_000_000 },
    { seed: 7, badShare: 0.5, asOf: '2026-12-31', amountCentsMin: 2, amountCentsMax: 100_002 },
    { seed: 8, badShare: 0.5, asOf: '1900-01-01', refPrefix: 'A'.repeat(40) },
    { seed: 0xffff_ffff, badShare: 0.5, quotedShare: 0.2, asOf: '9000-12-31', amountCentsMax: 999_999_999_999_998 },
  ];
  it.each(cases)('is what the oracle reads: %j', (some) => {
    const { file, truth } = make({ lines: 6_000, ...some });
    expect(truth).toHaveLength(6_000);
    expect(truth).toEqual(oracleTruth(file, some));
  });

  it('has every reject, duplicate and warning code', () => {
    const { truth } = make({
      lines: 20_000,
      badShare: 0.2,
      duplicateShare: 0.01,
      amountCentsMin: 500,
      amountCentsMax: 10_000_000,
    });
    const counts = new Map<string, number>();
    for (const row of truth) {
      const { code } = columnsOf(row);
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    const possible = Object.keys(RECORD_CODES).filter((code) => !ELSEWHERE.test(code));
    const rare = possible.filter((code) => (counts.get(code) ?? 0) < 20);
    expect(rare).toEqual([]);
    expect([...counts.keys()].filter((code) => code !== '' && !(code in RECORD_CODES))).toEqual([]);
  });

  it('has shares close to those asked', () => {
    const some = { lines: 40_000, badShare: 0.1, quotedShare: 0.2, duplicateShare: 0.05 };
    const { file, truth } = make(some);
    const rows = truth.map(columnsOf);
    const share = (outcome: string) => rows.filter((row) => row.outcome === outcome).length / some.lines;
    expect(share('rejected')).toBeCloseTo(0.1, 2);
    expect(share('duplicate')).toBeCloseTo(0.05, 2);
    const records = read(make({ ...some, badShare: 0 }).file).records;
    expect(records).toHaveLength(some.lines);
    const quoted =
      file
        .toString('latin1')
        .split('\n')
        .filter((line) => line.includes('"')).length / some.lines;
    expect(quoted).toBeGreaterThan(0.15);
    expect(quoted).toBeLessThan(0.3);
  });

  it('has duplicates near and far, and refs that a rejected record bears before a good one', () => {
    const rows = make({ lines: 60_000, badShare: 0.1, duplicateShare: 0.05 }).truth.map(columnsOf);
    const created = new Map<string, number>();
    const rejected = new Map<string, number>();
    const distances: number[] = [];
    let sentAgain = 0;
    for (const [index, row] of rows.entries()) {
      if (row.outcome === 'rejected' && row.ref !== '') rejected.set(row.ref, index);
      if (row.outcome === 'duplicate') distances.push(index - created.get(row.ref)!);
      if (row.outcome !== 'created') continue;
      expect(created.has(row.ref)).toBe(false);
      created.set(row.ref, index);
      if (rejected.has(row.ref)) sentAgain++;
    }
    expect(distances.every((distance) => distance > 0)).toBe(true);
    expect(distances.filter((distance) => distance <= 3_100).length).toBeGreaterThan(distances.length / 2);
    expect(distances.filter((distance) => distance > 10_000).length).toBeGreaterThan(distances.length / 20);
    expect(sentAgain).toBeGreaterThan(100);
  });
});

describe('the revised edition', () => {
  const some = { lines: 8_000, badShare: 0.1, quotedShare: 0.2, duplicateShare: 0.05, seed: 11 };

  it('has the truth that the oracle finds when both editions are read in turn', () => {
    const first = make(some);
    const second = make({ ...some, reviseShare: 0.3 });
    const stored = new Map<string, string>();
    const firstOutcomes = oracleOutcomes(read(first.file), rulesOf());
    for (const [i, record] of read(first.file).records.entries()) {
      if (record.outcome === 'staged' && firstOutcomes[i]!.outcome === 'created') {
        stored.set(record.values.external_ref, JSON.stringify(record.values));
      }
    }
    const secondRead = read(second.file);
    const expected = oracleOutcomes(secondRead, rulesOf()).map((outcome, i) => {
      const record = secondRead.records[i]!;
      if (outcome.outcome !== 'created' || record.outcome !== 'staged') return { ...outcome };
      const before = stored.get(outcome.ref);
      if (before === undefined) return outcome;
      return { ...outcome, outcome: before === JSON.stringify(record.values) ? 'unchanged' : 'updated' };
    });
    expect(second.truth).toEqual(
      expected.map(({ line, ref, outcome, code, cents }) => `${line},${csv(ref)},${outcome},${code},${cents ?? ''}`),
    );
  });

  it('mends every bad record and changes the share of the good ones that is asked', () => {
    const rows = make({ ...some, reviseShare: 0.3 }).truth.map(columnsOf);
    const count = (outcome: string) => rows.filter((row) => row.outcome === outcome).length;
    expect(count('rejected')).toBe(0);
    expect(count('created')).toBe(make(some).truth.filter((row) => columnsOf(row).outcome === 'rejected').length);
    expect(count('updated') / (count('updated') + count('unchanged'))).toBeCloseTo(0.3, 1);
  });

  it('changes nothing but amounts: with a share of 0 every good record is unchanged', () => {
    const rows = make({ ...some, badShare: 0, reviseShare: 0 }).truth.map(columnsOf);
    expect(new Set(rows.map((row) => row.outcome))).toEqual(new Set(['unchanged', 'duplicate']));
  });

  it('keeps revised amounts within the bounds', () => {
    const bounds = { amountCentsMin: 1_000, amountCentsMax: 101_000 };
    const rows = make({ ...some, ...bounds, reviseShare: 1 }).truth.map(columnsOf);
    const cents = rows.filter((row) => row.outcome === 'updated').map((row) => Number(row.cents));
    expect(Math.min(...cents)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...cents)).toBeLessThanOrEqual(101_000);
  });
});

function rulesOf() {
  return { version: 1, businessDate: AS_OF, amountCentsMin: 0, amountCentsMax: Number.MAX_SAFE_INTEGER };
}

describe('options', () => {
  it.each<[Partial<FixtureOptions>, RegExp]>([
    [{ lines: -1 }, /lines/],
    [{ lines: 1.5 }, /lines/],
    [{ seed: 0x1_0000_0000 }, /seed/],
    [{ badShare: 1.1 }, /bad/],
    [{ badShare: Number.NaN }, /bad/],
    [{ badShare: 0.6, duplicateShare: 0.5 }, /together/],
    [{ reviseShare: -0.1 }, /revise/],
    [{ asOf: '2025-02-29' }, /as-of/],
    [{ asOf: '1899-12-31' }, /as-of/],
    [{ asOf: '9001-01-01' }, /as-of/],
    [{ refPrefix: 'a,b' }, /prefix/],
    [{ refPrefix: '-a' }, /prefix/],
    [{ refPrefix: 'a'.repeat(41) }, /prefix/],
    [{ amountCentsMin: 1 }, /amount-min/],
    [{ amountCentsMin: 1_000, amountCentsMax: 2_000 }, /amount-max/],
  ])('that cannot be are refused: %j', (some, says) => {
    expect(() => new FixturePlan(options(some))).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => new FixturePlan(options(some))).toThrow(says);
  });
});

describe('days', () => {
  it('are counted as Date counts them', () => {
    for (let day = -20_000; day < 60_000; day += 37) {
      const text = new Date(day * 86_400_000).toISOString().slice(0, 10);
      expect(dayText(day)).toBe(text);
      expect(dayNumber(text)).toBe(day);
    }
  });

  it.each([
    ['2024-02-29', 60, '2019-02-28'],
    ['2024-02-29', 48, '2020-02-29'],
    ['2025-03-31', 59, '2020-04-30'],
    ['2025-01-31', 59, '2020-02-29'],
    ['2025-01-15', 1, '2024-12-15'],
    ['2025-12-15', 12, '2024-12-15'],
  ])('of earlier months are clamped: %s less %i months is %s', (day, months, expected) => {
    expect(dayText(monthsBefore(dayNumber(day)!, months))).toBe(expected);
  });

  it.each([
    '2025-02-29',
    '1900-02-29',
    '2025-13-01',
    '2025-00-01',
    '2025-01-00',
    '0000-01-01',
    '2025-1-01',
    '',
  ])('that do not exist have no number: %s', (text) => expect(dayNumber(text)).toBeUndefined());
});

describe('the command', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fixture-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function run(args: string[], world: { stopAfter?: number; terminal?: boolean } = {}) {
    let nowMs = 0;
    const stdout: Uint8Array[] = [];
    let stderr = '';
    const codes: number[] = [];
    const abort = new AbortController();
    const context = {
      clock: { nowMs: () => Date.UTC(2025, 5, 16, 1), monotonicMs: () => (nowMs += 1_000), sleep: async () => {} },
      stdout: {
        isTerminal: false,
        columns: 80,
        async write(bytes: string | Uint8Array) {
          stdout.push(Buffer.from(bytes));
          if (stdout.length === world.stopAfter) abort.abort();
        },
      },
      stderr: {
        isTerminal: world.terminal === true,
        columns: 80,
        write: async (text: string | Uint8Array) => void (stderr += text),
      },
      signal: abort.signal,
    } as Pick<CliContext, 'clock' | 'stdout' | 'stderr' | 'signal'> as CliContext;
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
    addFixtureCommand(program, context, (code) => codes.push(code));
    for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} });
    await program.parseAsync(['fixture', ...args], { from: 'user' });
    return { stdout: Buffer.concat(stdout), stderr, codes };
  }

  it('writes the file to standard output and the truth to its file', async () => {
    const path = join(folder, 'truth.csv');
    const { stdout, stderr, codes } = await run(['--lines', '2000', '--seed', '7', '--as-of', AS_OF, '--truth', path]);
    const made = make();
    expect(codes).toEqual([0]);
    expect(stderr).toBe('');
    expect(stdout.equals(made.file)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe(`${TRUTH_HEADER}${made.truth.join('\n')}\n`);
  });

  it('writes to --out, with every option given, over several blocks', async () => {
    const path = join(folder, 'out.csv');
    const args =
      '--lines 12000 --seed 3 --bad 0.5 --quoted .25 --duplicates 0.01 --revise 1 --prefix Z --as-of 2024-02-29';
    const bounds = '--amount-min 10 --amount-max 5000.5';
    const { stdout, codes } = await run([...args.split(' '), ...bounds.split(' '), '--out', path]);
    const made = make({
      ...{ lines: 12_000, seed: 3, badShare: 0.5, quotedShare: 0.25, duplicateShare: 0.01, reviseShare: 1 },
      ...{ refPrefix: 'Z', asOf: '2024-02-29', amountCentsMin: 1_000, amountCentsMax: 500_050 },
    });
    expect(codes).toEqual([0]);
    expect(stdout.length).toBe(0);
    expect(made.file.length).toBeGreaterThan(1_100_000);
    expect((await readFile(path)).equals(made.file)).toBe(true);
  });

  it('takes the business day in São Paulo where --as-of is not given', async () => {
    const { stdout } = await run(['--lines', '50', '--seed', '1']);
    // 01:00 UTC on 16 June is still the 15th there.
    expect(stdout.equals(make({ lines: 50, seed: 1, asOf: '2025-06-15' }).file)).toBe(true);
  });

  it('answers 1 and says so when it is stopped or a file cannot be written', async () => {
    const stopped = await run(['--lines', '30000', '--seed', '1', '--as-of', AS_OF], { stopAfter: 1 });
    expect(stopped.codes).toEqual([1]);
    expect(stopped.stderr).toMatch(/incomplete/);
    const path = join(folder, 'no', 'out.csv');
    const failed = await run(['--lines', '10', '--seed', '1', '--as-of', AS_OF, '--out', path]);
    expect(failed.codes).toEqual([1]);
    expect(failed.stderr).toMatch(/cannot write .*out\.csv: ENOENT/);
  });

  it('shows progress on a terminal, and leaves the line empty', async () => {
    const path = join(folder, 'out.csv');
    const args = ['--lines', '30000', '--seed', '1', '--as-of', AS_OF, '--out', path];
    const { stderr } = await run(args, { terminal: true });
    expect(stderr).toMatch(/\r\x1b\[K\d+ of 30000 records \(\d+ %\)/);
    expect(stderr).toMatch(/\(100 %\)\r\x1b\[K$/);
  });

  it.each([
    '--seed 1',
    '--lines 10',
    '--lines ten --seed 1',
    '--lines 10 --seed 1 --bad 2',
    '--lines 10 --seed 1 --bad 5%',
    '--lines 10 --seed 1 --amount-min 1,5',
  ])('refuses wrong arguments: %s', async (args) => {
    await expect(run(args.split(' '))).rejects.toThrow(CommanderError);
  });

  it('refuses what options together cannot mean, before it touches a file', async () => {
    const path = join(folder, 'kept.csv');
    const usage = expect.objectContaining({ code: 'USAGE' });
    await run(['--lines', '1', '--seed', '1', '--as-of', AS_OF, '--out', path]);
    const before = await readFile(path);
    const again = ['--lines', '5', '--seed', '1', '--out', path];
    await expect(run([...again, '--as-of', '2025-02-30'])).rejects.toEqual(usage);
    await expect(run([...again, '--as-of', AS_OF, '--truth', path])).rejects.toEqual(usage);
    expect((await readFile(path)).equals(before)).toBe(true);
  });
});
