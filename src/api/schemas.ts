/**
 * The JSON schemas of the API, draft 2020-12 as OpenAPI 3.1 has it: the same objects check what comes in (ajv) and stand
 * in /openapi.json. Names are those of receipts (camel case); lines and debts have the names of the default format.
 */
import { documentForm, documentPattern } from '../core/documents.ts';
import { PROGRESS_STAGES } from '../stages/batch/progress.ts';
import { BATCH_STATES } from '../stages/batch/views.ts';
import { LINE_COLUMNS, REQUIRED_LINE_COLUMNS } from '../stages/intake/lines.ts';

export const text = { type: 'string' } as const;
export const count = { type: 'integer', minimum: 0 } as const;
export const instant = { type: 'string', format: 'date-time' } as const;
export const nullable = <S extends object>(schema: S) => ({ anyOf: [schema, { type: 'null' }] }) as const;

export const DAY = { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$', examples: ['2026-08-01'] } as const;
const ID = { type: 'string', pattern: '^[0-9a-z-]{1,64}$' } as const;
const FILE_NAME = { type: 'string', maxLength: 255, description: 'what the file is called; metadata only' } as const;
const VALUE_CHARACTERS_MAX = 4096;

export const idParams = {
  type: 'object',
  properties: { id: ID },
  required: ['id'],
} as const;

/** Query values are text. */
const flag = { type: 'string', enum: ['true', 'false'], default: 'false' } as const;
const cursor = { type: 'string', maxLength: 512, description: 'next, as the page before gave it' } as const;

export function pageQuery(limitMax: number, limitDefault: number, more: object = {}) {
  return {
    type: 'object',
    properties: {
      limit: { type: 'integer', minimum: 1, maximum: limitMax, default: limitDefault },
      cursor,
      ...more,
    },
    additionalProperties: false,
  } as const;
}

export const uploadQuery = {
  type: 'object',
  properties: {
    file: FILE_NAME,
    dryRun: { ...flag, description: 'run every check, write no debt' },
    asOf: { ...DAY, description: 'the business date; operators only' },
  },
  additionalProperties: false,
} as const;

export const batchesQuery = pageQuery(500, 50, {
  state: { type: 'string', enum: BATCH_STATES, description: 'only batches in this state' },
});

export const lineSchema = {
  type: 'object',
  description:
    'One record. Values are text, exactly as they are to stand in the file; null is the same as left out, which the required ones cannot be.',
  properties: Object.fromEntries(
    LINE_COLUMNS.map((name) => {
      const isRequired = (REQUIRED_LINE_COLUMNS as readonly string[]).includes(name);
      return [name, { type: isRequired ? 'string' : ['string', 'null'], maxLength: VALUE_CHARACTERS_MAX }];
    }),
  ),
  required: REQUIRED_LINE_COLUMNS,
  additionalProperties: false,
  examples: [
    {
      external_ref: 'CT-1001',
      debtor_name: 'Maria Silva',
      cpf: '529.982.247-25',
      amount: '1234.56',
      due_date: '2026-03-10',
    },
  ],
} as const;

export const createSubmission = {
  type: ['object', 'null'],
  properties: {
    file: FILE_NAME,
    columns: {
      type: 'array',
      description: 'the columns of the file; by default the required ones and whichever a line names',
      items: { type: 'string', enum: LINE_COLUMNS },
      uniqueItems: true,
      minItems: REQUIRED_LINE_COLUMNS.length,
      allOf: REQUIRED_LINE_COLUMNS.map((name) => ({ contains: { const: name } })),
    },
    dryRun: { type: 'boolean', default: false, description: 'run every check, write no debt' },
    asOf: { ...DAY, description: 'the business date; operators only' },
  },
  additionalProperties: false,
} as const;

export const appendLines = {
  type: 'object',
  description: 'One line, or many under `lines`: then all of them are taken or none.',
  if: { required: ['lines'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: {
    properties: { lines: { type: 'array', minItems: 1, maxItems: 10_000, items: lineSchema } },
    additionalProperties: false,
  },
  else: lineSchema,
} as const;

export const documentSearch = {
  type: 'object',
  properties: {
    cpf: { type: 'string', pattern: documentPattern('cpf'), description: documentForm('cpf') },
    cnpj: { type: 'string', pattern: documentPattern('cnpj'), description: documentForm('cnpj') },
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    cursor,
  },
  oneOf: [{ required: ['cpf'] }, { required: ['cnpj'] }],
  additionalProperties: false,
} as const;

/** Of every refusal. */
export const problemSchema = {
  description: 'RFC 9457 problem details; `code` is stable.',
  content: {
    'application/problem+json': {
      schema: {
        type: 'object',
        properties: { type: text, title: text, status: { type: 'integer' }, code: text, detail: text },
        required: ['type', 'title', 'status', 'code', 'detail'],
      },
    },
  },
} as const;

export const submissionSchema = {
  type: 'object',
  properties: {
    id: text,
    client: text,
    file: text,
    state: { type: 'string', enum: ['open', 'closed', 'submitted', 'expired'] },
    lines: count,
    bytes: count,
    columns: nullable({ type: 'array', items: text }),
    dryRun: { type: 'boolean' },
    createdAt: instant,
    expiresAt: nullable(instant),
    batch: nullable(text),
  },
} as const;

export const appendedSchema = {
  type: 'object',
  properties: {
    submission: text,
    accepted: count,
    lines: {
      type: 'array',
      description: 'one for each line, in the order of the request',
      items: { type: 'object', properties: { number: count } },
    },
  },
} as const;

export const outcomes = {
  type: 'object',
  properties: { total: count, created: count, updated: count, unchanged: count, duplicate: count, rejected: count },
} as const;
export const byCode = { type: 'object', additionalProperties: count } as const;

/** By what a file is read, and what is not as it should be though its batch goes on. */
const readBy = {
  profile: { ...text, description: 'name and version of the profile by which the file is read' },
  profileSource: nullable({
    type: 'object',
    description: 'where the rules service gave the profile',
    properties: { url: text, etag: nullable(text) },
  }),
  warnings: { type: 'array', items: { type: 'object', properties: { code: text, message: text } } },
  module: nullable({
    type: 'object',
    description: 'the module that makes the records, and its version',
    properties: { name: text, version: text },
  }),
} as const;

const receiptSchema = {
  type: 'object',
  description: 'The totals that prove that every record has one outcome. Cents are exact integers of any size.',
  properties: {
    batch: text,
    client: text,
    file: text,
    status: { type: 'string', enum: ['completed', 'failed', 'cancelled'] },
    reason: nullable(text),
    dryRun: { type: 'boolean' },
    ...readBy,
    bytes: count,
    records: { ...count, description: 'of the file; lines counts what they became' },
    ranges: count,
    shards: count,
    lines: outcomes,
    cents: outcomes,
    rejectedBy: byCode,
    warnedBy: byCode,
    acceptedAt: instant,
    businessDate: DAY,
    finishedAt: instant,
    seconds: { type: 'number' },
    linesPerSecond: { type: 'number' },
  },
} as const;

const progressSchema = {
  type: 'object',
  properties: {
    stages: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          stage: { type: 'string', enum: PROGRESS_STAGES },
          state: { type: 'string', enum: ['waiting', 'running', 'done'] },
          done: count,
          total: nullable(count),
          seconds: nullable({ type: 'number' }),
        },
      },
    },
    recordsPerSecond: nullable(count),
    secondsLeft: nullable(count),
  },
} as const;

export const approvalSchema = nullable({
  type: 'object',
  properties: {
    standing: { type: 'string', enum: ['undecided', 'required', 'not_needed', 'approved'] },
    until: { ...nullable(instant), description: 'the end of the time to decide' },
    by: nullable(text),
    at: nullable(instant),
  },
});

export const batchSchema = {
  type: 'object',
  properties: {
    id: text,
    client: text,
    file: text,
    state: { type: 'string', enum: BATCH_STATES },
    dryRun: { type: 'boolean' },
    bytes: count,
    records: count,
    ranges: count,
    shards: count,
    businessDate: DAY,
    acceptedAt: instant,
    updatedAt: instant,
    ...readBy,
    approval: approvalSchema,
    failure: nullable({
      type: 'object',
      properties: { code: text, message: text, line: count, byte: count },
    }),
    receipt: nullable(receiptSchema),
    progress: progressSchema,
    topErrors: {
      type: 'array',
      description: 'why records were rejected, the commonest first',
      items: { type: 'object', properties: { code: text, says: text, records: count } },
    },
    links: { type: 'object', additionalProperties: text },
  },
} as const;

/** One event of a stream; `data` is a batch as JSON. */
export const eventsSchema = {
  description: 'server-sent events',
  content: {
    'text/event-stream': {
      schema: {
        type: 'object',
        properties: {
          event: { type: 'string', enum: ['batch', 'end'] },
          id: text,
          data: { ...text, contentMediaType: 'application/json', contentSchema: batchSchema },
        },
      },
    },
  },
} as const;

export const csvSchema = { description: 'CSV in UTF-8', content: { 'text/csv': { schema: text } } } as const;

export const resubmitSchema = {
  description: 'The rejected records as they came, in the format and the encoding of the file',
  content: {
    'text/csv': { schema: text },
    'application/x-ndjson': { schema: text },
    'text/plain': { schema: text },
  },
} as const;

export const uploadedSchema = {
  type: 'object',
  properties: {
    ...batchSchema.properties,
    upload: { type: 'object', properties: { bytes: count, sha256: text } },
  },
} as const;

export const debtSchema = {
  type: 'object',
  properties: {
    ...Object.fromEntries([...LINE_COLUMNS, 'cnpj'].map((name) => [name, { type: ['string', 'null'] }])),
    client: text,
    created: { type: 'object', properties: { batch: text, line: count, at: instant } },
    changed: { type: 'object', properties: { batch: text, line: count, at: instant } },
  },
} as const;

export function pageSchema(items: object) {
  return {
    type: 'object',
    properties: {
      items: { type: 'array', items },
      next: { anyOf: [text, { type: 'null' }], description: 'the cursor of the next page' },
    },
  } as const;
}
