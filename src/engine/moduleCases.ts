/**
 * A module's own tests: cases of a record and what it becomes, run by the very code that reads files.
 *
 * A file of cases is a JSON array:
 *
 *   { "name": "three instalments", "fields": { "TOTAL": "10,00", … }, "gives": [ { "external_ref": "77/1", … }, … ] }
 *   { "fields": { … }, "gives": { "reject": "CONTRACT_PAID" } }
 *   { "fields": { … }, "gives": { … }, "codes": ["CPF_CHECK_DIGITS"] }
 *   { "fields": { … }, "fails": true }
 *
 * What the module gives must be `gives`, key by key; then each record of it must pass the checks that every record has to,
 * or, where `codes` are given, be refused with just those (an empty text: it passes). `line` and `raw` may be given too.
 */
import { isDeepStrictEqual } from 'node:util';
import { recordCodeName } from '../core/codes.ts';
import { type ModuleInput, type ModulePlan, moduleCodeOf, type RecordModule } from '../kernel/modules/interface.ts';
import { madeColumns } from '../kernel/modules/moduleProfile.ts';
import type { ModuleReader } from '../kernel/modules/moduleReader.ts';
import { DEFAULT_DIALECT, type Reading, type RecordPlan } from '../kernel/plan.ts';
import { createReader } from '../kernel/readers.ts';
import { RecordValues } from '../kernel/values.ts';
import type { LoadedModule, ModuleDeclaration } from './modules.ts';

export interface ModuleCase {
  readonly name?: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly line?: number;
  readonly raw?: string;
  readonly gives?: unknown;
  readonly codes?: readonly string[];
  readonly fails?: boolean;
}

export interface CaseResult {
  readonly name: string;
  /** Empty where it passed. */
  readonly problems: readonly string[];
}

const RECORD_BYTES_MAX = 16 * 1024 * 1024;

export function caseName({ name }: ModuleCase, index: number): string {
  return name ?? `case ${index + 1}`;
}

/** The cases of a file's text, or what is wrong with it. */
export function readCases(text: string): readonly ModuleCase[] | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'it is not JSON';
  }
  if (!Array.isArray(value) || value.length === 0) return 'it is no list of cases';
  for (const [index, one] of value.entries()) {
    const problem = caseProblem(one);
    if (problem !== undefined) return `case ${index + 1}: ${problem}`;
  }
  return value as ModuleCase[];
}

const KEYS: ReadonlySet<string> = new Set(['name', 'fields', 'line', 'raw', 'gives', 'codes', 'fails']);

function caseProblem(one: unknown): string | undefined {
  if (typeof one !== 'object' || one === null) return 'it is no object';
  const given = one as Readonly<Record<string, unknown>>;
  const strange = Object.keys(given).find((key) => !KEYS.has(key));
  if (strange !== undefined) return `it has «${strange}», which is none of ${[...KEYS].join(', ')}`;
  const { fields, codes, fails, gives, name, raw, line } = given;
  const isTexts = (list: unknown): boolean => Array.isArray(list) && list.every((text) => typeof text === 'string');
  if (typeof fields !== 'object' || fields === null || !isTexts(Object.values(fields)))
    return '`fields` are texts by name';
  if (codes !== undefined && !isTexts(codes)) return '`codes` is a list of texts';
  if ((fails === true) === (gives !== undefined)) return 'it says either what the module `gives`, or that it `fails`';
  if (name !== undefined && typeof name !== 'string') return '`name` is a text';
  if (raw !== undefined && typeof raw !== 'string') return '`raw` is a text';
  return line === undefined || Number.isInteger(line) ? undefined : '`line` is a whole number';
}

export interface CaseSetting {
  readonly loaded: LoadedModule;
  /** As the profile has it. */
  readonly reading: Reading | undefined;
  readonly watch: SharedArrayBuffer;
}

/** Runs one case; `line` is where a watch says that it is. */
export function runCase(one: ModuleCase, { loaded, reading, watch }: CaseSetting, line: number): string[] {
  let given: unknown;
  let thrown: unknown;
  const module = loaded.watched(watch);
  const kept: RecordModule = {
    record(input) {
      try {
        given = module.record(inputOf(one, input));
        return given;
      } catch (error) {
        thrown = error;
        throw error;
      }
    },
    enter: (at) => module.enter(at),
    leave: () => module.leave(),
    describe: (error) => module.describe(error),
  };
  const { codes, failure } = readOne(one.fields, loaded.declared, reading, kept, line);
  if (failure !== undefined) {
    const says = thrown === undefined ? failure : loaded.tell(thrown);
    return one.fails === true ? [] : [`the module failed: ${says}`];
  }
  if (one.fails === true) return [`the module did not fail; it gave ${shown(given)}`];
  const problems: string[] = [];
  if (!isDeepStrictEqual(plain(given), one.gives)) {
    problems.push(`it gave ${shown(given)}`, `and not   ${JSON.stringify(one.gives)}`);
  }
  const own = new Set(loaded.declared.rejects.map(({ name }) => name));
  const wanted = one.codes ?? codes.map((code) => (own.has(code) ? code : ''));
  if (!isDeepStrictEqual([...wanted], codes)) {
    problems.push(`its records are told ${JSON.stringify(codes)}, and not ${JSON.stringify(wanted)}`);
  }
  return problems;
}

function inputOf({ line, raw }: ModuleCase, input: ModuleInput): ModuleInput {
  return { line: line ?? input.line, fields: input.fields, raw: raw ?? input.raw };
}

/** The codes of the records that one record becomes, empty for those that pass; or why the module failed at it. */
function readOne(
  fields: Readonly<Record<string, string>>,
  declared: ModuleDeclaration,
  reading: Reading | undefined,
  module: RecordModule,
  line: number,
): { readonly codes: readonly string[]; readonly failure: string | undefined } {
  const code: ModulePlan = { ...declared, encoding: 'utf-8', names: Object.keys(fields) };
  const plan: RecordPlan = {
    dialect: DEFAULT_DIALECT,
    code,
    ...(reading === undefined ? {} : { reading }),
    fields: madeColumns(reading),
    recordBytesMax: RECORD_BYTES_MAX,
    shards: 1,
    hashSeed: 0,
  };
  const row = Object.values(fields).map((text) => `"${text.replaceAll('"', '""')}"`);
  const bytes = new Uint8Array(Buffer.from(`${row.join(',')}\n`, 'utf8'));
  const reader = createReader(plan, module) as ModuleReader;
  const values = new RecordValues(plan.dialect.quote, plan.fields, plan.reading);
  const end = reader.next(bytes, 0, bytes.length, true, line);
  const codes: string[] = [];
  do {
    const id = values.check(reader.source, reader.fields, Math.max(end, reader.textBytes));
    codes.push(id === 0 ? '' : (recordCodeName(id) ?? moduleCodeOf(code, id)?.name ?? String(id)));
  } while (reader.more());
  return { codes, failure: reader.failures?.says };
}

/** As JSON has it: what is `undefined` is not there. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
