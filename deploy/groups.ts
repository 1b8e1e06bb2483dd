/**
 * The services: which roles run together, how large a task is, and when there are more of them.
 *
 * A group's backlog is what waits and what is in hand of its queues (`ApproximateNumberOfMessagesVisible` and `…NotVisible`);
 * what waits alone falls to nothing as soon as enough is taken, and would scale in what is still at work. The target is the
 * backlog one task clears in a minute:
 *
 *   threads × 60 s ÷ seconds of one message on one thread
 *
 * One message: picker, a file of 100 MB scanned as it comes from S3, 3 s; intermediate, a range of 8 MiB (77,000 records)
 * parsed, packed, compressed and sent at 2 µs a record on a virtual processor, 0.15 s, of which the table's pace lets
 * through less: 0.6 s; registering, a shard of 131,072 records, 26 µs each (read, compared, written), 4 s with the waits; batch, a transition or a piece of
 * answers, 1.5 s. The figures behind them: docs/SCALE.md.
 */

import type { QueueId } from '../src/io/aws/names.ts';
import { isRole } from '../src/roles/roles.ts';

export interface RoleGroup {
  readonly name: string;
  readonly roles: readonly string[];
  /** Consumed by this group; their backlog scales it. */
  readonly queues: readonly QueueId[];
  /** 1024 are one virtual processor; with the memory a pair that Fargate offers. */
  readonly cpuUnits: number;
  readonly memoryMiB: number;
  readonly tasksMin: number;
  readonly tasksMax: number;
  /** Seconds that one message keeps one thread. */
  readonly messageSeconds: number;
  /** Whether tasks beyond the first may run on capacity that is taken back with two minutes' notice. */
  readonly spot: boolean;
  /** Whether the group answers HTTP requests. */
  readonly http: boolean;
}

export const ROLE_GROUPS: readonly RoleGroup[] = [
  {
    name: 'input',
    roles: ['input', 'picker'],
    queues: ['arrivals', 'picker'],
    cpuUnits: 2048,
    memoryMiB: 4096,
    tasksMin: 2,
    tasksMax: 12,
    messageSeconds: 3,
    spot: false,
    http: true,
  },
  {
    name: 'intermediate',
    roles: ['intermediate'],
    queues: ['intermediate'],
    cpuUnits: 4096,
    memoryMiB: 8192,
    tasksMin: 1,
    tasksMax: 16,
    messageSeconds: 0.6,
    spot: true,
    http: false,
  },
  {
    name: 'registering',
    roles: ['registering'],
    queues: ['registering'],
    cpuUnits: 4096,
    memoryMiB: 8192,
    tasksMin: 1,
    tasksMax: 16,
    messageSeconds: 4,
    spot: true,
    http: false,
  },
  {
    name: 'batch',
    roles: ['batch', 'notifier'],
    // Not `events`: whoever wants to know of ends reads that one, and no task of ours makes it shorter.
    queues: ['batch', 'notifier'],
    cpuUnits: 2048,
    memoryMiB: 4096,
    tasksMin: 2,
    tasksMax: 8,
    messageSeconds: 1.5,
    spot: false,
    http: false,
  },
];

/** What a person's command runs as: a task of its own, started by hand, gone when the command ends. */
export const OPERATOR: RoleGroup = {
  name: 'operator',
  roles: [],
  queues: [],
  cpuUnits: 1024,
  memoryMiB: 2048,
  tasksMin: 0,
  tasksMax: 0,
  messageSeconds: 0,
  spot: false,
  http: false,
};

/** How long what is in hand may take when a task is told to end: below what ECS waits, with room for the last long poll. */
export const STOP_SECONDS = 120;
export const DRAIN_MS = 90_000;
export const POLL_MS_MAX = 20_000;
/** A backlog is cleared in about this long once the tasks it asks for run. */
const CLEAR_SECONDS = 60;
/** Of a task's memory, what the engine may plan with; the rest is the system's and Node's own slack. */
const MEMORY_SHARE = 0.75;

/** Those of the group's roles that this build of the engine has. */
export function rolesOf(group: RoleGroup): string[] {
  return group.roles.filter(isRole);
}

export function threadsOf(group: RoleGroup): number {
  return Math.max(1, Math.floor(group.cpuUnits / 1024));
}

export function backlogPerTask(group: RoleGroup): number {
  return Math.round((threadsOf(group) * CLEAR_SECONDS) / group.messageSeconds);
}

/** The engine's settings that follow from the size of the task. */
export function sizeSettings(group: RoleGroup): Record<string, string> {
  return {
    REMESSA_THREADS: String(threadsOf(group)),
    REMESSA_MEMORY_BYTES_MAX: `${Math.floor(group.memoryMiB * MEMORY_SHARE)}MiB`,
    REMESSA_POLL_MS_MAX: String(POLL_MS_MAX),
    REMESSA_DRAIN_MS: String(DRAIN_MS),
    REMESSA_LOG_LEVEL: 'info',
  };
}
