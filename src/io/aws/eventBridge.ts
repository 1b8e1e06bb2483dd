/**
 * Events of batches on an EventBridge bus: source `remessa`, the type as detail-type, and as detail the event's own with
 * `id`, `client` and `at` (ISO 8601, UTC) put before it.
 *
 * A call carries at most 10 events and 256 KiB, as PutEvents counts them. PutEvents answers for each event by itself: those
 * it had trouble with are sent again, up to `triesMax` times with jitter between; one it refuses ends the call.
 *
 * Faults: `NOTICE_REFUSED`, `SERVICE_DENIED`, `SERVICE_IO`.
 */
import { PutEventsCommand, type PutEventsRequestEntry, type PutEventsResultEntry } from '@aws-sdk/client-eventbridge';
import { assert } from '../../core/assert.ts';
import type { Clock } from '../../core/clock.ts';
import { Fault } from '../../core/faults.ts';
import type { RandomBytes } from '../../core/ids.ts';
import { EVENT_BYTES_MAX, type EventPublisher, type OutgoingEvent } from '../ports/events.ts';
import { errorName, serviceFault } from './serviceFaults.ts';

export interface EventBridgeOptions {
  /** The bus's name; `default` is every account's own. */
  readonly bus: string;
  readonly triesMax: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

/** What is used of `EventBridgeClient`. */
export interface EventBridgeSender {
  send(command: PutEventsCommand): Promise<{ readonly Entries?: readonly PutEventsResultEntry[] }>;
  destroy(): void;
}

export const EVENT_SOURCE = 'remessa';
const ENTRIES_MAX = 10;
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
const DENIED: ReadonlySet<string> = new Set([
  'NotAuthorizedForSourceException',
  'AccessDeniedException',
  'NotAuthorized',
]);
const CALL_REFUSED: ReadonlySet<string> = new Set(['ResourceNotFoundException', 'ValidationException']);

interface Entry {
  readonly entry: PutEventsRequestEntry;
  readonly bytes: number;
}

export function openEventBridge(
  options: EventBridgeOptions,
  deps: { readonly client: EventBridgeSender; readonly clock: Clock; readonly random: RandomBytes },
): EventPublisher {
  const { client, clock } = deps;

  const put = async (call: readonly Entry[]): Promise<void> => {
    let left = call;
    for (let tries = 1; left.length > 0; tries++) {
      const answers = await send(client, left);
      const codes = answers.map(({ ErrorCode }) => ErrorCode ?? '');
      const bad = codes.find((code) => code !== '' && !AGAIN.has(code));
      if (bad !== undefined) throw entryFault(bad);
      left = left.filter((_, index) => codes[index] !== '');
      if (left.length === 0) return;
      const last = codes.find((code) => code !== '') ?? '';
      if (tries >= options.triesMax) {
        throw new Fault('SERVICE_IO', `EventBridge PutEvents: ${tries} tries in vain, the last: ${safe(last)}`);
      }
      await clock.sleep(delayMs(options, tries, deps.random));
    }
  };
  return {
    async publish(events) {
      for (const call of callsOf(events.map((event) => entryOf(event, options.bus)))) await put(call);
    },
    async close() {
      client.destroy();
    },
  };
}

async function send(client: EventBridgeSender, entries: readonly Entry[]): Promise<readonly PutEventsResultEntry[]> {
  const where = { service: 'EventBridge', operation: 'PutEvents' };
  try {
    const { Entries = [] } = await client.send(new PutEventsCommand({ Entries: entries.map(({ entry }) => entry) }));
    if (Entries.length === entries.length) return Entries;
  } catch (error) {
    const name = errorName(error);
    if (CALL_REFUSED.has(name)) throw new Fault('NOTICE_REFUSED', `EventBridge: ${name}`);
    throw serviceFault(where, error);
  }
  throw new Fault('SERVICE_IO', 'EventBridge PutEvents: an answer for another number of events');
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

function entryFault(code: string): Fault {
  if (DENIED.has(code)) return new Fault('SERVICE_DENIED', `EventBridge PutEvents: ${safe(code)}`);
  return new Fault('NOTICE_REFUSED', `EventBridge: ${safe(code)}`);
}

/** Codes are names; whatever else comes is not repeated. */
function safe(code: string): string {
  return /^[A-Za-z]{1,80}$/.test(code) ? code : 'unknown error';
}

/** Exponential with full jitter. */
function delayMs(options: EventBridgeOptions, tries: number, random: RandomBytes): number {
  const ceilingMs = Math.min(options.retryMsMax, options.retryMsMin * 2 ** Math.min(tries, 20));
  const share = new DataView(new Uint8Array(random(4)).buffer).getUint32(0) / 2 ** 32;
  return options.retryMsMin + Math.round(share * Math.max(0, ceilingMs - options.retryMsMin));
}
