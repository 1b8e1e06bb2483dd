/** The DynamoDB driver under the contract of the debts, over every server; and what its items are to other eyes. */
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { silentTelemetry } from '../../../../src/core/telemetry.ts';
import { openDynamoDebts } from '../../../../src/io/aws/debts/debts.ts';
import { DEBTS_TABLE } from '../../../../src/io/aws/debts/items.ts';
import type { DebtStore } from '../../../../src/io/ports/debts.ts';
import { debt } from '../../../contract/debtRows.ts';
import { type DebtsFixture, describeDebts } from '../../../contract/debts.contract.ts';
import { collect } from '../../../contract/support.ts';
import { type AwsServer, dynamoServers, type ServerKind } from '../../../support/aws/servers.ts';
import { DEBTS_OPTIONS, makeDebtsTable } from '../support.ts';

for (const kind of dynamoServers()) describe(kind.name, () => describeDebtsOver(kind));

function describeDebtsOver(kind: ServerKind): void {
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
    const table = `debts-${++tables}`;
    await makeDebtsTable(sdk, table);
    return table;
  }

  function open(table: string): DebtStore {
    const { endpoint, region, credentials } = server;
    return openDynamoDebts(
      { ...DEBTS_OPTIONS, endpoint, region, table },
      {
        clock: systemClock,
        random: (size) => new Uint8Array(size),
        telemetry: silentTelemetry,
        credentials: async () => credentials,
      },
    );
  }

  async function fixture(): Promise<DebtsFixture & { readonly table: string }> {
    const table = await makeTable();
    let store = open(table);
    return {
      table,
      store,
      manyRows: 3000,
      check: async () => {},
      async reopen() {
        await store.close();
        store = open(table);
        return store;
      },
      dispose: () => store.close(),
    };
  }

  async function itemsOf(table: string): Promise<Record<string, unknown>[]> {
    const { Items, LastEvaluatedKey } = await sdk.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
    expect(LastEvaluatedKey).toBeUndefined();
    return Items ?? [];
  }

  describeDebts('DynamoDB', fixture);

  describe('DynamoDB debts', () => {
    it('lays items out as documented', async () => {
      const { store, table, dispose } = await fixture();
      const row = debt('CT/9 "á"', 3, {
        refHash: 0x00ab_cdef,
        creditorName: 'Lojas',
        debtorPhone: null,
        changedLine: 9,
      });
      await store.write('acme', 3, [row]);
      const [item] = await itemsOf(table);
      // `openssl dgst -sha256 -hmac <the test's secret>` over the digits, the first 22 characters in base64url.
      const doc = 'acme#qu9pqlGKAQbgyR9qE3jssU';
      expect(item).toEqual({
        pk: { S: `acme#${0x00ab_cdef % DEBTS_OPTIONS.buckets}` },
        sk: { S: '00abcdef#CT/9 "á"' },
        doc: { S: doc },
        cpf: { S: row.document },
        turn: { N: '3' },
        debtor_name: { S: row.debtorName },
        amount_cents: { N: '123456' },
        due_date: { S: '2025-03-01' },
        debtor_email: { S: 'maria@example.com' },
        creditor_name: { S: 'Lojas' },
        installment: { S: '3/12' },
        created_batch: { S: 'b-3' },
        created_line: { N: '2' },
        changed_batch: { S: 'b-3' },
        changed_line: { N: '9' },
        created_at_ms: { N: String(row.createdAtMs) },
        changed_at_ms: { N: String(row.changedAtMs) },
      });
      await dispose();
    });

    it('leaves nothing of a person in a tombstone, and nothing of it in the index', async () => {
      const { store, table, dispose } = await fixture();
      await store.write('acme', 1, [debt('R-1', 1)]);
      const empty = { debtorName: '', document: '', amountCents: 0, dueDate: '', debtorEmail: null, debtorPhone: null };
      await store.write('acme', 2, [debt('R-1', 2, { ...empty, installment: null, erased: true })]);
      const [item] = await itemsOf(table);
      expect(Object.keys(item ?? {}).sort()).toEqual(
        ['amount_cents', 'changed_at_ms', 'changed_batch', 'changed_line', 'created_at_ms', 'created_batch'].concat([
          'created_line',
          'erased',
          'pk',
          'sk',
          'turn',
        ]),
      );
      const indexed = await sdk.send(new ScanCommand({ TableName: table, IndexName: DEBTS_TABLE.index.name }));
      expect(indexed.Items).toEqual([]);
      await dispose();
    });

    it('keeps a CPF and a CNPJ under names of their own, never both', async () => {
      const { store, table, dispose } = await fixture();
      const documents = ['12ABC34501DE35', '52998224725', '12ABC34501DE35', ''];
      for (const [index, document] of documents.entries()) {
        const erased = document === '';
        await store.write('acme', index + 1, [debt('R-1', index + 1, { document, erased })]);
        const [{ cpf, cnpj, doc } = {}] = await itemsOf(table);
        expect({ cpf, cnpj }).toEqual({
          cpf: document.length === 11 ? { S: document } : undefined,
          cnpj: document.length === 14 ? { S: document } : undefined,
        });
        // The key of the index tells nothing of the document.
        expect(doc).toEqual(erased ? undefined : { S: expect.stringMatching(/^acme#[\w-]{22}$/) });
      }
      await dispose();
    });

    it('lists every bucket in one order, several responses each', async () => {
      const { store, dispose } = await fixture();
      const rows = Array.from({ length: 2000 }, (_, i) => debt(`R-${i}`, 1, { refHash: (i * 2_654_435_761) >>> 0 }));
      await store.write('acme', 1, rows);
      expect(await collect(store.list('acme', {}))).toEqual([...rows].sort((a, b) => a.refHash - b.refHash));
      await dispose();
    });
  });
}
