/**
 * Clients of the SDK, made from plain options: bounded sockets, a deadline for connecting and one for each try, the region
 * and endpoint as given, credentials of the SDK's own chain (environment, profile, container, instance).
 * S3's client is made otherwise (`s3ClientConfig`): its deadlines must not run into a slow consumer.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';

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

/** Longer than any long poll (20 s) by what an answer may take. */
const LONG_POLL_MS = 20_000;

export function makeSqs(options: ClientOptions): SQSClient {
  return new SQSClient({
    ...common(options, 'sqs', options.answerMs + LONG_POLL_MS),
    // Queue urls name the region's endpoint, whatever endpoint was asked.
    useQueueUrlAsEndpoint: options.endpoints.sqs === undefined,
  });
}

export function makeSns(options: ClientOptions): SNSClient {
  return new SNSClient(common(options, 'sns', options.answerMs));
}

export function makeDynamoDb(options: ClientOptions): DynamoDBClient {
  return new DynamoDBClient(common(options, 'dynamodb', options.answerMs));
}

function common(options: ClientOptions, service: ServiceId, answerMs: number) {
  const endpoint = options.endpoints[service];
  const agent = { keepAlive: true, maxSockets: options.connections };
  return {
    region: options.region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: options.triesMax,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: options.connectMs,
      requestTimeout: answerMs,
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    }),
  };
}
