/**
 * The files that are measured: made ones with their truth, kept in the ignored folder `.bench/` and used again while they
 * are the same, or a file that the caller names.
 *
 * Two files are made at once. `main` is the fixture as it comes. `peers` is the same without what some peer loses its
 * place on (they count other records then, or stop): malformed quotes, wrong numbers of fields, bytes that are no UTF-8,
 * NUL, CR, empty lines. Whatever is left is the same work for everyone.
 *
 * Memory: two blocks of the fixture and the references of the good records that were left out.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FIXTURE_DEFAULTS, fixtureBlocks, TRUTH_HEADER } from '../src/cli/fixture.ts';
import { type Facts, FactsSum } from './facts.ts';

export const ROOT = join(import.meta.dirname, '..');
export const FOLDER = join(ROOT, '.bench');
/** The business date of made files; fixed, so that a file is the same tomorrow. */
export const AS_OF = '2026-08-03';

export interface InputFile {
  readonly path: string;
  readonly bytes: number;
  /** `undefined` for a file that was not made here. */
  readonly truth: string | undefined;
  readonly facts: Partial<Facts>;
}

export interface Input {
  readonly title: string;
  readonly main: InputFile;
  readonly peers: InputFile;
}

interface MadeMeta {
  readonly fingerprint: string;
  readonly main: { readonly bytes: number; readonly facts: Facts };
  readonly peers: { readonly bytes: number; readonly facts: Facts };
}

/** Makes the two files of so many lines, or takes the ones that are there. */
export async function madeInput(lines: number, seed: number, folder = FOLDER): Promise<Input> {
  const name = `lines-${lines}-seed-${seed}`;
  const place = join(folder, name);
  const fingerprint = `${fixtureFingerprint()} ${AS_OF}`;
  const found = readMeta(place);
  const meta = found?.fingerprint === fingerprint ? found : await make(place, lines, seed, fingerprint);
  const fileOf = (which: 'main' | 'peers'): InputFile => ({
    ...meta[which],
    path: join(place, `${which}.csv`),
    truth: join(place, `${which}.truth.csv`),
  });
  return { title: `${lines} lines, seed ${seed}`, main: fileOf('main'), peers: fileOf('peers') };
}

/** A file of the caller's: what is true of it is what a first, checked ingest says (see verify.ts). */
export function givenInput(path: string): Input {
  const file = { path, bytes: statSync(path).size, truth: undefined, facts: { lfs: countLfs(path) } };
  return { title: basename(path), main: file, peers: file };
}

/** What made the file: a changed generator makes another one. */
function fixtureFingerprint(): string {
  const hash = createHash('sha256');
  const below = join(ROOT, 'src/cli/fixture');
  for (const name of readdirSync(below).sort()) hash.update(name).update(readFileSync(join(below, name)));
  return hash
    .update(readFileSync(import.meta.filename))
    .digest('hex')
    .slice(0, 16);
}

function readMeta(place: string): MadeMeta | undefined {
  try {
    const meta = JSON.parse(readFileSync(join(place, 'made.json'), 'utf8')) as MadeMeta;
    const whole = (['main', 'peers'] as const).every(
      (which) => statSync(join(place, `${which}.csv`)).size === meta[which].bytes,
    );
    return whole ? meta : undefined;
  } catch {
    return undefined;
  }
}

/** Written aside and renamed: a run that was interrupted leaves nothing that looks finished. */
async function make(place: string, lines: number, seed: number, fingerprint: string): Promise<MadeMeta> {
  const aside = `${place}.making`;
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  const main = new MadeFile(await open(join(aside, 'main.csv'), 'w'), await open(join(aside, 'main.truth.csv'), 'w'));
  const peers = new MadeFile(
    await open(join(aside, 'peers.csv'), 'w'),
    await open(join(aside, 'peers.truth.csv'), 'w'),
  );
  const lost = new Set<string>();
  const options = { ...FIXTURE_DEFAULTS, lines, seed, asOf: AS_OF };
  for (const block of fixtureBlocks(options, { truth: true })) {
    const records = recordsOf(block.file, Buffer.from(block.truth ?? []).toString('utf8'), main.line);
    await main.write(records);
    await peers.write(records.filter((record) => isForPeers(record, lost)));
  }
  const meta = { fingerprint, main: await main.close(), peers: await peers.close() };
  const handle = await open(join(aside, 'made.json'), 'w');
  await handle.writeFile(JSON.stringify(meta));
  await handle.sync();
  await handle.close();
  rmSync(place, { recursive: true, force: true });
  renameSync(aside, place);
  return meta;
}

interface MadeRecord {
  /** The record and the empty lines after it; of the first, the header stands before it. */
  readonly bytes: Uint8Array;
  readonly headerBytes: number;
  readonly ref: string;
  readonly outcome: string;
  readonly code: string;
  readonly cents: string;
}

const LF = 0x0a;
const CR = 0x0d;
const TRUTH_ROW = /^(\d+),("(?:[^"]|"")*"|[^,"]*),([a-z]+),([A-Z0-9_]*),(\d*)$/gm;

/** Rows of a truth, its header left out: line, reference as it is written there, outcome, code, cents. */
export function truthRows(truth: string): RegExpExecArray[] {
  return [...truth.matchAll(TRUTH_ROW)];
}

/** `firstLine`: physical line of the block's first byte. */
function recordsOf(file: Uint8Array, truth: string, firstLine: number): MadeRecord[] {
  const starts = [0];
  for (let at = file.indexOf(LF); at >= 0; at = file.indexOf(LF, at + 1)) starts.push(at + 1);
  const rows = truthRows(truth);
  return rows.map((row, index) => {
    const next = rows[index + 1];
    const from = starts[Number(row[1]) - firstLine];
    const to = next === undefined ? file.length : starts[Number(next[1]) - firstLine];
    // The header is the first line of the first block.
    const start = index === 0 ? 0 : from;
    const [ref, outcome, code, cents] = row.slice(2) as [string, string, string, string];
    return { bytes: file.subarray(start, to), headerBytes: from - start, ref, outcome, code, cents };
  });
}

const LOSING_CODES: ReadonlySet<string> = new Set(['QUOTE_MALFORMED', 'FIELD_COUNT']);

/** `lost`: references of good records left out; what repeats them would change its outcome, so it is left out too. */
function isForPeers(record: MadeRecord, lost: Set<string>): boolean {
  if (lost.has(record.ref) && record.outcome === 'duplicate') return false;
  const { bytes, headerBytes, code } = record;
  const body = bytes.subarray(headerBytes);
  const emptyLine = body.at(-2) === LF;
  const plain = !body.includes(CR) && !body.includes(0) && isUtf8(body) && !emptyLine;
  if (plain && !LOSING_CODES.has(code)) return true;
  if (record.outcome === 'created') lost.add(record.ref);
  return false;
}

const HEADER_LINE = 1;

/** A file and its truth as they are written. */
class MadeFile {
  /** Physical line of the next byte. */
  line = HEADER_LINE;
  readonly #file: FileHandle;
  readonly #truth: FileHandle;
  readonly #sum = new FactsSum();
  #bytes = 0;

  constructor(file: FileHandle, truth: FileHandle) {
    this.#file = file;
    this.#truth = truth;
  }

  async write(records: readonly MadeRecord[]): Promise<void> {
    let rows = this.line === HEADER_LINE ? TRUTH_HEADER : '';
    for (const { bytes, headerBytes, ref, outcome, code, cents } of records) {
      if (headerBytes > 0) this.line++;
      rows += `${this.line},${ref},${outcome},${code},${cents}\n`;
      this.#sum.add(outcome, code, cents);
      this.#bytes += bytes.length;
      for (let at = bytes.indexOf(LF, headerBytes); at >= 0; at = bytes.indexOf(LF, at + 1)) this.line++;
    }
    await this.#file.writeFile(Buffer.concat(records.map((record) => record.bytes)));
    await this.#truth.writeFile(rows);
  }

  async close(): Promise<{ readonly bytes: number; readonly facts: Facts }> {
    // Synced now, so that no measured sync has to write these bytes as well.
    for (const handle of [this.#file, this.#truth]) {
      await handle.sync();
      await handle.close();
    }
    return { bytes: this.#bytes, facts: this.#sum.total(this.line - HEADER_LINE) };
  }
}

function countLfs(path: string): number {
  const fd = openSync(path, 'r');
  const block = Buffer.allocUnsafe(1 << 20);
  let lfs = 0;
  for (let got = readSync(fd, block); got > 0; got = readSync(fd, block)) {
    const bytes = block.subarray(0, got);
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) lfs++;
  }
  closeSync(fd);
  return lfs;
}
