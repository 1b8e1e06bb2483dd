/**
 * One BatchExecuteStatement request: up to 25 debts, each written whole and on a condition of its own.
 *
 * - A debt that should be new is inserted, which the service refuses (`DuplicateItem`) where there is one; it then becomes an
 *   update, in the same request's next try. An update holds only where a debt is stored that carries no later turn and is no
 *   tombstone; a request whose answer was lost can so be sent again: a debt that has been written is written alike.
 * - Answers what the conditions refused; why, the caller reads from the table.
 * - What a single statement was too fast for, or failed at inside the service, is sent again, it alone.
 *
 * Texts of statements are made once for each set of attributes: values go as parameters. Source of limits and codes: «API
 * Reference» of Amazon DynamoDB, BatchExecuteStatement (25 statements of at most 8,192 characters) and BatchStatementError.
 *
 * Faults: `SERVICE_DENIED`, `SERVICE_IO` where a statement is refused for good (no permission; no such table, not valid).
 */
import { assert } from '../../../core/assert.ts';
import { Fault, type Place } from '../../../core/faults.ts';
import type { StoredDebt } from '../../ports/debts.ts';
import { type Call, type Rest, SpoiltAnswer, type Verdict } from '../dynamo/dynamo.ts';
import { isDeniedName } from '../serviceFaults.ts';
import { type EncodedDebt, type ItemKey, namesOf } from './items.ts';

export const STATEMENTS_MAX = 25;
/** A write unit is a KiB, begun ones counted whole; names and keys count. */
const UNIT_BYTES = 1024;
/** Names of the attributes, less the JSON around their values. */
const NAMES_BYTES = 90;

const TOO_FAST = new Set(['ThrottlingError', 'ProvisionedThroughputExceeded', 'RequestLimitExceeded']);
const IN_TROUBLE = new Set(['InternalServerError', 'TransactionConflict']);
const WORD = /^[A-Za-z]{1,60}$/;

/** The statements for a table, as JSON texts by the shape of the debt. */
export class StatementTexts {
  readonly #table: string;
  readonly #inserts = new Map<number, string>();
  readonly #updates = new Map<number, string>();

  constructor(table: string) {
    this.#table = table;
  }

  /** Parameters: pk, sk, values. */
  insert(shape: number): string {
    let text = this.#inserts.get(shape);
    if (text === undefined) {
      const names = ['pk', 'sk', ...namesOf(shape).there];
      text = JSON.stringify(`INSERT INTO "${this.#table}" VALUE {${names.map((name) => `'${name}':?`).join(',')}}`);
      this.#inserts.set(shape, text);
    }
    return text;
  }

  /** Parameters: values, pk, sk, turn. */
  update(shape: number): string {
    let text = this.#updates.get(shape);
    if (text === undefined) {
      const { there, absent } = namesOf(shape);
      const sets = there.map((name) => `SET ${name}=?`).join(' ');
      const removes = absent.map((name) => ` REMOVE ${name}`).join('');
      text = JSON.stringify(
        `UPDATE "${this.#table}" ${sets}${removes} WHERE pk=? AND sk=? AND turn<=? AND erased IS MISSING`,
      );
      this.#updates.set(shape, text);
    }
    return text;
  }
}

interface Entry {
  readonly debt: StoredDebt;
  readonly encoded: EncodedDebt;
  /** `{"S":…},{"S":…}`: pk and sk. */
  readonly key: string;
  readonly units: number;
  insert: boolean;
}

export class DebtStatements implements Call<readonly StoredDebt[]> {
  readonly operation = 'BatchExecuteStatement';
  readonly #texts: StatementTexts;
  readonly #place: Place;
  readonly #refused: StoredDebt[] = [];
  #entries: Entry[] = [];

  constructor(texts: StatementTexts, place: Place) {
    this.#texts = texts;
    this.#place = place;
  }

  /** `insert`: the debt should be new. References are distinct. */
  add(debt: StoredDebt, encoded: EncodedDebt, { pk, sk }: ItemKey, insert: boolean): void {
    assert(this.#entries.length < STATEMENTS_MAX, 'a request has at most 25 statements');
    const key = `{"S":${JSON.stringify(pk)}},{"S":${JSON.stringify(sk)}}`;
    const units = Math.ceil((NAMES_BYTES + key.length + encoded.values.length) / UNIT_BYTES);
    this.#entries.push({ debt, encoded, key, units, insert });
  }

  body(): Uint8Array {
    assert(this.#entries.length > 0, 'a request has statements');
    let text = '{"Statements":[';
    let separator = '';
    for (const { debt, encoded, key, insert } of this.#entries) {
      text += insert
        ? `${separator}{"Statement":${this.#texts.insert(encoded.shape)},"Parameters":[${key},${encoded.values}]}`
        : `${separator}{"Statement":${this.#texts.update(encoded.shape)},` +
          `"Parameters":[${encoded.values},${key},{"N":"${debt.turn}"}]}`;
      separator = ',';
    }
    return Buffer.from(`${text}]}`);
  }

  units(): number {
    let sum = 0;
    for (const { units } of this.#entries) sum += units;
    return sum;
  }

  judge(answer: Buffer): Verdict<readonly StoredDebt[]> {
    const codes = codesOf(answer);
    if (codes.length !== this.#entries.length) throw new SpoiltAnswer('an answer to other statements');
    const left: Entry[] = [];
    let gained = false;
    let tooFast = false;
    let rest: Rest = { says: 'debts that were there', kind: 'at once' };
    for (const [i, code] of codes.entries()) {
      const entry = this.#entries[i] as Entry;
      if (code === '') gained = true;
      else if (code === 'DuplicateItem' && entry.insert) {
        entry.insert = false;
        left.push(entry);
        gained = true;
      } else if (code === 'ConditionalCheckFailed' && !entry.insert) {
        this.#refused.push(entry.debt);
        gained = true;
      } else if (TOO_FAST.has(code)) {
        left.push(entry);
        tooFast = true;
      } else if (IN_TROUBLE.has(code)) {
        left.push(entry);
        rest = { says: code, kind: 'again' };
      } else {
        const fault = isDeniedName(code) ? 'SERVICE_DENIED' : 'SERVICE_IO';
        throw new Fault(fault, `DynamoDB ${this.operation}: ${code}`, this.#place);
      }
    }
    this.#entries = left;
    if (left.length === 0) return { kind: 'done', value: this.#refused };
    return tooFast ? { kind: 'partly', gained } : { kind: 'partly', gained, rest };
  }
}

interface Answered {
  readonly Responses?: readonly ({ readonly Error?: { readonly Code?: unknown } | null } | null)[];
}

/** The code of each statement's error, in their order; empty where it has none. Messages may quote values. */
function codesOf(answer: Buffer): string[] {
  let parsed: Answered | null;
  try {
    parsed = JSON.parse(answer.toString('utf8')) as Answered | null;
  } catch {
    throw new SpoiltAnswer('an answer that is not JSON');
  }
  if (!Array.isArray(parsed?.Responses)) throw new SpoiltAnswer('an answer of another kind');
  return parsed.Responses.map((response: { readonly Error?: { readonly Code?: unknown } | null } | null) => {
    if (response === null || typeof response !== 'object') throw new SpoiltAnswer('an answer of another kind');
    const { Error: error } = response;
    if (error === undefined || error === null) return '';
    return typeof error.Code === 'string' && WORD.test(error.Code) ? error.Code : 'an error without a code';
  });
}
