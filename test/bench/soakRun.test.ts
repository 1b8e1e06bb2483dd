/** The soak as it is run: its verdict on a daemon that is killed again and again, and nothing of it left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../e2e/harness.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/soak.ts');

let folder: string;
let soak: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'remessa-soak-test-'));
});
afterEach(() => {
  soak?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Its own folders lie in the test's. */
function start(...args: string[]): { readonly said: () => string; readonly ended: Promise<unknown[]> } {
  const options = ['--clients', '2', '--giant-lines', '2000', '--lines-per-second', '2000', ...args];
  const child = spawn(process.execPath, [SCRIPT, ...options], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  soak = child;
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return { said: () => said, ended: once(child, 'close') };
}

/** Ids of processes that work in the test's folder: of daemons. */
function daemons(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== soak?.pid)
    .filter((id) => environmentOf(id).includes(`REMESSA_DATA_DIR=${folder}`))
    .map(Number);
}

function environmentOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/environ`, 'utf8');
  } catch {
    return '';
  }
}

it('gives its verdict and its curves, and leaves nothing', async () => {
  const svg = join(folder, 'curves', 'soak.svg');
  const json = join(folder, 'soak.json');
  const run = start('--seconds', '4', '--kill-every', '1', '--svg', svg, '--json', json);
  expect((await run.ended)[0], run.said()).toBe(0);
  expect(run.said()).toContain('verdict: clean');
  expect(readFileSync(svg, 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
  const result = JSON.parse(readFileSync(json, 'utf8')) as {
    readonly kills: number;
    readonly verdict: { readonly lines: Record<string, number>; readonly batches: number };
  };
  expect(result.kills).toBeGreaterThan(0);
  expect(result.verdict.batches).toBeGreaterThan(5);
  expect(result.verdict.lines['created']).toBeGreaterThan(0);
  expect(readdirSync(folder).sort()).toEqual(['curves', 'soak.json']);
  expect(daemons()).toEqual([]);
});

it('finishes and judges what was sent when it is interrupted', async () => {
  const run = start('--seconds', '600');
  await eventually('a daemon', () => daemons().length > 0);
  soak?.kill('SIGINT');
  expect((await run.ended)[0], run.said()).toBe(0);
  expect(run.said()).toContain('verdict: clean');
  expect(daemons()).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});

it('ends at once when it is interrupted twice or told to end, and leaves nothing', async () => {
  for (const signals of [['SIGINT', 'SIGINT'], ['SIGTERM']] as const) {
    const run = start('--seconds', '600');
    await eventually('a daemon', () => daemons().length > 0);
    for (const signal of signals) {
      soak?.kill(signal);
      if (signal === 'SIGINT') await eventually('its word', () => run.said().includes('at once'));
    }
    expect((await run.ended)[0], run.said()).toBe(130);
    expect(daemons()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }
});

it('takes its daemon with it when it is killed', async () => {
  const run = start('--seconds', '600');
  await eventually('a daemon', () => daemons().length > 0);
  soak?.kill('SIGKILL');
  await run.ended;
  await eventually('the end of the daemon', () => daemons().length === 0);
  expect(existsSync(folder)).toBe(true);
});
