/** Submissions in DynamoDB where a process ends or sleeps between two calls: what was acknowledged is read. */
import { randomBytes } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { openDynamoSubmissions } from '../../../../src/io/aws/dynamo/submissionStore.ts';
import type { SubmissionStore } from '../../../../src/io/ports/submissions.ts';
import { type AwsServer, dynaliteKind } from '../../../support/aws/servers.ts';
import { createTable, dynamoClient, type Fate, fateful, kindOf } from '../registry/support.ts';

const TABLE = 'made-api';
const DAY_MS = 86_400_000;
const BORN_MS = 1_700_000_000_000;
const NAME = { client: 'acme', id: 's-1' };
const DRAFT = { ...NAME, file: '', columns: null, dryRun: false, asOf: null, createdAtMs: BORN_MS };

let server: AwsServer;
let client: DynamoDBClient;
let store: SubmissionStore;

beforeEach(async () => {
  server = await dynaliteKind().start();
  client = dynamoClient(server);
  await createTable(client, TABLE);
  store = opened();
  await store.create(DRAFT);
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

/** Another process; puts of lines and of seals meet what `fate` says. */
function opened(fate: () => Fate | Promise<Fate> = () => 'well'): SubmissionStore {
  const isLine = (command: object): boolean => {
    const { Item } = (command as { readonly input: { readonly Item?: { readonly sk?: { readonly S?: string } } } })
      .input;
    return kindOf(command) === 'PutItem' && Item?.sk?.S?.startsWith('line#') === true;
  };
  const dynamodb = fateful(client, (command) => (isLine(command) ? fate() : 'well'));
  return openDynamoSubmissions({ table: TABLE }, { dynamodb, clock: systemClock, random: (size) => randomBytes(size) });
}

function append(to: SubmissionStore, lines: readonly string[], nowMs = BORN_MS + 1, token: string | null = null) {
  const bounds = { linesMax: 1000, bytesMax: 100_000, idleMs: 40 * DAY_MS, columnsUsed: 1 };
  return to.append({ ...NAME, ...bounds, lines, nowMs, token });
}

const close = (by: SubmissionStore) => by.close('acme', 's-1', BORN_MS + 2, DAY_MS);
const lines = async () => (await store.read('acme', 's-1', { after: 0, max: 100 })).map(({ line }) => line);

describe('an append that has its numbers and sleeps', () => {
  let wake: () => void;
  let late: ReturnType<typeof append>;

  beforeEach(async () => {
    await append(store, ['a']);
    const sleep = Promise.withResolvers<Fate>();
    const asleep = Promise.withResolvers<void>();
    wake = () => sleep.resolve('well');
    const sleeper = opened(() => {
      asleep.resolve();
      return sleep.promise;
    });
    late = append(sleeper, ['b', 'c']);
    await asleep.promise;
  });

  it('is refused where the submission was closed by a process that ended before it sealed', async () => {
    await expect(close(opened(() => 'refused'))).rejects.toMatchObject({ code: 'SERVICE_IO' });
    expect(await store.unfinished(BORN_MS + DAY_MS, 10)).toHaveLength(1);
    expect(await lines()).toEqual(['a']);
    wake();
    expect(await late).toEqual({ kind: 'closed' });
  });

  it('is refused where the submission was read and freed meanwhile', async () => {
    expect((await close(store)).kind).toBe('closed');
    await store.finish('acme', 's-1', 'b-1', BORN_MS + 3);
    await store.sweep({ idleBeforeMs: BORN_MS, keepBeforeMs: BORN_MS, nowMs: BORN_MS + 4, max: 10 });
    expect(await lines()).toEqual([]);
    wake();
    expect(await late).toEqual({ kind: 'closed' });
  });
});

describe('a submission that is never left alone', () => {
  it('takes no more when its first lines might go before it is read', async () => {
    expect((await append(store, ['a'], BORN_MS + 10 * DAY_MS)).kind).toBe('appended');
    expect((await append(store, ['b'], BORN_MS + 12 * DAY_MS)).kind).toBe('appended');
    expect(await append(store, ['c'], BORN_MS + 14 * DAY_MS)).toEqual({ kind: 'expired' });
    expect(await append(store, ['c'], BORN_MS + 14 * DAY_MS, 'a-token')).toEqual({ kind: 'expired' });
    expect(await lines()).toEqual(['a', 'b']);
  });
});
