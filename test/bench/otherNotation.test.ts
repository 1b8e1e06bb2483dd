/** The file of another notation that the gate reads, and the process that measures it: right answers first, then ratios. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { madeInProfile, PROFILE } from '../../bench/gate/otherNotation.ts';
import type { MeasuredFile, PairsTask } from '../../bench/gate/pairs.ts';
import { type InputFile, madeInput, ROOT } from '../../bench/input.ts';
import { verifiedFacts } from '../../bench/verify.ts';

const LINES = 3_000;
const SEED = 5;
let folder: string;
let file: InputFile;
let other: InputFile;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'remessa-gate-'));
  file = (await madeInput(LINES, SEED, folder)).main;
  other = await madeInProfile(folder, LINES, SEED);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const measure = (ours: MeasuredFile, yardstick: MeasuredFile) => {
  const task: PairsTask = { figure: 'profile', file: yardstick, other: ours, pairs: 1, burn: 0 };
  return spawnSync(process.execPath, [join(ROOT, 'bench/gate/pairs.ts'), JSON.stringify(task)], { encoding: 'utf8' });
};

describe('the file of another notation', () => {
  it('has semicolons, all quotes, decimal commas, other days, Windows-1252 and CRLF', () => {
    const text = readFileSync(other.path, 'latin1');
    expect(text).toMatch(/^"[^"]+"(;"[^"]+")+\r\n/);
    expect(text).toMatch(/;"[0-9.]*[0-9],[0-9]{2}";"[0-9]{2}\/[0-9]{2}\/[0-9]{4}"/);
    expect(text).toMatch(/"[A-Z][a-z]+[\u00e0-\u00ff]/);
    expect(other.bytes).toBe(text.length);
    expect([other.facts.records, file.facts.records]).toEqual([LINES, LINES]);
  });

  it('is taken in by the whole program as its truth says', async () => {
    expect(await verifiedFacts(other, 2, PROFILE)).toMatchObject(other.facts);
  });

  it('is measured against the default format where both are read right, and else not at all', () => {
    const measured = measure(other, file);
    expect([measured.status, measured.stderr]).toEqual([0, '']);
    const ratios = JSON.parse(measured.stdout) as number[];
    expect(ratios.length).toBeGreaterThan(0);
    const centsStaged = '1';
    for (const [ours, yardstick] of [
      [{ ...other, facts: { ...other.facts, centsStaged } }, file],
      [other, { ...file, facts: { ...file.facts, centsStaged } }],
    ] as const) {
      const refused = measure(ours, yardstick);
      expect([refused.status, refused.stdout]).toEqual([1, '']);
      expect(refused.stderr).toContain('the output is wrong: centsStaged is');
    }
  });
});
