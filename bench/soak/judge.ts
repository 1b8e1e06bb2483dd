/**
 * The oracle's verdict on a soak: what must have become of every line of every file, by a model that is a plain `Map`.
 *
 * The files of a client are applied to the map in the order in which the engine accepted them. Whether a record is good,
 * bad or a duplicate is the truth of the generator, whatever came before; whether a good one is created, updated or
 * unchanged is what the map says. Then each batch's retorno, its receipt and the client's stored debts must be the model's.
 */
import type { Buffer } from 'node:buffer';
import { recordText } from '../../src/core/catalogue.ts';
import type { RecordCodeName } from '../../src/core/codes.ts';
import { csvRows } from '../../test/e2e/csv.ts';
import { OUTCOMES, type Outcome, type Truth } from '../../test/e2e/files.ts';

export interface SentFile {
  readonly client: string;
  readonly name: string;
  readonly truth: () => readonly Truth[];
  /**
   * `dry`: nothing of it is registered, and which of its good records are new depends on when it was looked at.
   * `cancellable`: it was asked to be cancelled, and is registered where that came too late.
   */
  readonly fate?: 'dry' | 'cancellable';
}

export interface SeenBatch {
  readonly id: string;
  readonly file: string;
  /** Its place in the order of acceptance. */
  readonly number: number;
  readonly state: string;
  readonly receipt: string | null;
  readonly failure: { readonly code: string } | null;
}

/** What an installation shows once it stands still. */
export interface Evidence {
  /** All batches of a client, in any order. */
  batches(client: string): Promise<readonly SeenBatch[]>;
  retorno(batch: string): Promise<Buffer>;
  debts(client: string): AsyncIterable<readonly [ref: string, cents: bigint]>;
  /** What is there and should not be, one text each. */
  remains(): Promise<readonly string[]>;
}

export interface Verdict {
  /** Empty where all is as it must be. */
  readonly problems: readonly string[];
  /** More than are told. */
  readonly problemsUntold: number;
  readonly batches: number;
  readonly lines: Readonly<Record<Outcome, number>>;
  readonly debts: number;
}

const PROBLEMS_TOLD_MAX = 20;

export async function judge(sent: readonly SentFile[], evidence: Evidence): Promise<Verdict> {
  const problems = new Problems();
  const lines = zeroLines();
  let batches = 0;
  let debts = 0;
  for (const [client, files] of byClient(sent)) {
    const model = new Map<string, bigint>();
    for (const { batch, file } of pairs(client, files, await evidence.batches(client), problems)) {
      const where = `${client}/${file.name}`;
      if (file.fate === 'cancellable' && batch.state === 'cancelled') {
        batches += 1;
        continue;
      }
      if (batch.state !== 'completed') {
        problems.add(`${where} is ${batch.state}${batch.failure === null ? '' : ` (${batch.failure.code})`}`);
        continue;
      }
      batches += 1;
      if (file.fate === 'dry') {
        problems.addFound(where, dryProblem(csvRows(await evidence.retorno(batch.id)), file.truth()));
        continue;
      }
      const expected = applied(model, file.truth());
      for (const outcome of OUTCOMES) lines[outcome] += expected.lines[outcome];
      problems.addFound(where, rowProblem(csvRows(await evidence.retorno(batch.id)), expected.rows));
      problems.addFound(where, receiptProblem(batch.receipt, expected));
    }
    await compareDebts(client, model, evidence.debts(client), problems);
    debts += model.size;
  }
  for (const left of await evidence.remains()) problems.add(`left over: ${left}`);
  return { problems: problems.told, problemsUntold: problems.untold, batches, lines, debts };
}

class Problems {
  readonly told: string[] = [];
  untold = 0;

  add(says: string): void {
    if (this.told.length < PROBLEMS_TOLD_MAX) this.told.push(says);
    else this.untold += 1;
  }

  addFound(where: string, says: string | undefined): void {
    if (says !== undefined) this.add(`${where}: ${says}`);
  }
}

function byClient(sent: readonly SentFile[]): Map<string, Map<string, SentFile>> {
  const clients = new Map<string, Map<string, SentFile>>();
  for (const file of sent) {
    let files = clients.get(file.client);
    if (files === undefined) clients.set(file.client, (files = new Map()));
    files.set(file.name, file);
  }
  return clients;
}

/** Batches with their files, in order of acceptance. Each file must have one batch, each batch a file. */
function pairs(
  client: string,
  files: ReadonlyMap<string, SentFile>,
  batches: readonly SeenBatch[],
  problems: Problems,
): { readonly batch: SeenBatch; readonly file: SentFile }[] {
  const found: { batch: SeenBatch; file: SentFile }[] = [];
  const seen = new Set<string>();
  for (const batch of [...batches].sort((a, b) => a.number - b.number)) {
    const file = files.get(batch.file);
    if (file === undefined) problems.add(`${client}: batch ${batch.id} is of a file that nobody sent`);
    else if (seen.has(file.name)) problems.add(`${client}/${file.name} has a second batch, ${batch.id}`);
    else found.push({ batch, file });
    if (file !== undefined) seen.add(file.name);
  }
  for (const name of files.keys()) if (!seen.has(name)) problems.add(`${client}/${name} has no batch`);
  return found;
}

interface Expected {
  /** Of the retorno, without its header. */
  readonly rows: readonly (readonly string[])[];
  readonly lines: Record<Outcome, number>;
  readonly cents: Record<Outcome, bigint>;
}

/** Applies a file to the model, and tells what must be answered. */
function applied(model: Map<string, bigint>, truth: readonly Truth[]): Expected {
  const expected = { lines: zeroLines(), cents: zeroCents() };
  const winners = new Map<string, number>();
  const rows = truth.map((row) => {
    const outcome = outcomeOf(model, row);
    expected.lines[outcome] += 1;
    expected.cents[outcome] += row.cents ?? 0n;
    if (outcome === 'created' || outcome === 'updated') model.set(row.ref, row.cents as bigint);
    if (outcome !== 'rejected' && outcome !== 'duplicate') winners.set(row.ref, row.line);
    const says = row.code === '' ? '' : recordText(row.code as RecordCodeName);
    const message = outcome === 'duplicate' ? `${says}, on line ${winners.get(row.ref)}` : says;
    return [String(row.line), row.ref, outcome, row.code, message];
  });
  return { rows, ...expected };
}

function outcomeOf(model: ReadonlyMap<string, bigint>, { ref, cents, outcome }: Truth): Outcome {
  if (outcome === 'rejected' || outcome === 'duplicate') return outcome;
  const stored = model.get(ref);
  if (stored === undefined) return 'created';
  return stored === cents ? 'unchanged' : 'updated';
}

const HEADER = ['line', 'external_ref', 'outcome', 'code', 'message'];

/** The first row that differs. Rows may name people's references: what is told is where it is and what became of it. */
function rowProblem(found: readonly (readonly string[])[], rows: readonly (readonly string[])[]): string | undefined {
  for (let at = 0; at < Math.max(found.length, rows.length + 1); at++) {
    const is = found[at];
    const shouldBe = at === 0 ? HEADER : rows[at - 1];
    if (is === undefined) return `the retorno lacks line ${shouldBe?.[0]}`;
    if (shouldBe === undefined) return `the retorno has a row too many, of line ${is[0]}`;
    if (is.length !== shouldBe.length || is.some((cell, i) => cell !== shouldBe[i])) {
      return `row ${at} of the retorno is of line ${is[0]}, ${is[2]} ${is[3]}; it should be of line ${shouldBe[0]}, ${shouldBe[2]} ${shouldBe[3]}`;
    }
  }
  return undefined;
}

/** A good record of a dry run may be any of these. */
const GOOD: ReadonlySet<string | undefined> = new Set(['created', 'updated', 'unchanged']);

function dryProblem(found: readonly (readonly string[])[], truth: readonly Truth[]): string | undefined {
  if (found.length !== truth.length + 1) return `the retorno has ${found.length - 1} rows of ${truth.length}`;
  const wrong = truth.find((row, at) => {
    const outcome = found[at + 1]?.[2];
    return row.outcome === 'created' ? !GOOD.has(outcome) : outcome !== row.outcome;
  });
  return wrong === undefined ? undefined : `line ${wrong.line} of a dry run has another outcome`;
}

function receiptProblem(text: string | null, expected: Expected): string | undefined {
  if (text === null) return 'it has no receipt';
  // Sums of cents may be larger than a double holds exactly.
  const receipt = JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && /^[0-9]+$/.test(context?.source ?? '') ? BigInt(context?.source ?? '') : value,
  ) as { readonly lines: Record<string, bigint>; readonly cents: Record<string, bigint> };
  const sum = { lines: 0n, cents: 0n };
  for (const outcome of OUTCOMES) {
    const is = [receipt.lines[outcome], receipt.cents[outcome]] as const;
    const shouldBe = [BigInt(expected.lines[outcome]), expected.cents[outcome]] as const;
    if (is[0] !== shouldBe[0] || is[1] !== shouldBe[1]) {
      return `the receipt has ${is[0]} lines and ${is[1]} cents ${outcome}; it should have ${shouldBe[0]} and ${shouldBe[1]}`;
    }
    sum.lines += shouldBe[0];
    sum.cents += shouldBe[1];
  }
  const same = receipt.lines['total'] === sum.lines && receipt.cents['total'] === sum.cents;
  return same ? undefined : 'the totals of the receipt are not the sums of its outcomes';
}

async function compareDebts(
  client: string,
  model: ReadonlyMap<string, bigint>,
  stored: AsyncIterable<readonly [string, bigint]>,
  problems: Problems,
): Promise<void> {
  const seen = new Set<string>();
  for await (const [ref, cents] of stored) {
    const shouldBe = model.get(ref);
    if (seen.has(ref)) problems.add(`${client}: a debt is stored twice`);
    else if (shouldBe === undefined) problems.add(`${client}: a debt is stored that no file brought`);
    else if (shouldBe !== cents) problems.add(`${client}: a debt has ${cents} cents; it should have ${shouldBe}`);
    seen.add(ref);
  }
  const missing = [...model.keys()].filter((ref) => !seen.has(ref)).length;
  if (missing > 0) problems.add(`${client}: ${missing} debts are not stored`);
}

function zeroLines(): Record<Outcome, number> {
  return { created: 0, updated: 0, unchanged: 0, duplicate: 0, rejected: 0 };
}

function zeroCents(): Record<Outcome, bigint> {
  return { created: 0n, updated: 0n, unchanged: 0n, duplicate: 0n, rejected: 0n };
}
