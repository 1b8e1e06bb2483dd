/** Messages that are held: what SQS does not delete or keep, what runs out, what comes again. Over a queue that a test scripts. */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { beforeEach, describe, expect, it } from 'vitest';
import { MessageShelf } from '../../../../src/io/aws/s3/arrivalShelf.ts';
import { S3Notices } from '../../../../src/io/aws/s3/notices.ts';
import { FakeClock, faultCode } from '../../../contract/support.ts';
import { s3Event } from './arrivalsSupport.ts';

const VISIBILITY_MS = 30_000;
const HOUR_MS = 3_600_000;

/** Hands out what lies in `waiting`; entries whose receipt is in `stubborn` come back as failed. */
class ScriptedQueue {
  readonly waiting: string[] = [];
  readonly deleted: string[] = [];
  readonly kept: [receipt: string, seconds: number][] = [];
  readonly stubborn = new Set<string>();
  readonly requests: object[] = [];
  broken: Error | undefined;

  get client(): SQSClient {
    return { send: async (command: object) => this.#answer(command) } as unknown as SQSClient;
  }

  #answer(command: object): object {
    this.requests.push(command);
    if (this.broken !== undefined) throw this.broken;
    if (command instanceof ReceiveMessageCommand) {
      const some = this.waiting.splice(0, command.input.MaxNumberOfMessages);
      return {
        Messages: some.map((receipt) => ({
          MessageId: receipt.split('/')[0],
          ReceiptHandle: receipt,
          Body: JSON.stringify(s3Event({ key: `inbox/acme/${receipt}` })),
        })),
      };
    }
    if (command instanceof DeleteMessageBatchCommand) {
      return this.#batch(command.input.Entries ?? [], ({ ReceiptHandle }) => this.deleted.push(ReceiptHandle));
    }
    if (command instanceof ChangeMessageVisibilityBatchCommand) {
      return this.#batch(command.input.Entries ?? [], ({ ReceiptHandle, VisibilityTimeout }) =>
        this.kept.push([ReceiptHandle, VisibilityTimeout ?? -1]),
      );
    }
    throw new Error('no such call is expected');
  }

  #batch<E extends { Id: string | undefined; ReceiptHandle: string | undefined }>(
    entries: readonly E[],
    done: (entry: E & { ReceiptHandle: string }) => void,
  ): object {
    expect(entries.length).toBeLessThanOrEqual(10);
    const Failed: object[] = [];
    for (const entry of entries as readonly (E & { ReceiptHandle: string })[]) {
      if (this.stubborn.has(entry.ReceiptHandle))
        Failed.push({ Id: entry.Id, Code: 'InternalError', SenderFault: false });
      else done(entry);
    }
    return { Failed };
  }
}

describe('messages that are held', () => {
  let queue: ScriptedQueue;
  let clock: FakeClock;
  let shelf: MessageShelf;

  beforeEach(() => {
    queue = new ScriptedQueue();
    clock = new FakeClock();
    const notices = new S3Notices(queue.client, { queueUrl: 'https://sqs/q', visibilityMs: VISIBILITY_MS });
    shelf = new MessageShelf(notices, { visibilityMs: VISIBILITY_MS, messagesMax: 100 }, clock);
  });

  const finish = (): void => {
    for (const { records } of shelf.messages()) for (const record of records) record.fate = 'done';
  };

  // fault 18
  it('are deleted in tens; those that SQS did not delete are asked for again', async () => {
    queue.waiting.push(...Array.from({ length: 25 }, (_, i) => `m${i}`));
    await shelf.receive(0);
    expect(shelf.size).toBe(25);
    queue.stubborn.add('m3').add('m17');
    finish();
    await shelf.deleteDone();
    expect(queue.deleted).toHaveLength(23);
    expect(shelf.size).toBe(2);
    queue.stubborn.clear();
    await shelf.tidy();
    expect(queue.deleted.slice(23).sort()).toEqual(['m17', 'm3']);
    expect(shelf.size).toBe(0);
  });

  it('are received up to the room there is', async () => {
    queue.waiting.push(...Array.from({ length: 300 }, (_, i) => `m${i}`));
    await shelf.receive(0);
    expect(shelf.size).toBe(100);
    await shelf.receive(0);
    expect(shelf.size).toBe(100);
  });

  it('are renewed from a third of their time on, and lost where that fails', async () => {
    queue.waiting.push('a', 'b');
    await shelf.receive(0);
    clock.advance(VISIBILITY_MS / 3 - 1);
    await shelf.tidy();
    expect(queue.kept).toEqual([]);
    clock.advance(1);
    queue.stubborn.add('b');
    await shelf.tidy();
    expect(queue.kept).toEqual([['a', 30]]);
    expect([...shelf.takeLost()].map(({ id }) => id)).toEqual(['b']);
    expect(shelf.takeLost().size).toBe(0);
    expect(shelf.size).toBe(1);
  });

  it('are lost when nobody came to renew them in time, and before SQS’s twelve hours are over', async () => {
    queue.waiting.push('a');
    await shelf.receive(0);
    clock.advance(VISIBILITY_MS);
    await shelf.tidy();
    expect([...shelf.takeLost()].map(({ id }) => id)).toEqual(['a']);
    queue.waiting.push('b');
    await shelf.receive(0);
    for (let ms = 0; ms < 12 * HOUR_MS; ms += VISIBILITY_MS / 2) {
      clock.advance(VISIBILITY_MS / 2);
      await shelf.tidy();
    }
    expect(shelf.size).toBe(0);
    // Renewed to the end, and never beyond it.
    expect(queue.kept.length).toBeGreaterThan((12 * HOUR_MS) / (VISIBILITY_MS / 2) - 5);
    expect(queue.kept.length * (VISIBILITY_MS / 2) + VISIBILITY_MS / 2).toBeLessThanOrEqual(12 * HOUR_MS);
  });

  it('are settled by the receipt that came last, when they were received again', async () => {
    queue.waiting.push('a/1');
    await shelf.receive(0);
    queue.waiting.push('a/2');
    await shelf.receive(0);
    expect(shelf.size).toBe(1);
    expect([...shelf.takeLost()].map(({ notice }) => notice.receipt)).toEqual(['a/1']);
    finish();
    await shelf.deleteDone();
    expect(queue.deleted).toEqual(['a/2']);
  });

  it('are given back at once when the shelf is closed, the settled ones deleted', async () => {
    queue.waiting.push('a', 'b');
    await shelf.receive(0);
    for (const { id, records } of shelf.messages()) if (id === 'a') for (const record of records) record.fate = 'done';
    await shelf.close();
    expect(queue.deleted).toEqual(['a']);
    expect(queue.kept).toEqual([['b', 0]]);
  });

  it('stay as they are while the queue does not answer', async () => {
    queue.waiting.push('a');
    await shelf.receive(0);
    queue.broken = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    finish();
    expect(await faultCode(shelf.tidy())).toBe('SERVICE_IO');
    expect(await faultCode(shelf.receive(0))).toBe('SERVICE_IO');
    queue.broken = undefined;
    await shelf.tidy();
    expect(queue.deleted).toEqual(['a']);
  });
});
