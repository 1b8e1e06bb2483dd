/**
 * The bytes of one BatchWriteItem request, built in place and used again for the next.
 *
 * Promises: no object is made for an item; binary values go from their bytes to base64 to the request. At most 25 items, and
 * never more bytes than the buffer has. Items that the service left unprocessed are kept as they stand: their bytes move
 * together and nothing is encoded twice. Whoever adds an item sees to it that no key comes twice.
 *
 * The service's limits: 25 items and 16 MB a request; 25 items of `ITEM_VALUE_BYTES_MAX` in base64 stay below that.
 *
 * Base64, measured (ns for 130 / 25,000 bytes): `toString('base64')` and `write(…, 'latin1')` 134 / 4,182 (6 GB/s);
 * `Uint8Array.toBase64` 187 / 4,179; `encodeInto` 151 / 5,482; a table of 4,096 pairs in JS 136 / 20,632.
 */
import { assert } from '../../../core/assert.ts';
import { type Call, SpoiltAnswer, type Verdict } from '../dynamo/dynamo.ts';
import { ITEM_VALUE_BYTES_MAX, type ItemKey, VALUE_HEADER_BYTES, valueHeader } from './stagedItems.ts';

export const ITEMS_MAX = 25;
/** The text of an item besides its base64: keys of at most 240 bytes each, names, punctuation, ttl. */
const ITEM_TEXT_BYTES_MAX = 640;
const TAIL = ']}}';
const PUT_END = '"}}}}';
/** Short texts are joined and written at once: that costs less than two more calls out of JavaScript. Long ones would be copied. */
const JOINED_CHARACTERS_MAX = 4096;
/** Smaller buffers could not hold the largest item. */
export const REQUEST_BYTES_MIN = 1024 + ITEM_TEXT_BYTES_MAX + base64Bytes(VALUE_HEADER_BYTES + ITEM_VALUE_BYTES_MAX);
/** A write unit is a KiB, begun ones counted whole; keys and names count too. */
const UNIT_BYTES = 1024;
const ITEM_OVERHEAD_BYTES = 100;

export class BatchRequest implements Call<void> {
  readonly operation = 'BatchWriteItem';
  readonly #table: string;
  readonly #buffer: Buffer;
  readonly #headBytes: number;
  readonly #starts = new Int32Array(ITEMS_MAX);
  readonly #ends = new Int32Array(ITEMS_MAX);
  readonly #units = new Int32Array(ITEMS_MAX);
  #items = 0;
  #used: number;

  constructor(table: string, requestBytes: number) {
    assert(requestBytes >= REQUEST_BYTES_MIN, 'a request holds the largest item');
    this.#table = table;
    this.#buffer = Buffer.allocUnsafeSlow(requestBytes);
    this.#headBytes = this.#buffer.write(`{"RequestItems":{"${table}":[`, 'latin1');
    this.#used = this.#headBytes;
  }

  get items(): number {
    return this.#items;
  }

  clear(): void {
    this.#items = 0;
    this.#used = this.#headBytes;
  }

  /** Whether another item fits, its value `valueBytes` long without the header; 0 for a delete. */
  fits(valueBytes: number): boolean {
    const needed = ITEM_TEXT_BYTES_MAX + base64Bytes(VALUE_HEADER_BYTES + valueBytes) + TAIL.length;
    return this.#items < ITEMS_MAX && this.#used + needed <= this.#buffer.length;
  }

  /** Adds a put of `codec`, `following` and `value` (see stagedItems.ts), which is copied. Keys need no escapes in JSON. */
  put(key: ItemKey, ttlSecond: number, codec: number, following: number, value: Uint8Array): void {
    const start = this.#open(value.length);
    const head =
      `{"PutRequest":{"Item":{"pk":{"S":"${key.pk}"},"sk":{"S":"${key.sk}"},"ttl":{"N":"${ttlSecond}"},` +
      `"p":{"B":"${headerText(codec, following)}`;
    const encoded = bufferOf(value).toString('base64');
    let at = start;
    if (encoded.length <= JOINED_CHARACTERS_MAX) at += this.#buffer.write(`${head}${encoded}${PUT_END}`, at, 'latin1');
    else for (const text of [head, encoded, PUT_END]) at += this.#buffer.write(text, at, 'latin1');
    this.#close(start, at, Math.ceil((value.length + ITEM_OVERHEAD_BYTES) / UNIT_BYTES));
  }

  /** Adds a delete; what it costs depends on the item, and is guessed as one unit. */
  delete(key: ItemKey): void {
    const start = this.#open(0);
    const text = `{"DeleteRequest":{"Key":{"pk":{"S":"${key.pk}"},"sk":{"S":"${key.sk}"}}}}`;
    this.#close(start, start + this.#buffer.write(text, start, 'latin1'), 1);
  }

  #open(valueBytes: number): number {
    assert(valueBytes <= ITEM_VALUE_BYTES_MAX && this.fits(valueBytes), 'an item fits before it is added');
    if (this.#items > 0) this.#buffer[this.#used++] = 0x2c;
    return this.#used;
  }

  #close(start: number, end: number, units: number): void {
    this.#starts[this.#items] = start;
    this.#ends[this.#items] = end;
    this.#units[this.#items] = units;
    this.#items++;
    this.#used = end;
  }

  body(): Uint8Array {
    assert(this.#items > 0, 'a request has items');
    const end = this.#used + this.#buffer.write(TAIL, this.#used, 'latin1');
    return this.#buffer.subarray(0, end);
  }

  units(): number {
    let sum = 0;
    for (let i = 0; i < this.#items; i++) sum += this.#units[i] as number;
    return sum;
  }

  /** What the service did not process stays in the request. */
  judge(answer: Buffer): Verdict<void> {
    const before = this.#items;
    const left = unprocessedKeys(answer, this.#table);
    if (left.size === 0) return { kind: 'done', value: undefined };
    let kept = 0;
    const keep = new Uint8Array(before);
    for (let i = 0; i < before; i++) kept += keep[i] = left.has(this.#keyText(i)) ? 1 : 0;
    if (kept !== left.size) throw new SpoiltAnswer('an answer with items that were not sent');
    this.#compact(keep);
    return { kind: 'partly', gained: kept < before };
  }

  #keyText(item: number): string {
    const start = this.#starts[item] as number;
    const end = Math.min(this.#ends[item] as number, start + ITEM_TEXT_BYTES_MAX);
    const [, pk, sk] = ITEM_KEY.exec(this.#buffer.toString('latin1', start, end)) ?? [];
    return keyText(String(pk), String(sk));
  }

  #compact(keep: Uint8Array): void {
    const items = this.#items;
    this.clear();
    for (let i = 0; i < items; i++) {
      if (keep[i] === 0) continue;
      const start = this.#starts[i] as number;
      const end = this.#ends[i] as number;
      if (this.#items > 0) this.#buffer[this.#used++] = 0x2c;
      this.#buffer.copyWithin(this.#used, start, end);
      this.#close(this.#used, this.#used + end - start, this.#units[i] as number);
    }
  }
}

/** The header of nearly every item: a page of its own, plain or compressed. */
const HEADER_TEXTS = [0, 1].map((codec) => bufferOf(valueHeader(codec, 0)).toString('base64'));

function headerText(codec: number, following: number): string {
  const known = following === 0 ? HEADER_TEXTS[codec] : undefined;
  return known ?? bufferOf(valueHeader(codec, following)).toString('base64');
}

const ITEM_KEY = /"pk":\{"S":"([^"]*)"\},"sk":\{"S":"([^"]*)"\}/;

function keyText(pk: string, sk: string): string {
  return `${pk}\n${sk}`;
}

function base64Bytes(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

interface UnprocessedItem {
  readonly PutRequest?: { readonly Item?: AnsweredKey };
  readonly DeleteRequest?: { readonly Key?: AnsweredKey };
}

interface AnsweredKey {
  readonly pk?: { readonly S?: unknown };
  readonly sk?: { readonly S?: unknown };
}

function unprocessedKeys(answer: Buffer, table: string): Set<string> {
  let unprocessed: unknown;
  try {
    unprocessed = (JSON.parse(answer.toString('utf8')) as { UnprocessedItems?: unknown } | null)?.UnprocessedItems;
  } catch {
    throw new SpoiltAnswer('an answer that is not JSON');
  }
  if (typeof unprocessed !== 'object' || unprocessed === null) throw new SpoiltAnswer('an answer of another kind');
  const items = (unprocessed as Record<string, unknown>)[table] ?? [];
  if (!Array.isArray(items)) throw new SpoiltAnswer('an answer of another kind');
  return new Set(
    items.map((item: UnprocessedItem | null) => {
      const key = item?.PutRequest?.Item ?? item?.DeleteRequest?.Key;
      return keyText(String(key?.pk?.S), String(key?.sk?.S));
    }),
  );
}
