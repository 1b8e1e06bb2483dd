/**
 * The range kernel on a WebAssembly module: what `RangeKernel` promises, with the same bytes out at the same calls.
 *
 * One range at a time in one memory: beginning another takes the memory over, and the kernel before it may not be used
 * any more. Input that stands in the memory is read in place; other input is copied in.
 */
import { assert } from '../../core/assert.ts';
import { recordCodeName } from '../../core/codes.ts';
import { IGNORED_COLUMN, KIND_COLUMN, REQUIRED_COLUMNS } from '../columns.ts';
import { readConstants } from '../constants.ts';
import { crc32 } from '../crc.ts';
import { CNPJ_KIND, CPF_KIND, kindWords } from '../documents.ts';
import type { RangeKernel, RangeTotals } from '../kernel.ts';
import { codePointTable } from '../locale.ts';
import { PAGE_BYTES_MIN, pageVersion } from '../pages.ts';
import { BLOCK_HEADER_BYTES } from '../parts.ts';
import type { DateForm, Reading, RecordPlan } from '../plan.ts';
import { assertDialect } from '../records.ts';
import type { WasmGlobal } from './api.ts';
import { GAP_BYTES, type KernelMemory, numberOf } from './memory.ts';

/** What readers of a range use of either kernel. */
export type RangeParser = Pick<RangeKernel, 'full' | 'feed' | 'takePage' | 'takeRejects' | 'flush' | 'totals'> & {
  /** Where the plan's module failed so far. */
  readonly failures?: RangeKernel['failures'];
};

const DEFAULT_READING: Reading = {
  encoding: 'utf-8',
  decimal: 0x2e,
  thousands: 0,
  date: 'YYYY-MM-DD',
  pivot: 50,
  required: 2 ** REQUIRED_COLUMNS - 1,
  nulls: [],
  fixed: [],
  defaults: [],
};

const REQUIRED = Array.from({ length: REQUIRED_COLUMNS }, (_, column) => column);
const CODES = 256;
/** Where in a shard's state the records of all its pages are counted, and those of the open page. */
const SHARD_PAGE_RECORDS = 4;
const SHARD_RECORDS = 8;
/** Where in its entry a word stands. */
const WORD_AT = 16;

/** Most fields that the module's lists have room for. */
const FIELDS_MAX = 16;
/** By their numbers in the module. */
const DATE_FORMS: readonly DateForm[] = ['YYYY-MM-DD', 'DD/MM/YYYY', 'YYYYMMDD', 'DDMMYYYY', 'DDMMYY'];

/**
 * Whether the memory has room for a plan and its words, the plan names the columns that every record has, and the module
 * knows its reading: markers of nothing, defaults and implied decimals are the plain kernel's, and so are files that are not
 * delimited, or that a module reads.
 */
export function fitsPlan(memory: KernelMemory, plan: RecordPlan, pageBytes: number): boolean {
  const { bounds } = memory;
  return (
    plan.format === undefined &&
    plan.code === undefined &&
    plan.fields.length <= FIELDS_MAX &&
    plan.reading?.impliedDecimals === undefined &&
    (plan.reading === undefined || plan.reading.nulls.length + plan.reading.defaults.length === 0) &&
    hasRoomForWords(memory, plan) &&
    plan.shards <= bounds.shards &&
    plan.shards * pageBytes <= bounds.pagesBytes &&
    plan.recordBytesMax <= Math.min(bounds.recordBytes, bounds.inputBytes) &&
    REQUIRED.every((column) => plan.fields.includes(column))
  );
}

/** A field that says the kind of documents comes with words for either, as many and as long as a profile may have. */
function hasRoomForWords({ exports }: KernelMemory, { fields, reading }: RecordPlan): boolean {
  const words = kindWords(reading?.document, reading?.encoding ?? 'utf-8');
  if ((reading?.document?.kind === 'by field') !== fields.includes(KIND_COLUMN)) return false;
  const bytesMax = numberOf(exports.WORD_BYTES_MAX);
  return words.length <= numberOf(exports.WORDS_MAX) && words.every(({ bytes }) => bytes.length <= bytesMax);
}

export class WasmRangeKernel implements RangeParser {
  readonly #memory: KernelMemory;
  readonly #owner: { current: object | undefined };
  readonly #shards: number;
  readonly #pageBytes: number;
  readonly #pagesByShard: number[];
  #flushing = -1;

  /** `owner` remembers which kernel the memory serves. Asks for a plan that fits. */
  constructor(
    memory: KernelMemory,
    owner: { current: object | undefined },
    plan: RecordPlan,
    firstLine: number,
    startOffset: number,
    pageBytes: number,
  ) {
    const { dialect, fields, shards } = plan;
    assertDialect(dialect);
    assert(fitsPlan(memory, plan, pageBytes), 'the memory has room for the plan');
    assert(pageBytes >= PAGE_BYTES_MIN && Number.isInteger(pageBytes), `a page has at least ${PAGE_BYTES_MIN} bytes`);
    const columns = fields.filter((column) => column !== IGNORED_COLUMN);
    assert(shards >= 1 && new Set(columns).size === columns.length, 'a plan names each column once');
    this.#memory = memory;
    this.#owner = owner;
    this.#shards = shards;
    this.#pageBytes = pageBytes;
    this.#pagesByShard = new Array<number>(shards).fill(0);
    owner.current = this;
    memory.exports.begin(
      dialect.delimiter,
      dialect.quote,
      fields.length,
      shards,
      pageBytes,
      plan.hashSeed,
      BigInt(firstLine),
      BigInt(startOffset),
    );
    fields.forEach((column, field) => {
      memory.exports.setColumn(field, column);
    });
    setReading(memory, plan.reading ?? DEFAULT_READING);
    setDocuments(memory, plan);
  }

  get full(): boolean {
    const { exports } = this.#memory;
    return exports.pageFull() >= 0 || exports.rejectsFull() !== 0;
  }

  feed(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    this.#assertOwner();
    assert(!this.full && this.#flushing < 0, 'output is taken before more is fed');
    const memory = this.#memory;
    if (memory.holds(bytes)) return this.#read(bytes.byteOffset + from, bytes.byteOffset + to, last) - bytes.byteOffset;
    const { inputBytes } = memory.bounds;
    let at = from;
    while (at < to) {
      const size = Math.min(to - at, inputBytes);
      memory.bytes.set(bytes.subarray(at, at + size), memory.inputAt);
      const whole = at + size === to;
      const read = this.#read(memory.inputAt, memory.inputAt + size, last && whole) - memory.inputAt;
      assert(read > 0 || whole || this.full, 'a record fits in the input');
      at += read;
      if (whole || this.full) break;
    }
    return at;
  }

  #read(from: number, to: number, last: boolean): number {
    const at = this.#memory.exports.feed(from, to, last ? 1 : 0);
    assert(at !== 0, 'no record is longer than the scan lets through');
    return at;
  }

  takePage(): { shard: number; bytes: Uint8Array; records: number } | undefined {
    this.#assertOwner();
    const { exports, view, slabAt } = this.#memory;
    let shard = exports.pageFull();
    if (shard < 0) {
      if (this.#flushing < 0) return undefined;
      while (this.#flushing < this.#shards && view.getUint32(this.#shardAt(this.#flushing), true) === 0) {
        this.#flushing++;
      }
      if (this.#flushing === this.#shards) return undefined;
      shard = this.#flushing++;
    }
    const records = view.getUint32(this.#shardAt(shard) + SHARD_PAGE_RECORDS, true);
    const start = slabAt + shard * (this.#pageBytes + GAP_BYTES);
    const bytes = this.#memory.bytes.subarray(start, start + exports.takePage(shard));
    view.setUint32(start + 12, records, true);
    view.setUint32(start + 4, crc32(bytes.subarray(8)), true);
    this.#pagesByShard[shard] = (this.#pagesByShard[shard] as number) + 1;
    return { shard, bytes, records };
  }

  takeRejects(): Uint8Array | undefined {
    this.#assertOwner();
    const { exports, bytes, view, rejectsAt } = this.#memory;
    if (this.#flushing < 0 && exports.rejectsFull() === 0) return undefined;
    const used = exports.takeRejects();
    if (used === 0) return undefined;
    const block = bytes.subarray(rejectsAt, rejectsAt + used);
    view.setUint32(rejectsAt, used - BLOCK_HEADER_BYTES, true);
    view.setUint32(rejectsAt + 4, crc32(block.subarray(BLOCK_HEADER_BYTES)), true);
    return block;
  }

  flush(): void {
    if (this.#flushing < 0) this.#flushing = 0;
  }

  totals(): RangeTotals {
    this.#assertOwner();
    const { exports, view } = this.#memory;
    const counts = numberOf(exports.CODE_COUNTS);
    const rejectedBy: Record<string, number> = {};
    for (let code = 0; code < CODES; code++) {
      const records = view.getUint32(counts + code * 4, true);
      const name = recordCodeName(code);
      if (records > 0 && name !== undefined) rejectedBy[name] = records;
    }
    const staged = numberOf(exports.staged) >>> 0;
    const rejected = numberOf(exports.rejected) >>> 0;
    return {
      records: staged + rejected,
      staged,
      rejected,
      centsStaged: sumOf(exports.stagedLow, exports.stagedHigh),
      centsRejected: sumOf(exports.rejectedLow, exports.rejectedHigh),
      rejectedBy,
      pagesByShard: [...this.#pagesByShard],
      recordsByShard: this.#pagesByShard.map((_, shard) => view.getUint32(this.#shardAt(shard) + SHARD_RECORDS, true)),
    };
  }

  #shardAt(shard: number): number {
    const { exports } = this.#memory;
    return numberOf(exports.SHARDS) + shard * numberOf(exports.SHARD_BYTES);
  }

  #assertOwner(): void {
    assert(this.#owner.current === this, 'a worker reads one range at a time');
  }
}

function setReading(memory: KernelMemory, reading: Reading): void {
  const { exports, bytes, view } = memory;
  const { encoding, decimal, thousands, date, pivot, required } = reading;
  const constants = readConstants(reading.fixed);
  assert(constants.bytes.length <= numberOf(exports.CONSTANTS_BYTES_MAX), 'there is room for fixed values');
  bytes.set(constants.bytes, numberOf(exports.CONSTANTS));
  if (encoding !== 'utf-8') {
    codePointTable(encoding).forEach((point, byte) => {
      view.setUint32(numberOf(exports.RECODED) + byte * 4, recodedEntry(point), true);
    });
  }
  const form = DATE_FORMS.indexOf(date);
  exports.setReading(encoding === 'utf-8' ? 0 : 1, decimal, thousands, form, pivot, required, constants.bytes.length);
  for (const { column, start, end } of constants.list) exports.fixColumn(column, start, end - start);
}

function setDocuments({ exports, bytes, view }: KernelMemory, plan: RecordPlan): void {
  const { document, encoding = 'utf-8' } = plan.reading ?? {};
  const words = kindWords(document, encoding);
  const entryBytes = numberOf(exports.WORD_ENTRY_BYTES);
  words.forEach((word, index) => {
    const at = numberOf(exports.WORDS) + index * entryBytes;
    bytes.fill(0, at, at + entryBytes);
    view.setUint32(at, word.bytes.length, true);
    view.setInt32(at + 4, word.kind, true);
    bytes.set(word.bytes, at + WORD_AT);
  });
  const kind = document?.kind === 'cnpj' ? CNPJ_KIND : CPF_KIND;
  const zeroPadded = document?.zeroPadded === true ? 1 : 0;
  exports.setDocuments(document === undefined ? 0 : 1, kind, zeroPadded, words.length, pageVersion(plan));
}

/** A character's UTF-8, the first byte lowest, and how many bytes on top; 0 for a control character. */
function recodedEntry(point: number): number {
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return 0;
  const utf8 = Buffer.from(String.fromCharCode(point), 'utf8');
  return utf8.reduce((entry, byte, index) => entry + byte * 256 ** index, utf8.length * 2 ** 24);
}

function sumOf(low: WasmGlobal, high: WasmGlobal): bigint {
  return (BigInt.asUintN(64, high.value as bigint) << 64n) | BigInt.asUintN(64, low.value as bigint);
}
