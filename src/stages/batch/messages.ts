/**
 * The messages between stages: one queue per role, bodies as JSON, ids derived from the work they ask for, so that the
 * same work asked twice is one message while it waits, and harmless when it comes again.
 */
import { Fault } from '../../core/faults.ts';
import type { OutgoingMessage } from '../../io/ports/queue.ts';
import type { Batch } from '../../io/ports/registry.ts';

export const QUEUES = ['picker', 'intermediate', 'registering', 'batch', 'notifier'] as const;
export type QueueName = (typeof QUEUES)[number];

export type RegisteringMode = 'preview' | 'apply';

export type Message =
  | { readonly kind: 'pick'; readonly batch: string }
  | { readonly kind: 'range'; readonly batch: string; readonly range: number }
  | { readonly kind: 'settle'; readonly batch: string }
  | { readonly kind: 'line'; readonly client: string; readonly batch: string }
  | { readonly kind: 'shard'; readonly batch: string; readonly shard: number; readonly mode: RegisteringMode }
  | { readonly kind: 'finish'; readonly batch: string }
  | { readonly kind: 'free'; readonly batch: string }
  | { readonly kind: 'ask'; readonly batch: string }
  | { readonly kind: 'notify'; readonly batch: string };

export function queueOf(kind: Message['kind']): QueueName {
  switch (kind) {
    case 'pick':
      return 'picker';
    case 'range':
      return 'intermediate';
    case 'shard':
      return 'registering';
    case 'settle':
    case 'line':
    case 'finish':
    case 'free':
      return 'batch';
    case 'ask':
    case 'notify':
      return 'notifier';
  }
}

/** The id of the work a message asks for: the same for every message that asks for it. */
export function workOf(message: Message): string {
  switch (message.kind) {
    case 'range':
      return `${message.batch}/range/${message.range}`;
    case 'shard':
      return `${message.batch}/shard/${message.shard}/${message.mode}`;
    default:
      return `${message.batch}/${message.kind}`;
  }
}

export function outgoing(batch: Pick<Batch, 'client'>, message: Message): OutgoingMessage {
  return { id: workOf(message), group: batch.client, body: JSON.stringify(message) };
}

/** Reads a body; one that this build does not know is a fault of the store, never a crash. */
export function decodeMessage(body: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw new Fault('STORE_CORRUPT', 'a message is not JSON', {}, error);
  }
  const message = value as Partial<Record<string, unknown>> | null;
  const known =
    typeof message === 'object' &&
    message !== null &&
    typeof message['batch'] === 'string' &&
    isKind(message['kind']) &&
    (message['kind'] !== 'range' || isIndex(message['range'])) &&
    (message['kind'] !== 'line' || typeof message['client'] === 'string') &&
    (message['kind'] !== 'shard' ||
      (isIndex(message['shard']) && (message['mode'] === 'preview' || message['mode'] === 'apply')));
  if (!known) throw new Fault('STORE_CORRUPT', 'a message has an unknown shape');
  return value as Message;
}

const KINDS: ReadonlySet<unknown> = new Set([
  'pick',
  'range',
  'settle',
  'line',
  'shard',
  'finish',
  'free',
  'ask',
  'notify',
]);

function isKind(value: unknown): value is Message['kind'] {
  return KINDS.has(value);
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
