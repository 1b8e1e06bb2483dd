/** Processes against each other and against the system: one engine a folder, sudden death, no space left. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireEngineLock, engineInfo } from '../../src/io/embedded/lock.ts';
import { debt } from './debtRows.ts';
import { checkDebts, makeDataDir, openDataOn, openEngineOn, removeDataDir } from './embeddedFixtures.ts';
import { collect, madeBytes } from './support.ts';

const CHILD = join(import.meta.dirname, 'embedded.child.ts');

let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await makeDataDir();
});

afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
  await removeDataDir(dataDir);
});

/** Starts a child and gives the line it prints when it has done its part. */
async function childDoes(what: string): Promise<{ readonly child: ChildProcess; readonly says: string }> {
  const child = spawn(process.execPath, [CHILD, what, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const says = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    once(child, 'exit').then(([code]) => `ended with ${code}`),
  ]);
  return { child, says };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('one engine a folder', () => {
  // fault 32
  it('refuses a second process, which learns who keeps the folder, until the first has died', async () => {
    const { child, says } = await childDoes('engine');
    expect(says).toBe('engine');
    expect(acquireEngineLock(dataDir, 0)).toBeUndefined();
    await expect(openEngineOn(dataDir)).rejects.toThrow('kept by another engine');
    expect(engineInfo(dataDir)).toEqual({ pid: child.pid, startedAt: '2026-01-15T12:00:00.000Z' });
    await killed(child);
    const engine = await openEngineOn(dataDir);
    expect(engineInfo(dataDir)?.pid).toBe(process.pid);
    await engine.close();
    expect(engineInfo(dataDir)).toBeUndefined();
  });

  it('refuses a second engine in the same process, too', async () => {
    const engine = await openEngineOn(dataDir);
    expect(acquireEngineLock(dataDir, 0)).toBeUndefined();
    await engine.close();
    const lock = acquireEngineLock(dataDir, 0);
    expect(lock).toBeDefined();
    lock?.release();
    lock?.release();
    await (await openEngineOn(dataDir)).close();
  });

  it('lets exactly one of several that start at once win', async () => {
    const started = await Promise.all(['engine', 'engine', 'engine'].map(childDoes));
    const kept = 'the folder is kept by another engine';
    expect(started.map(({ says }) => says).sort()).toEqual(['engine', kept, kept]);
  });
});

describe('sudden death', () => {
  it('leaves everything that was answered', async () => {
    const { child, says } = await childDoes('write');
    expect(says).toBe('written');
    await killed(child);
    const engine = await openEngineOn(dataDir);
    expect(await engine.registry.get('b-1')).toMatchObject({ state: 'picking', revision: 2, number: 1 });
    expect(await engine.clients.get('acme')).toMatchObject({ name: 'Acme', amountCentsMax: 2 });
    const [message] = await engine.queue.receive('picker', { max: 1, waitMs: 0, leaseMs: 1000 });
    expect(message?.id).toBe('m-1');
    expect(Buffer.compare((await engine.objects.get('raw/acme/x')) ?? new Uint8Array(), madeBytes(200_000))).toBe(0);
    await engine.close();
    const data = await openDataOn(dataDir);
    expect(await collect(data.debts.list('acme', { externalRef: 'R-19999' }))).toEqual([debt('R-19999', 1)]);
    expect(await collect(data.debts.list('acme', { document: debt('', 1).document }))).toHaveLength(20_000);
    for await (const page of data.staging.read('b-1', 3, { range: 0, attempt: 'a1', pages: 1 })) {
      expect(Buffer.compare(page, madeBytes(70_000))).toBe(0);
    }
    await data.close();
    checkDebts(dataDir);
  });
});

/** A file system of a few MiB, for a process that may make one in a name space of its own. */
const NAMESPACE = ['-Urm', 'sh', '-c'];
const canUnshare = spawnSync('unshare', [...NAMESPACE, 'mount -t tmpfs -o size=1m tmpfs /mnt']).status === 0;

describe('no space left', () => {
  it.skipIf(!canUnshare)('is told as such by every store, leaves no damage, and ends with the lack', async () => {
    const script = 'mount -t tmpfs -o size=12m tmpfs /mnt && timeout -s KILL 240 "$0" "$1" fill /mnt';
    const said = execFileSync('unshare', [...NAMESPACE, script, process.execPath, CHILD], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual({
      faults: { staging: 'STORE_FULL', objects: 'STORE_FULL', debts: 'STORE_FULL', registry: 'STORE_FULL' },
      kept: true,
      again: 'written',
    });
  });
});
