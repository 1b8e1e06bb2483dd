import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csvRows } from '../../bench/csvRows.ts';
import { countsText, differences, type Facts } from '../../bench/facts.ts';
import { AS_OF, givenInput, type InputFile, madeInput } from '../../bench/input.ts';
import { FIXTURE_DEFAULTS, fixtureBlocks } from '../../src/cli/fixture.ts';
import { type OracleTotals, oracleFile, oracleOutcomes, oracleTotals } from '../oracle/oracle.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'remessa-bench-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function rowsOf(path: string): Promise<string[][]> {
  const rows: string[][] = [];
  for await (const row of csvRows(path)) rows.push(row);
  return rows;
}

const LINES = 8_000;

describe('a made input', () => {
  it('is the fixture as it comes, with its truth', async () => {
    const { main } = await madeInput(LINES, 3, folder);
    const blocks = [...fixtureBlocks({ ...FIXTURE_DEFAULTS, lines: LINES, seed: 3, asOf: AS_OF }, { truth: true })];
    const file = Buffer.concat(blocks.map((block) => block.file));
    const truth = Buffer.concat(blocks.map((block) => block.truth ?? new Uint8Array()));
    expect(readFileSync(main.path).equals(file)).toBe(true);
    expect(readFileSync(main.truth ?? '').equals(truth)).toBe(true);
    expect(main.bytes).toBe(file.length);
    expect(main.facts.records).toBe(LINES);
    expect(main.facts.lfs).toBe(file.filter((byte) => byte === 0x0a).length);
  });

  it('has for its peers nothing that one of them loses its place on, and the truth of what is left', async () => {
    const { main, peers } = await madeInput(LINES, 3, folder);
    const bytes = readFileSync(peers.path);
    expect(bytes.includes(0x0d)).toBe(false);
    expect(bytes.includes(0)).toBe(false);
    expect(bytes.includes('\n\n')).toBe(false);
    expect(Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes)).toBe(true);
    expect(peers.facts.records).toBeGreaterThan(LINES * 0.98);
    expect(peers.facts.records).toBeLessThan(main.facts.records ?? 0);
    expect(peers.facts.duplicate).toBeGreaterThan(0);
    expect(peers.facts.rejectedBy).not.toMatch(/QUOTE_MALFORMED|FIELD_COUNT|UTF8_INVALID/);
  });

  it('states the truth of both files as the oracle finds it', async () => {
    const input = await madeInput(LINES, 4, folder);
    for (const file of [input.main, input.peers]) await expectOracleAgrees(file);
  });

  it('is used again while it is whole, and made again where it is not', async () => {
    const { main } = await madeInput(2_000, 1, folder);
    const madeMs = statSync(main.path).mtimeMs;
    const bytes = readFileSync(main.path);
    expect(await madeInput(2_000, 1, folder)).toMatchObject({ main });
    expect(statSync(main.path).mtimeMs).toBe(madeMs);
    truncateSync(main.path, 1_000);
    expect(readFileSync((await madeInput(2_000, 1, folder)).main.path).equals(bytes)).toBe(true);
  });

  it('is made again where another generator made it', async () => {
    const { main } = await madeInput(2_000, 1, folder);
    const bytes = readFileSync(main.path);
    const meta = join(folder, 'lines-2000-seed-1', 'made.json');
    writeFileSync(main.path, Buffer.alloc(main.bytes));
    expect(readFileSync((await madeInput(2_000, 1, folder)).main.path).equals(bytes)).toBe(false);
    writeFileSync(meta, readFileSync(meta, 'utf8').replace('"fingerprint":"', '"fingerprint":"older '));
    expect(readFileSync((await madeInput(2_000, 1, folder)).main.path).equals(bytes)).toBe(true);
  });
});

async function expectOracleAgrees({ path, truth, facts }: InputFile): Promise<void> {
  const read = oracleFile(readFileSync(path), { recordBytesMax: 262_144 });
  if (read.fault !== undefined) throw new Error(`the oracle says ${read.fault}`);
  const rules = { version: 1, businessDate: AS_OF, amountCentsMin: 1, amountCentsMax: 10 ** 15 };
  const expected = oracleOutcomes(read, rules).map((one) => [String(one.line), one.outcome, one.code].join(' '));
  const told = (await rowsOf(truth ?? '')).slice(1);
  expect(told.map(([line, , outcome, code]) => [line, outcome, code].join(' '))).toEqual(expected);
  const totals = oracleTotals(read.records);
  expect({ ...facts, ...factsOfOracle(totals) }).toEqual(facts);
}

function factsOfOracle(totals: OracleTotals): Partial<Facts> {
  return {
    records: totals.records,
    staged: totals.staged,
    centsStaged: String(totals.centsStaged),
    centsRejected: String(totals.centsRejected),
    rejectedBy: countsText(totals.rejectedBy),
  };
}

describe('facts', () => {
  it('differ where a told one does; what is not told or not known is not compared', () => {
    expect(differences({ records: 3 }, { records: 3, staged: 1 })).toEqual([]);
    expect(differences({ records: 3, staged: 1 }, { staged: 2 })).toEqual(['staged is 1, not 2']);
  });

  it('write equal counts alike', () => {
    expect(countsText({ LENGTH: 2, CPF_FORMAT: 1 })).toBe('CPF_FORMAT 1, LENGTH 2');
    expect(countsText({ CPF_FORMAT: 1, LENGTH: 2 })).toBe('CPF_FORMAT 1, LENGTH 2');
  });
});

describe('a given input', () => {
  it('has no truth, and its LFs counted', () => {
    const path = join(folder, 'own.csv');
    writeFileSync(path, 'a,b\n1,2\n3,4');
    expect(givenInput(path)).toMatchObject({
      title: 'own.csv',
      main: { bytes: 11, truth: undefined, facts: { lfs: 2 } },
    });
  });
});

describe('rows of a CSV', () => {
  it('are read with quotes, commas and line breaks, across chunks', async () => {
    const path = join(folder, 'rows.csv');
    const long = 'x'.repeat(1 << 20);
    writeFileSync(path, `a,b\n"1,""2""",\n"two\nlines","${long}\n${long}"\n,\n`);
    expect(await rowsOf(path)).toEqual([
      ['a', 'b'],
      ['1,"2"', ''],
      ['two\nlines', `${long}\n${long}`],
      ['', ''],
    ]);
  });

  it('are refused where the text is not what was promised', async () => {
    const path = join(folder, 'rows.csv');
    writeFileSync(path, 'a,b\nc');
    await expect(rowsOf(path)).rejects.toThrow('no line end');
    writeFileSync(path, 'a"b"\n');
    await expect(rowsOf(path)).rejects.toThrow('a quote stands');
  });
});
