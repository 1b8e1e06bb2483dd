/**
 * The work queues over SQS standard queues (port: queue).
 *
 *   openSqsQueue(options: SqsQueueOptions, deps: SqsQueueDeps): WorkQueue
 *
 * Promises
 * - A message is sent with its client as message group (fair queues on standard queues; AWS turns fairness on by itself), its id
 *   and group as message attributes, since SQS has no ids of the sender's on standard queues: the same id sent twice is two
 *   messages. What SQS took only in part is sent again until all is taken or the sending fails out loud.
 * - The end of a lease is known here as well, by monotonic time from the answer that brought the message. A lease that has run
 *   out is void: `extend` and `ack` answer `false` and ask nothing of SQS, which would still take old receipts now and then.
 * - A long poll is never cut off: what it brings after the signal aborted is given back at once (visibility 0).
 * - Acknowledging, extending and releasing share calls of ten; a lone one is not held up (microBatch.ts).
 * - A lease lasts whole seconds, rounded up, and 12 hours at most since the message was received; so does the delay of a release.
 *
 * Not told by SQS: the age of the oldest message, which only CloudWatch has (`ApproximateAgeOfOldestMessage`); `depth` leaves it
 * out. Its numbers are SQS's approximate ones, and a message that was released with a delay counts as leased.
 *
 * The client must allow an answer to take longer than a long poll, 20 s, and repeats calls by itself.
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`.
 */
import { createHash } from 'node:crypto';
import { ReceiveMessageCommand, type SQSClient, type Message as SqsMessage } from '@aws-sdk/client-sqs';
import { assert } from '../../../core/assert.ts';
import type { Clock } from '../../../core/clock.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { OutgoingMessage, QueueDepth, ReceivedMessage, ReceiveOptions, WorkQueue } from '../../ports/queue.ts';
import { ENTRIES_MAX, type EntryTries, type Outcome } from '../batchEntries.ts';
import { MicroBatch } from '../microBatch.ts';
import { refusedEntry } from '../serviceFaults.ts';
import { SqsCalls, type VisibilityEntry } from './calls.ts';
import { redriveQueue } from './redrive.ts';

export interface SqsQueueOptions extends EntryTries {
  /** By the engine's name of a queue, what it and its dead letters are called in SQS. */
  readonly queues: Readonly<Record<string, { readonly name: string; readonly deadLetters: string }>>;
  /** Calls of one kind under way at once, on one queue. */
  readonly callsMax: number;
  /** How long `redrive` waits for SQS to have moved everything; what is left then is moved without anyone waiting. */
  readonly redriveMsMax: number;
}

export interface SqsQueueDeps {
  readonly client: SQSClient;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
}

/** Of SQS: bytes of one sending (the old limit, which every endpoint takes), of a long poll, of an invisibility. */
const SEND_BYTES_MAX = 256 * 1024;
const WAIT_SECONDS_MAX = 20;
const INVISIBLE_SECONDS_MAX = 43_200;
/** SQS loses nothing: what is sent again waits twice, and a giant batch has thousands of messages waiting. */
const RESEND_MS_MIN = 15 * 60_000;
/** Codes of an entry whose message is gone, visible again or another's. */
const STALE: ReadonlySet<string> = new Set(['ReceiptHandleIsInvalid', 'MessageNotInflight', 'InvalidParameterValue']);

interface QueueAt {
  readonly name: string;
  readonly deadLetters: string;
  readonly visibility: MicroBatch<VisibilityEntry, Outcome>;
  readonly deletion: MicroBatch<string, Outcome>;
}

export function openSqsQueue(options: SqsQueueOptions, deps: SqsQueueDeps): WorkQueue {
  return new SqsQueue(options, deps);
}

class SqsQueue implements WorkQueue {
  readonly resendMsMin = RESEND_MS_MIN;
  readonly #options: SqsQueueOptions;
  readonly #deps: SqsQueueDeps;
  readonly #calls: SqsCalls;
  readonly #queues: ReadonlyMap<string, QueueAt>;
  /** By receipt, until when the lease holds (monotonic). What is not here has run out or was settled. */
  readonly #leases = new Map<string, number>();

  constructor(options: SqsQueueOptions, deps: SqsQueueDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#calls = new SqsCalls(options, deps);
    const limits = { sizeMax: ENTRIES_MAX, callsMax: options.callsMax };
    this.#queues = new Map(
      Object.entries(options.queues).map(([queue, names]) => [
        queue,
        {
          ...names,
          visibility: new MicroBatch(limits, (entries) => this.#calls.changeVisibility(names.name, entries)),
          deletion: new MicroBatch(limits, (receipts) => this.#calls.delete(names.name, receipts)),
        },
      ]),
    );
  }

  async send(queue: string, messages: readonly OutgoingMessage[]): Promise<void> {
    const { name } = this.#at(queue);
    const portions = portionsOf(messages)[Symbol.iterator]();
    let failed = false;
    const lane = async (): Promise<void> => {
      for (let next = portions.next(); next.done !== true && !failed; next = portions.next()) {
        try {
          await this.#sendPortion(name, next.value);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    // Every lane has ended before a failure is told, so that nothing is sent behind the caller's back.
    const lanes = await Promise.allSettled(Array.from({ length: this.#options.callsMax }, lane));
    for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
  }

  async receive(queue: string, options: ReceiveOptions): Promise<ReceivedMessage[]> {
    const { clock } = this.#deps;
    const { name } = this.#at(queue);
    const deadlineMs = clock.monotonicMs() + options.waitMs;
    for (;;) {
      if (isOver(options)) return [];
      const messages = await this.#poll(name, options, deadlineMs - clock.monotonicMs());
      if (isOver(options)) {
        await this.#giveBack(queue, messages);
        return [];
      }
      if (messages.length > 0 || clock.monotonicMs() >= deadlineMs) return messages;
    }
  }

  async extend(queue: string, message: ReceivedMessage, leaseMs: number): Promise<boolean> {
    const at = this.#at(queue);
    if (!this.#holds(message)) return false;
    const seconds = secondsOf(leaseMs);
    const untilMs = this.#deps.clock.monotonicMs() + seconds * 1000;
    const renewed = await this.#change(at, { receipt: message.receipt, seconds });
    // The lease may have been settled while SQS was asked; then nothing is held any more.
    if (!renewed) this.#leases.delete(message.receipt);
    else if (this.#leases.has(message.receipt)) this.#leases.set(message.receipt, untilMs);
    return renewed;
  }

  async ack(queue: string, message: ReceivedMessage): Promise<boolean> {
    const { deletion } = this.#at(queue);
    if (!this.#holds(message)) return false;
    const [refused] = await this.#calls.settle('DeleteMessageBatch', [message.receipt], (left) =>
      Promise.all(left.map((receipt) => deletion.ask(receipt))),
    );
    const held = this.#leases.delete(message.receipt);
    if (refused === undefined) return held;
    if (STALE.has(nameOf(refused))) return false;
    throw refusedEntry({ service: 'SQS', operation: 'DeleteMessageBatch' }, refused, 1);
  }

  async release(queue: string, message: ReceivedMessage, delayMs: number): Promise<void> {
    const at = this.#at(queue);
    if (!this.#holds(message)) return;
    this.#leases.delete(message.receipt);
    await this.#change(at, { receipt: message.receipt, seconds: secondsOf(delayMs) });
  }

  async depth(queue: string): Promise<QueueDepth> {
    const { name, deadLetters } = this.#at(queue);
    const [own, dead] = await Promise.all([
      this.#calls.attributesOf(
        name,
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesDelayed',
        'ApproximateNumberOfMessagesNotVisible',
      ),
      this.#calls.attributesOf(deadLetters, 'ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'),
    ]);
    return {
      waiting: countOf(own.ApproximateNumberOfMessages) + countOf(own.ApproximateNumberOfMessagesDelayed),
      leased: countOf(own.ApproximateNumberOfMessagesNotVisible),
      dead: countOf(dead.ApproximateNumberOfMessages) + countOf(dead.ApproximateNumberOfMessagesNotVisible),
      oldestMs: undefined,
    };
  }

  async redrive(queue: string): Promise<number> {
    const { name, deadLetters } = this.#at(queue);
    return await redriveQueue(
      this.#calls,
      { from: deadLetters, to: name, waitMsMax: this.#options.redriveMsMax },
      this.#deps.clock,
    );
  }

  #at(queue: string): QueueAt {
    const at = this.#queues.get(queue);
    assert(at !== undefined, `no queue is called ${queue}`);
    return at;
  }

  #holds(message: ReceivedMessage): boolean {
    const untilMs = this.#leases.get(message.receipt);
    return untilMs !== undefined && this.#deps.clock.monotonicMs() < untilMs;
  }

  async #sendPortion(name: string, messages: readonly OutgoingMessage[]): Promise<void> {
    const operation = 'SendMessageBatch';
    const refused = await this.#calls.settle(operation, messages.map(entryOf), (left) => this.#calls.send(name, left));
    const codes = refused.filter((code) => code !== undefined);
    if (codes.length > 0) throw refusedEntry({ service: 'SQS', operation }, codes.at(-1) as string, codes.length);
  }

  async #poll(name: string, options: ReceiveOptions, waitMs: number): Promise<ReceivedMessage[]> {
    const seconds = secondsOf(options.leaseMs);
    const command = new ReceiveMessageCommand({
      QueueUrl: await this.#calls.urlOf(name),
      MaxNumberOfMessages: Math.min(ENTRIES_MAX, options.max),
      // Rounded up: a wait below a second, rounded down, would make the caller's loop ask without pause.
      WaitTimeSeconds: Math.min(WAIT_SECONDS_MAX, Math.max(0, Math.ceil(waitMs / 1000))),
      VisibilityTimeout: seconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      MessageAttributeNames: ['id', 'group'],
    });
    const { Messages } = await this.#calls.call('ReceiveMessage', (client) => client.send(command));
    const nowMs = this.#deps.clock.monotonicMs();
    for (const [receipt, untilMs] of this.#leases) if (untilMs <= nowMs) this.#leases.delete(receipt);
    const received = (Messages ?? []).map(receivedOf);
    for (const { receipt } of received) this.#leases.set(receipt, nowMs + seconds * 1000);
    return received;
  }

  async #giveBack(queue: string, messages: readonly ReceivedMessage[]): Promise<void> {
    const given = await Promise.allSettled(messages.map((message) => this.release(queue, message, 0)));
    const failed = given.filter(({ status }) => status === 'rejected').length;
    if (failed === 0) return;
    // Their leases run out by themselves.
    this.#deps.telemetry.emit({ name: 'sqs.not_given_back', level: 'warn', fields: { queue, messages: failed } });
  }

  async #change({ visibility }: QueueAt, entry: VisibilityEntry): Promise<boolean> {
    const operation = 'ChangeMessageVisibilityBatch';
    const [refused] = await this.#calls.settle(operation, [entry], (left) =>
      Promise.all(left.map((one) => visibility.ask(one))),
    );
    if (refused === undefined) return true;
    if (STALE.has(nameOf(refused))) return false;
    throw refusedEntry({ service: 'SQS', operation }, refused, 1);
  }
}

/** Up to ten messages and `SEND_BYTES_MAX` together; one that is larger goes alone, for SQS to refuse. */
function* portionsOf(messages: readonly OutgoingMessage[]): Generator<OutgoingMessage[]> {
  let portion: OutgoingMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = bytesOf(message);
    if (portion.length > 0 && (portion.length === ENTRIES_MAX || bytes + size > SEND_BYTES_MAX)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(message);
    bytes += size;
  }
  if (portion.length > 0) yield portion;
}

/** As SQS counts: the body, and names, types and values of the attributes. */
function bytesOf({ id, group, body }: OutgoingMessage): number {
  return Buffer.byteLength(body) + Buffer.byteLength(id) + Buffer.byteLength(group) + 'idStringgroupString'.length;
}

function entryOf({ id, group, body }: OutgoingMessage) {
  return {
    MessageBody: body,
    MessageGroupId: groupIdOf(group),
    MessageAttributes: {
      id: { DataType: 'String', StringValue: id },
      group: { DataType: 'String', StringValue: group },
    },
  };
}

/** SQS takes 1 to 128 letters, digits and signs as a group; any other is named by its hash. */
function groupIdOf(group: string): string {
  return /^[!-~]{1,128}$/.test(group) ? group : createHash('sha256').update(group).digest('hex');
}

/** A message that somebody else sent has no id of ours: it is given SQS's, and what it means is the engine's to judge. */
function receivedOf(message: SqsMessage): ReceivedMessage {
  const { MessageAttributes, Attributes } = message;
  return {
    id: MessageAttributes?.['id']?.StringValue ?? message.MessageId ?? '',
    group: MessageAttributes?.['group']?.StringValue ?? '',
    body: message.Body ?? '',
    receipt: message.ReceiptHandle ?? '',
    receives: Math.max(1, countOf(Attributes?.ApproximateReceiveCount)),
  };
}

function isOver({ signal }: ReceiveOptions): boolean {
  return signal?.aborted === true;
}

function secondsOf(ms: number): number {
  return Math.min(INVISIBLE_SECONDS_MAX, Math.max(0, Math.ceil(ms / 1000)));
}

function countOf(text: string | undefined): number {
  const count = Number(text ?? 0);
  return Number.isSafeInteger(count) ? count : 0;
}

function nameOf(code: string): string {
  return code.split('.').at(-1) as string;
}
