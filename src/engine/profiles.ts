/**
 * Documents of profiles: their JSON Schema, and the way in for a text that somebody wrote. A stored document has passed
 * here; the picker compiles it once a batch.
 *
 * Faults: `PROFILE_INVALID` with every problem, by its place in the document; `STORE_CORRUPT` for a stored document that
 * does not pass any more.
 */
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { assert } from '../core/assert.ts';
import { Fault } from '../core/faults.ts';
import { LANGUAGES, type Language } from '../core/language.ts';
import { NOTICE_KINDS, type NoticeKind, SHARED_SCOPE } from '../io/ports/clients.ts';
import { COLUMNS } from '../kernel/columns.ts';
import { BANKS, REFERENCES } from '../kernel/formats/cnabLayouts.ts';
import { KINDS } from '../kernel/formats/formatProfile.ts';
import { MODULE_NAME } from '../kernel/modules/interface.ts';
import { DUPLICATES_POLICIES, LINE_BYTES_MAX } from '../kernel/plan.ts';
import {
  type CompiledProfile,
  compileProfile,
  FIELDS_MAX,
  inDefaultFormat,
  type ProfileDocument,
} from '../kernel/profile.ts';
import { DOCUMENT_NAMES } from '../kernel/profileDocuments.ts';

const text = (maxLength: number, minLength = 1) => ({ type: 'string', minLength, maxLength });

/** Where a field stands; which of these ways a file has, its kind says. */
const PLACES = {
  name: text(120),
  position: { type: 'integer', minimum: 1, maximum: FIELDS_MAX },
  at: { type: 'integer', minimum: 1, maximum: LINE_BYTES_MAX },
  bytes: { type: 'integer', minimum: 1, maximum: 254 },
  line: { type: 'string', pattern: '^[0-9A-Z]$' },
};

/** Fields that a module is given by a document: their numbers stay below those that mean no column. */
const MODULE_FIELDS_MAX = 200;

const COLUMN_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...PLACES,
    fixed: text(254),
    default: text(254),
    required: { type: 'boolean' },
  },
};

/** Printable characters of ISO-8859-1, which all encodings have alike. */
const WORDS_SCHEMA = {
  type: 'array',
  minItems: 1,
  maxItems: 16,
  uniqueItems: true,
  items: { type: 'string', pattern: '^[\\x20-\\x7e\\xa1-\\xff]{1,32}$' },
};

/** JSON Schema, draft 2020-12. What one rule says of two places is checked by `compileProfile`. */
export const PROFILE_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Remessa profile',
  type: 'object',
  additionalProperties: false,
  required: ['format'],
  properties: {
    format: { const: 1 },
    kind: { enum: KINDS },
    fixedWidth: {
      type: 'object',
      additionalProperties: false,
      required: ['bytes'],
      properties: {
        bytes: { type: 'integer', minimum: 1, maximum: LINE_BYTES_MAX },
        lineEnds: { enum: ['lf', 'none'] },
        skip: {
          type: 'array',
          maxItems: 16,
          uniqueItems: true,
          items: { type: 'string', pattern: '^[\\x20-\\x7e]{1,16}$' },
        },
      },
    },
    cnab: {
      type: 'object',
      additionalProperties: false,
      properties: {
        bank: { enum: BANKS },
        reference: { enum: REFERENCES },
        entries: {
          type: 'array',
          minItems: 1,
          maxItems: 16,
          uniqueItems: true,
          items: { type: 'string', pattern: '^[0-9]{2}$' },
        },
      },
    },
    dialect: {
      type: 'object',
      additionalProperties: false,
      properties: {
        delimiter: { enum: [',', ';', '|', '\t'] },
        quote: { enum: ['"', "'"] },
        header: { type: 'boolean' },
        skipLines: { type: 'integer', minimum: 0, maximum: 1000 },
        fields: { type: 'integer', minimum: 1, maximum: FIELDS_MAX },
      },
    },
    code: {
      type: 'object',
      additionalProperties: false,
      required: ['module'],
      properties: {
        module: { type: 'string', pattern: MODULE_NAME.source },
        fields: {
          type: 'object',
          minProperties: 1,
          maxProperties: MODULE_FIELDS_MAX,
          propertyNames: { minLength: 1, maxLength: 120 },
          additionalProperties: { ...COLUMN_SCHEMA, properties: PLACES },
        },
      },
    },
    encoding: { enum: ['utf-8', 'windows-1252', 'iso-8859-1'] },
    locale: {
      type: 'object',
      additionalProperties: false,
      properties: {
        decimal: { enum: ['.', ','] },
        thousands: { enum: ['', '.', ',', ' '] },
        impliedDecimals: { enum: [0, 1, 2] },
        date: { enum: ['YYYY-MM-DD', 'DD/MM/YYYY', 'YYYYMMDD', 'DDMMYYYY', 'DDMMYY'] },
        pivot: { type: 'integer', minimum: 0, maximum: 100 },
      },
    },
    columns: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries([...COLUMNS, ...DOCUMENT_NAMES].map((name) => [name, COLUMN_SCHEMA])),
    },
    document: {
      type: 'object',
      additionalProperties: false,
      properties: {
        kind: { enum: ['cpf', 'cnpj'] },
        kindFrom: {
          type: 'object',
          additionalProperties: false,
          required: ['cpf', 'cnpj'],
          properties: {
            ...PLACES,
            cpf: WORDS_SCHEMA,
            cnpj: WORDS_SCHEMA,
          },
        },
        zeroPadded: { type: 'boolean' },
      },
    },
    unknownColumns: { enum: ['refuse', 'ignore'] },
    nulls: {
      type: 'array',
      maxItems: 16,
      uniqueItems: true,
      items: { type: 'string', pattern: '^[\\x21-\\x7e](?:[\\x20-\\x7e]{0,30}[\\x21-\\x7e])?$' },
    },
    duplicates: { enum: DUPLICATES_POLICIES },
    rules: {
      type: 'object',
      additionalProperties: false,
      properties: {
        amountMin: text(20),
        amountMax: text(20),
        ageMonthsMax: { type: 'integer', minimum: 1, maximum: 600 },
        futureDueDates: { enum: ['refuse', 'accept'] },
      },
    },
    language: { enum: LANGUAGES },
    notifications: {
      type: 'object',
      additionalProperties: false,
      properties: {
        kinds: { type: 'array', uniqueItems: true, items: { enum: NOTICE_KINDS } },
        digest: { type: 'boolean' },
      },
    },
    approval: {
      anyOf: [
        { const: 'required' },
        {
          type: 'object',
          additionalProperties: false,
          minProperties: 1,
          properties: { recordsMin: { type: 'integer', minimum: 1 }, amountMin: text(20) },
        },
      ],
    },
  },
} as const;

/** Loaded and compiled at first use: it takes a tenth of a second that a file in the default format need not pay. */
let validator: Promise<ValidateFunction<ProfileDocument>> | undefined;

async function makeValidator(): Promise<ValidateFunction<ProfileDocument>> {
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  return new Ajv2020({ allErrors: true, strict: true }).compile<ProfileDocument>(PROFILE_SCHEMA);
}

/** The document of a text, checked whole. */
export async function readProfile(
  json: string,
): Promise<{ readonly document: ProfileDocument; readonly compiled: CompiledProfile }> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Fault('PROFILE_INVALID', 'it is not JSON', {}, error);
  }
  validator ??= makeValidator();
  const passes = await validator;
  if (!passes(value)) {
    const problems = (passes.errors ?? []).map(
      (error) => `${placeOf(error.instancePath)}: ${error.message ?? 'wrong'}${detailOf(error.params)}`,
    );
    throw new Fault('PROFILE_INVALID', problems.join('; '));
  }
  const compiled = compileProfile(value);
  if ('problems' in compiled) throw new Fault('PROFILE_INVALID', compiled.problems.join('; '));
  return { document: value, compiled };
}

/** The compiled profile of a stored document; `name` says which. `collected`: of lines in the default format. */
export async function storedProfile(json: string, name: string, collected = false): Promise<CompiledProfile> {
  try {
    const { document, compiled } = await readProfile(json);
    if (!collected) return compiled;
    const plain = compileProfile(inDefaultFormat(document));
    assert(!('problems' in plain), 'less of a document without problems has none');
    return plain;
  } catch (error) {
    throw new Fault('STORE_CORRUPT', `the document of profile ${name} does not pass any more`, {}, error);
  }
}

/** What acceptance takes from a document: it holds for the batch whatever becomes of its file. */
export interface ProfileWords {
  readonly language?: Language;
  readonly notifications?: { readonly kinds?: readonly NoticeKind[]; readonly digest?: boolean };
}

/** Of a stored document; nothing of one that cannot be read, by which the picker ends the batch. */
export function profileWords(json: string): ProfileWords {
  let document: ProfileDocument;
  try {
    document = JSON.parse(json) as ProfileDocument;
  } catch {
    return {};
  }
  const { language, notifications } = document;
  const words = {
    ...(language === undefined ? {} : { language }),
    ...(notifications === undefined ? {} : { notifications }),
  };
  return words as ProfileWords;
}

function placeOf(path: string): string {
  return path === '' ? 'the document' : path.slice(1).replaceAll('/', '.');
}

function detailOf(params: Readonly<Record<string, unknown>>): string {
  const { additionalProperty, allowedValue, allowedValues } = params;
  if (typeof additionalProperty === 'string') return ` («${additionalProperty}»)`;
  if (allowedValue !== undefined) return ` (${JSON.stringify(allowedValue)})`;
  return Array.isArray(allowedValues) ? ` (${allowedValues.map((one) => JSON.stringify(one)).join(', ')})` : '';
}

/** The default format; the only profile that needs no document. */
export const DEFAULT_PROFILE = 'default';

/** A pinned profile is named with its version; `default` has none. */
export function pinText(name: string, version: number): string {
  return `${name}@${version}`;
}

export function readPin(text: string): { readonly name: string; readonly version: number } | undefined {
  const match = /^([^@]+)@([1-9][0-9]{0,8})$/.exec(text);
  return match === null ? undefined : { name: match[1] as string, version: Number(match[2]) };
}

/** Whether a batch of this client may be read by a profile of this name: what a service gave for one is for that one alone. */
export function mayUse(client: string, profileName: string): boolean {
  const slash = profileName.indexOf('/');
  if (slash < 0) return true;
  const scope = profileName.slice(0, slash);
  return scope === client || scope === SHARED_SCOPE;
}
