/** Statements in a batch come to the same over every server: those that dynalite is taught, and AWS's own. */
import {
  BatchExecuteStatementCommand,
  type BatchStatementRequest,
  DynamoDBClient,
  GetItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDebtsTable } from '../../io/aws/support.ts';
import { type AwsServer, dynamoServers } from './servers.ts';

const TABLE = 'statements';

describe.each(dynamoServers())('statements over $name', (kind) => {
  let server: AwsServer;
  let sdk: DynamoDBClient;

  beforeAll(async () => {
    server = await kind.start();
    const { endpoint, region, credentials } = server;
    sdk = new DynamoDBClient({ endpoint, region, credentials, maxAttempts: 1 });
    await makeDebtsTable(sdk, TABLE);
  });

  afterAll(async () => {
    sdk.destroy();
    await server.close();
  });

  const run = async (...Statements: BatchStatementRequest[]): Promise<(string | undefined)[]> => {
    const { Responses = [] } = await sdk.send(new BatchExecuteStatementCommand({ Statements }));
    return Responses.map(({ Error: error }) => error?.Code);
  };
  const insert = (pk: string, turn: number): BatchStatementRequest => ({
    Statement: `INSERT INTO "${TABLE}" VALUE {'pk':?,'sk':?,'turn':?,'doc':?}`,
    Parameters: [{ S: pk }, { S: 'k' }, { N: String(turn) }, { S: 'd' }],
  });
  const update = (pk: string, turn: number): BatchStatementRequest => ({
    Statement:
      `UPDATE "${TABLE}" SET turn=? SET debtor_name=? REMOVE doc REMOVE cpf ` +
      'WHERE pk=? AND sk=? AND turn<=? AND erased IS MISSING',
    Parameters: [{ N: String(turn) }, { S: `é"'` }, { S: pk }, { S: 'k' }, { N: String(turn) }],
  });
  const erase = (pk: string): BatchStatementRequest => ({
    Statement: `UPDATE "${TABLE}" SET erased=? WHERE pk=? AND sk=?`,
    Parameters: [{ BOOL: true }, { S: pk }, { S: 'k' }],
  });
  const itemOf = async (pk: string) =>
    (await sdk.send(new GetItemCommand({ TableName: TABLE, Key: { pk: { S: pk }, sk: { S: 'k' } } }))).Item;

  it('insert what is not there, each by itself', async () => {
    expect(await run(insert('a', 1), insert('b', 5))).toEqual([undefined, undefined]);
    expect(await run(insert('a', 2), insert('c', 2))).toEqual(['DuplicateItem', undefined]);
    expect(await itemOf('a')).toEqual({ pk: { S: 'a' }, sk: { S: 'k' }, turn: { N: '1' }, doc: { S: 'd' } });
  });

  it('update where the condition holds, and never make an item', async () => {
    await run(insert('d', 1), insert('e', 5), insert('f', 1));
    await run(erase('f'));
    expect(await run(update('d', 1), update('e', 4), update('f', 9), update('none', 1))).toEqual([
      undefined,
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
      'ConditionalCheckFailed',
    ]);
    expect(await itemOf('d')).toEqual({ pk: { S: 'd' }, sk: { S: 'k' }, turn: { N: '1' }, debtor_name: { S: `é"'` } });
    expect((await itemOf('e'))?.['doc']).toEqual({ S: 'd' });
    expect(await itemOf('none')).toBeUndefined();
  });

  // DynamoDB Local has then written the first of them all the same.
  it('refuse a request that names an item twice', async () => {
    await expect(run(insert('g', 1), insert('g', 1))).rejects.toThrow(
      expect.objectContaining({ name: 'ValidationException' }),
    );
  });
});
