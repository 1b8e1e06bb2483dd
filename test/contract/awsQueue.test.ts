/** The work queues over SQS, on every server that speaks its protocol; and the embedded ones by the same sentences. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { madeWorkQueues, openedQueue, sqsClient } from '../support/aws/queues.ts';
import { type AwsServer, serviceServers } from '../support/aws/servers.ts';
import { describeWorkQueue } from './workQueue.contract.ts';

describe.each(serviceServers())('$name', (kind) => {
  let server: AwsServer;

  beforeAll(async () => {
    server = await kind.start();
  });

  afterAll(async () => {
    await server?.close();
  });

  describeWorkQueue(`SQS of ${kind.name}`, async () => {
    const client = sqsClient(server);
    const queues = await madeWorkQueues(client, `t${randomBytes(6).toString('hex')}`, 3);
    const { queue } = openedQueue(client, queues);
    return {
      queue,
      another: () => openedQueue(client, queues).queue,
      dispose: async () => client.destroy(),
    };
  });
});
