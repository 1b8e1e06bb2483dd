/**
 * What buckets and topics tell: bodies of S3, SNS around S3, and EventBridge, changed in every way. Reading never throws,
 * repeats nothing of what was sent where a log could get it, and reads a good record as it was meant whatever stands beside it.
 */
import { type Announcement, laterSequencer, readNotification } from '../../../src/io/aws/s3/events.ts';
import type { Random } from '../../oracle/random.ts';
import { targetSource } from '../fuzz.ts';
import { jsonText, mutatedJson } from '../mutate.ts';

interface Meant {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly version: string;
  readonly sequencer: string;
}

interface Notification {
  readonly body: string;
  /** Where the record stands that nobody touched, and what it says. */
  readonly good?: { readonly at: number; readonly meant: Meant };
}

const PIECES = ['a', 'b/c', ' ', '+', '%', 'ç', 'é.csv', '..', '/', '\u0000', '😀', '&', "'", '"', '52998224725'];

function madeMeant(random: Random): Meant {
  let key = 'inbox/acme/';
  for (let pieces = random.integer(1, 6); pieces > 0; pieces--) key += random.pick(PIECES);
  const hex = (count: number): string =>
    Array.from({ length: count }, () => random.pick([...'0123456789ABCDEF'])).join('');
  return {
    bucket: 'incoming',
    key,
    etag: hex(32).toLowerCase(),
    version: hex(16),
    sequencer: hex(random.integer(1, 20)),
  };
}

/** As S3 writes keys: as forms do, `+` for a blank; some of what needs no escape is escaped nonetheless. */
function written(random: Random, key: string): string {
  return [...Buffer.from(key, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (byte === 0x20) return random.pick(['+', '%20']);
      if (/[A-Za-z0-9._~/-]/.test(character) && random.chance(0.95)) return character;
      const hex = byte.toString(16).padStart(2, '0');
      return `%${random.chance(0.5) ? hex.toUpperCase() : hex}`;
    })
    .join('');
}

function recordOf(random: Random, { bucket, key, etag, version, sequencer }: Meant): unknown {
  return {
    eventVersion: '2.3',
    eventSource: random.pick(['aws:s3', 'minio:s3']),
    eventName: random.pick(['ObjectCreated:Put', 's3:ObjectCreated:CompleteMultipartUpload']),
    eventTime: '2026-03-01T12:00:00.000Z',
    s3: {
      bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
      object: { key: written(random, key), size: 12, eTag: etag, versionId: version, sequencer },
    },
  };
}

function bridgeOf({ bucket, key, etag, version, sequencer }: Meant): unknown {
  const object = { key, size: 12, etag, 'version-id': version, sequencer };
  return {
    version: '0',
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: '2026-03-01T12:00:00Z',
    detail: { bucket: { name: bucket }, object, reason: 'PutObject' },
  };
}

function madeNotification(random: Random): Notification {
  const meant = madeMeant(random);
  const wrap = (value: unknown): string => {
    const text = JSON.stringify(value);
    if (random.chance(0.6)) return text;
    return JSON.stringify({ Type: 'Notification', TopicArn: 'arn:aws:sns:x', Message: text });
  };
  const dice = random.next();
  if (dice < 0.3) {
    // A good record between records that were changed.
    const others = Array.from({ length: random.integer(0, 4) }, () =>
      mutatedJson(random, recordOf(random, madeMeant(random)), 4),
    );
    const at = random.integer(0, others.length);
    return { body: wrap({ Records: others.toSpliced(at, 0, recordOf(random, meant)) }), good: { at, meant } };
  }
  if (dice < 0.4) return { body: wrap(bridgeOf(meant)), good: { at: 0, meant } };
  const base = random.pick<unknown>([
    { Records: [recordOf(random, meant), recordOf(random, meant)] },
    bridgeOf(meant),
    { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'incoming' },
    { Type: 'Notification', Message: JSON.stringify({ Records: [recordOf(random, meant)] }) },
    {
      Type: 'Notification',
      Message: JSON.stringify({ Type: 'Notification', Message: JSON.stringify(bridgeOf(meant)) }),
    },
  ]);
  return { body: jsonText(random, mutatedJson(random, base, 4)) };
}

const SAFE = /^[A-Za-z0-9][A-Za-z0-9 :*,'-]{0,80}$/;

function judged({ body, good }: Notification, read: typeof readNotification): string | undefined {
  const found = read(body);
  if (!Array.isArray(found)) return 'it is no list';
  for (const one of found as readonly Announcement[]) {
    const says = wrongOf(one);
    if (says !== undefined) return says;
  }
  if (good === undefined) return undefined;
  const one = found[good.at];
  const { bucket, key, etag, version, sequencer } = good.meant;
  if (one?.kind !== 'created') return `the good record is ${JSON.stringify(one)}`;
  const got = JSON.stringify([one.bucket, one.key, one.etag, one.version, one.sequencer]);
  const wanted = JSON.stringify([bucket, key, etag, version, sequencer]);
  return got === wanted ? undefined : `${got} instead of ${wanted}`;
}

function wrongOf(one: Announcement): string | undefined {
  switch (one.kind) {
    case 'spoilt':
      return SAFE.test(one.reason) ? undefined : `a reason that repeats what was sent: ${one.reason}`;
    case 'ignored':
      return SAFE.test(one.what) ? undefined : `a name that repeats what was sent: ${one.what}`;
    case 'created': {
      if (one.bucket === '' || one.key === '') return 'an object without bucket or key';
      if (!Number.isFinite(one.atMs)) return 'an event at no time';
      const { sequencer = '0' } = one;
      if (laterSequencer(sequencer, sequencer)) return 'a sequencer later than itself';
      return laterSequencer(`${sequencer}0`, `1${sequencer}0`) ? 'a sequencer earlier than a shorter one' : undefined;
    }
    default:
      return `an announcement of another kind: ${JSON.stringify(one)}`;
  }
}

/** Decodes keys twice, as one does that decodes what a library has decoded. */
function twice(body: string): readonly Announcement[] {
  return readNotification(body).map((one) =>
    one.kind === 'created'
      ? { ...one, key: decodeURIComponent(one.key.replaceAll('%', '%25').replaceAll('+', ' ')) }
      : one,
  );
}

/** Names what it was sent. */
function telling(body: string): readonly Announcement[] {
  return readNotification(body).map((one) =>
    one.kind === 'spoilt' ? { kind: 'spoilt', reason: `${one.reason}: ${body.slice(0, 20)}` } : one,
  );
}

export const NOTIFICATIONS = targetSource<Notification>({
  name: 'notifications',
  plants: ['decodes twice', 'repeats what was sent'],
  async open(plant) {
    const read = plant === undefined ? readNotification : plant === 'decodes twice' ? twice : telling;
    return { make: madeNotification, judge: (input) => judged(input, read) };
  },
});
