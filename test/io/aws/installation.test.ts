/** What an installation began with: the first settings stand, whoever comes first; others are refused by name. */
import { CreateTableCommand, DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdInstallation } from '../../../src/io/aws/installation.ts';
import { type AwsServer, dynamoServers } from '../../support/aws/servers.ts';
import { untilActive } from './support.ts';

const SECRET = 'the secret of this installation, long enough';

describe.each(dynamoServers())('an installation at $name', (kind) => {
  let server: AwsServer;
  let dynamodb: DynamoDBClient;
  let tables = 0;

  beforeAll(async () => {
    server = await kind.start();
    const { endpoint, region, credentials } = server;
    dynamodb = new DynamoDBClient({ endpoint, region, credentials });
  });
  afterAll(async () => {
    dynamodb.destroy();
    await server.close();
  });

  async function newTable(): Promise<string> {
    const TableName = `installation-${++tables}`;
    const names = ['pk', 'sk'];
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: names.map((AttributeName, i) => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
        AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
      }),
    );
    await untilActive(dynamodb, TableName);
    return TableName;
  }

  it('takes the first settings and the same again', async () => {
    const table = await newTable();
    const options = { table, debtsBuckets: 64, documentSecret: SECRET };
    await holdInstallation(dynamodb, options);
    await holdInstallation(dynamodb, options);
    const { Items } = await dynamodb.send(new ScanCommand({ TableName: table }));
    expect(Items).toHaveLength(1);
    expect(JSON.stringify(Items)).not.toContain(SECRET);
  });

  it('refuses another number of buckets, and another secret without showing either', async () => {
    const table = await newTable();
    await holdInstallation(dynamodb, { table, debtsBuckets: 64, documentSecret: SECRET });
    await expect(holdInstallation(dynamodb, { table, debtsBuckets: 65, documentSecret: SECRET })).rejects.toMatchObject(
      {
        code: 'CONFIG_INVALID',
        detail: 'REMESSA_AWS_DEBTS_BUCKETS is 65, and this installation began with 64',
      },
    );
    const other = holdInstallation(dynamodb, { table, debtsBuckets: 64, documentSecret: `${SECRET}!` });
    await expect(other).rejects.toThrow(/CONFIG_INVALID.*REMESSA_AWS_DOCUMENT_SECRET/);
    await expect(other).rejects.not.toThrow(SECRET);
  });

  it('lets one of many that come at once begin it', async () => {
    const table = await newTable();
    const tries = Array.from({ length: 8 }, (_, i) =>
      holdInstallation(dynamodb, { table, debtsBuckets: 10 + (i % 2), documentSecret: SECRET }),
    );
    const ends = await Promise.allSettled(tries);
    expect(ends.filter((end) => end.status === 'fulfilled')).toHaveLength(4);
  });

  it('tells what to do where the table is not there', async () => {
    const options = { table: 'no-such-table', debtsBuckets: 1, documentSecret: SECRET };
    await expect(holdInstallation(dynamodb, options)).rejects.toThrow(/no-such-table is not there; run `remessa prov/);
  });
});
