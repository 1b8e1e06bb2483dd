/**
 * Dead letters of a queue back to it: SQS moves them itself (StartMessageMoveTask); where the endpoint has no such task
 * they are received, sent and deleted one ten after the other.
 *
 * Promises: no message is lost: it is deleted from the dead letters after the queue has taken it, so one may come twice
 * where that is cut off. A move that somebody else has started is waited for, not doubled. Messages that the task moves count
 * as sent anew.
 */
import {
  ListMessageMoveTasksCommand,
  type ListMessageMoveTasksResultEntry,
  ReceiveMessageCommand,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../../../core/clock.ts';
import { Fault, isFault } from '../../../core/faults.ts';
import { ENTRIES_MAX } from '../batchEntries.ts';
import { errorName, refusedEntry } from '../serviceFaults.ts';
import type { SqsCalls } from './calls.ts';

export interface Redrive {
  /** Names of queues. */
  readonly from: string;
  readonly to: string;
  readonly waitMsMax: number;
}

const LOOK_MS = 500;
/** How long a dead letter is kept from others while it is moved by hand. */
const HOLD_SECONDS = 60;
/** An endpoint may answer what it does not know with a page of HTML; moving by hand is as safe where a proxy did. */
const NOT_KNOWN: ReadonlySet<string> = new Set([
  'SyntaxError',
  'InvalidAction',
  'NotImplemented',
  'NotImplementedError',
  'UnknownOperationException',
  'UnknownOperation',
]);
/** SQS runs one move of a queue at a time. */
const RUNNING: ReadonlySet<string> = new Set(['UnsupportedOperation', 'InvalidParameterValue']);

/** How many were moved, as far as SQS tells within `waitMsMax`. */
export async function redriveQueue(calls: SqsCalls, redrive: Redrive, clock: Clock): Promise<number> {
  const dead = await calls.attributesOf(redrive.from, 'QueueArn', 'ApproximateNumberOfMessages');
  if (Number(dead.ApproximateNumberOfMessages ?? 0) === 0) return 0;
  const { QueueArn: to } = await calls.attributesOf(redrive.to, 'QueueArn');
  const from = dead.QueueArn;
  const command = new StartMessageMoveTaskCommand({ SourceArn: from, DestinationArn: to });
  try {
    await calls.call('StartMessageMoveTask', (client) => client.send(command));
  } catch (error) {
    const name = isFault(error) ? errorName(error.cause) : '';
    if (NOT_KNOWN.has(name)) return await moveByHand(calls, redrive);
    if (!RUNNING.has(name) || (await newestTask(calls, from))?.Status !== 'RUNNING') throw error;
  }
  return await follow(calls, from, redrive.waitMsMax, clock);
}

async function follow(calls: SqsCalls, from: string | undefined, waitMsMax: number, clock: Clock): Promise<number> {
  const deadlineMs = clock.monotonicMs() + waitMsMax;
  for (;;) {
    const task = await newestTask(calls, from);
    const moved = task?.ApproximateNumberOfMessagesMoved ?? 0;
    if (task?.Status === 'FAILED')
      throw new Fault('SERVICE_IO', `SQS StartMessageMoveTask: SQS gave up after ${moved} messages`);
    if ((task !== undefined && task.Status !== 'RUNNING') || clock.monotonicMs() >= deadlineMs) return moved;
    await clock.sleep(LOOK_MS);
  }
}

async function newestTask(
  calls: SqsCalls,
  from: string | undefined,
): Promise<ListMessageMoveTasksResultEntry | undefined> {
  const command = new ListMessageMoveTasksCommand({ SourceArn: from, MaxResults: 1 });
  return (await calls.call('ListMessageMoveTasks', (client) => client.send(command))).Results?.[0];
}

async function moveByHand(calls: SqsCalls, { from, to }: Redrive): Promise<number> {
  let moved = 0;
  for (;;) {
    const command = new ReceiveMessageCommand({
      QueueUrl: await calls.urlOf(from),
      MaxNumberOfMessages: ENTRIES_MAX,
      WaitTimeSeconds: 1,
      VisibilityTimeout: HOLD_SECONDS,
      MessageSystemAttributeNames: ['MessageGroupId'],
      MessageAttributeNames: ['All'],
    });
    const { Messages = [] } = await calls.call('ReceiveMessage', (client) => client.send(command));
    if (Messages.length === 0) return moved;
    const entries = Messages.map(({ Body, Attributes, MessageAttributes }) => ({
      MessageBody: Body ?? '',
      MessageGroupId: Attributes?.MessageGroupId,
      MessageAttributes,
    }));
    await all('SendMessageBatch', calls, entries, (left) => calls.send(to, left));
    const receipts = Messages.map(({ ReceiptHandle }) => ReceiptHandle ?? '');
    await all('DeleteMessageBatch', calls, receipts, (left) => calls.delete(from, left));
    moved += Messages.length;
  }
}

async function all<Entry>(
  operation: string,
  calls: SqsCalls,
  entries: readonly Entry[],
  ask: Parameters<typeof calls.settle<Entry>>[2],
): Promise<void> {
  const refused = (await calls.settle(operation, entries, ask)).filter((code) => code !== undefined);
  if (refused.length > 0) throw refusedEntry({ service: 'SQS', operation }, refused.at(-1) as string, refused.length);
}
