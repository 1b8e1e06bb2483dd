/**
 * Processes that are asked to end (faults 29): they finish or give back what is in hand, exit with the right code, and
 * whoever starts next goes on from there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/io/ports/registry.ts';
import {
  AS_OF,
  dataFolder,
  integrityOf,
  leftovers,
  makeFile,
  outcomesIn,
  type Program,
  runRemessa,
  SMALL_PIECES,
  seenOf,
  startDaemon,
  startRemessa,
  temporaryFolder,
  until,
  Watch,
  whileRunning,
} from './harness.ts';

const LINES = 40_000;
/** A process that has not ended so long after its drain hangs. */
const HANGS_MS = 120_000;

interface Setup {
  readonly dataDir: string;
  readonly settings: Record<string, string>;
  readonly truth: string[];
  readonly watch: Watch;
  readonly args: string[];
  batch(): Batch | undefined;
}

async function setUp(settings: Readonly<Record<string, string>>): Promise<Setup> {
  const root = temporaryFolder();
  const dataDir = await dataFolder(root, 'data');
  const truth = makeFile(join(root, 'file.csv'), { lines: LINES, seed: 11 });
  const watch = new Watch(dataDir);
  return {
    dataDir,
    // Whoever hands the file over may be killed before its message is sent: the sweep finds that soon.
    settings: { ...SMALL_PIECES, REMESSA_SWEEP_MS: '300', ...settings, REMESSA_DATA_DIR: dataDir },
    truth,
    watch,
    args: ['ingest', join(root, 'file.csv'), '--client', 'acme', '--as-of', AS_OF],
    batch: () => watch.batches()[0],
  };
}

/** Gives the file to the daemon through a command that is killed as soon as it was accepted. */
async function handOver(setup: Setup, daemon: Program): Promise<void> {
  const command = startRemessa(setup.args, setup.settings);
  await whileRunning(daemon, () => setup.batch() !== undefined);
  command.kill('SIGKILL');
  await command.ended;
}

async function endsWithin(program: Program, ms: number) {
  const late = delay(ms, undefined, { ref: false }).then(() => {
    throw new Error(`it still runs ${ms} ms after it was asked to end`);
  });
  return await Promise.race([program.ended, late]);
}

function leases(setup: Setup, queue = '%'): number {
  const sql = 'SELECT count(*) AS n FROM messages WHERE receipt IS NOT NULL AND queue LIKE ?';
  return setup.watch.rows<{ n: number }>(sql, queue)[0]?.n ?? 0;
}

/** Whether the process has yet to take a SIGTERM: two that are sent before it does are one to the kernel (proc(5)). */
function isTermPending({ child }: Program): boolean {
  const mask = /^ShdPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> 14n) & 1n) === 1n;
}

async function nextStartCompletes(setup: Setup): Promise<void> {
  const daemon = await startDaemon(setup.settings);
  const batch = await whileRunning(daemon, () => {
    const found = setup.batch();
    const waiting = setup.watch.rows<{ n: number }>('SELECT count(*) AS n FROM messages')[0]?.n;
    return found?.state === 'completed' && found.owed.length === 0 && waiting === 0 && found;
  });
  daemon.kill('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
  expect(setup.watch.batches().length).toBe(1);
  expect(outcomesIn(await seenOf(setup.dataDir, batch))).toEqual(setup.truth);
  expect(integrityOf(setup.dataDir)).toEqual(['ok', 'ok']);
  expect(leftovers(setup.dataDir)).toEqual([]);
}

describe('a daemon that gets SIGTERM in the middle of a batch', () => {
  for (const state of ['processing', 'registering']) {
    // fault 29
    it(`finishes what is in hand, exits 0 and leaves the rest to the next: ${state}`, async () => {
      const setup = await setUp({ REMESSA_DRAIN_MS: '20000' });
      const daemon = await startDaemon(setup.settings);
      await handOver(setup, daemon);
      await whileRunning(daemon, () => setup.batch()?.state === state);
      daemon.kill('SIGTERM');
      const ended = await endsWithin(daemon, 20_000 + HANGS_MS);
      expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null });
      expect(leases(setup), 'messages still leased').toBe(0);
      await nextStartCompletes(setup);
    });
  }

  // fault 29
  it('gives back what does not finish within the drain', async () => {
    // One shard of all records, no time to finish it: its thread is ended inside of a write.
    const setup = await setUp({ REMESSA_DRAIN_MS: '0', REMESSA_SHARD_RECORDS: '100000' });
    const daemon = await startDaemon(setup.settings);
    await handOver(setup, daemon);
    await whileRunning(daemon, () => leases(setup, 'registering') > 0);
    daemon.kill('SIGTERM');
    const ended = await endsWithin(daemon, HANGS_MS);
    expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null });
    expect(setup.batch()?.state).toBe('registering');
    expect(leases(setup), 'messages still leased').toBe(0);
    await nextStartCompletes(setup);
  });

  it('ends at once when it is asked a second time', async () => {
    const setup = await setUp({ REMESSA_DRAIN_MS: '600000', REMESSA_SHARD_RECORDS: '100000' });
    const daemon = await startDaemon(setup.settings);
    await handOver(setup, daemon);
    await whileRunning(daemon, () => leases(setup, 'registering') > 0);
    daemon.kill('SIGTERM');
    await until(() => !isTermPending(daemon));
    expect(daemon.over(), 'the shard is still being registered').toBeUndefined();
    daemon.kill('SIGTERM');
    expect(await endsWithin(daemon, HANGS_MS)).toMatchObject({ code: 143 });
    expect(setup.batch()?.state).toBe('registering');
    await nextStartCompletes(setup);
  });
});

describe('an ingest that gets SIGTERM', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`says so, exits 1, and resumes when it is run again: ${signal}`, async () => {
      const setup = await setUp({});
      const command = startRemessa(setup.args, setup.settings);
      await whileRunning(command, () => setup.batch()?.state === 'processing');
      command.kill(signal);
      const ended = await endsWithin(command, 20_000 + HANGS_MS);
      expect(ended).toMatchObject({ code: 1, signal: null, stdout: '' });
      expect(ended.stderr).toMatch(/INTERRUPTED: .*run the same command again to resume it/);
      expect(leases(setup)).toBe(0);

      const again = await runRemessa(setup.args, setup.settings);
      expect(again.code, again.stderr).toBe(0);
      expect(again.stderr).toContain(`resuming batch ${setup.batch()?.id}`);
      expect(setup.watch.batches().length).toBe(1);
      expect(outcomesIn(await seenOf(setup.dataDir, setup.batch() as Batch))).toEqual(setup.truth);
    });
  }
});
