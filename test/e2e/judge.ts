/**
 * Judges a completed batch against the truth of its file: every answer line by line, the receipt by sums over the truth,
 * the stored debts by what was accepted, and the data folder by what must not be left in it.
 *
 * The raw bytes of each record are found from the truth's line numbers and the line ends of the file alone.
 */
import { Buffer } from 'node:buffer';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { recordText } from '../../src/core/catalogue.ts';
import type { RecordCodeName } from '../../src/core/codes.ts';
import { csvRows } from './csv.ts';
import { AS_OF, OUTCOMES, type Outcome, type Truth } from './files.ts';
import type { Ran, Sandbox } from './harness.ts';

const LF = 0x0a;
const CR = 0x0d;

export interface Receipt {
  readonly batch: string;
  readonly client: string;
  readonly file: string;
  readonly status: string;
  readonly reason: string | null;
  readonly dryRun: boolean;
  readonly bytes: number;
  readonly ranges: number;
  readonly shards: number;
  readonly lines: Readonly<Record<string, number>>;
  /** Exact. */
  readonly cents: Readonly<Record<string, bigint>>;
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly warnedBy: Readonly<Record<string, number>>;
  readonly acceptedAt: string;
  readonly businessDate: string;
  readonly finishedAt: string;
  readonly seconds: number;
  readonly linesPerSecond: number;
}

/** A receipt as `--json` prints it: one line. Cents keep every digit. */
export function receiptOf(ran: Ran): Receipt {
  expect(ran.stdout.split('\n'), ran.stderr).toHaveLength(2);
  return receiptIn(ran.stdout, (printed) => printed);
}

/** The receipt that `batch --json` shows. */
export function receiptOfBatch(ran: Ran): Receipt {
  expect(ran.code, ran.stderr).toBe(0);
  return receiptIn(ran.stdout, (printed) => (printed as { readonly receipt: unknown }).receipt);
}

function receiptIn(stdout: string, find: (printed: unknown) => unknown): Receipt {
  const exact = JSON.parse(stdout, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && /^[0-9]+$/.test(context?.source ?? '') ? BigInt(context?.source ?? '') : value,
  );
  const { cents } = find(exact) as { readonly cents: Record<string, bigint> };
  return { ...(find(JSON.parse(stdout)) as Receipt), cents };
}

/** Ingests with the generated files' business date and expects exit 0. */
export async function ingested(
  box: Sandbox,
  file: string,
  client: string,
  given: {
    readonly options?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly stdin?: Uint8Array;
  } = {},
): Promise<Receipt> {
  const args = ['ingest', file, '--client', client, '--as-of', AS_OF, '--json', ...(given.options ?? [])];
  const ran = await box.run(args, {
    ...(given.env === undefined ? {} : { env: given.env }),
    ...(given.stdin === undefined ? {} : { stdin: given.stdin }),
  });
  expect(ran.code, ran.stderr).toBe(0);
  return receiptOf(ran);
}

export interface Answers {
  readonly retorno: Buffer;
  readonly rejects: Buffer;
  readonly resubmit: Buffer;
}

export async function answersOf(box: Sandbox, batch: string): Promise<Answers> {
  const answer = async (kind: string): Promise<Buffer> => {
    const ran = await box.run([kind, batch]);
    expect(ran.code, ran.stderr).toBe(0);
    return ran.out;
  };
  const [retorno, rejects, resubmit] = await Promise.all([answer('retorno'), answer('rejects'), answer('resubmit')]);
  return { retorno, rejects, resubmit };
}

export interface Judged {
  /** The text that was read, inflated where it came in gzip. */
  readonly file: Buffer;
  readonly truth: readonly Truth[];
  readonly receipt: Receipt;
}

/** Everything that can be known of a completed batch from outside. `stored` is left out for dry runs, `folder` where there is none. */
export async function expectTruth(
  box: Sandbox,
  judged: Judged,
  how: { readonly stored?: false; readonly folder?: false } = {},
): Promise<Answers> {
  const { file, truth, receipt } = judged;
  expectReceipt(receipt, truth);
  const answers = await answersOf(box, receipt.batch);
  expectRetorno(answers.retorno, truth);
  const raw = rawRecords(file, truth);
  expectRejects(answers.rejects, truth, raw);
  expectResubmit(answers.resubmit, file, truth, raw);
  if (how.stored !== false) expect(storedDebts(box, receipt.client)).toEqual(acceptedDebts(truth));
  if (how.folder !== false) expectSound(box);
  return answers;
}

export function expectReceipt(receipt: Receipt, truth: readonly Truth[]): void {
  const lines: Record<string, number> = { total: truth.length };
  const cents: Record<string, bigint> = { total: 0n };
  for (const outcome of OUTCOMES) {
    const rows = truth.filter((row) => row.outcome === outcome);
    lines[outcome] = rows.length;
    cents[outcome] = rows.reduce((sum, row) => sum + (row.cents ?? 0n), 0n);
    cents['total'] = (cents['total'] ?? 0n) + cents[outcome];
  }
  expect(receipt).toMatchObject({
    status: 'completed',
    reason: null,
    lines,
    cents,
    rejectedBy: countsOf(truth.filter((row) => row.outcome === 'rejected')),
    warnedBy: countsOf(truth.filter((row) => ACCEPTED.has(row.outcome) && row.code !== '')),
  });
  expect(Object.keys(receipt.rejectedBy)).toHaveLength(Object.keys(countsOf(rejected(truth))).length);
}

const ACCEPTED: ReadonlySet<Outcome> = new Set(['created', 'updated', 'unchanged']);

function rejected(truth: readonly Truth[]): readonly Truth[] {
  return truth.filter((row) => row.outcome === 'rejected');
}

function countsOf(rows: readonly Truth[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of rows) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

function expectRetorno(retorno: Buffer, truth: readonly Truth[]): void {
  const winners = new Map(truth.filter((row) => ACCEPTED.has(row.outcome)).map((row) => [row.ref, row.line]));
  const expected = truth.map((row) => {
    const says = row.code === '' ? '' : recordText(row.code as RecordCodeName);
    const message = row.outcome === 'duplicate' ? `${says}, on line ${winners.get(row.ref)}` : says;
    return [String(row.line), row.ref, row.outcome, row.code, message];
  });
  expectRows(csvRows(retorno), [['line', 'external_ref', 'outcome', 'code', 'message'], ...expected]);
}

function expectRejects(rejects: Buffer, truth: readonly Truth[], raw: readonly Buffer[]): void {
  const [header, ...rows] = csvRows(rejects);
  expect(header).toEqual(['line', 'column', 'code', 'message', 'raw']);
  const expected = truth.flatMap((row, index) =>
    row.outcome === 'rejected'
      ? [[String(row.line), row.code, recordText(row.code as RecordCodeName), shown(raw[index] as Buffer)]]
      : [],
  );
  expectRows(
    rows.map(([line = '', , code = '', message = '', text = '']) => [line, code, message, text]),
    expected,
  );
  for (const [line, column = '', code = ''] of rows) {
    const whole = code === 'QUOTE_MALFORMED' || code === 'FIELD_COUNT';
    expect(whole || column !== '', `line ${line}: ${code} names its column`).toBe(true);
  }
}

/** A record as the rejects file shows it: readable, without its line end, harmless in a spreadsheet. */
function shown(raw: Buffer): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true })
    .decode(raw)
    .replace(/\r?\n$/, '')
    .replaceAll('\0', '\ufffd');
  return /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
}

function expectResubmit(resubmit: Buffer, file: Buffer, truth: readonly Truth[], raw: readonly Buffer[]): void {
  const header = file.subarray(startOfText(file), file.indexOf(LF) + 1);
  const expected = Buffer.concat([header, ...raw.filter((_, index) => truth[index]?.outcome === 'rejected')]);
  expect(resubmit.equals(expected), 'resubmit is the header and the rejected records, byte for byte').toBe(true);
}

/** A byte order mark is no part of the header. */
function startOfText(file: Buffer): number {
  return file.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0;
}

/**
 * The bytes of each record of the truth: from the start of its line to the start of the next record's, less the empty
 * lines in between.
 */
function rawRecords(file: Buffer, truth: readonly Truth[]): Buffer[] {
  const starts = [0, 0];
  for (let at = file.indexOf(LF); at >= 0; at = file.indexOf(LF, at + 1)) starts.push(at + 1);
  const startOf = (line: number): number => starts[line] ?? file.length;
  return truth.map((row, index) => {
    let next = truth[index + 1]?.line ?? starts.length;
    while (next - row.line > 1 && isEmptyLine(file, startOf(next - 1), startOf(next))) next -= 1;
    return file.subarray(startOf(row.line), startOf(next));
  });
}

function isEmptyLine(file: Buffer, start: number, end: number): boolean {
  return start === end || (end - start === 1 && file[start] === LF) || (end - start === 2 && file[start] === CR);
}

/** Rows are many: the first that differs is told, not all of them. */
function expectRows(found: readonly (readonly string[])[], expected: readonly (readonly string[])[]): void {
  for (const [index, row] of expected.entries()) {
    if (found[index]?.length !== row.length || row.some((cell, i) => found[index]?.[i] !== cell)) {
      expect(found[index], `row ${index + 1}`).toEqual(row);
    }
  }
  expect(found).toHaveLength(expected.length);
}

/** Amounts in cents by reference, of the records that were accepted. */
export function acceptedDebts(truth: readonly Truth[]): Map<string, bigint> {
  return new Map(
    truth.filter((row) => ACCEPTED.has(row.outcome)).map((row) => [row.ref, row.cents as bigint] as const),
  );
}

/** Amounts in cents by reference, as any program may read them from the table. */
export function storedDebts(box: Sandbox, client: string): Map<string, bigint> {
  return withDatabase(box, 'debts.db', (db) => {
    const read = db.prepare('SELECT external_ref, amount_cents FROM debts WHERE client = ? AND erased = 0');
    read.setReadBigInts(true);
    const rows = read.all(client) as { external_ref: string; amount_cents: bigint }[];
    const debts = new Map(rows.map((row) => [row.external_ref, row.amount_cents]));
    expect(debts.size, 'no reference is stored twice').toBe(rows.length);
    return debts;
  });
}

/** Both databases are whole, and nothing of a batch's way is left once all batches are final. */
export function expectSound(box: Sandbox): void {
  for (const name of ['control.db', 'debts.db']) {
    const answer = withDatabase(box, name, (db) => db.prepare('PRAGMA integrity_check').all());
    expect(answer, name).toEqual([{ integrity_check: 'ok' }]);
  }
  const below = (...parts: string[]): string[] => {
    const folder = box.data(...parts);
    return existsSync(folder) ? filesBelow(folder) : [];
  };
  const left = {
    staging: below('staging'),
    parts: below('objects', 'parts'),
    // What gzip inflated to; only a small batch needs it after its end.
    work: below('objects', 'work'),
    incoming: below('objects', '.incoming'),
  };
  expect(left).toEqual({ staging: [], parts: [], work: [], incoming: [] });
}

/** Paths of all files in a folder and those inside it. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function withDatabase<Answer>(box: Sandbox, name: string, use: (db: DatabaseSync) => Answer): Answer {
  const db = new DatabaseSync(box.data(name), { readOnly: true, timeout: 5000 });
  try {
    return use(db);
  } finally {
    db.close();
  }
}
