/**
 * Processes killed at any moment (promise 3): the same command is run again after each kill until it completes, and then
 * everything equals the run of a process that nobody disturbed.
 *
 * By hand: REMESSA_TEST_KILL_LINES=1000000 REMESSA_TEST_KILLS=20 REMESSA_TEST_SEED=… vitest run test/fault/kill.test.ts
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Batch, FINAL_STATES } from '../../src/io/ports/registry.ts';
import {
  AS_OF,
  dataFolder,
  debtsOf,
  debtTexts,
  integrityOf,
  knob,
  leftovers,
  makeFile,
  outcomesIn,
  randomOf,
  runRemessa,
  type Seen,
  SMALL_PIECES,
  seenOf,
  startDaemon,
  startRemessa,
  temporaryFolder,
  until,
  Watch,
  whileRunning,
} from './harness.ts';

const LINES = knob('REMESSA_TEST_KILL_LINES', 60_000);
const KILLS = knob('REMESSA_TEST_KILLS', 12);
const SEED = knob('REMESSA_TEST_SEED', 20_260_310);
const WITHIN_MS = 60_000 + LINES;

/** More pieces than elsewhere: each result is a commit, so that a moment of a starved machine still hits between two. */
const PIECES = { ...SMALL_PIECES, REMESSA_RANGE_BYTES: '65536', REMESSA_SHARD_RECORDS: '4000' };

/**
 * How far a batch is: 0 unknown, 1 accepted, 2 picking, 3 processing (with the share of ranges), 4 staged, 5 registering
 * (with the share of shards), 6 finishing, 7 final.
 */
function progressOf(watch: Watch, batch: Batch | undefined): number {
  const share = (kind: string, of: number): number => Math.min(0.99, watch.countResults(batch?.id ?? '', kind) / of);
  switch (batch?.state) {
    case undefined:
      return 0;
    case 'accepted':
      return 1;
    case 'picking':
      return 2;
    case 'processing':
      return 3 + share('range', batch.ranges);
    case 'staged':
      return 4;
    case 'registering':
      return batch.owed.includes('finish') ? 6 : 5 + share('shard', batch.shards);
    default:
      return 7;
  }
}

/** When to kill: after so many milliseconds, or so long after the batch has come so far. */
type Moment = { readonly afterMs: number } | { readonly progress: number; readonly thenMs: number };

/**
 * The moment of the next kill: a quarter of them blindly, so early that together they cannot use up a run's time, the
 * others at a progress that the batch has not made before, such that those `left` spread over the rest of its way.
 */
function momentOf(kill: number, kills: number, progress: number, runMs: number, random: () => number): Moment {
  if (kill < kills / 4) return { afterMs: (random() * runMs * 3) / kills };
  const left = kills - kill;
  return {
    progress: progress + (random() * 2 * (6.9 - progress)) / (left + 1),
    thenMs: random() < 0.5 ? 0 : random() * 10,
  };
}

/** Runs the command and kills it at the moment; whether it was killed before it ended by itself. */
async function runAndKill(args: readonly string[], dataDir: string, file: string, moment: Moment): Promise<boolean> {
  const program = startRemessa(args, { ...PIECES, REMESSA_DATA_DIR: dataDir });
  const watch = new Watch(dataDir);
  if ('afterMs' in moment) await delay(moment.afterMs);
  else {
    const reached = (): boolean => progressOf(watch, batchOf(watch, file)) >= moment.progress;
    await until(() => program.over() !== undefined || reached(), WITHIN_MS, 1);
    await delay(moment.thenMs);
  }
  program.kill('SIGKILL');
  const ended = await program.ended;
  watch.close();
  if (ended.signal !== 'SIGKILL') expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return ended.signal === 'SIGKILL';
}

function batchOf(watch: Watch, file: string): Batch | undefined {
  const found = watch.batches().filter((batch) => batch.file === file);
  expect(found.length, 'batches of one file').toBeLessThanOrEqual(1);
  return found[0];
}

/** What must be equal after both runs; as digests, for a million rows held here would slow the aim. */
async function stateOf(dataDir: string, file: string) {
  const watch = new Watch(dataDir);
  const batch = batchOf(watch, file) as Batch;
  watch.close();
  const { receipt, answers } = await seenOf(dataDir, batch);
  const digests = Object.entries(answers).map(([kind, text]) => `${kind} ${digestOf([text])}`);
  return { dataDir, receipt, digests, debts: digestOf(debtTexts(dataDir)) };
}

function digestOf(texts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  return hash.digest('hex');
}

/** Kills `ingest` again and again, then lets it complete; the moments at which it was really killed. */
async function ingestUnderKills(
  args: readonly string[],
  dataDir: string,
  file: string,
  runMs: number,
  kills: number,
): Promise<number[]> {
  const struck: number[] = [];
  const random = randomOf(SEED);
  let progress = 0;
  for (let kill = 0; kill < kills; kill++) {
    const killed = await runAndKill(args, dataDir, file, momentOf(kill, kills, progress, runMs, random));
    const watch = new Watch(dataDir);
    const batch = batchOf(watch, file);
    progress = progressOf(watch, batch);
    watch.close();
    if (killed) struck.push(progress);
    // Once its batch is final, the same command would rightly make a new one.
    if (batch !== undefined && FINAL_STATES.has(batch.state)) break;
  }
  return struck;
}

/**
 * Kills that hit no batch on its way prove nothing. How far each one was depends on the machine, and so does how many
 * there were before the batch was done: of few, most must have hit.
 */
function expectOnItsWay(struck: readonly number[]): void {
  console.info(`killed at ${struck.map((at) => at.toFixed(2)).join(' ')}`);
  const onItsWay = struck.filter((at) => at >= 1 && at < 7).length;
  expect(onItsWay).toBeGreaterThanOrEqual(Math.max(1, Math.min(KILLS / 3, struck.length / 2)));
}

/** Runs the engine once more on the folder: what a killed process left owed after its batch was final is done then. */
async function endByItself(args: readonly string[], dataDir: string, file: string): Promise<void> {
  const settings = { ...PIECES, REMESSA_DATA_DIR: dataDir };
  const watch = new Watch(dataDir);
  const batch = batchOf(watch, file);
  if (batch === undefined || !FINAL_STATES.has(batch.state)) {
    const ended = await runRemessa(args, settings);
    expect(ended.code, ended.stderr).toBe(0);
  } else {
    const daemon = await startDaemon(settings);
    await whileRunning(daemon, () => batchOf(watch, file)?.owed.length === 0 && messagesIn(watch) === 0);
    daemon.kill('SIGTERM');
    expect((await daemon.ended).code).toBe(0);
  }
  expect(messagesIn(watch), 'messages nobody handled').toBe(0);
  watch.close();
}

function messagesIn(watch: Watch): number {
  return watch.rows<{ n: number }>('SELECT count(*) AS n FROM messages')[0]?.n ?? -1;
}

function expectTruth(seen: Seen, truth: string): void {
  expect(digestOf(outcomesIn(seen))).toBe(truth);
}

type State = Awaited<ReturnType<typeof stateOf>>;

function expectSame(got: State, wanted: State): void {
  expect(got.receipt).toEqual(wanted.receipt);
  expect(got.digests).toEqual(wanted.digests);
  if (got.debts !== wanted.debts) expect(firstDifference(got.dataDir, wanted.dataDir)).toBeUndefined();
}

/** The first debt that is not the same in both folders. */
function firstDifference(gotDir: string, wantedDir: string): { got?: string; wanted?: string } | undefined {
  const [left, right] = [debtTexts(gotDir), debtTexts(wantedDir)];
  for (;;) {
    const [got, wanted] = [left.next().value, right.next().value];
    if (got !== wanted) return { got, wanted };
    if (got === undefined) throw new Error('the digests differ and the debts do not');
  }
}

describe('a killed ingest', () => {
  // faults 15, 16
  it('ends as one that nobody disturbed: a first file', { timeout: 2 * WITHIN_MS }, async () => {
    const root = temporaryFolder();
    const truth = digestOf(makeFile(join(root, 'first.csv'), { lines: LINES, seed: SEED }));
    const args = ['ingest', join(root, 'first.csv'), '--client', 'acme', '--as-of', AS_OF];
    const [calm, killed] = [await dataFolder(root, 'calm'), await dataFolder(root, 'killed')];

    const startedMs = performance.now();
    const ended = await runRemessa(args, { ...PIECES, REMESSA_DATA_DIR: calm });
    const runMs = performance.now() - startedMs;
    expect(ended.code, ended.stderr).toBe(0);
    const wanted = await stateOf(calm, 'first.csv');
    expectTruth(await seenOf(calm, batchOf(new Watch(calm), 'first.csv') as Batch), truth);
    expect(leftovers(calm)).toEqual([]);

    const struck = await ingestUnderKills(args, killed, 'first.csv', runMs, KILLS);
    await endByItself(args, killed, 'first.csv');
    expectOnItsWay(struck);
    expectSame(await stateOf(killed, 'first.csv'), wanted);
    expect(integrityOf(killed)).toEqual(['ok', 'ok']);
    expect(leftovers(killed)).toEqual([]);
  });

  // faults 15, 16
  it('ends as one that nobody disturbed: a revised file over two earlier ones', {
    timeout: 2 * WITHIN_MS,
  }, async () => {
    const root = temporaryFolder();
    const made = { lines: Math.ceil(LINES / 2), seed: SEED + 1 };
    makeFile(join(root, 'v1.csv'), made);
    makeFile(join(root, 'v2.csv'), { ...made, reviseShare: 0.6 });
    makeFile(join(root, 'v3.csv'), { ...made, reviseShare: 0.2 });
    const argsOf = (file: string): string[] => ['ingest', join(root, file), '--client', 'acme', '--as-of', AS_OF];
    const calm = await dataFolder(root, 'calm');
    const settings = { ...PIECES, REMESSA_DATA_DIR: calm };
    for (const file of ['v1.csv', 'v2.csv']) expect((await runRemessa(argsOf(file), settings)).code).toBe(0);
    const killed = join(root, 'killed');
    cpSync(calm, killed, { recursive: true });

    const startedMs = performance.now();
    expect((await runRemessa(argsOf('v3.csv'), settings)).code).toBe(0);
    const runMs = performance.now() - startedMs;
    const wanted = await stateOf(calm, 'v3.csv');
    const lines = wanted.receipt['lines'] as Record<string, number>;
    expect(lines['updated']).toBeGreaterThan(made.lines / 20);
    expect(lines['unchanged']).toBeGreaterThan(made.lines / 20);

    const struck = await ingestUnderKills(argsOf('v3.csv'), killed, 'v3.csv', runMs, Math.ceil((KILLS * 2) / 3));
    await endByItself(argsOf('v3.csv'), killed, 'v3.csv');
    expectOnItsWay(struck);
    expectSame(await stateOf(killed, 'v3.csv'), wanted);
    expect(integrityOf(killed)).toEqual(['ok', 'ok']);
    expect(leftovers(killed)).toEqual([]);
  });
});

describe('a killed daemon', () => {
  const FILES: readonly [client: string, file: string, lines: number][] = [
    ['acme', 'large.csv', Math.ceil(LINES / 2)],
    ['acme', 'small.csv', 500],
    ['acme', 'again.csv', Math.ceil(LINES / 4)],
    ['beta', 'medium.csv', Math.ceil(LINES / 4)],
    ['beta', 'tiny.csv', 20],
  ];

  /** Puts the files where the inbox takes them, in this order, each renamed into place. */
  async function drop(root: string, dataDir: string): Promise<void> {
    for (const [k, [client, file, lines]] of FILES.entries()) {
      const made = join(root, `${dataDir.split('/').pop()}-${client}-${file}`);
      // One seed a client: its later files bring other amounts for the same references.
      makeFile(made, { lines, seed: client.length + SEED, reviseShare: k % 3 === 0 ? undefined : 0.3 });
      mkdirSync(join(dataDir, 'inbox', client), { recursive: true });
      renameSync(made, join(dataDir, 'inbox', client, file));
      await delay(15);
    }
  }

  const isQuiet = (watch: Watch): boolean => {
    const batches = watch.batches();
    return (
      batches.length === FILES.length &&
      batches.every((batch) => FINAL_STATES.has(batch.state) && batch.owed.length === 0) &&
      messagesIn(watch) === 0
    );
  };

  /** Ids of batches name inodes here, which differ between folders: files stand for them. */
  async function everything(dataDir: string) {
    const watch = new Watch(dataDir);
    const batches = watch.batches();
    watch.close();
    const nameOf = new Map(batches.map((batch) => [batch.id, `${batch.client}/${batch.file}`]));
    const seen: Record<string, unknown> = {};
    for (const batch of batches) {
      expect(batch.state, `${batch.file}: ${batch.failure?.message}`).toBe('completed');
      const { receipt, answers } = await seenOf(dataDir, batch);
      seen[nameOf.get(batch.id) as string] = { ...answers, receipt: { ...receipt, batch: '' }, number: batch.number };
    }
    const debts = debtsOf(dataDir).map((debt) => ({
      ...debt,
      created_batch: nameOf.get(String(debt['created_batch'])),
      changed_batch: nameOf.get(String(debt['changed_batch'])),
    }));
    return { seen, debts };
  }

  // faults 15, 16
  it('takes every file of its inbox once and leaves the state of a calm one', { timeout: 2 * WITHIN_MS }, async () => {
    const root = temporaryFolder();
    const folders = [await dataFolder(root, 'calm'), await dataFolder(root, 'killed')] as const;
    const random = randomOf(SEED);
    for (const dataDir of folders) await drop(root, dataDir);
    const [calm, killed] = folders;

    const startedMs = performance.now();
    await serveUntilQuiet(calm);
    const runMs = performance.now() - startedMs;
    for (let kill = 0; kill < Math.ceil(KILLS / 3); kill++) {
      const daemon = startRemessa(['serve'], { ...PIECES, REMESSA_DATA_DIR: killed });
      await delay(runMs * (0.1 + 0.4 * random()));
      daemon.kill('SIGKILL');
      expect((await daemon.ended).signal).toBe('SIGKILL');
    }
    await serveUntilQuiet(killed);

    const [wanted, got] = [await everything(calm), await everything(killed)];
    expect(Object.keys(got.seen).sort()).toEqual(FILES.map(([client, file]) => `${client}/${file}`).sort());
    for (const [name, seen] of Object.entries(wanted.seen)) {
      expect(JSON.stringify(got.seen[name]) === JSON.stringify(seen), `what was answered about ${name}`).toBe(true);
    }
    expect(JSON.stringify(got.debts) === JSON.stringify(wanted.debts), 'the debts').toBe(true);
    expect(integrityOf(killed)).toEqual(['ok', 'ok']);
    expect(leftovers(killed)).toEqual([]);
  });

  async function serveUntilQuiet(dataDir: string): Promise<void> {
    const daemon = await startDaemon({ ...PIECES, REMESSA_DATA_DIR: dataDir });
    const watch = new Watch(dataDir);
    await whileRunning(daemon, () => isQuiet(watch), WITHIN_MS);
    daemon.kill('SIGTERM');
    const ended = await daemon.ended;
    expect(ended.code, ended.stderr).toBe(0);
    watch.close();
  }
});
