/**
 * The program as a child process that can be killed, stopped and asked to end, and what its data folder holds afterwards.
 *
 * Invariants: a child gets no `REMESSA_*` variable of this process, only those given; a data folder starts with a fixed
 * hash seed, so that the stored debts of two folders can be compared column by column; made files are not touched after
 * they were made, because the id of an ingested batch is derived from the file's state.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { type FixtureOptions, fixtureBlocks } from '../../src/cli/fixture.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openDirect } from '../../src/io/embedded/driver.ts';
import { engineInfo } from '../../src/io/embedded/lock.ts';
import type { Batch } from '../../src/io/ports/registry.ts';
import { ANSWER_KINDS, renderAnswer } from '../../src/stages/answers/answers.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const HASH_SEED = 0x5eed_5eed;

/** Business date of every made file. */
export const AS_OF = '2026-03-10';

/** Small pieces, so that a small file has many of them and a moment hits something. Two threads, as in the smallest host. */
export const SMALL_PIECES: Readonly<Record<string, string>> = {
  REMESSA_THREADS: '2',
  REMESSA_RANGE_BYTES: '262144',
  REMESSA_READ_BYTES: '65536',
  REMESSA_STAGING_BUFFER_BYTES: '65536',
  REMESSA_SHARD_RECORDS: '12000',
  REMESSA_INBOX_QUIET_MS: '20',
  REMESSA_INBOX_SCAN_MS: '20',
};

/** A whole number from the environment of the tests, for longer runs by hand. */
export function knob(name: string, byDefault: number): number {
  const text = process.env[name];
  return text === undefined ? byDefault : Number.parseInt(text, 10);
}

/** A folder that is gone when the test has ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'remessa-fault-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A data folder with the fixed hash seed. */
export async function dataFolder(root: string, name: string): Promise<string> {
  const folder = join(root, name);
  const stores = await openStores(folder, 'write');
  await stores.registry.installation({ hashSeed: HASH_SEED });
  await stores.close();
  return folder;
}

export function openStores(dataDir: string, mode: 'read' | 'write') {
  return openDirect({ dataDir, receivesMax: 100, pollMsMax: 50, debtsCacheBytes: 8 * 1024 * 1024 }, mode, {
    clock: systemClock,
    random: (size) => randomBytes(size),
  });
}

/** Writes a made file; gives its truth: per record `line,external_ref,outcome,code`. */
export function makeFile(path: string, options: Partial<FixtureOptions> & { lines: number; seed: number }): string[] {
  const file: Uint8Array[] = [];
  const truth: Uint8Array[] = [];
  for (const block of fixtureBlocks(
    { badShare: 0.03, quotedShare: 0.02, duplicateShare: 0.02, refPrefix: 'F', asOf: AS_OF, ...options },
    { truth: true },
  )) {
    file.push(block.file);
    if (block.truth !== undefined) truth.push(block.truth);
  }
  writeFileSync(path, Buffer.concat(file));
  return csvRows(Buffer.concat(truth).toString('utf8'))
    .slice(1)
    .map((row) => row.slice(0, 4).join(','));
}

/** The rows of CSV text, unquoted. */
export function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const match of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    const [whole, quoted, bare, end] = match;
    if (whole === '' && row.length === 0) break;
    row.push(quoted === undefined ? (bare as string) : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** How it ended, once it has. */
  over(): Ended | undefined;
  /** What it has said on stderr so far. */
  said(): string;
  kill(signal: NodeJS.Signals): void;
}

/** Starts any command; it is killed when the test ends before it does. */
export function startCommand(
  command: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Program {
  const env: NodeJS.ProcessEnv = {};
  for (const [key, value] of Object.entries(process.env)) if (!key.startsWith('REMESSA_')) env[key] = value;
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
  const child = spawn(command, args, { env: { ...env, REMESSA_HTTP_PORT: '0', ...settings }, stdio });
  let stdout = '';
  let stderr = '';
  let over: Ended | undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => {
      over = { code, signal, stdout, stderr };
      done(over);
    });
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { child, ended, over: () => over, said: () => stderr, kill: (signal) => void child.kill(signal) };
}

export function startRemessa(args: readonly string[], settings: Readonly<Record<string, string>>): Program {
  return startCommand(process.execPath, [MAIN, ...args], settings);
}

export function runRemessa(args: readonly string[], settings: Readonly<Record<string, string>>): Promise<Ended> {
  return startRemessa(args, settings).ended;
}

/** Looks into the control database of a running or dead engine; each look is its own short read. */
export class Watch {
  readonly #dataDir: string;
  #db: DatabaseSync | undefined;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    onTestFinished(() => this.close());
  }

  batches(): Batch[] {
    return this.rows<{ body: string }>('SELECT body FROM batches ORDER BY seq').map(
      ({ body }) => JSON.parse(body) as Batch,
    );
  }

  countResults(batch: string, kind: string): number {
    return (
      this.rows<{ n: number }>('SELECT count(*) AS n FROM results WHERE batch = ? AND kind = ?', batch, kind)[0]?.n ?? 0
    );
  }

  /** Empty before the engine has made its tables. */
  rows<T extends object>(sql: string, ...values: (string | number)[]): T[] {
    const path = join(this.#dataDir, 'control.db');
    if (!existsSync(path)) return [];
    this.#db ??= new DatabaseSync(path, { timeout: 10_000 });
    return this.#db.prepare(sql).all(...values) as T[];
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }
}

/** Waits until `look` gives something; fails the test after `withinMs` (a hung engine, not a slow one). */
export async function until<T>(look: () => T | undefined | false, withinMs = 120_000, everyMs = 5): Promise<T> {
  const startedMs = performance.now();
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() - startedMs > withinMs) throw new Error('what was waited for did not come');
    await delay(everyMs);
  }
}

/** Waits for something that a daemon does; says what it said where it ended instead. */
export function whileRunning<T>(program: Program, look: () => T | undefined | false, withinMs?: number): Promise<T> {
  return until(() => {
    const over = program.over();
    if (over !== undefined) throw new Error(`it ended with ${over.code ?? over.signal}: ${over.stderr.slice(-2000)}`);
    return look();
  }, withinMs);
}

/** Starts the daemon and waits until it listens to signals and works. */
export async function startDaemon(settings: Readonly<Record<string, string>>): Promise<Program> {
  const daemon = startRemessa(['serve'], settings);
  const dataDir = settings['REMESSA_DATA_DIR'] as string;
  await whileRunning(daemon, () => engineInfo(dataDir)?.pid === daemon.child.pid);
  return daemon;
}

/** Every column but the times, by reference. */
export function debtsOf(dataDir: string): Record<string, unknown>[] {
  return [...debtTexts(dataDir)].map((text) => JSON.parse(text) as Record<string, unknown>);
}

/** The same, one JSON text after another. */
export function* debtTexts(dataDir: string): Generator<string, undefined> {
  const db = new DatabaseSync(join(dataDir, 'debts.db'), { readOnly: true, timeout: 10_000 });
  try {
    for (const row of db.prepare('SELECT * FROM debts ORDER BY client, ref_hash, external_ref').iterate()) {
      const { created_at_ms: _, changed_at_ms: __, ...columns } = row;
      yield JSON.stringify(columns);
    }
  } finally {
    db.close();
  }
}

/** Both databases by their own check: `ok` for each. */
export function integrityOf(dataDir: string): string[] {
  return ['control.db', 'debts.db'].map((name) => {
    const db = new DatabaseSync(join(dataDir, name), { timeout: 10_000 });
    try {
      return String(db.prepare('PRAGMA integrity_check').get()?.['integrity_check']);
    } finally {
      db.close();
    }
  });
}

/** Files that a finished batch must not leave: unfinished objects, staged pages, parts. */
export function leftovers(dataDir: string): string[] {
  return ['objects/.incoming', 'staging', 'objects/parts'].flatMap((folder) =>
    filesBelow(join(dataDir, folder), dataDir),
  );
}

export function filesBelow(folder: string, root: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .map((path) => relative(root, path));
}

/** A batch as its client sees it: the receipt without times, and the three answers as text. */
export interface Seen {
  readonly receipt: Record<string, unknown>;
  readonly answers: Readonly<Record<string, string>>;
}

export async function seenOf(dataDir: string, batch: Batch): Promise<Seen> {
  const stores = await openStores(dataDir, 'read');
  try {
    const answers: Record<string, string> = {};
    for (const kind of ANSWER_KINDS) {
      const blocks: Uint8Array[] = [];
      for await (const block of renderAnswer(stores, batch.id, kind)) blocks.push(block.slice());
      answers[kind] = Buffer.concat(blocks).toString('latin1');
    }
    return { receipt: timeless(batch.receipt), answers };
  } finally {
    await stores.close();
  }
}

/** Cents stay exact: they are compared as the digits they are written with. */
function timeless(receipt: string | null): Record<string, unknown> {
  const value = JSON.parse((receipt ?? 'null').replaceAll(/:(\d{16,})/g, ':"$1"')) as Record<string, unknown>;
  for (const key of ['acceptedAt', 'finishedAt', 'seconds', 'linesPerSecond']) delete value[key];
  return value;
}

/** The outcomes of a retorno in the form of `makeFile`'s truth. */
export function outcomesIn(seen: Seen): string[] {
  return csvRows(Buffer.from(seen.answers['retorno'] as string, 'latin1').toString('utf8'))
    .slice(1)
    .map((row) => row.slice(0, 4).join(','));
}

/** A small repeatable generator (mulberry32): numbers in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
