/** Schemas of what a batch is made of and of the decision about it: previews, ranges, shards. */
import { DECISION_TEXT_MAX } from '../stages/batch/approve.ts';
import { WORK_STATES } from '../stages/batch/subBatches.ts';
import { BATCH_STATES } from '../stages/batch/views.ts';
import { approvalSchema, byCode, count, DAY, instant, nullable, outcomes, text } from './schemas.ts';

const share = { lines: count, cents: count } as const;

export const previewSchema = {
  type: 'object',
  description: 'What the batch would do. Both breakdowns are of what would be registered. Cents are exact integers.',
  properties: {
    batch: text,
    client: text,
    file: text,
    status: { type: 'string', enum: BATCH_STATES },
    approval: approvalSchema,
    asOf: {
      type: 'object',
      description: 'when debts were looked at, and how many batches of the client have registered since',
      properties: { from: instant, to: instant, turnsSince: count },
    },
    businessDate: DAY,
    lines: outcomes,
    cents: outcomes,
    rejectedBy: byCode,
    warnedBy: byCode,
    creditors: {
      type: 'array',
      description: 'those with the largest sums; null is for records that name none',
      items: { type: 'object', properties: { name: nullable(text), ...share } },
    },
    otherCreditors: {
      type: 'object',
      description: 'all others together; where there were too many to count, a share of those above may be among them',
      properties: { creditors: nullable(count), ...share },
    },
    ages: {
      type: 'array',
      description: 'by whole months since the due date; null is for what is not due yet',
      items: { type: 'object', properties: { monthsFrom: nullable(count), monthsBelow: nullable(count), ...share } },
    },
  },
} as const;

export const discardBody = {
  type: ['object', 'null'],
  properties: {
    why: { type: 'string', minLength: 1, maxLength: DECISION_TEXT_MAX, description: 'told to the client' },
  },
  additionalProperties: false,
} as const;

const attempts = {
  state: { type: 'string', enum: WORK_STATES },
  failures: { ...count, description: 'attempts that failed so far' },
  says: { ...nullable(text), description: 'what one of them said' },
} as const;

export const rangeSchema = {
  type: 'object',
  description: 'A sub-batch: a run of whole records of the file.',
  properties: {
    range: count,
    ...attempts,
    start: count,
    bytes: count,
    firstLine: count,
    records: count,
    staged: nullable(count),
    rejected: nullable(count),
  },
} as const;

export const shardSchema = {
  type: 'object',
  description: 'The records whose references hash alike: a piece of registering, or of a preview.',
  properties: {
    shard: count,
    mode: { type: 'string', enum: ['preview', 'apply'] },
    ...attempts,
    records: nullable(count),
    lines: nullable(outcomes),
  },
} as const;
