/**
 * What a message of the notifications queue says (pure; nothing here is trusted, and nothing throws).
 *
 * Read are S3's own events, the same wrapped by SNS, and EventBridge's «Object Created», also wrapped. A message may have
 * several records. Unknown fields are passed over; events that bring no object are `ignored`; a record that makes no sense is
 * `spoilt`, and so is a message that is none of these.
 *
 * Keys are URL-encoded by S3 (`+` is a blank) and decoded here, once; EventBridge writes them as they are. ETags come without
 * quotes. Sources: «Event message structure» of the Amazon S3 user guide; «Object Created» of EventBridge's.
 */
import { decodeKey } from './list.ts';
import { unquoted } from './pins.ts';

export interface CreatedObject {
  readonly kind: 'created';
  readonly bucket: string;
  readonly key: string;
  readonly etag: string | undefined;
  readonly version: string | undefined;
  /** Orders the events of one key: hexadecimal, to be compared by `laterSequencer`. */
  readonly sequencer: string | undefined;
  /** When S3 says that it happened; 0 where it does not. */
  readonly atMs: number;
}

export type Announcement =
  | CreatedObject
  | { readonly kind: 'ignored'; readonly what: string }
  | { readonly kind: 'spoilt'; readonly reason: string };

/** SNS around EventBridge around nothing more. */
const WRAPS_MAX = 2;
const RECORDS_MAX = 1000;

export function readNotification(body: string): readonly Announcement[] {
  let text = body;
  for (let wraps = 0; ; wraps++) {
    const message = objectOf(parsed(text));
    if (message === undefined) return [spoilt('it is no JSON object')];
    if (message['Type'] === 'Notification' && typeof message['Message'] === 'string' && wraps < WRAPS_MAX) {
      text = message['Message'];
      continue;
    }
    return eventsOf(message);
  }
}

/** Whether `a` is of a later event of the same key than `b`: the shorter is filled up with zeros on its left. */
export function laterSequencer(a: string, b: string): boolean {
  const length = Math.max(a.length, b.length);
  return a.toUpperCase().padStart(length, '0') > b.toUpperCase().padStart(length, '0');
}

type Fields = Readonly<Record<string, unknown>>;

function eventsOf(message: Fields): readonly Announcement[] {
  if (message['Event'] === 's3:TestEvent') return [{ kind: 'ignored', what: 's3:TestEvent' }];
  const records = message['Records'];
  if (Array.isArray(records)) {
    if (records.length > RECORDS_MAX) return [spoilt('it has too many records')];
    return records.map((record) => s3Record(objectOf(record)));
  }
  if (message['source'] === 'aws.s3') return [bridgeEvent(message)];
  return [spoilt('it is no event of S3')];
}

function s3Record(record: Fields | undefined): Announcement {
  const source = record?.['eventSource'];
  const name = textOf(record?.['eventName'])?.replace(/^s3:/, '');
  if (record === undefined || name === undefined) return spoilt('a record names no event');
  if (source !== undefined && !String(source).endsWith(':s3')) return spoilt('a record is of another service');
  if (!name.startsWith('ObjectCreated:')) return { kind: 'ignored', what: word(name) };
  const s3 = objectOf(record['s3']);
  const object = objectOf(s3?.['object']);
  const written = textOf(object?.['key']);
  const key = written === undefined ? undefined : decodeKey(written);
  return created(objectOf(s3?.['bucket']), key, record['eventTime'], {
    etag: object?.['eTag'],
    version: object?.['versionId'],
    sequencer: object?.['sequencer'],
  });
}

function bridgeEvent(message: Fields): Announcement {
  const type = textOf(message['detail-type']);
  if (type === undefined) return spoilt('an event without a type');
  if (type !== 'Object Created') return { kind: 'ignored', what: word(type) };
  const detail = objectOf(message['detail']);
  const object = objectOf(detail?.['object']);
  return created(objectOf(detail?.['bucket']), textOf(object?.['key']), message['time'], {
    etag: object?.['etag'],
    version: object?.['version-id'],
    sequencer: object?.['sequencer'],
  });
}

function created(
  bucket: Fields | undefined,
  key: string | undefined,
  time: unknown,
  object: { readonly etag: unknown; readonly version: unknown; readonly sequencer: unknown },
): Announcement {
  const name = textOf(bucket?.['name']);
  if (name === undefined) return spoilt('a record names no bucket');
  if (key === undefined) return spoilt('a record names no key, or one that cannot be decoded');
  const etag = textOf(object.etag);
  const version = textOf(object.version);
  const sequencer = textOf(object.sequencer);
  const atMs = Date.parse(textOf(time) ?? '');
  return {
    kind: 'created',
    bucket: name,
    key,
    etag: etag === undefined ? undefined : unquoted(etag),
    version: version === 'null' ? undefined : version,
    sequencer: sequencer !== undefined && /^[0-9A-Fa-f]{1,64}$/.test(sequencer) ? sequencer : undefined,
    atMs: Number.isNaN(atMs) ? 0 : atMs,
  };
}

function spoilt(reason: string): Announcement {
  return { kind: 'spoilt', reason };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** A text that says something; anything else counts as absent. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** What may be repeated in a log. */
function word(value: string): string {
  return /^[A-Za-z][A-Za-z :*-]{0,79}$/.test(value) ? value : 'unknown';
}
