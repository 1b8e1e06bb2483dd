/** The sign of life, on a clock that stands still, and the check that reads it, as a container runs it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giveSignOfLife } from '../../src/cli/alive.ts';
import { FakeClock } from '../support/clock.ts';

const CHECK = resolve(import.meta.dirname, '../../bin/alive.js');

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'remessa-alive-'));
  file = join(folder, 'alive');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The file system answers in its own time, whatever the clock of the test says. */
async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; !done(); tries++) {
    if (tries > 1000) throw new Error('it never came to that');
    await delay(5);
  }
}

function check(...args: readonly string[]) {
  const { status, stderr } = spawnSync(process.execPath, [CHECK, ...args], { encoding: 'utf8' });
  return { status, stderr };
}

describe('a sign of life', () => {
  it('is there at once, is renewed, and is gone in the end', async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    const alive = await giveSignOfLife(file, clock, (text) => told.push(text));
    expect(existsSync(file)).toBe(true);
    for (let renewals = 0; renewals < 3; renewals++) {
      await until(() => clock.sleeping === 1);
      await clock.advance(5000);
      await until(() => Math.round(statSync(file).mtimeMs) === clock.nowMs());
    }
    await alive.stop();
    expect(existsSync(file)).toBe(false);
    expect(clock.sleeping).toBe(0);
    expect(told).toEqual([]);
  });

  it('tells once that it cannot be renewed', async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    const alive = await giveSignOfLife(file, clock, (text) => told.push(text));
    rmSync(file);
    await until(() => clock.sleeping === 1);
    await clock.advance(5000);
    await until(() => told.length > 0 && clock.sleeping === 1);
    await clock.advance(5000);
    await until(() => clock.sleeping === 1);
    await alive.stop();
    expect(told).toEqual([expect.stringContaining('ENOENT')]);
  });

  it('that cannot be made is a fault', async () => {
    const making = giveSignOfLife(join(folder, 'nowhere', 'alive'), new FakeClock(), () => {});
    await expect(making).rejects.toMatchObject({ code: 'STORE_IO' });
  });
});

describe('the check', () => {
  it('takes a fresh file for life, and an old or missing one for none', () => {
    expect(check(file, '30')).toEqual({ status: 1, stderr: 'no sign of life\n' });
    writeFileSync(file, '');
    expect(check(file, '30')).toEqual({ status: 0, stderr: '' });
    const thenS = Date.now() / 1000 - 45;
    utimesSync(file, thenS, thenS);
    const old = check(file, '30');
    expect(old.status).toBe(1);
    expect(old.stderr).toMatch(/^the last sign of life is \d+ s old\n$/);
    expect(check(file, '600').status).toBe(0);
  });

  it('refuses to be asked in another way', () => {
    for (const args of [[], [file], [file, 'soon'], ['', '30']]) expect(check(...args).status).toBe(2);
  });
});
