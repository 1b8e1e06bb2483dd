/** What the API keeps in DynamoDB under the contracts of its ports, on every server that speaks its protocol. */
import { randomBytes } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { openDynamoIdempotency } from '../../src/io/aws/dynamo/idempotencyStore.ts';
import { openDynamoKeys } from '../../src/io/aws/dynamo/keyStore.ts';
import { openDynamoSubmissions } from '../../src/io/aws/dynamo/submissionStore.ts';
import { createTable, dynamoClient, fateful } from '../io/aws/registry/support.ts';
import { dynamoServers, type ServerKind } from '../support/aws/servers.ts';
import { describeIdempotency } from './idempotency.contract.ts';
import { describeKeys } from './keys.contract.ts';
import { describeSubmissions } from './submissions.contract.ts';
import type { MakeFixture } from './support.ts';

const TABLE = 'made-api';
const deps = { clock: systemClock, random: (size: number): Uint8Array => randomBytes(size) };

function fixtureOf<T>(kind: ServerKind, open: (client: DynamoDBClient) => T): MakeFixture<T> {
  return async () => {
    const server = await kind.start();
    let client = dynamoClient(server);
    await createTable(client, TABLE);
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

const wait = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms));

for (const kind of dynamoServers()) {
  const name = `DynamoDB on ${kind.name}`;
  const keys = fixtureOf(kind, (dynamodb) => openDynamoKeys({ table: TABLE }, { ...deps, dynamodb }));
  describeKeys(name, keys, wait);
  const submissions = fixtureOf(kind, (dynamodb) => openDynamoSubmissions({ table: TABLE }, { ...deps, dynamodb }));
  describeSubmissions(name, submissions, 'by themselves');
  const idempotency = fixtureOf(kind, (dynamodb) => openDynamoIdempotency({ table: TABLE }, { ...deps, dynamodb }));
  describeIdempotency(name, idempotency, 'by themselves');

  it(`submissions: ${name} take appends larger than an item`, async () => {
    const fixture = await submissions();
    try {
      const { store } = fixture;
      const draft = { client: 'acme', id: 's-1', file: '', columns: null, dryRun: false, asOf: null, createdAtMs: 1 };
      await store.create(draft);
      const lines = Array.from({ length: 900 }, (_, i) => JSON.stringify([`r-${i}`, 'é"\n'.repeat(200)]));
      const sizes = { linesMax: 10_000, bytesMax: 10_000_000, nowMs: 2, idleMs: 1000, columnsUsed: 3, token: null };
      expect(await store.append({ client: 'acme', id: 's-1', lines, ...sizes })).toEqual({
        kind: 'appended',
        first: 1,
      });
      expect(await store.append({ client: 'acme', id: 's-1', lines: ['"z"'], ...sizes })).toMatchObject({ first: 901 });
      const read = await store.read('acme', 's-1', { after: 450, max: 10_000 });
      expect(read.map(({ line }) => line)).toEqual([...lines.slice(450), '"z"']);
    } finally {
      await fixture.dispose();
    }
  });

  it(`submissions and claims: ${name} stand lost answers`, async () => {
    const server = await kind.start();
    const client = dynamoClient(server);
    try {
      await createTable(client, TABLE);
      let calls = 0;
      // Every third call is applied, its answer lost, and made again, as the SDK does.
      const dynamodb = fateful(client, () => (calls++ % 3 === 0 ? 'again' : 'well'));
      const store = openDynamoSubmissions({ table: TABLE }, { ...deps, dynamodb });
      const draft = { client: 'acme', id: 's-1', file: '', columns: null, dryRun: false, asOf: null, createdAtMs: 1 };
      expect((await store.create(draft)).created).toBe(true);
      const sizes = { linesMax: 1000, bytesMax: 10_000, nowMs: 2, idleMs: 1000, columnsUsed: 3 };
      for (let i = 0; i < 12; i++) {
        const token = i % 2 === 0 ? `t-${i}` : null;
        const answer = await store.append({ client: 'acme', id: 's-1', lines: [`"${i}"`], token, ...sizes });
        expect(answer.kind).toBe('appended');
      }
      expect(await store.close('acme', 's-1', 3, 1000)).toMatchObject({ kind: 'closed' });
      const read = await store.read('acme', 's-1', { after: 0, max: 1000 });
      expect(read.map(({ line }) => JSON.parse(line))).toEqual(Array.from({ length: 12 }, (_, i) => String(i)));
      const claims = openDynamoIdempotency({ table: TABLE }, { ...deps, dynamodb });
      for (let i = 0; i < 6; i++) {
        const claim = { scope: 'acme', key: `k-${i}`, owner: `o-${i}` };
        const begun = await claims.begin({ ...claim, fingerprint: 'f', nowMs: 5, leaseMs: 10, keepAfterMs: 0 });
        expect(begun).toEqual({ kind: 'begun', noted: null });
        expect(await claims.finish(claim, 'f', 'a')).toBe(true);
      }
    } finally {
      client.destroy();
      await server.close();
    }
  });
}
