/** Each case on a small file, in its own process as the bench runs it: its output is right, and a wrong one is refused. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaseName } from '../../bench/cases/index.ts';
import { type Input, type InputFile, madeInput, ROOT } from '../../bench/input.ts';
import { CaseFailed, takeSample } from '../../bench/samples.ts';
import { verifiedFacts, WrongOutput } from '../../bench/verify.ts';

const LINES = 3_000;
let folder: string;
let input: Input;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'remessa-bench-'));
  input = await madeInput(LINES, 5, folder);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const sample = (name: CaseName, threads: number, file: InputFile) =>
  takeSample({ name, threads, ...file, burn: 0, measureMs: 1 });

const isHere = (tool: string): boolean => spawnSync(tool, ['--version']).error === undefined;

describe('a case', () => {
  it.each([
    ['scan', 2],
    ['records', 1],
    ['records', 2],
    ['staging', 2],
    ['ingest', 2],
  ] as const)('%s with %i threads gives the facts of the file and says what it took', async (name, threads) => {
    const taken = await sample(name, threads, input.main);
    expect(taken.passes).toBeGreaterThan(0);
    expect(taken.peakBytes).toBeGreaterThan(10e6);
    expect(taken.userMs + taken.systemMs).toBeGreaterThan(0);
    expect(Object.keys(taken.stateSeconds).includes('registering')).toBe(name === 'ingest');
  });

  it.each(['csv-parser', 'duckdb'] as const)('%s does the same checks with the same result', async (name) => {
    expect((await sample(name, 2, input.peers)).passes).toBeGreaterThan(0);
  });

  it.skipIf(!isHere('wc'))('wc counts the same lines', async () => {
    expect((await sample('wc', 1, input.peers)).passes).toBeGreaterThan(0);
  });

  it.skipIf(!isHere('sqlite3'))('sqlite-import holds every debt that an ingest registers', async () => {
    expect((await sample('sqlite-import', 1, input.peers)).passes).toBe(1);
  });

  it.each([
    ['scan', 'records is'],
    ['records', 'centsStaged is'],
    ['csv-parser', 'rejectedBy is'],
    ['ingest', 'warnedBy is'],
  ] as const)('%s whose output is wrong is not measured, and says in what', async (name, says) => {
    const facts = { ...input.peers.facts, records: 1, centsStaged: '1', rejectedBy: '', warnedBy: '' };
    const refused = sample(name, 1, { ...input.peers, facts });
    await expect(refused).rejects.toThrow(CaseFailed);
    await expect(refused).rejects.toThrow(says);
  });
});

describe('the check before anything is timed', () => {
  it('answers what is true of a made file, and of a file without a truth by its receipt', async () => {
    expect(await verifiedFacts(input.main, 2)).toEqual(input.main.facts);
    const { created, centsTotal, records } = input.main.facts;
    const alone = await verifiedFacts({ ...input.main, truth: undefined, facts: {} }, 2);
    expect(alone).toMatchObject({ created, centsTotal, records });
  });

  it('refuses answers that differ from the truth in one row', async () => {
    const truth = join(folder, 'other.csv');
    writeFileSync(truth, readFileSync(input.main.truth ?? '', 'utf8').replace('rejected,LENGTH', 'rejected,REQUIRED'));
    const refused = verifiedFacts({ ...input.main, truth }, 2);
    await expect(refused).rejects.toThrow(WrongOutput);
    await expect(refused).rejects.toThrow(/the retorno: «.* LENGTH» stands where «.* REQUIRED» must/);
  });

  it('refuses a receipt that differs from the sums over the truth', async () => {
    const facts = { ...input.main.facts, centsTotal: '1' };
    await expect(verifiedFacts({ ...input.main, facts }, 2)).rejects.toThrow('the receipt: centsTotal is');
  });
});

describe('npm run bench', () => {
  const bench = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'bench/bench.ts'), ...args], { encoding: 'utf8' });

  it('measures a file of the caller', () => {
    const ran = bench('--file', input.main.path, '--only', 'records', '--runs', '2', '--json', '-');
    expect(ran.stderr).toContain('round 2 of 2');
    const json = JSON.parse(ran.stdout) as { input: string; figures: { label: string; runs: number; lines: number }[] };
    expect(json.input).toBe('main.csv');
    expect(json.figures.map(({ label, runs, lines }) => [label, runs, lines])).toContainEqual(['records/1', 2, LINES]);
  });

  it('exits 2 where it is used wrongly, and explains itself', () => {
    const wrong = bench('--only', 'nothing');
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain('--only nothing');
    expect(bench('--help').stdout).toContain('--threads N');
  });
});

describe('npm run bench:gate', () => {
  const gate = (env: Record<string, string>, ...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'bench/gate.ts'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });

  it('exits 2 where it is used wrongly, and explains itself', () => {
    expect(gate({}, '--only', 'nothing').status).toBe(2);
    expect(gate({ BENCH_PLANT: 'scan' }).status).toBe(2);
    expect(gate({}, '--help').stdout).toContain('--self-test');
  });
});
