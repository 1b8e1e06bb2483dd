/** Holds and erasures on record, over the folder of one machine and over DynamoDB. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { openDynamoPrivacy } from '../../src/io/aws/dynamo/privacy.ts';
import { CLIENTS_TABLE, createTable, dynamoClient } from '../io/aws/registry/support.ts';
import { dynamoServers } from '../support/aws/servers.ts';
import { makeDataDir, openDirectOn, removeDataDir } from './embeddedFixtures.ts';
import { describePrivacy } from './privacy.contract.ts';

describePrivacy('embedded', async () => {
  const dataDir = await makeDataDir();
  let stores = await openDirectOn(dataDir);
  return {
    store: stores.privacy,
    async reopen() {
      await stores.close();
      stores = await openDirectOn(dataDir);
      return stores.privacy;
    },
    async dispose() {
      await stores.close();
      await removeDataDir(dataDir);
    },
  };
});

for (const kind of dynamoServers()) {
  describePrivacy(`DynamoDB on ${kind.name}`, async () => {
    const server = await kind.start();
    let dynamodb = dynamoClient(server);
    await createTable(dynamodb, CLIENTS_TABLE);
    const open = () =>
      openDynamoPrivacy({ table: CLIENTS_TABLE }, { dynamodb, clock: systemClock, random: randomBytes });
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
  });
}
