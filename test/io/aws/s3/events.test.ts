/** What messages of the notifications queue say: each kind, and whatever else may stand there. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { laterSequencer, readNotification } from '../../../../src/io/aws/s3/events.ts';
import { bridgeEvent, bySns, s3Event, s3Record } from './arrivalsSupport.ts';
import { BUCKET } from './support.ts';

const AT_MS = Date.UTC(2026, 0, 15, 12, 0, 0, 123);
const what = {
  key: 'inbox/acme/a.csv',
  etag: 'd41d8cd98f00b204e9800998ecf8427e',
  sequencer: '0055AED6DCD90281E5',
  atMs: AT_MS,
};
const CREATED = {
  kind: 'created',
  bucket: BUCKET,
  key: what.key,
  etag: what.etag,
  version: undefined,
  sequencer: what.sequencer,
  atMs: AT_MS,
};
const read = (message: unknown): readonly object[] =>
  readNotification(typeof message === 'string' ? message : JSON.stringify(message));

describe('kinds of messages', () => {
  it('reads events of S3, of EventBridge, and both as SNS wraps them', () => {
    for (const message of [s3Event(what), bySns(s3Event(what)), bridgeEvent(what), bySns(bridgeEvent(what))]) {
      expect(read(message)).toEqual([CREATED]);
    }
  });

  it('reads versions; the version null is none', () => {
    expect(read(s3Event({ ...what, version: 'v-1' }))).toMatchObject([{ version: 'v-1' }]);
    expect(read(bridgeEvent({ ...what, version: 'v-1' }))).toMatchObject([{ version: 'v-1' }]);
    expect(read(s3Event({ ...what, version: 'null' }))).toMatchObject([{ version: undefined }]);
  });

  // fault 4
  it('reads every record of a message, each for itself', () => {
    const names = ['ObjectCreated:Post', 'ObjectRemoved:Delete', 's3:ObjectCreated:Copy', 'ObjectRestore:Completed'];
    const message = s3Event(...names.map((name, i) => ({ ...what, key: `inbox/acme/${i}`, name })));
    expect(read(message)).toMatchObject([
      { kind: 'created', key: 'inbox/acme/0' },
      { kind: 'ignored', what: 'ObjectRemoved:Delete' },
      { kind: 'created', key: 'inbox/acme/2' },
      { kind: 'ignored', what: 'ObjectRestore:Completed' },
    ]);
    expect(read({ Records: [s3Record(what), { eventName: 'ObjectCreated:Put' }] })).toMatchObject([
      { kind: 'created' },
      { kind: 'spoilt' },
    ]);
    expect(read({ Records: [] })).toEqual([]);
  });

  // fault 4
  it('knows the test event and events that bring no object', () => {
    const test = { Service: 'Amazon S3', Event: 's3:TestEvent', Time: '2026-01-15T12:00:00.000Z', Bucket: BUCKET };
    expect(read(test)).toEqual([{ kind: 'ignored', what: 's3:TestEvent' }]);
    expect(read(bySns(test))).toEqual([{ kind: 'ignored', what: 's3:TestEvent' }]);
    expect(read(bridgeEvent(what, 'Object Deleted'))).toEqual([{ kind: 'ignored', what: 'Object Deleted' }]);
  });

  it.each([
    '',
    'not JSON',
    'null',
    '7',
    '"text"',
    '[]',
    '{}',
    '{"Records":7}',
    '{"Records":[null]}',
    '{"Records":[{"eventSource":"aws:sqs","eventName":"ObjectCreated:Put"}]}',
    '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"%E0%A4%A"}}}]}',
    '{"source":"aws.s3"}',
    '{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{},"object":{"key":"k"}}}',
    '{"Type":"SubscriptionConfirmation","Token":"t"}',
    '{"Type":"Notification","Message":"{}"}',
  ])('calls spoilt what makes no sense: %s', (body) => {
    expect(readNotification(body)).toMatchObject([{ kind: 'spoilt' }]);
  });

  it('does not follow wraps without end', () => {
    let message: object = s3Event(what);
    for (let i = 0; i < 5; i++) message = bySns(message);
    expect(read(message)).toMatchObject([{ kind: 'spoilt' }]);
  });
});

describe('keys', () => {
  // fault 5
  it('are decoded exactly once, whatever they hold; EventBridge’s are as they are', () => {
    const hostile = [
      'a+b c%ç',
      '%2B',
      '100% +%20.csv',
      'a%252Fb',
      'line\nbreak',
      'é',
      '日本',
      '../x',
      "a'b(c)*!~",
      '&<>"',
    ];
    for (const name of hostile) {
      const key = `inbox/acme/${name}`;
      expect(read(s3Event({ ...what, key })), name).toMatchObject([{ key }]);
      expect(read(bridgeEvent({ ...what, key })), name).toMatchObject([{ key }]);
    }
  });

  // fault 5
  it('come back from any encoding S3 may use', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (name) => {
        const key = `inbox/acme/${name}`;
        expect(read(s3Event({ ...what, key }))).toMatchObject([{ key }]);
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});

describe('anything at all', () => {
  // fault 4
  it('is read without a crash, and told apart', () => {
    const kinds = new Set(['created', 'ignored', 'spoilt']);
    const sane = (body: string): void => {
      for (const each of readNotification(body)) {
        expect(kinds.has(each.kind)).toBe(true);
        if (each.kind === 'created') expect(each.key.length).toBeGreaterThan(0);
      }
    };
    fc.assert(fc.property(fc.string({ unit: 'binary' }), sane), { numRuns: 300, seed: 8 });
    fc.assert(fc.property(fc.json(), sane), { numRuns: 500, seed: 9 });
    // Parts of real messages, put together wrongly.
    const names = [
      'Records',
      'Type',
      'Message',
      'Event',
      'source',
      'detail',
      'detail-type',
      'eventName',
      's3',
      'object',
      'key',
    ];
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<unknown>(
          'aws.s3',
          'Object Created',
          'ObjectCreated:Put',
          'Notification',
          's3:TestEvent',
          '%',
          null,
          3,
        ),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names), tie('node')),
        fc.constant(s3Record(what)),
      ),
    })).node;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value), (message) => sane(JSON.stringify(message))),
      {
        numRuns: 2000,
        seed: 10,
      },
    );
  });

  it('is read where any one character of a message was changed', () => {
    const text = JSON.stringify(bySns(s3Event(what)));
    for (let at = 0; at < text.length; at++) {
      for (const other of ['', '"', '}', '%', '\\']) {
        expect(() => readNotification(text.slice(0, at) + other + text.slice(at + 1))).not.toThrow();
      }
    }
  });
});

describe('sequencers', () => {
  // fault 2
  it('are compared as numbers of any length', () => {
    expect(laterSequencer('0055AED6DCD90281E5', '0055AED6DCD90281E4')).toBe(true);
    expect(laterSequencer('100', 'FF')).toBe(true);
    expect(laterSequencer('ff', 'FF')).toBe(false);
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 80n }), fc.bigInt({ min: 0n, max: 2n ** 80n }), (a, b) => {
        expect(laterSequencer(a.toString(16), b.toString(16))).toBe(a > b);
      }),
      { seed: 11 },
    );
  });
});
