/**
 * Events of batches on an EventBridge bus: source `remessa`, the type as detail-type, and as detail the event's own with
 * `id`, `client` and `at` (ISO 8601, UTC) put before it.
 *
 * A call carries at most 10 events and 256 KiB, as PutEvents counts them. PutEvents answers for each event by itself: those
 * it had trouble with are sent again, up to `triesMax` times with jitter between; one that it refuses is told once the others
 * of its call are settled.
 *
 * Faults: `NOTICE_REFUSED`, `SERVICE_DENIED`, `SERVICE_IO`.
 */
import { PutEventsCommand, type PutEventsRequestEntry, type PutEventsResultEntry } from '@aws-sdk/client-eventbridge';
import { assert } from '../../../core/assert.ts';
import type { Clock } from '../../../core/clock.ts';
import { Fault } from '../../../core/faults.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import { EVENT_BYTES_MAX, type EventPublisher, type OutgoingEvent } from '../../ports/events.ts';
import { ENTRIES_MAX, type EntryTries, type Outcome, settleEntries } from '../batchEntries.ts';
import { errorName, isDeniedName, serviceFault } from '../serviceFaults.ts';

export interface EventBridgeOptions extends EntryTries {
  /** The bus's name; `default` is every account's own. */
  readonly bus: string;
}

/** What is used of `EventBridgeClient`. */
export interface EventBridgeSender {
  send(command: PutEventsCommand): Promise<{ readonly Entries?: readonly PutEventsResultEntry[] }>;
  destroy(): void;
}

export const EVENT_SOURCE = 'remessa';
const WHERE = { service: 'EventBridge', operation: 'PutEvents' };
const CALL_BYTES_MAX = 256 * 1024;
/** What PutEvents counts for an entry's time. */
const TIME_BYTES = 14;
/** Trouble of the service; another try may help. */
const AGAIN: ReadonlySet<string> = new Set([
  'InternalFailure',
  'InternalException',
  'ThrottlingException',
  'Throttling',
]);
/** What only PutEvents says where a permission is missing. */
const NO_PERMISSION = 'NotAuthorizedForSourceException';
const CALL_REFUSED: ReadonlySet<string> = new Set(['ResourceNotFoundException', 'ValidationException']);

interface Entry {
  readonly entry: PutEventsRequestEntry;
  readonly bytes: number;
}

export function openEventBridge(
  options: EventBridgeOptions,
  deps: { readonly client: EventBridgeSender; readonly clock: Clock; readonly random: RandomBytes },
): EventPublisher {
  const { client } = deps;
  const ask = async (entries: readonly Entry[]): Promise<Outcome[]> => {
    try {
      const { Entries = [] } = await client.send(new PutEventsCommand({ Entries: entries.map(({ entry }) => entry) }));
      // Answers are told apart by their place alone: of another number of them none can be believed.
      if (Entries.length !== entries.length) return entries.map(() => ({ kind: 'failed', code: 'NoAnswer' }));
      return Entries.map(({ ErrorCode = '' }) => outcomeOf(ErrorCode));
    } catch (error) {
      const name = errorName(error);
      if (CALL_REFUSED.has(name)) throw new Fault('NOTICE_REFUSED', `EventBridge: ${name}`);
      throw serviceFault(WHERE, error);
    }
  };
  return {
    async publish(events) {
      for (const call of callsOf(events.map((event) => entryOf(event, options.bus)))) {
        const codes = await settleEntries(WHERE, options, deps, call, ask);
        const refused = codes.find((code) => code !== undefined);
        if (refused !== undefined) throw refusal(refused);
      }
    },
    async close() {
      client.destroy();
    },
  };
}

function outcomeOf(code: string): Outcome {
  if (code === '') return { kind: 'done' };
  return { kind: AGAIN.has(code) ? 'failed' : 'refused', code };
}

function refusal(code: string): Fault {
  const name = errorName(Object.assign(new Error(), { name: code }));
  const denied = name === NO_PERMISSION || isDeniedName(name);
  return new Fault(denied ? 'SERVICE_DENIED' : 'NOTICE_REFUSED', `EventBridge PutEvents: ${name}`);
}

function entryOf(event: OutgoingEvent, bus: string): Entry {
  const { id, client, atMs } = event;
  assert(/^[A-Za-z0-9_./-]{1,128}$/.test(id), 'the id of an event is well formed');
  const Detail = JSON.stringify({ id, client, at: new Date(atMs).toISOString(), ...event.detail });
  const detailBytes = Buffer.byteLength(Detail);
  if (detailBytes > EVENT_BYTES_MAX) throw new Fault('NOTICE_REFUSED', `an event of ${detailBytes} bytes`);
  return {
    entry: { EventBusName: bus, Source: EVENT_SOURCE, DetailType: event.type, Detail, Time: new Date(atMs) },
    bytes: detailBytes + EVENT_SOURCE.length + Buffer.byteLength(event.type) + TIME_BYTES,
  };
}

/** Runs of events, in order, each as long as a call may be. */
function callsOf(entries: readonly Entry[]): Entry[][] {
  const calls: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const call = calls.at(-1);
    if (call === undefined || call.length === ENTRIES_MAX || bytes + entry.bytes > CALL_BYTES_MAX) {
      calls.push([entry]);
      bytes = entry.bytes;
    } else {
      call.push(entry);
      bytes += entry.bytes;
    }
  }
  return calls;
}
