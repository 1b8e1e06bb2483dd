/**
 * How debts lie in the table.
 *
 * - A debt is one item: `pk` is `client#bucket`, `sk` is `hash#external_ref`, the hash in eight hex digits; bucket = hash mod
 *   buckets. Inside a bucket the order of keys is that of (refHash, externalRef), and all buckets share every stretch of
 *   hashes: a shard, which is such a stretch, is written to all of them at once. A partition takes 1,000 write units a
 *   second, so 64 buckets take 64,000 debts a second of one client from the first minute. Their number is part of the
 *   keys: it is fixed when the table is provisioned.
 * - `doc` is `client#` and 128 bits of HMAC-SHA-256(key, document) in base64url, the key of the sparse index `byDocument`, which
 *   projects keys alone. Tombstones have none.
 * - The other attributes are named like the columns of the embedded table, but for the document, which is `cpf` or `cnpj`. What a debt does not have, and a tombstone's
 *   texts, are absent, for a key's neighbour in the index must not be empty; `erased` is there, and true, in tombstones only.
 *
 * Size: names 230 bytes, values some 250, so one write unit (1 KiB begun) for all but debts with very long texts.
 */
import { assert } from '../../../core/assert.ts';
import { documentKindOf } from '../../../core/documents.ts';
import type { DebtKey, StoredDebt } from '../../ports/debts.ts';
import { SpoiltAnswer } from '../dynamo/dynamo.ts';
import { DocumentHash } from './documentHash.ts';

/** For whoever provisions: what the table and its index must be. */
export const DEBTS_TABLE = {
  keys: [
    { name: 'pk', type: 'S', role: 'HASH' },
    { name: 'sk', type: 'S', role: 'RANGE' },
  ],
  index: {
    name: 'byDocument',
    keys: [
      { name: 'doc', type: 'S', role: 'HASH' },
      { name: 'sk', type: 'S', role: 'RANGE' },
    ],
    projection: 'KEYS_ONLY',
  },
} as const;

export const BUCKETS_MAX = 1024;
/** Of the key of documents. */
export const DOCUMENT_KEY_BYTES_MIN = 16;
const DOCUMENT_CHARACTERS = 22;
const CPF_DIGITS = 11;
const CNPJ_CHARACTERS = 14;
const HASH_DIGITS = 8;
const HASHES = 2 ** 32;
/** Of a byte; `toString(16)` of a uint32 takes half a microsecond. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

export function bucketPartition(client: string, bucket: number): string {
  return `${client}#${bucket}`;
}

export function sortKey({ refHash, externalRef }: DebtKey): string {
  assert(Number.isInteger(refHash) && refHash >= 0 && refHash < HASHES, 'a hash is a uint32');
  const hex = (shift: number): string => HEX[(refHash >>> shift) & 0xff] as string;
  return `${hex(24)}${hex(16)}${hex(8)}${hex(0)}#${externalRef}`;
}

export function itemKeyOf(client: string, buckets: number, key: DebtKey): ItemKey {
  return { pk: bucketPartition(client, key.refHash % buckets), sk: sortKey(key) };
}

/** Attributes besides the key, in the order in which they are written. The first are in every item. */
const ALWAYS = [
  'turn',
  'amount_cents',
  'created_batch',
  'created_line',
  'changed_batch',
  'changed_line',
  'created_at_ms',
  'changed_at_ms',
] as const;
const SOMETIMES = [
  'doc',
  'cpf',
  'debtor_name',
  'due_date',
  'debtor_email',
  'debtor_phone',
  'creditor_name',
  'account_type',
  'installment',
  'erased',
  'cnpj',
] as const;

/** An item's attributes besides the key, as JSON. */
export interface EncodedDebt {
  /** Which of the attributes that not every debt has are there: bits by their order. */
  readonly shape: number;
  /** Attribute values in the order of `namesOf(shape)`, between commas. */
  readonly values: string;
}

/** Of a shape: the attributes that are there, in the order of the values, and those that are not. */
export function namesOf(shape: number): { readonly there: readonly string[]; readonly absent: readonly string[] } {
  const has = (i: number): boolean => (shape & (1 << i)) !== 0;
  return {
    there: [...ALWAYS, ...SOMETIMES.filter((_, i) => has(i))],
    absent: SOMETIMES.filter((_, i) => !has(i)),
  };
}

/** Encodes debts, one after another; keyed by the secret of the index by document. */
export class DebtEncoder {
  readonly #hash: DocumentHash;
  /** The last batch's name as JSON: nearly all debts of a write have the same. */
  #batch = '';
  #batchJson = '""';

  constructor(documentKey: Uint8Array) {
    assert(documentKey.length >= DOCUMENT_KEY_BYTES_MIN, 'the key of documents has 16 bytes or more');
    this.#hash = new DocumentHash(documentKey, [CPF_DIGITS, CNPJ_CHARACTERS]);
  }

  /** The value of `doc`. */
  documentOf(client: string, document: string): string {
    return `${client}#${this.#hash.of(document).slice(0, DOCUMENT_CHARACTERS)}`;
  }

  encode(debt: StoredDebt): EncodedDebt {
    const created = this.#batchText(debt.createdBatch);
    const changed = this.#batchText(debt.changedBatch);
    let values =
      `{"N":"${debt.turn}"},{"N":"${debt.amountCents}"},{"S":${created}},{"N":"${debt.createdLine}"},` +
      `{"S":${changed}},{"N":"${debt.changedLine}"},{"N":"${debt.createdAtMs}"},{"N":"${debt.changedAtMs}"}`;
    let shape = 0;
    let bit = 1;
    const text = (value: string | null): void => {
      if (value !== null && value !== '') {
        values += `,{"S":${JSON.stringify(value)}}`;
        shape |= bit;
      }
      bit <<= 1;
    };
    const isCnpj = documentKindOf(debt.document) === 'cnpj';
    text(debt.document === '' ? null : this.documentOf(debt.client, debt.document));
    text(isCnpj ? null : debt.document);
    text(debt.debtorName);
    text(debt.dueDate);
    text(debt.debtorEmail);
    text(debt.debtorPhone);
    text(debt.creditorName);
    text(debt.accountType);
    text(debt.installment);
    if (debt.erased) {
      values += ',{"BOOL":true}';
      shape |= bit;
    }
    bit <<= 1;
    text(isCnpj ? debt.document : null);
    return { shape, values };
  }

  #batchText(batch: string): string {
    if (batch !== this.#batch) {
      this.#batch = batch;
      this.#batchJson = JSON.stringify(batch);
    }
    return this.#batchJson;
  }
}

/** An item as the service answers it. */
export type Item = Readonly<Record<string, { readonly S?: unknown; readonly N?: unknown; readonly BOOL?: unknown }>>;

/** Throws `SpoiltAnswer` where that is no item of the table. */
export function keyOfItem(item: Item): ItemKey {
  return { pk: textOf(item, 'pk'), sk: textOf(item, 'sk') };
}

/** The debt that an item holds. Throws `SpoiltAnswer`. */
export function debtOf(item: Item): StoredDebt {
  const { pk, sk } = keyOfItem(item);
  const { refHash, externalRef } = keyOfSortKey(sk);
  return {
    client: pk.slice(0, pk.indexOf('#')),
    refHash,
    externalRef,
    debtorName: optionalOf(item, 'debtor_name') ?? '',
    document: optionalOf(item, 'cpf') ?? optionalOf(item, 'cnpj') ?? '',
    amountCents: numberOf(item, 'amount_cents'),
    dueDate: optionalOf(item, 'due_date') ?? '',
    debtorEmail: optionalOf(item, 'debtor_email'),
    debtorPhone: optionalOf(item, 'debtor_phone'),
    creditorName: optionalOf(item, 'creditor_name'),
    accountType: optionalOf(item, 'account_type'),
    installment: optionalOf(item, 'installment'),
    createdBatch: textOf(item, 'created_batch'),
    createdLine: numberOf(item, 'created_line'),
    changedBatch: textOf(item, 'changed_batch'),
    changedLine: numberOf(item, 'changed_line'),
    turn: numberOf(item, 'turn'),
    createdAtMs: numberOf(item, 'created_at_ms'),
    changedAtMs: numberOf(item, 'changed_at_ms'),
    erased: item['erased']?.BOOL === true,
  };
}

/** Throws `SpoiltAnswer`. */
export function keyOfSortKey(sk: string): DebtKey {
  const hash = sk.slice(0, HASH_DIGITS);
  if (sk[HASH_DIGITS] !== '#' || !/^[0-9a-f]{8}$/.test(hash)) throw new SpoiltAnswer('an item with a foreign key');
  return { refHash: Number.parseInt(hash, 16), externalRef: sk.slice(HASH_DIGITS + 1) };
}

function textOf(item: Item, name: string): string {
  const value = item[name]?.S;
  if (typeof value !== 'string') throw new SpoiltAnswer(`an item without ${name}`);
  return value;
}

function optionalOf(item: Item, name: string): string | null {
  return item[name] === undefined ? null : textOf(item, name);
}

function numberOf(item: Item, name: string): number {
  const value = Number(item[name]?.N ?? Number.NaN);
  if (!Number.isSafeInteger(value)) throw new SpoiltAnswer(`an item without ${name}`);
  return value;
}
