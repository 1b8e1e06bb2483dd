/**
 * Where everything stands in the one linear memory, and the plan of the range being read. AssemblyScript, not TypeScript:
 * compiled by `scripts/build-kernel.ts`, with raw loads and stores and no runtime. No allocation happens here: the host
 * sizes the memory once and says where the large regions begin. Addresses and sizes are bytes.
 *
 * Invariant: at least 64 bytes that belong to no region stand before and after the input, and after every other region,
 * so that vector loads and stores may reach past their ends.
 */

/** Per field of the record in work, u32 each: `FIELD_STARTS` holds the byte before the content, `FIELD_ENDS` its end. */
export const FIELD_STARTS: usize = 0x4000;
export const FIELD_ENDS: usize = 0x4040;
export const FIELD_FLAGS: usize = 0x4080;
/** Per column, u32 each: address and bytes of the value; 0 bytes for none. */
export const VALUE_AT: usize = 0x4100;
export const VALUE_BYTES: usize = 0x4140;
/** Column of each field, u8. */
export const PLAN_COLUMNS: usize = 0x4180;
/** Per column, u32 each: where its field stands in a list of u32; ABSENT for none. */
export const PLAN_SLOTS: usize = 0x41a0;
export const ABSENT: u32 = 0xffffffff;
/** Rejected records by code, u32 each, 256 of them. */
export const CODE_COUNTS: usize = 0x4200;
/** Class of each byte in the exact splitter, outside quotes and inside, and in addresses of e-mail, u8 each. */
export const UNQUOTED_CLASSES: usize = 0x4600;
export const QUOTED_CLASSES: usize = 0x4700;
export const EMAIL_CLASSES: usize = 0x4800;
/** Where the bytes of a value go, by its shape: filled by `quick.ts`. */
export const CPF_SHAPES: usize = 0x4e00;
export const AMOUNT_SHAPES: usize = 0x4900;
export const AMOUNT_SIZES: usize = 0x4940;
export const KEEP_SHAPES: usize = 0x3800;
/** Lanes and groups of the scan. */
export const SCAN_LANES: usize = 0x4a00;
export const SCAN_GROUPS: usize = 0x4c00;

/** How much is searched for separators at a time: the positions found stay in the first caches. */
export const WINDOW_BYTES: usize = 0x4000;
/** Positions found in the window, u32 each, with a slot before the first and room for `NONE` after the last. */
export const SEPARATORS: usize = 0x5010;
export const LINE_FEEDS: usize = 0x15810;
export const QUOTES: usize = 0x26010;
/** Ends a list of positions: above every address. */
export const NONE: u32 = 0xffffffff;

/** Per byte of an encoding of one byte a character, u32: its UTF-8, lowest byte first, and the bytes of it on top; 0 for none. */
export const RECODED: usize = 0x36900;
/** Texts of columns that a profile fixes, which the host puts here. */
export const CONSTANTS: usize = 0x36d00;
export const CONSTANTS_BYTES_MAX: usize = 0xf00;

/**
 * Words of the field that says the kind of a document, an entry each, which the host fills: u32 bytes, i32 kind, 8 bytes
 * unused, then the word, filled up with zeros.
 */
export const WORDS: usize = 0x37d00;
export const WORD_ENTRY_BYTES: usize = 80;
export const WORD_BYTES_MAX: u32 = 64;
export const WORDS_MAX: u32 = 32;
/** Where the characters of a CNPJ stand, by its bytes: those of its first 16 bytes, and of the two behind them. */
export const CNPJ_SHAPES: usize = 0x38700;
export const CNPJ_TAILS: usize = 0x38840;
/** The 14 characters of the record's CNPJ. */
export const CNPJ_TEXT: usize = 0x38980;

/** Per shard: u32 bytes used in the open page, u32 its records, u32 records of all pages, u32 unused, i64 line, i64 offset. */
export const SHARDS: usize = 0x389c0;
export const SHARD_BYTES: usize = 32;

export const LF: u8 = 0x0a;
export const CR: u8 = 0x0d;
export const TAB: u8 = 0x09;
export const SPACE: u8 = 0x20;

/** Columns by number: those of `src/kernel/columns.ts`. */
export const REF: u32 = 0;
export const NAME: u32 = 1;
export const DOCUMENT: u32 = 2;
export const AMOUNT: u32 = 3;
export const DUE_DATE: u32 = 4;
export const EMAIL: u32 = 5;
export const PHONE: u32 = 6;
export const CREDITOR: u32 = 7;
export const ACCOUNT_TYPE: u32 = 8;
export const INSTALLMENT: u32 = 9;
export const COLUMN_COUNT: u32 = 10;
export const REQUIRED_COLUMNS: u32 = 5;
export const NO_COLUMN: u32 = 255;
/** Of a field that nobody looks at. */
export const IGNORED_COLUMN: u32 = 254;
/** Of the field that says the kind of the record's document. */
export const KIND_COLUMN: u32 = 253;
/** Most fields of a record: what the lists of fields have room for. */
export const FIELDS_MAX: usize = 16;

/** Kinds of documents: those of `src/kernel/documents.ts`. */
export const CPF_KIND: i32 = 0;
export const CNPJ_KIND: i32 = 1;
export const UNKNOWN_KIND: i32 = -1;

/** How a day is written. */
export const ISO: u32 = 0;
export const DAY_FIRST: u32 = 1;
export const YEAR_FIRST_DIGITS: u32 = 2;
export const DAY_FIRST_DIGITS: u32 = 3;
export const DAY_FIRST_SHORT: u32 = 4;

/** Ids of record codes: those of `src/core/codes.ts`. */
export const QUOTE_MALFORMED: i32 = 1;
export const FIELD_COUNT: i32 = 2;
export const UTF8_INVALID: i32 = 3;
export const CHARACTER_INVALID: i32 = 4;
export const REQUIRED: i32 = 5;
export const LENGTH: i32 = 6;
export const CPF_FORMAT: i32 = 10;
export const CPF_REPEATED: i32 = 11;
export const CPF_CHECK_DIGITS: i32 = 12;
export const AMOUNT_FORMAT: i32 = 13;
export const AMOUNT_NOT_POSITIVE: i32 = 14;
export const AMOUNT_TOO_LARGE: i32 = 15;
export const DATE_FORMAT: i32 = 16;
export const DATE_NOT_REAL: i32 = 17;
export const EMAIL_FORMAT: i32 = 18;
export const PHONE_FORMAT: i32 = 19;
export const INSTALLMENT_FORMAT: i32 = 20;
export const CNPJ_FORMAT: i32 = 21;
export const CNPJ_ZEROS: i32 = 22;
export const CNPJ_CHECK_DIGITS: i32 = 23;
export const DOCUMENT_KIND_UNKNOWN: i32 = 24;
export const CPF_PADDED: i32 = 80;
export const CNPJ_PADDED: i32 = 82;

/** Regions that the host places. */
export let scratchAt: usize = 0;
export let rejectsAt: usize = 0;
export let slabAt: usize = 0;
/** The longest record that scratch and rejects have room for. */
export let recordBytesMax: usize = 0;

/** The plan. */
export let delimiter: u8 = 0;
export let quote: u8 = 0;
export let fieldCount: u32 = 0;
export let shardCount: u32 = 0;
export let pageBytes: u32 = 0;
export let hashSeed: u32 = 0;

/** How values are written, and which columns must have one: bit i for column i. */
export let oneByte: bool = false;
export let decimal: u8 = 0x2e;
export let thousands: u8 = 0;
export let dateForm: u32 = 0;
export let pivot: u32 = 0;
export let required: u32 = 0;
/** A record's texts have at most so many bytes more than the record, as a factor and as a sum. */
export let growth: u32 = 1;
export let constantBytes: u32 = 0;

/** Whether the records' documents are others than bare CPFs, and whether they are filled up with zeros to a fixed width. */
export let anyDocument: bool = false;
export let zeroPadded: bool = false;
/** Where the field of the kind stands in a list of u32; ABSENT for none. The end of its words. */
export let kindSlot: u32 = ABSENT;
export let wordsEnd: usize = WORDS;
export let pageVersion: u32 = 1;

/** Physical line and absolute offset of the next byte. */
export let line: i64 = 0;
export let offset: i64 = 0;

/** What the record in work holds beside its texts. */
export let cents: i64 = 0;
/** 0 where the document is a CNPJ. */
export let cpf: i64 = 0;
/** Of its own where a field says it; else the plan's, and the same for all. */
export let documentKind: i32 = CPF_KIND;
export let packedDate: u32 = 0;
export let warning: u32 = 0;

export function setRegions(scratch: usize, rejects: usize, slab: usize, recordBytes: usize): void {
  scratchAt = scratch;
  rejectsAt = rejects;
  slabAt = slab;
  recordBytesMax = recordBytes;
}

export function setPlan(
  delimiterByte: u8,
  quoteByte: u8,
  fields: u32,
  shards: u32,
  bytesOfPage: u32,
  seed: u32,
  firstLine: i64,
  startOffset: i64,
): void {
  delimiter = delimiterByte;
  quote = quoteByte;
  fieldCount = fields;
  shardCount = shards;
  pageBytes = bytesOfPage;
  hashSeed = seed;
  line = firstLine;
  offset = startOffset;
}

export function setNotation(
  isOneByte: bool,
  decimalByte: u8,
  thousandsByte: u8,
  form: u32,
  pivotYear: u32,
  requiredColumns: u32,
  bytesOfConstants: u32,
): void {
  oneByte = isOneByte;
  decimal = decimalByte;
  thousands = thousandsByte;
  dateForm = form;
  pivot = pivotYear;
  required = requiredColumns;
  growth = isOneByte ? 3 : 1;
  constantBytes = bytesOfConstants;
}

export function setKindSlot(slot: u32): void {
  kindSlot = slot;
}

export function setDocuments(any: bool, padded: bool, words: u32, version: u32): void {
  anyDocument = any;
  zeroPadded = padded;
  wordsEnd = WORDS + <usize>words * WORD_ENTRY_BYTES;
  pageVersion = version;
}

@inline
export function setDocumentKind(kind: i32): void {
  documentKind = kind;
}

@inline
export function advance(bytes: usize, lines: u32): void {
  line += lines;
  offset += bytes;
}

@inline
export function setCents(value: i64): void {
  cents = value;
}

@inline
export function setCpf(value: i64): void {
  cpf = value;
}

@inline
export function setPackedDate(value: u32): void {
  packedDate = value;
}

@inline
export function setWarning(value: u32): void {
  warning = value;
}

@inline
export function place(column: u32, at: usize, bytes: usize): void {
  store<u32>(VALUE_AT + (column << 2), at);
  store<u32>(VALUE_BYTES + (column << 2), bytes);
}
