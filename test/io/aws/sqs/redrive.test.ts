/**
 * Dead letters moved by SQS itself, scripted: no server for tests has move tasks. Moving by hand, where an endpoint knows
 * none, is in the contract over those servers (test/contract/awsQueue.test.ts).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { FakeClock, until } from '../../../contract/support.ts';
import { openedQueue, sqsClient } from '../../../support/aws/queues.ts';
import { type Answer, FakeSqs, failure } from './fakeSqs.ts';

const QUEUES = { work: { name: 'p-work', deadLetters: 'p-work-dlq' } };

describe('a redrive', () => {
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
    const credentials = { accessKeyId: 'A', secretAccessKey: 's' };
    const client = sqsClient({ endpoint: sqs.endpoint, region: 'sa-east-1', credentials });
    closing.push(() => client.destroy());
    return openedQueue(client, QUEUES, clock, { redriveMsMax: 1000 }).queue;
  }

  /** `tasks` are the answers to looking at the move, in order; the last stays. */
  function script(dead: number, start: Answer, ...tasks: (readonly [status: string, moved: number])[]): void {
    sqs.script = ({ operation, body }, call) => {
      if (operation === 'StartMessageMoveTask') return start;
      if (operation === 'GetQueueAttributes') {
        const name = String(body['QueueUrl']).split('/').at(-1);
        const Attributes = { QueueArn: `arn:${name}`, ApproximateNumberOfMessages: String(dead) };
        return { status: 200, body: { Attributes } };
      }
      if (operation !== 'ListMessageMoveTasks') return undefined;
      const [Status, ApproximateNumberOfMessagesMoved] = tasks[Math.min(call, tasks.length) - 1] ?? ['COMPLETED', 0];
      return { status: 200, body: { Results: [{ Status, ApproximateNumberOfMessagesMoved }] } };
    };
  }

  const STARTED: Answer = { status: 200, body: { TaskHandle: 't' } };

  it('moves from the dead letters to their queue, and answers how many once SQS is done', async () => {
    script(7, STARTED, ['RUNNING', 3], ['COMPLETED', 7]);
    const clock = new FakeClock();
    const moving = opened(clock).redrive('work');
    await until(() => clock.sleeping === 1);
    clock.advance(500);
    expect(await moving).toBe(7);
    expect(sqs.calls('StartMessageMoveTask').map(({ body }) => body)).toEqual([
      { SourceArn: 'arn:p-work-dlq', DestinationArn: 'arn:p-work' },
    ]);
  });

  it('starts nothing where nothing is dead', async () => {
    script(0, STARTED);
    expect(await opened().redrive('work')).toBe(0);
    expect(sqs.calls('StartMessageMoveTask')).toEqual([]);
  });

  it('answers what is moved by now where SQS takes long', async () => {
    script(9000, STARTED, ['RUNNING', 0], ['RUNNING', 400], ['RUNNING', 800]);
    const clock = new FakeClock();
    const moving = opened(clock).redrive('work');
    for (let looks = 0; looks < 2; looks++) {
      await until(() => clock.sleeping === 1);
      clock.advance(500);
    }
    expect(await moving).toBe(800);
  });

  it('follows a move that somebody else has started', async () => {
    script(7, failure(400, 'UnsupportedOperation'), ['RUNNING', 2], ['COMPLETED', 7]);
    const clock = new FakeClock();
    const moving = opened(clock).redrive('work');
    await until(() => clock.sleeping > 0 || sqs.calls('ListMessageMoveTasks').length > 1);
    clock.advance(500);
    expect(await moving).toBe(7);
  });

  it('tells a move that SQS gave up, or refused', async () => {
    script(7, STARTED, ['FAILED', 2]);
    await expect(opened().redrive('work')).rejects.toMatchObject({
      code: 'SERVICE_IO',
      detail: 'SQS StartMessageMoveTask: SQS gave up after 2 messages',
    });
    script(7, failure(403, 'AccessDenied'));
    await expect(opened().redrive('work')).rejects.toMatchObject({ code: 'SERVICE_DENIED' });
    script(7, failure(400, 'UnsupportedOperation'), ['COMPLETED', 1]);
    await expect(opened().redrive('work')).rejects.toMatchObject({ code: 'SERVICE_IO' });
  });
});
