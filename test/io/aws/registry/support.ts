/** What the tests of the registry in DynamoDB share: tables, clients of the SDK, and one that fails as asked. */
import { randomBytes } from 'node:crypto';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Clock, systemClock } from '../../../../src/core/clock.ts';
import { openDynamoRegistry } from '../../../../src/io/aws/registry/registry.ts';
import type { Registry } from '../../../../src/io/ports/registry.ts';
import type { AwsServer } from '../../../support/aws/servers.ts';
import { untilActive } from '../support.ts';

export const REGISTRY_TABLE = 'made-registry';
export const CLIENTS_TABLE = 'made-clients';

export type Send = DynamoDBClient['send'];
export type Sender = Pick<DynamoDBClient, 'send'>;

export function dynamoClient(server: AwsServer): DynamoDBClient {
  const { endpoint, region, credentials } = server;
  return new DynamoDBClient({ endpoint, region, credentials, maxAttempts: 3 });
}

export async function createTable(client: DynamoDBClient, name: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['pk', 'sk'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    }),
  );
  await untilActive(client, name);
}

export function registryOn(dynamodb: Sender, clock: Clock = systemClock, keepMs?: number): Registry {
  const options = { table: REGISTRY_TABLE, ...(keepMs === undefined ? {} : { keepMs }) };
  return openDynamoRegistry(options, { dynamodb, clock, random: randomBytes });
}

export type Fate = 'well' | 'lost' | 'again' | 'refused';

/** The kind of a command, as the API names it: `PutItem`. */
export function kindOf(command: object): string {
  return command.constructor.name.replace(/Command$/, '');
}

export function isWrite(command: object): boolean {
  return /^(?:Put|Update|Delete|BatchWrite)/.test(kindOf(command));
}

/**
 * A client of the SDK whose calls meet what `fate` says. `lost`: applied, and the answer never comes. `refused`: not
 * applied, and no answer either. `again`: applied, the answer lost, and tried again, as the SDK does by itself.
 */
export function fateful(client: DynamoDBClient, fate: (command: object) => Fate | Promise<Fate>): Sender {
  const send = async (command: object): Promise<unknown> => {
    const call = () => client.send(command as Parameters<Send>[0]);
    const what = await fate(command);
    if (what === 'refused') throw cut();
    if (what === 'lost') {
      await call();
      throw cut();
    }
    if (what === 'again') {
      await call();
      return await call();
    }
    return await call();
  };
  return { send: send as Send };
}

function cut(): Error {
  return Object.assign(new Error('cut'), { code: 'ECONNRESET' });
}
