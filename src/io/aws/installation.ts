/**
 * What an installation began with and cannot change, because its keys are made of it: the number of buckets of its debts, and
 * the secret of their index by document. It stands in one item of the registry's table, written by whoever comes first; of
 * the secret it holds a keyed digest, from which nothing can be read.
 *
 * Faults: `CONFIG_INVALID` where the settings differ from it, or where the table is not there; `SERVICE_IO`, `SERVICE_DENIED`.
 */
import { createHmac } from 'node:crypto';
import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { Fault } from '../../core/faults.ts';
import { errorName, serviceFault } from './serviceFaults.ts';

export interface InstallationOptions {
  readonly table: string;
  readonly debtsBuckets: number;
  readonly documentSecret: string;
}

/** No id of a batch or client begins so. */
const KEY = { pk: { S: '#installation' }, sk: { S: 'aws' } } as const;
const DIGEST_DIGITS = 16;

export async function holdInstallation(dynamodb: DynamoDBClient, options: InstallationOptions): Promise<void> {
  const { table, debtsBuckets } = options;
  const secretDigest = createHmac('sha256', options.documentSecret)
    .update('remessa installation')
    .digest('hex')
    .slice(0, DIGEST_DIGITS);
  const stands = (await read(dynamodb, table)) ?? (await begin(dynamodb, table, debtsBuckets, secretDigest));
  if (stands.debtsBuckets !== debtsBuckets) {
    throw new Fault(
      'CONFIG_INVALID',
      `REMESSA_AWS_DEBTS_BUCKETS is ${debtsBuckets}, and this installation began with ${stands.debtsBuckets}`,
    );
  }
  if (stands.secretDigest !== secretDigest) {
    throw new Fault('CONFIG_INVALID', 'REMESSA_AWS_DOCUMENT_SECRET is not the one that this installation began with');
  }
}

interface Begun {
  readonly debtsBuckets: number;
  readonly secretDigest: string;
}

async function read(dynamodb: DynamoDBClient, TableName: string): Promise<Begun | undefined> {
  const command = new GetItemCommand({ TableName, Key: KEY, ConsistentRead: true });
  const { Item } = await called('GetItem', TableName, () => dynamodb.send(command));
  if (Item === undefined) return undefined;
  return { debtsBuckets: Number(Item['debtsBuckets']?.N), secretDigest: Item['secretDigest']?.S ?? '' };
}

async function begin(
  dynamodb: DynamoDBClient,
  TableName: string,
  debtsBuckets: number,
  secretDigest: string,
): Promise<Begun> {
  const own = { debtsBuckets, secretDigest };
  const command = new PutItemCommand({
    TableName,
    Item: { ...KEY, debtsBuckets: { N: String(debtsBuckets) }, secretDigest: { S: secretDigest } },
    ConditionExpression: 'attribute_not_exists(pk)',
  });
  try {
    await called('PutItem', TableName, () => dynamodb.send(command));
    return own;
  } catch (error) {
    // Somebody else has begun it meanwhile, or this very call has, and its answer was lost.
    const stands = await read(dynamodb, TableName);
    if (stands === undefined) throw error;
    return stands;
  }
}

async function called<Answer>(operation: string, table: string, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    if (errorName(error) === 'ResourceNotFoundException') {
      throw new Fault('CONFIG_INVALID', `the table ${table} is not there; run \`remessa provision\` first`);
    }
    throw serviceFault({ service: 'DynamoDB', operation }, error);
  }
}
