/** How long the SDK's clients wait, and for what: a poll is let to finish, a renewal that hangs is asked for again in time. */
import type { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { WORK_QUEUES } from '../../../src/io/aws/names.ts';
import { makeSqs } from '../../../src/io/aws/sdkClients.ts';
import type { ReceivedMessage } from '../../../src/io/ports/queue.ts';
import { openedQueue } from '../../support/aws/queues.ts';
import { FakeSqs, messages } from './sqs/fakeSqs.ts';

const QUEUES = { work: { name: 'p-work', deadLetters: 'p-work-dlq' } };
const ANSWER_MS = 1000;
/** As a process polls that has all roles: the queues of the work, and the arrivals. */
const POLLS = WORK_QUEUES.length + 1;
/** Far below what a long poll may take, far above a deadline and a try. */
const IN_TIME_MS = 12_000;

let sqs: FakeSqs;
let client: SQSClient;
const before = { id: process.env['AWS_ACCESS_KEY_ID'], secret: process.env['AWS_SECRET_ACCESS_KEY'] };

beforeEach(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIDEXAMPLE';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
  sqs = await new FakeSqs().start();
  const endpoints = { sqs: sqs.endpoint };
  const sizes = { connections: 2, connectMs: 2000, answerMs: ANSWER_MS, triesMax: 3 };
  client = makeSqs({ region: 'sa-east-1', endpoints, ...sizes });
});

afterEach(async () => {
  client.destroy();
  await sqs.close();
  for (const [key, value] of [
    ['AWS_ACCESS_KEY_ID', before.id],
    ['AWS_SECRET_ACCESS_KEY', before.secret],
  ] as const) {
    if (value === undefined) delete process.env[key];
    else process.env[key] = value;
  }
});

const never = new Promise<undefined>(() => {});
const passed = <T>(ms: number, value: T): Promise<T> => new Promise((done) => setTimeout(() => done(value), ms));

describe('the client of SQS', () => {
  it('asks again for a renewal that hangs, long before a long poll would be over', {
    timeout: IN_TIME_MS,
  }, async () => {
    sqs.script = ({ operation }, call) => {
      if (operation === 'ReceiveMessage') return messages('r-1');
      return operation === 'ChangeMessageVisibilityBatch' && call === 1 ? never : undefined;
    };
    const { queue } = openedQueue(client, QUEUES, systemClock);
    const [message] = await queue.receive('work', { max: 1, waitMs: 0, leaseMs: 60_000 });
    expect(await queue.extend('work', message as ReceivedMessage, 60_000)).toBe(true);
    expect(sqs.calls('ChangeMessageVisibilityBatch')).toHaveLength(2);
  });

  it('lets a poll take longer than another answer', { timeout: IN_TIME_MS }, async () => {
    sqs.script = ({ operation }) =>
      operation === 'ReceiveMessage' ? passed(2.5 * ANSWER_MS, messages('r-1')) : undefined;
    const { queue } = openedQueue(client, QUEUES, systemClock);
    expect(await queue.receive('work', { max: 1, waitMs: 3000, leaseMs: 60_000 })).toHaveLength(1);
    expect(sqs.calls('ReceiveMessage')).toHaveLength(1);
  });

  it('has connections left where every queue is being polled', { timeout: IN_TIME_MS }, async () => {
    const held = Promise.withResolvers<void>();
    sqs.script = ({ operation }) =>
      operation === 'ReceiveMessage' ? held.promise.then(() => messages('r-1')) : undefined;
    const { queue } = openedQueue(client, QUEUES, systemClock);
    const polls = Array.from({ length: POLLS }, () => queue.receive('work', { max: 1, waitMs: 1, leaseMs: 60_000 }));
    while (sqs.calls('ReceiveMessage').length < POLLS) await passed(10, undefined);
    await queue.send('work', [{ id: 'm-1', group: 'acme', body: 'x' }]);
    held.resolve();
    expect((await Promise.all(polls)).flat()).toHaveLength(POLLS);
  });
});
