/** What the queue's driver does when SQS takes a part, takes nothing, loses an answer, throttles or refuses. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import type { OutgoingMessage, ReceivedMessage } from '../../../../src/io/ports/queue.ts';
import { FakeClock } from '../../../contract/support.ts';
import { openedQueue, sqsClient } from '../../../support/aws/queues.ts';
import { type Entry, FakeSqs, failure, messages, partly } from './fakeSqs.ts';

const QUEUES = { work: { name: 'p-work', deadLetters: 'p-work-dlq' } };
const TROUBLE = { Code: 'InternalError', SenderFault: false };
const POLL = { max: 10, waitMs: 0, leaseMs: 30_000 };

describe('the driver of SQS', () => {
  let sqs: FakeSqs;
  const closing: (() => void)[] = [];

  beforeEach(async () => {
    sqs = await new FakeSqs().start();
  });

  afterEach(async () => {
    for (const close of closing.splice(0)) close();
    await sqs.close();
  });

  function opened(clock = systemClock) {
    const endpoint = {
      endpoint: sqs.endpoint,
      region: 'sa-east-1',
      credentials: { accessKeyId: 'A', secretAccessKey: 's' },
    };
    const client = sqsClient(endpoint);
    closing.push(() => client.destroy());
    return openedQueue(client, QUEUES, clock);
  }

  const made = (count: number, bodyBytes = 20): OutgoingMessage[] =>
    Array.from({ length: count }, (_, i) => ({ id: `m-${i}`, group: 'acme', body: `${i} `.padEnd(bodyBytes, 'x') }));
  const idOf = (entry: Entry): string => entry.MessageAttributes?.['id']?.StringValue ?? '';
  const sentIds = (): string[][] => sqs.calls('SendMessageBatch').map(({ body }) => (body.Entries ?? []).map(idOf));
  const entriesOf = (operation: string): Entry[] => sqs.calls(operation).flatMap(({ body }) => body.Entries ?? []);
  const received = async (
    queue: ReturnType<typeof opened>['queue'],
    ...receipts: string[]
  ): Promise<ReceivedMessage[]> => {
    sqs.script = ({ operation }) => (operation === 'ReceiveMessage' ? messages(...receipts) : undefined);
    return await queue.receive('work', POLL);
  };

  describe('sending', () => {
    it('names the group, and portions by ten and by bytes', async () => {
      const { queue } = opened();
      await queue.send('work', made(23));
      expect(
        sentIds()
          .map(({ length }) => length)
          .sort(),
      ).toEqual([10, 10, 3]);
      expect(new Set(sentIds().flat()).size).toBe(23);
      expect(entriesOf('SendMessageBatch').every(({ MessageGroupId }) => MessageGroupId === 'acme')).toBe(true);
      sqs.asked.length = 0;
      await queue.send('work', made(7, 100 * 1024));
      expect(
        sentIds()
          .map(({ length }) => length)
          .sort(),
      ).toEqual([1, 2, 2, 2]);
    });

    // fault 18
    it('sends again what SQS did not take, and only that', async () => {
      const { queue } = opened();
      sqs.script = ({ operation, body: { Entries = [] } }, call) =>
        operation === 'SendMessageBatch'
          ? partly(Entries, (entry) => (call < 3 && ['m-1', 'm-4'].includes(idOf(entry)) ? TROUBLE : undefined))
          : undefined;
      await queue.send('work', made(5));
      expect(sentIds()).toEqual([
        ['m-0', 'm-1', 'm-2', 'm-3', 'm-4'],
        ['m-1', 'm-4'],
        ['m-1', 'm-4'],
      ]);
    });

    it('sends again what an answer does not mention', async () => {
      const { queue } = opened();
      sqs.script = ({ operation, body: { Entries = [] } }, call) =>
        operation === 'SendMessageBatch' && call === 1 ? partly(Entries.slice(1), () => undefined) : undefined;
      await queue.send('work', made(3));
      expect(sentIds()).toEqual([['m-0', 'm-1', 'm-2'], ['m-0']]);
    });

    // fault 18
    it('fails out loud when SQS takes none of all ten, again and again', async () => {
      const { queue } = opened();
      sqs.script = ({ operation, body: { Entries = [] } }) =>
        operation === 'SendMessageBatch' ? partly(Entries, () => TROUBLE) : undefined;
      await expect(queue.send('work', made(10))).rejects.toMatchObject({
        code: 'SERVICE_IO',
        detail: 'SQS SendMessageBatch: 10 entries not taken in 4 tries, InternalError',
      });
    });

    it.each([
      ['InvalidMessageContents', 'SERVICE_IO'],
      ['KmsAccessDenied', 'SERVICE_DENIED'],
    ])('tells what is refused for good (%s) and does not send it again', async (Code, code) => {
      const { queue } = opened();
      sqs.script = ({ operation, body: { Entries = [] } }) =>
        operation === 'SendMessageBatch'
          ? partly(Entries, (entry) => (idOf(entry) === 'm-1' ? { Code, SenderFault: true } : undefined))
          : undefined;
      await expect(queue.send('work', made(3))).rejects.toMatchObject({ code, detail: expect.stringContaining(Code) });
      expect(sentIds()).toHaveLength(1);
    });

    // fault 17
    it('sends again after an answer that was lost: twice is harmless, never is not', async () => {
      const { queue } = opened();
      sqs.script = ({ operation }, call) => (operation === 'SendMessageBatch' && call === 1 ? 'lost' : undefined);
      await queue.send('work', made(2));
      expect(sentIds()).toEqual([
        ['m-0', 'm-1'],
        ['m-0', 'm-1'],
      ]);
    });

    it.each([
      [503, 'ServiceUnavailable'],
      [400, 'ThrottlingException'],
    ])('goes on after %i %s, and gives up after the last try', async (status, type) => {
      const { queue } = opened();
      sqs.script = ({ operation }, call) =>
        operation === 'SendMessageBatch' && call === 1 ? failure(status, type) : undefined;
      await queue.send('work', made(1));
      sqs.asked.length = 0;
      sqs.script = ({ operation }) => (operation === 'SendMessageBatch' ? failure(status, type) : undefined);
      await expect(queue.send('work', made(1))).rejects.toMatchObject({
        code: 'SERVICE_IO',
        detail: `SQS SendMessageBatch: ${type}, HTTP ${status}`,
      });
      expect(sqs.calls('SendMessageBatch')).toHaveLength(3);
    });

    it('tells a queue that is not there', async () => {
      const { queue } = opened();
      sqs.script = ({ operation }) => (operation === 'GetQueueUrl' ? failure(400, 'QueueDoesNotExist') : undefined);
      await expect(queue.send('work', made(1))).rejects.toMatchObject({
        code: 'SERVICE_IO',
        detail: expect.stringContaining('QueueDoesNotExist'),
      });
    });
  });

  describe('a poll', () => {
    it('asks for what the caller wants, within the limits of SQS', async () => {
      const { queue } = opened();
      sqs.script = ({ operation }) => (operation === 'ReceiveMessage' ? messages('r-1') : undefined);
      const got = await queue.receive('work', { max: 64, waitMs: 1200, leaseMs: 30_500 });
      expect(got).toEqual([{ id: 'id-r-1', group: 'acme', body: 'body of r-1', receipt: 'r-1', receives: 2 }]);
      await queue.receive('work', { max: 1, waitMs: 600_000, leaseMs: 100_000_000 });
      expect(sqs.calls('ReceiveMessage').map(({ body }) => body)).toMatchObject([
        { MaxNumberOfMessages: 10, WaitTimeSeconds: 2, VisibilityTimeout: 31 },
        { MaxNumberOfMessages: 1, WaitTimeSeconds: 20, VisibilityTimeout: 43_200 },
      ]);
    });

    // fault 29
    it('is finished when the signal aborts, and what it brings is given back at once', async () => {
      const { queue } = opened();
      const control = new AbortController();
      let release: () => void = () => undefined;
      const held = new Promise<void>((done) => {
        release = done;
      });
      sqs.script = async ({ operation }) => {
        if (operation !== 'ReceiveMessage') return undefined;
        control.abort();
        await held;
        return messages('r-1', 'r-2');
      };
      let ended = false;
      const polling = queue.receive('work', { ...POLL, waitMs: 20_000, signal: control.signal }).finally(() => {
        ended = true;
      });
      await new Promise((next) => control.signal.addEventListener('abort', next));
      expect(ended).toBe(false);
      release();
      expect(await polling).toEqual([]);
      expect(entriesOf('ChangeMessageVisibilityBatch')).toMatchObject([
        { ReceiptHandle: 'r-1', VisibilityTimeout: 0 },
        { ReceiptHandle: 'r-2', VisibilityTimeout: 0 },
      ]);
    });

    it('tells what it could not give back, and leaves it to its lease', async () => {
      const { queue, events } = opened();
      const control = new AbortController();
      sqs.script = ({ operation }) => {
        if (operation === 'ReceiveMessage') {
          control.abort();
          return messages('r-1', 'r-2');
        }
        return operation === 'ChangeMessageVisibilityBatch' ? failure(403, 'AccessDenied') : undefined;
      };
      expect(await queue.receive('work', { ...POLL, signal: control.signal })).toEqual([]);
      expect(events).toMatchObject([{ name: 'sqs.not_given_back', fields: { queue: 'work', messages: 2 } }]);
    });

    it('takes a body whose MD5 differs for no message', async () => {
      const { queue } = opened();
      sqs.script = ({ operation }) =>
        operation === 'ReceiveMessage'
          ? {
              status: 200,
              body: { Messages: [{ MessageId: 'm', ReceiptHandle: 'r', Body: 'b', MD5OfBody: 'not so' }] },
            }
          : undefined;
      await expect(queue.receive('work', POLL)).rejects.toMatchObject({ code: 'SERVICE_IO' });
    });
  });

  describe('what is in hand', () => {
    it('is acknowledged, extended and released in calls of ten, where that happens at once', async () => {
      const { queue } = opened();
      const receipts = Array.from({ length: 25 }, (_, i) => `r-${i}`);
      const got = await received(queue, ...receipts);
      const acked = await Promise.all(got.map((message) => queue.ack('work', message)));
      expect(acked.every(Boolean)).toBe(true);
      expect(sqs.calls('DeleteMessageBatch').map(({ body }) => body.Entries?.length)).toEqual([10, 10, 5]);
      const [first, second] = await received(queue, 'e-1', 'e-2');
      await Promise.all([
        queue.extend('work', first as ReceivedMessage, 60_000),
        queue.release('work', second as ReceivedMessage, 1500),
      ]);
      expect(sqs.calls('ChangeMessageVisibilityBatch').map(({ body }) => body.Entries)).toMatchObject([
        [
          { ReceiptHandle: 'e-1', VisibilityTimeout: 60 },
          { ReceiptHandle: 'e-2', VisibilityTimeout: 2 },
        ],
      ]);
    });

    // fault 18
    it('is deleted again where SQS did so in part, and each learns of its own', async () => {
      const { queue } = opened();
      const [one, two, three] = (await received(queue, 'r-1', 'r-2', 'r-3')) as [
        ReceivedMessage,
        ReceivedMessage,
        ReceivedMessage,
      ];
      const stale = { Code: 'ReceiptHandleIsInvalid', SenderFault: true };
      sqs.script = ({ operation, body: { Entries = [] } }, call) =>
        operation === 'DeleteMessageBatch'
          ? partly(Entries, ({ ReceiptHandle }) => {
              if (ReceiptHandle === 'r-2') return stale;
              return ReceiptHandle === 'r-3' && call < 3 ? TROUBLE : undefined;
            })
          : undefined;
      expect(await Promise.all([one, two, three].map((message) => queue.ack('work', message)))).toEqual([
        true,
        false,
        true,
      ]);
      expect(sqs.calls('DeleteMessageBatch').map(({ body }) => body.Entries?.length)).toEqual([3, 1, 1]);
    });

    it('fails one by one where a call fails as a whole, and can be asked again', async () => {
      const { queue } = opened();
      const [one] = (await received(queue, 'r-1')) as [ReceivedMessage];
      sqs.script = ({ operation }) =>
        operation === 'DeleteMessageBatch' ? failure(503, 'ServiceUnavailable') : undefined;
      await expect(queue.ack('work', one)).rejects.toMatchObject({ code: 'SERVICE_IO' });
      sqs.script = () => undefined;
      expect(await queue.ack('work', one)).toBe(true);
    });

    it('is lost when SQS says so, and then nothing of it is asked any more', async () => {
      const { queue } = opened();
      const [one] = (await received(queue, 'r-1')) as [ReceivedMessage];
      sqs.script = ({ operation, body: { Entries = [] } }) =>
        operation === 'ChangeMessageVisibilityBatch'
          ? partly(Entries, () => ({ Code: 'AWS.SimpleQueueService.MessageNotInflight', SenderFault: true }))
          : undefined;
      expect(await queue.extend('work', one, 30_000)).toBe(false);
      expect(await queue.ack('work', one)).toBe(false);
      expect(sqs.calls('DeleteMessageBatch')).toEqual([]);
    });

    it('is lost when its lease has run out here, whatever SQS would say', async () => {
      const clock = new FakeClock();
      const { queue } = opened(clock);
      const [one, two] = (await received(queue, 'r-1', 'r-2')) as [ReceivedMessage, ReceivedMessage];
      clock.advance(29_999);
      expect(await queue.extend('work', one, 30_000)).toBe(true);
      clock.advance(1);
      expect([await queue.extend('work', two, 30_000), await queue.ack('work', two)]).toEqual([false, false]);
      await queue.release('work', two, 0);
      clock.advance(29_998);
      expect(await queue.ack('work', one)).toBe(true);
      expect(sqs.calls('ChangeMessageVisibilityBatch')).toHaveLength(1);
    });
  });
});
