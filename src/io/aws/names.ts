/**
 * What everything is called that an installation has in AWS, all from one prefix. The stack in deploy/ and `provision` make
 * it under these names; the drivers look for it under them.
 */

/** The queues of the work, each with dead letters of its own. */
export const WORK_QUEUES = ['picker', 'intermediate', 'registering', 'batch', 'notifier'] as const;
export type WorkQueueName = (typeof WORK_QUEUES)[number];
/** Besides those: what the bucket tells of, and what the topic tells of. */
export const ALL_QUEUES = [...WORK_QUEUES, 'arrivals', 'events'] as const;
export type QueueId = (typeof ALL_QUEUES)[number];

export const TABLES = ['registry', 'staging', 'debts', 'clients', 'submissions'] as const;
export type TableId = (typeof TABLES)[number];

/** Where clients' own files come in: `inbox/<client>/<name>`. */
export const INBOX_PREFIX = 'inbox/';
/** The debts' index by document: partition `doc`, sort key `sk`. */
export const DOCUMENT_INDEX = { name: 'byDocument', partition: 'doc', sort: 'sk' } as const;
/** What of the topic the events queue gets, by message attribute: the ends of batches, and that one waits for approval. */
export const EVENT_FILTER = {
  type: ['batch.completed', 'batch.failed', 'batch.cancelled', 'batch.awaiting_approval'],
} as const;
export const TTL_ATTRIBUTE = 'ttl';

export interface AwsNames {
  readonly bucket: string;
  readonly topic: string;
  readonly queues: Readonly<Record<QueueId, string>>;
  readonly deadLetters: Readonly<Record<QueueId, string>>;
  readonly tables: Readonly<Record<TableId, string>>;
}

export function namesOf(prefix: string, bucket: string): AwsNames {
  const named = <Id extends string>(ids: readonly Id[], name: (id: Id) => string) =>
    Object.fromEntries(ids.map((id) => [id, name(id)])) as Record<Id, string>;
  return {
    bucket,
    topic: `${prefix}-batch-events`,
    queues: named(ALL_QUEUES, (id) => `${prefix}-${id}`),
    deadLetters: named(ALL_QUEUES, (id) => `${prefix}-${id}-dlq`),
    tables: named(TABLES, (id) => `${prefix}-${id}`),
  };
}
