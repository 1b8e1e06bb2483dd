/** Queues with dead letters on a test server, and the driver over them. */
import { randomBytes } from 'node:crypto';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { TelemetryEvent } from '../../../src/core/telemetry.ts';
import { openSqsQueue, type SqsQueueOptions } from '../../../src/io/aws/sqs/queue.ts';
import type { WorkQueue } from '../../../src/io/ports/queue.ts';
import type { AwsServer } from './servers.ts';

export type Endpoint = Pick<AwsServer, 'endpoint' | 'region' | 'credentials'>;

export function sqsClient({ endpoint, region, credentials }: Endpoint, triesMax = 3): SQSClient {
  return new SQSClient({ endpoint, region, credentials, maxAttempts: triesMax, useQueueUrlAsEndpoint: false });
}

/** Makes a queue and answers its address and ARN. */
export async function madeQueue(client: SQSClient, name: string, Attributes: Record<string, string> = {}) {
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  const asked = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  return { url: QueueUrl ?? '', arn: asked.Attributes?.QueueArn ?? '' };
}

/** The queues `work` and `other`, whose messages die after `receivesMax` deliveries. */
export async function madeWorkQueues(client: SQSClient, prefix: string, receivesMax: number) {
  const queues: Record<string, { name: string; deadLetters: string }> = {};
  for (const queue of ['work', 'other']) {
    const names = { name: `${prefix}-${queue}`, deadLetters: `${prefix}-${queue}-dlq` };
    const { arn } = await madeQueue(client, names.deadLetters);
    const policy = { deadLetterTargetArn: arn, maxReceiveCount: receivesMax };
    await madeQueue(client, names.name, { RedrivePolicy: JSON.stringify(policy), ReceiveMessageWaitTimeSeconds: '20' });
    queues[queue] = names;
  }
  return queues;
}

export interface OpenedQueue {
  readonly queue: WorkQueue;
  readonly events: readonly TelemetryEvent[];
}

export function openedQueue(
  client: SQSClient,
  queues: SqsQueueOptions['queues'],
  clock: Clock = systemClock,
  changes: Partial<SqsQueueOptions> = {},
): OpenedQueue {
  const events: TelemetryEvent[] = [];
  const options = { queues, callsMax: 4, triesMax: 4, retryMsMin: 1, retryMsMax: 4, redriveMsMax: 10_000, ...changes };
  const deps = {
    client,
    clock,
    random: (size: number) => randomBytes(size),
    telemetry: { emit: (event: TelemetryEvent) => events.push(event) },
  };
  return { queue: openSqsQueue(options, deps), events };
}
