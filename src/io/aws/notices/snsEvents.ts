/**
 * Events of batches on an SNS topic (port: events), for queues that subscribe to those they want.
 *
 *   openSnsEvents(options: SnsEventsOptions, deps: { client, clock, random }): EventPublisher
 *
 * - The message is JSON: `id`, `type`, `client` and `at` (ISO 8601, UTC), then the event's own detail.
 * - Message attributes, all of type String, are what filter policies of subscriptions go by: `id`, `type`, `client`, and `state`
 *   where the detail has one. A subscription to the ends of a client's batches:
 *   `{"client": ["acme"], "state": ["completed", "failed", "cancelled"]}`.
 * - A call carries at most 10 events and 256 KiB. Events that SNS did not take are sent again, up to `triesMax` times with
 *   jitter between; one that it refuses is told once the others of its call are settled.
 *
 * Faults: `NOTICE_REFUSED` (an event too large, a topic that is not there), `SERVICE_DENIED`, `SERVICE_IO`.
 */
import { PublishBatchCommand, type PublishBatchRequestEntry, type SNSClient } from '@aws-sdk/client-sns';
import { assert } from '../../../core/assert.ts';
import type { Clock } from '../../../core/clock.ts';
import { Fault } from '../../../core/faults.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import { EVENT_BYTES_MAX, type EventPublisher, type OutgoingEvent } from '../../ports/events.ts';
import { ENTRIES_MAX, type EntryTries, type Outcome, outcomesOf, settleEntries } from '../batchEntries.ts';
import { errorName, isDeniedName, serviceFault } from '../serviceFaults.ts';

export interface SnsEventsOptions extends EntryTries {
  readonly topicArn: string;
}

export interface SnsEventsDeps {
  readonly client: SNSClient;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

const WHERE = { service: 'SNS', operation: 'PublishBatch' };
const CALL_BYTES_MAX = 256 * 1024;
/** The call as a whole can never go: no such topic, or not of this form. */
const CALL_REFUSED: ReadonlySet<string> = new Set(['NotFound', 'NotFoundException', 'InvalidParameter']);

type Entry = Omit<PublishBatchRequestEntry, 'Id'>;

export function openSnsEvents(options: SnsEventsOptions, deps: SnsEventsDeps): EventPublisher {
  const ask = async (entries: readonly Entry[]): Promise<Outcome[]> => {
    const PublishBatchRequestEntries = entries.map((entry, i) => ({ ...entry, Id: String(i) }));
    const command = new PublishBatchCommand({ TopicArn: options.topicArn, PublishBatchRequestEntries });
    try {
      return outcomesOf(entries.length, await deps.client.send(command));
    } catch (error) {
      const name = errorName(error);
      if (CALL_REFUSED.has(name)) throw new Fault('NOTICE_REFUSED', `SNS: ${name}`);
      throw serviceFault(WHERE, error);
    }
  };
  return {
    async publish(events) {
      for (const entries of callsOf(events.map(entryOf))) {
        const codes = await settleEntries(WHERE, options, deps, entries, ask);
        const refused = codes.find((code) => code !== undefined);
        if (refused !== undefined) throw refusal(refused);
      }
    },
    async close() {
      deps.client.destroy();
    },
  };
}

function entryOf(event: OutgoingEvent): Entry {
  const { id, type, client, atMs, detail } = event;
  assert(/^[A-Za-z0-9_./-]{1,128}$/.test(id), 'the id of an event is well formed');
  const detailBytes = Buffer.byteLength(JSON.stringify(detail));
  if (detailBytes > EVENT_BYTES_MAX) throw new Fault('NOTICE_REFUSED', `an event of ${detailBytes} bytes`);
  const state = detail['state'];
  const attributes = { id, type, client, ...(typeof state === 'string' && state !== '' ? { state } : {}) };
  return {
    Message: JSON.stringify({ id, type, client, at: new Date(atMs).toISOString(), ...detail }),
    MessageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
    ),
  };
}

/** Runs of events, in order, each as long as a call may be. */
function* callsOf(entries: readonly Entry[]): Generator<Entry[]> {
  let call: Entry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = bytesOf(entry);
    if (call.length > 0 && (call.length === ENTRIES_MAX || bytes + size > CALL_BYTES_MAX)) {
      yield call;
      call = [];
      bytes = 0;
    }
    call.push(entry);
    bytes += size;
  }
  if (call.length > 0) yield call;
}

/** As SNS counts: the message, and names, types and values of the attributes. */
function bytesOf({ Message = '', MessageAttributes = {} }: Entry): number {
  let bytes = Buffer.byteLength(Message);
  for (const [name, { DataType = '', StringValue = '' }] of Object.entries(MessageAttributes))
    bytes += Buffer.byteLength(name) + DataType.length + Buffer.byteLength(StringValue);
  return bytes;
}

function refusal(code: string): Fault {
  const name = errorName(Object.assign(new Error(), { name: code }));
  return new Fault(isDeniedName(name) ? 'SERVICE_DENIED' : 'NOTICE_REFUSED', `SNS PublishBatch: ${name}`);
}
