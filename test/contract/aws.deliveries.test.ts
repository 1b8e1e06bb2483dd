/** Deliveries in DynamoDB under the contract of their port, on every server that speaks its protocol. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { openDynamoDeliveries } from '../../src/io/aws/dynamo/deliveries.ts';
import { createTable, dynamoClient, REGISTRY_TABLE } from '../io/aws/registry/support.ts';
import { dynamoServers } from '../support/aws/servers.ts';
import { describeDeliveries } from './deliveries.contract.ts';

/** Items that run out are taken away by DynamoDB itself, which none of the servers does. */
const SWEEPS = false;
/** Long enough that no item made at the suite's fixed time runs out. */
const KEEP_MS = 100 * 365 * 86_400_000;

for (const kind of dynamoServers()) {
  describeDeliveries(
    `DynamoDB on ${kind.name}`,
    async () => {
      const server = await kind.start();
      let dynamodb = dynamoClient(server);
      await createTable(dynamodb, REGISTRY_TABLE);
      const open = () =>
        openDynamoDeliveries(
          { table: REGISTRY_TABLE, keepMs: KEEP_MS },
          { dynamodb, clock: systemClock, random: randomBytes },
        );
      return {
        store: open(),
        async reopen() {
          dynamodb.destroy();
          dynamodb = dynamoClient(server);
          return open();
        },
        async dispose() {
          dynamodb.destroy();
          await server.close();
        },
      };
    },
    SWEEPS,
  );
}
