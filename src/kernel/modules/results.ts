/**
 * What a module answered for a record, judged: a list of records, each a text for every column of the plan or a refusal,
 * or what is wrong with the answer. Nothing here trusts the answer: it may be anything, getters that throw included.
 */
import { columnName } from '../documents.ts';
import type { DocumentReading } from '../plan.ts';
import { type ModulePlan, moduleCodeId } from './interface.ts';

/** One record that the module made. */
export interface MadeRecord {
  /** By the plan's fields; `undefined` where the module gave nothing. None at all where nothing is known of the record. */
  readonly values: readonly (string | undefined)[];
  /** Id of the module's own code; 0 where it refuses nothing. */
  readonly fault: number;
  /** Which field that is about; -1 for none. */
  readonly faultField: number;
}

/** What is wrong with an answer, in words that hold nothing of the record. */
export class ModuleProblem {
  readonly says: string;

  constructor(says: string) {
    this.says = says;
  }
}

const REJECT_KEYS: ReadonlySet<string> = new Set(['reject', 'column', 'external_ref', 'amount']);
/** Names that may be told: written by the module's author, not taken from a record. */
const PLAIN_NAME = /^[a-z_]{1,40}$/;

export class ModuleJudge {
  readonly #recordsMax: number;
  readonly #textMax: number;
  readonly #fieldOf = new Map<string, number>();
  readonly #fields: number;
  readonly #codes = new Map<string, number>();

  /** `fields`: the plan's columns, in order; `document` decides what the document is called. `textMax`: characters of a single value. */
  constructor(plan: ModulePlan, fields: readonly number[], document: DocumentReading | undefined, textMax: number) {
    this.#recordsMax = plan.recordsMax;
    this.#textMax = textMax;
    this.#fields = fields.length;
    for (const [field, column] of fields.entries()) this.#fieldOf.set(columnName(column, document), field);
    for (const [index, { name }] of plan.rejects.entries()) this.#codes.set(name, moduleCodeId(index));
  }

  /** Throws whatever the answer's own code throws. */
  judge(answer: unknown): readonly MadeRecord[] | ModuleProblem {
    if (!Array.isArray(answer)) {
      const made = this.#one(answer);
      return made instanceof ModuleProblem ? made : [made];
    }
    const { length } = answer;
    if (length === 0) return new ModuleProblem('it gave no record; what is of no use is to be rejected');
    if (length > this.#recordsMax) {
      return new ModuleProblem(`it gave ${length} records, and its recordsMax is ${this.#recordsMax}`);
    }
    const all: MadeRecord[] = [];
    for (let i = 0; i < length; i++) {
      const made = this.#one(answer[i]);
      if (made instanceof ModuleProblem) return made;
      all.push(made);
    }
    return all;
  }

  #one(answer: unknown): MadeRecord | ModuleProblem {
    if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
      return new ModuleProblem(`it gave ${kindOf(answer)}, not a record`);
    }
    if (typeof (answer as { readonly then?: unknown }).then === 'function') {
      return new ModuleProblem('it gave a promise; record must answer at once');
    }
    const given = answer as Readonly<Record<string, unknown>>;
    const values = new Array<string | undefined>(this.#fields).fill(undefined);
    const isReject = Object.hasOwn(given, 'reject');
    for (const name of Object.keys(given)) {
      const field = this.#fieldOf.get(name);
      if (isReject ? !REJECT_KEYS.has(name) : field === undefined) return new ModuleProblem(unknown(name, isReject));
      const value = given[name];
      if (field === undefined || value === undefined) continue;
      if (value === null) {
        values[field] = '';
        continue;
      }
      if (typeof value !== 'string') return new ModuleProblem(`${name} is ${kindOf(value)}, not text`);
      if (value.length > this.#textMax) {
        return new ModuleProblem(`${name} has ${value.length} characters, of at most ${this.#textMax}`);
      }
      values[field] = value;
    }
    if (!isReject) return { values, fault: 0, faultField: -1 };
    const { reject, column } = given;
    const fault = typeof reject === 'string' ? this.#codes.get(reject) : undefined;
    if (fault === undefined) return new ModuleProblem('it rejects with a code that is none of its rejects');
    const faultField = column === undefined ? -1 : this.#fieldOf.get(String(column));
    if (faultField === undefined) return new ModuleProblem('it rejects for a column that is none of its columns');
    return { values, fault, faultField };
  }
}

function unknown(name: string, isReject: boolean): string {
  const told = PLAIN_NAME.test(name) ? `«${name}»` : 'a name';
  return isReject ? `it gave ${told} with a reject` : `it gave ${told}, which is none of its columns`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return { object: 'an object', function: 'a function' }[typeof value as string] ?? `a ${typeof value}`;
}
