/** The registry and the clients in DynamoDB under the contracts of their ports, on every server that speaks its protocol. */
import { randomBytes } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { systemClock } from '../../src/core/clock.ts';
import { openDynamoClients } from '../../src/io/aws/dynamo/clientStore.ts';
import { CLIENTS_TABLE, createTable, dynamoClient, REGISTRY_TABLE, registryOn } from '../io/aws/registry/support.ts';
import { type AwsServer, dynamoServers, type ServerKind } from '../support/aws/servers.ts';
import { describeClients } from './clients.contract.ts';
import { describeRegistry } from './registry.contract.ts';
import type { MakeFixture } from './support.ts';

function fixtureOf<T>(kind: ServerKind, table: string, open: (client: DynamoDBClient) => T): MakeFixture<T> {
  return async () => {
    const server: AwsServer = await kind.start();
    let client = dynamoClient(server);
    await createTable(client, table);
    return {
      store: open(client),
      async reopen() {
        client.destroy();
        client = dynamoClient(server);
        return open(client);
      },
      async dispose() {
        client.destroy();
        await server.close();
      },
    };
  };
}

for (const kind of dynamoServers()) {
  describeRegistry(
    `DynamoDB on ${kind.name}`,
    fixtureOf(kind, REGISTRY_TABLE, (client) => registryOn(client)),
  );
  describeClients(
    `DynamoDB on ${kind.name}`,
    fixtureOf(kind, CLIENTS_TABLE, (dynamodb) =>
      openDynamoClients({ table: CLIENTS_TABLE }, { dynamodb, clock: systemClock, random: randomBytes }),
    ),
  );
}
