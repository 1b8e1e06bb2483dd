/** The DynamoDB driver under the contract of the staging store, over every server; and what its items are to other eyes. */
import {
  type AttributeValue,
  BatchWriteItemCommand,
  CreateTableCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STAGING_TABLE } from '../../../../src/io/aws/staging/stagedItems.ts';
import type { StagingStore } from '../../../../src/io/ports/staging.ts';
import { describeStaging } from '../../../contract/staging.contract.ts';
import { type Fixture, faultCode, madeBytes } from '../../../contract/support.ts';
import { type AwsServer, dynamoServers, type ServerKind } from '../../../support/aws/servers.ts';
import { ANSWER, FakeDynamo } from '../dynamo/fakeDynamo.ts';
import { openOn, untilActive } from '../support.ts';

for (const kind of dynamoServers()) describe(kind.name, () => describeStagingOver(kind));

function describeStagingOver(kind: ServerKind): void {
  let server: AwsServer;
  let sdk: DynamoDBClient;
  let tables = 0;

  beforeAll(async () => {
    server = await kind.start();
    const { endpoint, region, credentials } = server;
    sdk = new DynamoDBClient({ endpoint, region, credentials });
  });

  afterAll(async () => {
    sdk.destroy();
    await server.close();
  });

  async function makeTable(): Promise<string> {
    const table = `staging-${++tables}`;
    await sdk.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: STAGING_TABLE.keys.map(({ name, type }) => ({
          AttributeName: name,
          AttributeType: type,
        })),
        KeySchema: STAGING_TABLE.keys.map(({ name, role }) => ({ AttributeName: name, KeyType: role })),
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    await untilActive(sdk, table);
    return table;
  }

  async function fixture(): Promise<Fixture<StagingStore> & { readonly table: string }> {
    const table = await makeTable();
    let opened = openOn(server.endpoint, { table });
    return {
      table,
      store: opened.staging,
      async reopen() {
        await opened.close();
        opened = openOn(server.endpoint, { table });
        return opened.staging;
      },
      dispose: () => opened.close(),
    };
  }

  async function itemsOf(table: string): Promise<Record<string, AttributeValue>[]> {
    const items: Record<string, AttributeValue>[] = [];
    let from: Record<string, AttributeValue> | undefined;
    do {
      const page = await sdk.send(new ScanCommand({ TableName: table, ExclusiveStartKey: from }));
      items.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    return items;
  }

  describeStaging('DynamoDB', fixture);

  describe('DynamoDB staging', () => {
    // fault 20
    it('is judged by a server that takes no key twice in one request', async () => {
      const table = await makeTable();
      const put = (p: string) => ({ PutRequest: { Item: { pk: { S: 'b#00000' }, sk: { S: '0#a#0' }, p: { S: p } } } });
      const twice = sdk.send(new BatchWriteItemCommand({ RequestItems: { [table]: [put('1'), put('2')] } }));
      await expect(twice).rejects.toThrow(/duplicates/);
    });

    it('lays items out as documented', async () => {
      const { store, table, dispose } = await fixture();
      const beforeSecond = Math.floor(Date.now() / 1000);
      const writer = await store.open('b-1', 12, 'a1');
      await writer.write(7, Buffer.from('plain page'));
      await writer.write(7, Buffer.alloc(2000, 'x'));
      await writer.commit();
      const items = (await itemsOf(table)).sort((a, b) =>
        `${a['pk']?.S}${a['sk']?.S}` < `${b['pk']?.S}${b['sk']?.S}` ? -1 : 1,
      );
      expect(items.map((item) => [item['pk']?.S, item['sk']?.S])).toEqual([
        ['b-1#00007', '00000012#a1#00000000'],
        ['b-1#00007', '00000012#a1#00000001'],
        ['b-1#ranges', '00000012#a1'],
      ]);
      expect(Buffer.from(items[0]?.['p']?.B ?? []).toString('latin1')).toBe('\0\0\0plain page');
      const packed = items[1]?.['p']?.B ?? new Uint8Array();
      expect([packed[0], packed[1], packed[2]]).toEqual([1, 0, 0]);
      expect(packed.length).toBeLessThan(100);
      for (const item of items) {
        expect(Object.keys(item).sort()).toEqual(['p', 'pk', 'sk', 'ttl']);
        const lifeSeconds = Number(item['ttl']?.N) - beforeSecond;
        expect(lifeSeconds).toBeGreaterThanOrEqual(7 * 86_400);
        expect(lifeSeconds).toBeLessThan(7 * 86_400 + 600);
      }
      await dispose();
    });

    it('leaves no item behind when an attempt is aborted or a batch freed', async () => {
      const { store, table, dispose } = await fixture();
      for (const range of [0, 1]) {
        const writer = await store.open('b-1', range, 'a1');
        for (let i = 0; i < 70; i++) await writer.write(i % 3, madeBytes(1000 + i, i));
        await writer.write(1, madeBytes(900_000));
        await writer.commit();
      }
      const aborted = await store.open('b-1', 0, 'a2');
      await aborted.write(5, madeBytes(900_000));
      for (let i = 0; i < 60; i++) await aborted.write(i, madeBytes(50_000, i));
      await aborted.abort();
      const attempts = new Set((await itemsOf(table)).map((item) => item['sk']?.S?.split('#')[1]));
      expect([...attempts]).toEqual(['a1']);
      await store.free('b-1');
      expect(await itemsOf(table)).toEqual([]);
      await dispose();
    });

    it('reads a shard of several responses', async () => {
      const { store, dispose } = await fixture();
      const writer = await store.open('b-1', 0, 'a1');
      for (let i = 0; i < 40; i++) await writer.write(3, madeBytes(100_000, i));
      await writer.commit();
      let pages = 0;
      for await (const page of store.read('b-1', 3, { range: 0, attempt: 'a1', pages: 40 })) {
        expect(Buffer.compare(page, madeBytes(100_000, pages++))).toBe(0);
      }
      expect(pages).toBe(40);
      await dispose();
    });

    it.each([
      ['first', 0],
      ['middle', 30],
      ['last', 39],
    ])('tells when the %s page has gone', async (_which, gone) => {
      const { store, table, dispose } = await fixture();
      const writer = await store.open('b-1', 0, 'a1');
      for (let i = 0; i < 40; i++) await writer.write(3, madeBytes(100_000, i));
      await writer.commit();
      const sk = `00000000#a1#${String(gone).padStart(8, '0')}`;
      const Key = { pk: { S: 'b-1#00003' }, sk: { S: sk } };
      await sdk.send(new BatchWriteItemCommand({ RequestItems: { [table]: [{ DeleteRequest: { Key } }] } }));
      const read = async (): Promise<number> => {
        let pages = 0;
        for await (const _page of store.read('b-1', 3, { range: 0, attempt: 'a1', pages: 40 })) pages++;
        return pages;
      };
      expect(await faultCode(read())).toBe('STAGED_PAGES_SHORT');
      await dispose();
    });
  });
}

describe('keys of staged items', () => {
  let server: FakeDynamo;

  beforeAll(async () => {
    server = await FakeDynamo.start();
  });

  afterAll(async () => {
    await server.close();
  });

  const page = fc.record({ shard: fc.nat(3), bytes: fc.constantFrom(0, 1, 600, 600, 3000, 3000, 3000, 3000, 400_000) });
  const attempt = fc.record({
    range: fc.nat(2),
    pages: fc.array(page, { maxLength: 40 }),
    commits: fc.boolean(),
  });

  // fault 20
  it('are each its own, whatever is written, tried again and given up: no request names one twice', async () => {
    let requests = 0;
    let repeated = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 4 }), fc.nat(6), async (attempts, seed) => {
        server.items.clear();
        server.received.length = 0;
        let asked = 0;
        // Now and then items are left, all or some: the same keys come again, alone and beside new ones.
        server.act = () => {
          asked += 1;
          const left = (item: number): boolean => (item + asked) % 2 === 0;
          return (asked + seed) % 2 === 0 ? { kind: 'unprocessed', left } : ANSWER;
        };
        const data = openOn(server.endpoint, { triesMax: 50, inFlightMax: 3 });
        try {
          await Promise.all(
            attempts.map(async ({ range, pages, commits }, at) => {
              const writer = await data.staging.open('b-1', range, `a${at}`);
              for (const [k, { shard, bytes }] of pages.entries()) await writer.write(shard, randomPage(bytes, at, k));
              await (commits ? writer.commit() : writer.abort());
            }),
          );
        } finally {
          await data.close();
        }
        const seen = new Map<string, string>();
        for (const { operation, body } of server.received) {
          if (operation !== 'BatchWriteItem') continue;
          requests += 1;
          const { RequestItems } = JSON.parse(body.toString()) as { RequestItems: Record<string, Write[]> };
          const writes = Object.values(RequestItems).flat();
          const keys = writes.map(({ PutRequest, DeleteRequest }) => keyOf(PutRequest?.Item ?? DeleteRequest?.Key));
          expect(new Set(keys).size).toBe(keys.length);
          for (const [index, { PutRequest }] of writes.entries()) {
            const value = PutRequest?.Item['p']?.B;
            const key = keys[index] as string;
            if (value === undefined) continue;
            if (seen.has(key)) repeated += 1;
            // A key that comes again brings what it brought: nobody else has it.
            expect((seen.get(key) ?? value) === value, key).toBe(true);
            seen.set(key, value);
          }
        }
      }),
      { seed: 20260811, numRuns: 20 },
    );
    expect(requests).toBeGreaterThan(60);
    expect(repeated).toBeGreaterThan(30);
  });
});

type Item = Readonly<Record<string, { readonly S?: string; readonly B?: string }>>;

interface Write {
  readonly PutRequest?: { readonly Item: Item };
  readonly DeleteRequest?: { readonly Key: Item };
}

function keyOf(item: Item | undefined): string {
  return `${item?.['pk']?.S}\n${item?.['sk']?.S}`;
}

/** Bytes that do not shrink: a large page takes several items. */
function randomPage(bytes: number, attempt: number, page: number): Uint8Array {
  const out = new Uint8Array(bytes);
  let state = attempt * 1000 + page + 1;
  for (let at = 0; at < bytes; at++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    out[at] = state >>> 24;
  }
  return out;
}
