/**
 * Events on EventBridge over a double that answers for each event and, with REMESSA_TEST_AWS=1, the contract over moto, a
 * rule and an SQS queue that listens. Laxer than AWS, moto takes calls of any size, drops none and needs no permission of
 * the queue.
 */
import {
  EventBridgeClient,
  type PutEventsCommand,
  type PutEventsRequestEntry,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { type EventBridgeSender, openEventBridge } from '../../../../src/io/aws/notices/eventBridge.ts';
import { describeEvents, event, type HeardEvent } from '../../../contract/events.contract.ts';
import { faultCode } from '../../../contract/support.ts';
import { type AwsServer, type ServerKind, serviceServers } from '../../../support/aws/servers.ts';
import { seededBytes } from '../../../support/pause.ts';

const OPTIONS = { bus: 'default', triesMax: 4, retryMsMin: 1, retryMsMax: 4 };
const DEPS = { clock: systemClock, random: seededBytes(3) };

class FakeBus implements EventBridgeSender {
  readonly taken: PutEventsRequestEntry[] = [];
  readonly calls: number[] = [];
  /** The error code of an entry at its nth look; empty takes it. */
  judge: (entry: PutEventsRequestEntry, call: number) => string = () => '';
  failure: Error | undefined;

  async send(command: PutEventsCommand) {
    if (this.failure !== undefined) throw this.failure;
    const entries = command.input.Entries ?? [];
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.length).toBeLessThanOrEqual(10);
    const bytes = entries.reduce((sum, { Detail = '' }) => sum + Buffer.byteLength(Detail), 0);
    expect(bytes).toBeLessThanOrEqual(256 * 1024);
    this.calls.push(entries.length);
    const Entries = entries.map((entry) => {
      const ErrorCode = this.judge(entry, this.calls.length);
      if (ErrorCode !== '') return { ErrorCode, ErrorMessage: 'acme 52998224725' };
      this.taken.push(entry);
      return { EventId: '1' };
    });
    return { Entries };
  }

  destroy(): void {}
}

function heardOf(type: string | undefined, detailJson: string | undefined): HeardEvent {
  const { id, client, at, ...detail } = JSON.parse(detailJson ?? '');
  return { id, type: type ?? '', client, at, detail };
}

describeEvents('EventBridge', async () => {
  const client = new FakeBus();
  const publisher = openEventBridge(OPTIONS, { ...DEPS, client });
  return {
    publisher,
    heard: async () => client.taken.map(({ DetailType, Detail }) => heardOf(DetailType, Detail)),
    dispose: () => publisher.close(),
  };
});

describe('events on EventBridge', () => {
  const opened = () => {
    const client = new FakeBus();
    return { client, publisher: openEventBridge(OPTIONS, { ...DEPS, client }) };
  };
  const seven = Array.from({ length: 7 }, (_, i) => event(`n-${i}`));

  it('are sent again where the service had trouble, and no others', async () => {
    const { client, publisher } = opened();
    client.judge = ({ Detail }, call) => (call <= 2 && Detail?.includes('"n-3"') === true ? 'InternalFailure' : '');
    await publisher.publish(seven);
    expect(client.calls).toEqual([7, 1, 1]);
    expect(client.taken.length).toBe(7);
  });

  it('are given up after some tries, out loud', async () => {
    const { client, publisher } = opened();
    client.judge = () => 'ThrottlingException';
    expect(await faultCode(publisher.publish(seven))).toBe('SERVICE_IO');
    expect(client.calls.length).toBe(OPTIONS.triesMax);
  });

  it.each([
    ['InvalidArgument', 'NOTICE_REFUSED'],
    ['MalformedDetail', 'NOTICE_REFUSED'],
    ['NotAuthorizedForSourceException', 'SERVICE_DENIED'],
    ['<script>', 'NOTICE_REFUSED'],
  ])('that are answered %s are %s, at once and without what the service says', async (code, fault) => {
    const { client, publisher } = opened();
    client.judge = () => code;
    const error = await publisher.publish(seven).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: fault });
    expect(String(error)).not.toMatch(/52998224725|script/);
    expect(client.calls).toEqual([7]);
  });

  it.each([
    ['ResourceNotFoundException', 400, 'NOTICE_REFUSED'],
    ['AccessDeniedException', 400, 'SERVICE_DENIED'],
    ['InternalException', 500, 'SERVICE_IO'],
  ] as const)('whose call fails with %s (%i) are %s', async (name, httpStatusCode, fault) => {
    const { client, publisher } = opened();
    client.failure = Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } });
    expect(await faultCode(publisher.publish(seven))).toBe(fault);
  });
});

for (const kind of serviceServers()) {
  describe.skipIf(kind.lacks.has('eventbridge'))(kind.name, () => overServer(kind));
}

function overServer(kind: ServerKind): void {
  let server: AwsServer;
  let sqs: SQSClient;
  let queues = 0;

  beforeAll(async () => {
    server = await kind.start();
    const { endpoint, region, credentials } = server;
    sqs = new SQSClient({ endpoint, region, credentials });
  });

  afterAll(async () => {
    sqs.destroy();
    await server.close();
  });

  describeEvents(`EventBridge, ${kind.name}`, async () => {
    const { endpoint, region, credentials } = server;
    const client = new EventBridgeClient({ endpoint, region, credentials });
    const name = `listener-${++queues}`;
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
    const asked = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    await client.send(new PutRuleCommand({ Name: 'listen', EventPattern: JSON.stringify({ source: ['remessa'] }) }));
    const Targets = [{ Id: 'queue', Arn: asked.Attributes?.['QueueArn'] }];
    await client.send(new PutTargetsCommand({ Rule: 'listen', Targets }));
    const publisher = openEventBridge(OPTIONS, { ...DEPS, client });
    const heard = async (count: number): Promise<HeardEvent[]> => {
      const all: HeardEvent[] = [];
      while (all.length < count) {
        const got = await sqs.send(
          new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
        );
        for (const { Body } of got.Messages ?? []) {
          const { 'detail-type': type, detail } = JSON.parse(Body ?? '');
          all.push(heardOf(type, JSON.stringify(detail)));
        }
      }
      return all;
    };
    return { publisher, heard, dispose: () => publisher.close() };
  });
}
