/**
 * Clients of the SDK, made from plain options: bounded sockets (those of SQS's polls apart), a deadline for connecting and one for each try, the region
 * and endpoint as given, credentials of the SDK's own chain (environment, profile, container, instance).
 * S3's client is made otherwise (`s3ClientConfig`): its deadlines must not run into a slow consumer.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { WORK_QUEUES } from './names.ts';

export type ServiceId = 's3' | 'sqs' | 'sns' | 'dynamodb';

export interface ClientOptions {
  readonly region: string;
  /** Where a service is not at the region's own endpoint: scheme, host and port. */
  readonly endpoints: Partial<Readonly<Record<ServiceId, string>>>;
  /** Sockets of one client, at most. */
  readonly connections: number;
  readonly connectMs: number;
  /** How long a service may take to answer one try. */
  readonly answerMs: number;
  readonly triesMax: number;
}

const LONG_POLL_MS = 20_000;
/** Each keeps a connection nearly always. */
const POLLS = WORK_QUEUES.length + 1;

/** A poll may take as long as SQS lets it; everything else, renewals above all, has the deadline of an answer. */
export function makeSqs(options: ClientOptions): SQSClient {
  const { connectMs, answerMs } = options;
  const sockets = options.connections + POLLS;
  return new SQSClient({
    ...common(options, 'sqs'),
    requestHandler: new PollingHandler(handlerOptions(sockets, connectMs, answerMs), answerMs + LONG_POLL_MS),
    // Queue urls name the region's endpoint, whatever endpoint was asked.
    useQueueUrlAsEndpoint: options.endpoints.sqs === undefined,
  });
}

export function makeSns(options: ClientOptions): SNSClient {
  return new SNSClient(common(options, 'sns'));
}

export function makeDynamoDb(options: ClientOptions): DynamoDBClient {
  return new DynamoDBClient(common(options, 'dynamodb'));
}

class PollingHandler extends NodeHttpHandler {
  readonly #pollMs: number;

  constructor(options: NodeHttpHandlerOptions, pollMs: number) {
    super(options);
    this.#pollMs = pollMs;
  }

  override handle(...[request, options]: Parameters<NodeHttpHandler['handle']>): ReturnType<NodeHttpHandler['handle']> {
    const polls = String(request.headers['x-amz-target']).endsWith('.ReceiveMessage');
    return super.handle(request, polls ? { ...options, requestTimeout: this.#pollMs } : options);
  }
}

function common(options: ClientOptions, service: ServiceId) {
  const { connections, connectMs, answerMs } = options;
  const endpoint = options.endpoints[service];
  return {
    region: options.region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: options.triesMax,
    requestHandler: new NodeHttpHandler(handlerOptions(connections, connectMs, answerMs)),
  };
}

function handlerOptions(connections: number, connectMs: number, answerMs: number) {
  const agent = { keepAlive: true, maxSockets: connections };
  return {
    connectionTimeout: connectMs,
    requestTimeout: answerMs,
    throwOnRequestTimeout: true,
    httpAgent: new HttpAgent(agent),
    httpsAgent: new HttpsAgent(agent),
  };
}
