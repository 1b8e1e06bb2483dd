/**
 * The items of submissions in DynamoDB, all in one table:
 *
 *   sub#<client>#<id>     head               the header
 *   subs#<client>         <created>#<id>     what the list walks
 *   lines#<client>#<id>   line#<first>       an append: the number of its first line, its lines or how many parts they have;
 *                                            an item without lines seals a number that was never acknowledged
 *                         part#<first>#<n>   a part of an append that fits into no single item
 *                         tok#<token>        the first number of an append that may be repeated
 *   submissions#<what>    <client>#<id>      what is to be looked at: `open`, `closed` without a batch, `free` of its lines
 */
import type { Submission, SubmissionDraft, SubmissionState } from '../../ports/submissions.ts';
import type { Item, Key } from './keyedTable.ts';

interface Name {
  readonly client: string;
  readonly id: string;
}

export type Watch = 'open' | 'closed' | 'free';

/** Everything goes by itself in the end, long after anybody asks for it. */
const DAY_MS = 86_400_000;
const KEEP_MS = 45 * DAY_MS;
/** From then on nothing is added: what lies idle for the longest time that may be set, and is then closed, is read in time. */
const APPENDS_MS = KEEP_MS - 30 * DAY_MS - 2 * DAY_MS;
const DIGITS = 15;

export function headKey({ client, id }: Name): Key {
  return { pk: `sub#${client}#${id}`, sk: 'head' };
}

export function listPartition(client: string): string {
  return `subs#${client}`;
}

export function listKey({ client, id, createdAtMs }: Name & { readonly createdAtMs: number }): Key {
  return { pk: listPartition(client), sk: `${padded(createdAtMs)}#${id}` };
}

export function linesPartition({ client, id }: Name): string {
  return `lines#${client}#${id}`;
}

export function lineSort(first: number): string {
  return `line#${padded(first)}`;
}

export function numberOfSort(sk: string): number {
  return Number(sk.slice('line#'.length));
}

export function partSort(first: number, part: number): string {
  return `part#${padded(first)}#${padded(part)}`;
}

export function watchPartition(what: Watch): string {
  return `submissions#${what}`;
}

export function watchKey(what: Watch, { client, id }: Name): Key {
  return { pk: watchPartition(what), sk: `${client}#${id}` };
}

/** Ids hold no `#`, and clients neither. */
export function nameOfWatch(sk: string): Name {
  const [client = '', id = ''] = sk.split('#');
  return { client, id };
}

export function ttlOf(nowMs: number): { readonly ttl: { readonly N: string } } {
  return { ttl: { N: String(Math.ceil((nowMs + KEEP_MS) / 1000)) } };
}

/** The least `ttl` that a header has which may still be added to. */
export function appendableTtl(nowMs: number): string {
  return ttlOf(nowMs - APPENDS_MS).ttl.N;
}

export function isAppendable({ createdAtMs }: SubmissionDraft, nowMs: number): boolean {
  return Number(ttlOf(createdAtMs).ttl.N) >= Number(appendableTtl(nowMs));
}

export function headItem(draft: SubmissionDraft, token: string): Item {
  return {
    j: { S: JSON.stringify(draft) },
    st: { S: 'open' },
    n: { N: '0' },
    b: { N: '0' },
    touched: { N: String(draft.createdAtMs) },
    tok: { S: token },
    ...ttlOf(draft.createdAtMs),
  };
}

export function submissionOf(item: Item): Submission {
  const draft = JSON.parse(item['j']?.S ?? '') as SubmissionDraft;
  const used = item['cols']?.NS ?? [];
  return {
    ...draft,
    state: item['st']?.S as SubmissionState,
    lines: Number(item['n']?.N),
    bytes: Number(item['b']?.N),
    columnsUsed: used.reduce((bits, column) => bits | (1 << Number(column)), 0),
    touchedAtMs: Number(item['touched']?.N),
    batch: item['bid']?.S ?? null,
  };
}

/** Columns as a set of numbers: DynamoDB adds to sets, and knows no bits. */
export function columnSet(columnsUsed: number): string[] {
  return Array.from({ length: 31 }, (_, column) => column)
    .filter((column) => (columnsUsed & (1 << column)) !== 0)
    .map(String);
}

function padded(number: number): string {
  return String(number).padStart(DIGITS, '0');
}
