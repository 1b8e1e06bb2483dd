/**
 * Registering's work in a thread: reads a shard's pages in line order, applies the rules, finds duplicates, compares with
 * the stored debts, writes what changed under the turn, and leaves the outcomes in line order.
 *
 * Order of decisions: rules first, then duplicates among the records that passed them (by default the first by line
 * wins; debts/duplicates.ts), then the store. Records are decided chunk by chunk; inside a chunk debts are read and written in the order of their hashes,
 * which is the order of the table, so that the store appends where it can and reads near where it wrote.
 *
 * Memory: one chunk, the distinct references of the shard, what the store takes at a time, one block of outcomes.
 */

import { detail } from '../core/catalogue.ts';
import { CentsSum } from '../core/cents.ts';
import { OUTCOMES, RECORD_CODES, recordCodeName } from '../core/codes.ts';
import { Fault } from '../core/faults.ts';
import { readShardRow, stretchesOf } from '../engine/stagedTable.ts';
import { DEBT_FATES, type Registration } from '../io/ports/debts.ts';
import type { ObjectPin } from '../io/ports/objects.ts';
import { AMOUNT, DUE_DATE, NO_COLUMN, REF } from '../kernel/columns.ts';
import { PageReader } from '../kernel/pages.ts';
import { EntryWriter } from '../kernel/parts.ts';
import type { BusinessRules } from '../kernel/plan.ts';
import { RECORD_HEAD_BYTES, type RecordChunk } from '../kernel/recordChunk.ts';
import { applyRules, type CompiledRules, compileRules, nearPrescription } from '../kernel/rules.ts';
import { outcomesPartKey } from './batch/keys.ts';
import type { RegisteringMode } from './batch/messages.ts';
import type { OutcomeTotals } from './batch/receipt.ts';
import { CREATED, DUPLICATE, optionalColumns, REJECTED, UNCHANGED } from './debts/decide.ts';
import { lineOf, placeOf, REFUSED, Repeats, WINS } from './debts/duplicates.ts';
import { registerChunk } from './debts/registerChunk.ts';
import type { Survey } from './debts/survey.ts';
import { readAll } from './pick.task.ts';
import type { TaskContext } from './taskContext.ts';

/** The stored table of staged ranges. */
export interface StagedTableObject extends ObjectPin {
  readonly bytes: number;
}

export interface RegisterArgs {
  readonly batch: string;
  readonly client: string;
  readonly mode: RegisteringMode;
  readonly turn: number;
  readonly turnAtMs: number;
  readonly rules: BusinessRules;
  /** The header's columns, from the left. */
  readonly fields: readonly number[];
  /** Absent where there is but one. */
  readonly shard?: number;
}

export interface ShardResult extends OutcomeTotals {
  readonly records: number;
  readonly part: { readonly key: string; readonly etag: string; readonly bytes: number };
  /** How the batch's answers are cut to pieces (answers/pieces.ts), and where in the part the outcomes of each piece begin. */
  readonly pieceRecords: number;
  readonly pieceStarts: readonly number[];
}

const ERASED = DEBT_FATES.indexOf('erased');

export async function register(
  args: RegisterArgs & {
    readonly shard: number;
    readonly table: StagedTableObject;
    readonly ranges: number;
    readonly attempt: string;
    readonly pieceRecords: number;
    /** First lines of the pieces after the first. */
    readonly cutLines: readonly number[];
  },
  context: TaskContext,
): Promise<ShardResult> {
  const place = { batch: args.batch, shard: args.shard };
  const staged = await shardRow(args.table, args.ranges, args.shard, context);
  const registrar = new Registrar(args, context, args.cutLines);
  const part = await context.objects.create(outcomesPartKey(args.batch, args.mode, args.shard, args.attempt));
  const emit = (block: Uint8Array): Promise<void> => part.write(block);
  try {
    const { totals } = await registrar.all(stagedPages(args, staged, context), emit);
    if (registrar.records !== staged.records) {
      throw new Fault('STAGED_PAGES_SHORT', detail('RECORDS_OF', registrar.records, staged.records), place);
    }
    const { key, etag, bytes } = await part.commit();
    return {
      ...totals,
      records: registrar.records,
      part: { key, etag, bytes },
      pieceRecords: args.pieceRecords,
      pieceStarts: registrar.pieceStarts,
    };
  } finally {
    await part.abort();
  }
}

export async function shardRow(table: StagedTableObject, ranges: number, shard: number, context: TaskContext) {
  const { head, row } = stretchesOf(ranges, shard);
  const headBytes = new Uint8Array(head);
  const rowBytes = new Uint8Array(row[1] - row[0]);
  await readAll(context, table, 0, head, headBytes);
  await readAll(context, table, row[0], row[1], rowBytes);
  return readShardRow(headBytes, rowBytes, ranges);
}

type Emit = (block: Uint8Array) => Promise<void>;
/** Gives pages one after another, each valid until its promise is kept; called again it gives them again. */
export type ReadPages<Answer> = (take: (page: Uint8Array) => Promise<void>) => Promise<Answer>;

/** The staged pages of a shard. */
export function stagedPages(
  { batch, shard }: { readonly batch: string; readonly shard: number },
  { sources }: Awaited<ReturnType<typeof shardRow>>,
  { staging }: Pick<TaskContext, 'staging'>,
): ReadPages<void> {
  return async (take) => {
    for (const source of sources) for await (const page of staging.read(batch, shard, source)) await take(page);
  };
}

/** One run over the records of a shard (or of a small batch), page by page, in line order. */
export class Registrar {
  records = 0;
  /** Where in what was emitted the outcomes of each piece begin; whole once it ended. */
  readonly pieceStarts = [0];
  readonly #cutLines: readonly number[];
  #emittedBytes = 0;
  readonly #args: RegisterArgs;
  readonly #context: TaskContext;
  readonly #rules: CompiledRules;
  readonly #registration: Registration;
  readonly #reader = new PageReader();
  readonly #repeats: Repeats;
  readonly #chunk: RecordChunk;
  readonly #entries: EntryWriter;
  readonly #totals = new Totals();
  #lastLine = 0;
  #notedLine = 0;
  readonly #survey: Survey | undefined;

  /** A block of outcomes ends before each of `cutLines` (ascending). `survey` is told of what would be registered. */
  constructor(args: RegisterArgs, context: TaskContext, cutLines: readonly number[] = [], survey?: Survey) {
    this.#args = args;
    this.#cutLines = cutLines;
    this.#survey = survey;
    this.#context = context;
    this.#rules = compileRules(args.rules);
    this.#registration = { ...args, hasOptional: optionalColumns(args.fields) };
    const { chunkRecords, chunkTextBytes, entryBlockBytes } = context.limits;
    this.#entries = new EntryWriter(entryBlockBytes);
    this.#chunk = context.scratch.chunk(chunkRecords, chunkTextBytes);
    this.#chunk.clear();
    this.#repeats = new Repeats(args.rules.duplicates ?? 'first', context.scratch.references());
  }

  /**
   * Registers the records of all pages that `read` gives, in the order of lines; where a later record can decide about an
   * earlier one, `read` is called twice. Answers what it answered, and what became of the records.
   */
  async all<Answer>(
    read: ReadPages<Answer>,
    emit: Emit,
  ): Promise<{ readonly answer: Answer; readonly totals: OutcomeTotals }> {
    if (this.#repeats.isLookingAhead) await read(async (page) => this.#note(page));
    const answer = await read((page) => this.#page(page, emit));
    return { answer, totals: await this.#end(emit) };
  }

  /** Takes note of the records that pass the rules, each with its reference. */
  #note(page: Uint8Array): void {
    const reader = this.#reader;
    this.#load(page, this.#notedLine);
    while (reader.next()) {
      if (applyRules(this.#rules, reader.packedDate, reader.cents) !== 0) continue;
      this.#repeats.note(
        reader.refHash,
        reader.bytes,
        reader.refStart,
        reader.refEnd,
        placeOf(reader.line, reader.sub),
      );
    }
    this.#notedLine = reader.line;
  }

  async #page(page: Uint8Array, emit: Emit): Promise<void> {
    this.#load(page, this.#lastLine);
    while (this.#reader.next()) {
      if (this.#chunk.add(this.#reader)) continue;
      await this.#decideChunk(emit);
      if (!this.#chunk.add(this.#reader)) throw new Fault('STORE_CORRUPT', 'a staged record is larger than a chunk');
    }
    this.#lastLine = this.#reader.line;
  }

  /** Each page has its own sum, and tells nothing of its neighbours: who comes first decides which of two records wins. */
  #load(page: Uint8Array, lastLine: number): void {
    this.#reader.load(page);
    const { shard, line, isSeveral } = this.#reader;
    // Several records of a line may stand on both sides of where a page ends.
    if (shard === (this.#args.shard ?? 0) && (line > lastLine || (isSeveral && line === lastLine))) return;
    throw new Fault('STORE_CORRUPT', 'a staged page stands in the place of another one', { batch: this.#args.batch });
  }

  async #end(emit: Emit): Promise<OutcomeTotals> {
    await this.#decideChunk(emit);
    await this.#cutBefore(Number.POSITIVE_INFINITY, emit);
    return this.#totals.plain();
  }

  async #decideChunk(emit: Emit): Promise<void> {
    const chunk = this.#chunk;
    for (let i = 0; i < chunk.count; i++) this.#judge(i);
    await this.#settleWithStore();
    for (let i = 0; i < chunk.count; i++) {
      if ((chunk.lines[i] as number) >= this.#nextCut) await this.#cutBefore(chunk.lines[i] as number, emit);
      this.#enter(i);
      if (this.#entries.full) await this.#drain(emit);
    }
    this.records += chunk.count;
    chunk.clear();
  }

  /** Rules, then duplicates; what passes both is `CREATED` until the store has been asked. */
  #judge(i: number): void {
    const chunk = this.#chunk;
    const day = chunk.days[i] as number;
    const refused = applyRules(this.#rules, day, chunk.cents[i] as number);
    chunk.winners[i] = 0;
    if (refused !== 0) {
      chunk.outcomes[i] = REJECTED;
      chunk.codes[i] = refused;
      return;
    }
    const place = placeOf(chunk.lines[i] as number, chunk.subs[i] as number);
    const winner = this.#repeats.judge(
      chunk.hashes[i] as number,
      chunk.arena,
      (chunk.starts[i] as number) + RECORD_HEAD_BYTES,
      chunk.refEnds[i] as number,
      place,
    );
    if (winner === REFUSED) {
      chunk.outcomes[i] = REJECTED;
      chunk.codes[i] = RECORD_CODES.REF_REPEATED.id;
      return;
    }
    if (winner !== WINS) {
      chunk.outcomes[i] = DUPLICATE;
      chunk.codes[i] = winner < place ? RECORD_CODES.DUPLICATE_REF.id : RECORD_CODES.REF_REPLACED.id;
      chunk.winners[i] = lineOf(winner);
      return;
    }
    const warning = chunk.warnings[i] as number;
    chunk.outcomes[i] = CREATED;
    chunk.codes[i] =
      warning === 0 && nearPrescription(this.#rules, day) ? RECORD_CODES.DEBT_NEAR_PRESCRIPTION.id : warning;
  }

  async #settleWithStore(): Promise<void> {
    const chunk = this.#chunk;
    const order = chunk.byHash((i) => chunk.outcomes[i] === CREATED);
    // The fates of what the store decides have the numbers of their outcomes, but for tombstones.
    const answer = await registerChunk(this.#context.debts, this.#registration, chunk, order);
    if (answer === 'superseded') {
      throw new Fault('TURN_SUPERSEDED', `turn ${this.#args.turn}`, { batch: this.#args.batch });
    }
    for (const i of order) {
      if (chunk.outcomes[i] !== ERASED) continue;
      chunk.outcomes[i] = REJECTED;
      chunk.codes[i] = RECORD_CODES.DEBT_ERASED.id;
    }
  }

  /** Writes the record's outcome and counts it. */
  #enter(i: number): void {
    const chunk = this.#chunk;
    const outcome = chunk.outcomes[i] as number;
    const code = chunk.codes[i] as number;
    const cents = chunk.cents[i] as number;
    const rejected = outcome === REJECTED;
    this.#entries.add(
      chunk.lines[i] as number,
      outcome,
      code,
      columnOf(code),
      cents,
      chunk.arena,
      (chunk.starts[i] as number) + RECORD_HEAD_BYTES,
      chunk.refEnds[i] as number,
      chunk.winners[i] as number,
      rejected ? (chunk.offsets[i] as number) : 0,
      rejected ? (chunk.rawBytes[i] as number) : 0,
      chunk.subs[i] as number,
    );
    this.#totals.add(outcome, code, cents);
    if (this.#survey !== undefined && outcome <= UNCHANGED) this.#survey.add(chunk, i);
  }

  get #nextCut(): number {
    return this.#cutLines[this.pieceStarts.length - 1] ?? Number.POSITIVE_INFINITY;
  }

  /** Ends the block, and with it every piece that lies before the line. */
  async #cutBefore(line: number, emit: Emit): Promise<void> {
    this.#entries.flush();
    await this.#drain(emit);
    while (this.pieceStarts.length <= this.#cutLines.length && this.#nextCut <= line) {
      this.pieceStarts.push(this.#emittedBytes);
    }
  }

  async #drain(emit: Emit): Promise<void> {
    for (let block = this.#entries.takeBlock(); block !== undefined; block = this.#entries.takeBlock()) {
      await emit(block);
      this.#emittedBytes += block.length;
    }
  }
}

function columnOf(code: number): number {
  switch (code) {
    case RECORD_CODES.DUE_DATE_NOT_PAST.id:
    case RECORD_CODES.DEBT_PRESCRIBED.id:
    case RECORD_CODES.DEBT_NEAR_PRESCRIPTION.id:
      return DUE_DATE;
    case RECORD_CODES.AMOUNT_BELOW_MINIMUM.id:
    case RECORD_CODES.AMOUNT_ABOVE_MAXIMUM.id:
      return AMOUNT;
    case RECORD_CODES.DUPLICATE_REF.id:
    case RECORD_CODES.REF_REPLACED.id:
    case RECORD_CODES.REF_REPEATED.id:
    case RECORD_CODES.DEBT_ERASED.id:
      return REF;
    default:
      return NO_COLUMN;
  }
}

class Totals {
  readonly #lines = OUTCOMES.map(() => 0);
  readonly #cents = OUTCOMES.map(() => new CentsSum());
  readonly #codes = new Float64Array(256);

  add(outcome: number, code: number, cents: number): void {
    this.#lines[outcome] = (this.#lines[outcome] as number) + 1;
    this.#cents[outcome]?.add(cents);
    this.#codes[code] = (this.#codes[code] as number) + 1;
  }

  plain(): OutcomeTotals {
    const rejectedBy: Record<string, number> = {};
    const warnedBy: Record<string, number> = {};
    for (const [id, count] of this.#codes.entries()) {
      const name = recordCodeName(id);
      if (count === 0 || name === undefined) continue;
      const { kind } = RECORD_CODES[name];
      if (kind === 'reject') rejectedBy[name] = count;
      else if (kind === 'warn') warnedBy[name] = count;
    }
    return { lines: this.#lines, cents: this.#cents.map((sum) => sum.total().toString()), rejectedBy, warnedBy };
  }
}
