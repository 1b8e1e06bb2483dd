/** Messages come back as they were sent; bodies that nobody of ours wrote are refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../../src/core/faults.ts';
import { decodeMessage, type Message, outgoing, QUEUES, queueOf, workOf } from '../../../src/stages/batch/messages.ts';

const SENT: readonly [Message, string, string][] = [
  [{ kind: 'pick', batch: 'b-1' }, 'picker', 'b-1/pick'],
  [{ kind: 'range', batch: 'b-1', range: 0 }, 'intermediate', 'b-1/range/0'],
  [{ kind: 'settle', batch: 'b-1' }, 'batch', 'b-1/settle'],
  [{ kind: 'line', client: 'acme', batch: 'b-1' }, 'batch', 'b-1/line'],
  [{ kind: 'shard', batch: 'b-1', shard: 3, mode: 'apply' }, 'registering', 'b-1/shard/3/apply'],
  [{ kind: 'shard', batch: 'b-1', shard: 3, mode: 'preview' }, 'registering', 'b-1/shard/3/preview'],
  [{ kind: 'finish', batch: 'b-1' }, 'batch', 'b-1/finish'],
  [{ kind: 'free', batch: 'b-1' }, 'batch', 'b-1/free'],
  [{ kind: 'notify', batch: 'b-1' }, 'notifier', 'b-1/notify'],
];

describe('messages', () => {
  it.each(SENT)('%j goes to the %s queue as the work %s', (message, queue, work) => {
    const sent = outgoing({ client: 'acme' }, message);
    expect([queueOf(message.kind), sent.id, sent.group]).toEqual([queue, work, 'acme']);
    expect(decodeMessage(sent.body)).toEqual(message);
  });

  it('name every queue there is, and every work differently', () => {
    expect(new Set(SENT.map(([message]) => queueOf(message.kind)))).toEqual(new Set(QUEUES));
    expect(new Set(SENT.map(([message]) => workOf(message))).size).toBe(SENT.length);
  });
});

const refused = (body: string): string => {
  try {
    return `read as ${JSON.stringify(decodeMessage(body))}`;
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
};

describe('a body', () => {
  it.each([
    '',
    'null',
    'true',
    '7',
    '"pick"',
    '[]',
    '{}',
    '{"kind":"pick"}',
    '{"kind":"pick","batch":7}',
    '{"kind":"pick","batch":["b-1"]}',
    '{"kind":"unknown","batch":"b-1"}',
    '{"kind":"toString","batch":"b-1"}',
    '{"kind":"__proto__","batch":"b-1"}',
    '{"kind":["pick"],"batch":"b-1"}',
    '{"kind":"range","batch":"b-1"}',
    '{"kind":"range","batch":"b-1","range":"0"}',
    '{"kind":"range","batch":"b-1","range":0.5}',
    '{"kind":"range","batch":"b-1","range":-1}',
    '{"kind":"range","batch":"b-1","range":1e99}',
    '{"kind":"line","batch":"b-1"}',
    '{"kind":"line","batch":"b-1","client":null}',
    '{"kind":"shard","batch":"b-1","shard":1}',
    '{"kind":"shard","batch":"b-1","shard":1,"mode":"other"}',
    '{"kind":"shard","batch":"b-1","shard":-1,"mode":"apply"}',
    '{"kind":"shard","batch":"b-1","mode":"apply"}',
    '{"kind":"pick","batch":"b-1"',
  ])('%s is refused', (body) => {
    expect(refused(body)).toBe('STORE_CORRUPT');
  });

  it('of any kind is read or refused, never a crash', () => {
    const value = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom(...SENT.map(([message]) => JSON.stringify(message))),
    );
    fc.assert(
      fc.property(value, fc.nat(60), fc.boolean(), (text, cut, isCut) => {
        const says = refused(isCut ? text.slice(0, cut) : text);
        expect(says === 'STORE_CORRUPT' || says.startsWith('read as {')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
