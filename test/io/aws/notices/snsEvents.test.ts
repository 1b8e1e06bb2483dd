/**
 * Events on an SNS topic: the contract and filtered subscriptions over every server, and what SNS takes only in part over a
 * double. Laxer than AWS, the servers never throttle, take any signature and need no permission of the queue.
 */
import { randomBytes } from 'node:crypto';
import { CreateTopicCommand, type PublishBatchCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { openSnsEvents } from '../../../../src/io/aws/notices/snsEvents.ts';
import { describeEvents, event, type HeardEvent } from '../../../contract/events.contract.ts';
import { madeQueue, sqsClient } from '../../../support/aws/queues.ts';
import { type AwsServer, serviceServers } from '../../../support/aws/servers.ts';

const TRIES = { triesMax: 4, retryMsMin: 1, retryMsMax: 4 };
const DEPS = { clock: systemClock, random: (size: number) => randomBytes(size) };

describe.each(serviceServers())('$name', (kind) => {
  let server: AwsServer;
  let sqs: SQSClient;

  beforeAll(async () => {
    server = await kind.start();
    sqs = sqsClient(server);
  });

  afterAll(async () => {
    sqs?.destroy();
    await server?.close();
  });

  /** A topic with a publisher, and a way to listen to what a filter lets pass. */
  async function opened() {
    const { endpoint, region, credentials } = server;
    const client = new SNSClient({ endpoint, region, credentials });
    const name = `t${randomBytes(6).toString('hex')}`;
    const { TopicArn = '' } = await client.send(new CreateTopicCommand({ Name: name }));
    const publisher = openSnsEvents({ ...TRIES, topicArn: TopicArn }, { ...DEPS, client });
    const listen = async (filter?: Readonly<Record<string, readonly string[]>>) => {
      const queue = await madeQueue(sqs, `${name}-${randomBytes(4).toString('hex')}`);
      const Attributes: Record<string, string> = { RawMessageDelivery: 'true' };
      if (filter !== undefined) Attributes['FilterPolicy'] = JSON.stringify(filter);
      await client.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queue.arn, Attributes }));
      return (count: number) => heardIn(sqs, queue.url, count);
    };
    return { client, publisher, listen };
  }

  describeEvents(`SNS of ${kind.name}`, async () => {
    const { publisher, listen } = await opened();
    return { publisher, heard: await listen(), dispose: () => publisher.close() };
  });

  it('reach the subscriptions whose filters let them pass, and no others', async () => {
    const { publisher, listen } = await opened();
    const acme = await listen({ client: ['acme'] });
    const failed = await listen({ state: ['failed', 'stalled'] });
    const typed = await listen({ client: ['beta'], type: ['batch.failed'] });
    await publisher.publish([
      event('b-1/completed'),
      event('b-2/failed', { client: 'beta', type: 'batch.failed', detail: { batch: 'b-2', state: 'failed' } }),
      event('b-3/told', { client: 'beta', type: 'batch.told', detail: { batch: 'b-3' } }),
    ]);
    const idsOf = async (heard: Promise<HeardEvent[]>) => (await heard).map(({ id }) => id).sort();
    expect(await idsOf(acme(1))).toEqual(['b-1/completed']);
    expect(await idsOf(failed(1))).toEqual(['b-2/failed']);
    expect(await idsOf(typed(1))).toEqual(['b-2/failed']);
    await publisher.close();
  });

  it('are refused where there is no such topic', async () => {
    const { client, publisher } = await opened();
    const topicArn = 'arn:aws:sns:sa-east-1:000000000000:never-made';
    const astray = openSnsEvents({ ...TRIES, topicArn }, { ...DEPS, client });
    await expect(astray.publish([event('n-1')])).rejects.toMatchObject({ code: 'NOTICE_REFUSED' });
    await publisher.close();
  });
});

/** Waits for `count` messages, then a second for more than were expected. */
async function heardIn(sqs: SQSClient, QueueUrl: string, count: number): Promise<HeardEvent[]> {
  const heard: HeardEvent[] = [];
  for (let empty = 0; empty < (heard.length < count ? 5 : 1); ) {
    const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
    const { Messages = [] } = await sqs.send(command);
    empty = Messages.length === 0 ? empty + 1 : 0;
    if (Messages.length === 0) continue;
    const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    for (const { Body = '' } of Messages) {
      const { id, type, client, at, ...detail } = JSON.parse(Body);
      heard.push({ id, type, client, at, detail });
    }
  }
  return heard;
}

describe('what SNS takes only in part', () => {
  type Judge = (id: string, call: number) => { readonly Code: string; readonly SenderFault: boolean } | undefined;

  function openedOn(judge: Judge) {
    const taken: string[] = [];
    const calls: number[] = [];
    const client = new SNSClient({ region: 'sa-east-1', credentials: { accessKeyId: 'A', secretAccessKey: 's' } });
    client.send = async (command: unknown) => {
      const entries = (command as PublishBatchCommand).input.PublishBatchRequestEntries ?? [];
      calls.push(entries.length);
      const Successful = [];
      const Failed = [];
      for (const { Id, Message = '' } of entries) {
        const id = String(JSON.parse(Message).id);
        const bad = judge(id, calls.length);
        if (bad !== undefined) Failed.push({ Id, ...bad });
        else {
          taken.push(id);
          Successful.push({ Id });
        }
      }
      return { Successful, Failed };
    };
    return { taken, calls, publisher: openSnsEvents({ ...TRIES, topicArn: 'arn:t' }, { ...DEPS, client }) };
  }

  const trouble = { Code: 'InternalError', SenderFault: false };
  const three = ['n-1', 'n-2', 'n-3'].map((id) => event(id));

  // fault 18
  it('is sent again, and only that', async () => {
    const { taken, calls, publisher } = openedOn((id, call) => (id === 'n-2' && call < 3 ? trouble : undefined));
    await publisher.publish(three);
    expect([taken, calls]).toEqual([
      ['n-1', 'n-3', 'n-2'],
      [3, 1, 1],
    ]);
  });

  it('fails out loud after the last try', async () => {
    const { calls, publisher } = openedOn(() => trouble);
    await expect(publisher.publish(three)).rejects.toMatchObject({
      code: 'SERVICE_IO',
      detail: 'SNS PublishBatch: 3 entries not taken in 4 tries, InternalError',
    });
    expect(calls).toEqual([3, 3, 3, 3]);
  });

  it.each([
    ['InvalidParameter', 'NOTICE_REFUSED'],
    ['AccessDenied', 'SERVICE_DENIED'],
  ])('is not sent again where SNS refuses it: %s is %s', async (Code, code) => {
    const { taken, calls, publisher } = openedOn((id) => (id === 'n-2' ? { Code, SenderFault: true } : undefined));
    await expect(publisher.publish(three)).rejects.toMatchObject({ code });
    expect([taken, calls]).toEqual([['n-1', 'n-3'], [3]]);
  });
});
