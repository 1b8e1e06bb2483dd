/**
 * The names of everything the stack makes, all from one prefix. What the engine itself looks for (queues, topic, tables) is
 * named as the AWS drivers name it.
 */

export const WORK_QUEUES = ['picker', 'intermediate', 'registering', 'batch'] as const;
export type WorkQueueName = (typeof WORK_QUEUES)[number];
export const ALL_QUEUES = [...WORK_QUEUES, 'arrivals'] as const;
export type QueueId = (typeof ALL_QUEUES)[number];
export const TABLES = ['registry', 'staging', 'debts', 'clients', 'submissions'] as const;
export type TableId = (typeof TABLES)[number];
