/**
 * Drives a `RangeKernel` over one range as a reader does (chunks, carry-over moved to the front, output taken when full)
 * and puts all it says in the words of the oracle: one text for each record, so that two runs compare as lists.
 */
import { OUTCOMES, recordCodeName } from '../../src/core/codes.ts';
import { COLUMNS, NO_COLUMN } from '../../src/kernel/columns.ts';
import { columnName } from '../../src/kernel/documents.ts';
import { hashRef, shardOf } from '../../src/kernel/hash.ts';
import { RangeKernel, type RangeTotals } from '../../src/kernel/kernel.ts';
import { PageReader } from '../../src/kernel/pages.ts';
import { EntryReader } from '../../src/kernel/parts.ts';
import type { RecordPlan } from '../../src/kernel/plan.ts';
import { byteString } from './grammar.ts';
import { KEPT, type OracleRecord, oracleTotals } from './oracle.ts';

export interface Drive {
  readonly plan: RecordPlan;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly firstLine: number;
  /** How much the reader adds at a time. */
  readonly chunkBytes: number;
  readonly pageBytes: number;
}

export interface Driven {
  /** One text a record, in line order. */
  readonly records: readonly string[];
  readonly totals: string;
  /** What no right kernel does, whatever the input. */
  readonly broken: readonly string[];
}

export type Driver = (drive: Drive) => Driven;

export function judgeRecords(drive: Drive, expected: readonly OracleRecord[], driver: Driver = driveKernel) {
  const driven = driver(drive);
  if (driven.broken.length > 0) return driven.broken[0]!;
  const wanted = expected.map((record) => describe(record, drive.bytes));
  const count = Math.max(wanted.length, driven.records.length);
  for (let index = 0; index < count; index++) {
    if (wanted[index] !== driven.records[index]) {
      return `record ${index} is\n  ${driven.records[index]} instead of\n  ${wanted[index]}`;
    }
  }
  const totals = describeTotals(oracleTotals(expected));
  return driven.totals === totals ? undefined : `totals are\n  ${driven.totals} instead of\n  ${totals}`;
}

/** One record in the words that both sides use. */
function describe(record: OracleRecord, bytes: Uint8Array): string {
  const { line, start, end } = record;
  if (record.outcome === 'rejected') {
    const raw = byteString(bytes.subarray(start, end));
    return JSON.stringify([line, 'rejected', record.code, record.column, record.cents ?? -1, record.ref, raw]);
  }
  const values = COLUMNS.map((column) => record.values[column]);
  return JSON.stringify([line, 'staged', start, end - start, values, record.warning]);
}

function describeTotals(totals: Omit<RangeTotals, 'pagesByShard' | 'recordsByShard'>): string {
  const { records, staged, rejected, centsStaged, centsRejected, rejectedBy } = totals;
  const by = Object.entries(rejectedBy)
    .filter(([, count]) => count > 0)
    .sort();
  return JSON.stringify([records, staged, rejected, String(centsStaged), String(centsRejected), by]);
}

// Whoever reads outside its bytes finds quotes and line ends there.
const PAD_BYTES = 3;
const POISON = 0x22;
const LF = 0x0a;

/** What the pipeline asks of a kernel: `RangeKernel`, or another engine with its promises. */
export type KernelLike = Pick<RangeKernel, 'feed' | 'full' | 'takePage' | 'takeRejects' | 'flush' | 'totals'>;

type MakeKernel = (plan: RecordPlan, firstLine: number, startOffset: number, pageBytes: number) => KernelLike;

export const driveKernel: Driver = (drive) => driveEngine(drive, (...of) => new RangeKernel(...of));

/** Drives any engine with the kernel's interface. */
export function driveEngine(drive: Drive, make: MakeKernel): Driven {
  const { plan, bytes, start, end, firstLine, chunkBytes, pageBytes } = drive;
  const kernel = make(plan, firstLine, start, pageBytes);
  const output = new Output(plan, pageBytes);
  // A view into a larger buffer; of either class that readers use.
  const room = PAD_BYTES + (end - start) + PAD_BYTES;
  const slab = new ArrayBuffer(8 + room);
  const buffer = (chunkBytes % 2 === 0 ? Buffer.from(slab, 5, room) : new Uint8Array(slab, 5, room)).fill(POISON);
  let from = PAD_BYTES;
  let filled = PAD_BYTES;
  let read = start;
  while (read < end) {
    // Carry-over: what was not consumed moves to the front, foreign bytes stand around it.
    buffer.copyWithin(PAD_BYTES, from, filled);
    filled = PAD_BYTES + (filled - from);
    from = PAD_BYTES;
    const take = Math.min(chunkBytes, end - read);
    buffer.set(bytes.subarray(read, read + take), filled);
    filled += take;
    read += take;
    buffer.fill(read % 2 === 0 ? POISON : LF, filled);
    const last = read === end;
    const given = Uint8Array.from(buffer);
    for (;;) {
      const at = kernel.feed(buffer, from, filled, last);
      if (at < from || at > filled) return output.bug(`feed of [${from}, ${filled}) returned ${at}`);
      from = at;
      if (!kernel.full) break;
      if (output.take(kernel) === 0) return output.bug('the kernel is full and has nothing to give');
    }
    if (Buffer.compare(given, buffer) !== 0) return output.bug('the kernel wrote into its input');
    if (last && from !== filled) return output.bug(`${filled - from} bytes were left at the end`);
  }
  kernel.flush();
  output.take(kernel);
  if (output.take(kernel) !== 0 || kernel.full) return output.bug('there is output left after the flush');
  return output.result(kernel.totals());
}

/** Takes and decodes what a kernel gives. */
class Output {
  readonly #plan: RecordPlan;
  readonly #pageBytes: number;
  readonly #records: { line: number; says: string }[] = [];
  readonly #broken: string[] = [];
  readonly #pagesByShard: number[];
  readonly #recordsByShard: number[];
  readonly #lastLine: number[];
  readonly #page = new PageReader();
  readonly #entry = new EntryReader();
  #lastRejectedLine = 0;

  constructor(plan: RecordPlan, pageBytes: number) {
    this.#plan = plan;
    this.#pageBytes = pageBytes;
    this.#pagesByShard = new Array<number>(plan.shards).fill(0);
    this.#recordsByShard = new Array<number>(plan.shards).fill(0);
    this.#lastLine = new Array<number>(plan.shards).fill(0);
  }

  bug(says: string): Driven {
    return { records: [], totals: '', broken: [...this.#broken, says] };
  }

  result(totals: RangeTotals): Driven {
    for (let shard = 0; shard < this.#plan.shards; shard++) {
      if (totals.pagesByShard[shard] !== this.#pagesByShard[shard]) this.#broken.push(`pages of shard ${shard}`);
      if (totals.recordsByShard[shard] !== this.#recordsByShard[shard]) this.#broken.push(`records of shard ${shard}`);
    }
    const records = [...this.#records].sort((a, b) => a.line - b.line).map((record) => record.says);
    return { records, totals: describeTotals(totals), broken: this.#broken };
  }

  /** Returns how many pages and blocks it took. */
  take(kernel: KernelLike): number {
    let taken = 0;
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      if (page.bytes.length > this.#pageBytes) this.#broken.push(`a page of ${page.bytes.length} bytes`);
      this.#readPage(page.shard, page.bytes.slice(), page.records);
      taken++;
    }
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) {
      this.#readRejects(block.slice());
      taken++;
    }
    return taken;
  }

  #readPage(shard: number, bytes: Uint8Array, records: number): void {
    const page = this.#page;
    page.load(bytes);
    if (page.shard !== shard) this.#broken.push(`a page of shard ${shard} says ${page.shard}`);
    let read = 0;
    while (page.next()) {
      read++;
      const { line } = page;
      if (line <= this.#lastLine[shard]!) this.#broken.push(`line ${line} of shard ${shard} is out of order`);
      this.#lastLine[shard] = line;
      const hash = hashRef(page.bytes, page.refStart, page.refEnd, this.#plan.hashSeed);
      if (hash !== page.refHash) this.#broken.push(`line ${line} carries another hash`);
      if (shardOf(hash, this.#plan.shards) !== shard) this.#broken.push(`line ${line} is in a foreign shard`);
      const values = pageValues(page);
      const warning = page.warning === 0 ? '' : (recordCodeName(page.warning) ?? `code ${page.warning}`);
      const says = JSON.stringify([line, 'staged', page.offset, page.rawBytes, values, warning]);
      this.#records.push({ line, says });
    }
    if (read !== records || page.records !== records || read === 0) this.#broken.push('a page counts other records');
    this.#pagesByShard[shard]!++;
    this.#recordsByShard[shard]! += read;
  }

  #readRejects(bytes: Uint8Array): void {
    const entry = this.#entry;
    for (let at = 0; at < bytes.length; ) {
      const blockBytes = EntryReader.blockBytes(bytes.subarray(at));
      entry.load(bytes.subarray(at, at + blockBytes));
      at += blockBytes;
      while (entry.next()) {
        const { line } = entry;
        if (line <= this.#lastRejectedLine) this.#broken.push(`rejected line ${line} is out of order`);
        this.#lastRejectedLine = line;
        if (entry.rawStart < 0) this.#broken.push(`rejected line ${line} lacks its raw bytes`);
        const raw = byteString(entry.bytes.subarray(entry.rawStart, entry.rawEnd));
        const ref = textOf(entry.bytes, entry.refStart, entry.refEnd);
        const column = entry.column === NO_COLUMN ? '' : columnName(entry.column, this.#plan.reading?.document);
        const code = recordCodeName(entry.code) ?? `code ${entry.code}`;
        const says = JSON.stringify([line, OUTCOMES[entry.outcome], code, column, entry.cents, ref, raw]);
        this.#records.push({ line, says });
        if (entry.winnerLine !== 0) this.#broken.push(`rejected line ${line} names a winner`);
      }
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return utf8.decode(bytes.subarray(start, end));
}

/** The current record's values in column order, as the oracle gives them. */
function pageValues(page: PageReader): string[] {
  const day = page.packedDate;
  const digits = (value: number, count: number) => String(value).padStart(count, '0');
  return COLUMNS.map((column, index) => {
    switch (column) {
      case 'external_ref':
        return textOf(page.bytes, page.refStart, page.refEnd);
      case 'debtor_name':
        return textOf(page.bytes, page.nameStart, page.nameEnd);
      case 'cpf':
        if (page.cnpjStart > 0) return textOf(page.bytes, page.cnpjStart, page.cnpjStart + 14);
        return digits(page.cpf, 11);
      case 'amount':
        return String(page.cents);
      case 'due_date':
        return `${digits(day >> 9, 4)}-${digits((day >> 5) & 15, 2)}-${digits(day & 31, 2)}`;
      default: {
        const optional = index - 5;
        if (((page.kept >> optional) & 1) === 1) return KEPT;
        if (((page.present >> optional) & 1) === 0) return '';
        const text = textOf(page.bytes, page.optionalStart[optional]!, page.optionalEnd[optional]!);
        return text === '' ? 'present but empty' : text;
      }
    }
  });
}
