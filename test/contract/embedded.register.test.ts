/**
 * What decides by SQL against what decides row by row: the same random history of registrations through the embedded
 * `register` and through fetch, stages/debts/decide.ts and write over a store in memory. And the image itself, read back by SQLite.
 */
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DebtImage } from '../../src/io/embedded/debts/image.ts';
import type { DebtStore, Registration, StoredDebt } from '../../src/io/ports/debts.ts';
import { COLUMN_COUNT, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import { PageReader } from '../../src/kernel/pages.ts';
import { RecordChunk } from '../../src/kernel/recordChunk.ts';
import { optionalColumns } from '../../src/stages/debts/decide.ts';
import { registerChunk } from '../../src/stages/debts/registerChunk.ts';
import { registerRows } from '../../src/stages/debts/registerRows.ts';
import type { LineValues } from '../support/files.ts';
import { MemoryDebts } from '../support/memoryStores.ts';
import { ALL_FIELDS, pagesOf, REQUIRED_FIELDS } from '../support/records.ts';
import { debtsFixture } from './embeddedFixtures.ts';
import { collect } from './support.ts';

const DOCUMENTS = ['52998224725', '11144477735', '12ABC34501DE35', '39053344705', '00000000000191'] as const;
const LINE_FAR = 5_000_000_000;

function chunkOf(lines: readonly LineValues[], fields: readonly number[], firstLine = 2): RecordChunk {
  const chunk = new RecordChunk(Math.max(1, lines.length), lines.length * 1600 + 64);
  const reader = new PageReader();
  for (const page of pagesOf(lines, fields, Number.POSITIVE_INFINITY, firstLine)) {
    reader.load(page);
    while (reader.next()) expect(chunk.add(reader)).toBe(true);
  }
  return chunk;
}

const anyLine = fc.record({
  name: fc.constantFrom('Ana Lima', 'Zé', '😀 ŁÓDŹ', `Á${'ção '.repeat(29)}b`),
  cpf: fc.constantFrom(...DOCUMENTS),
  amount: fc.constantFrom('0.01', '7', '150.00', '9999999999999.99', '1407374883553.27', '1407374883553.28'),
  due: fc.constantFrom('2026-01-10', '0001-01-01', '2025-12-31'),
  optional: fc.tuple(
    fc.constantFrom('', 'a@example.com', `${'x'.repeat(60)}@example.com`),
    fc.constantFrom('', '+5511987654321'),
    fc.constantFrom('', 'Lojas São João'),
    fc.constantFrom('', 'cartão'),
    fc.constantFrom('', '3/12'),
  ),
});

/** Two lines that come again and again, so that histories repeat themselves. */
const USUAL = { name: 'Ana Lima', cpf: DOCUMENTS[0], amount: '150.00', due: '2026-01-10' };
const NOTHING: [string, string, string, string, string] = ['', '', '', '', ''];
const line = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ ...USUAL, optional: NOTHING }) },
  { weight: 1, arbitrary: fc.constant({ ...USUAL, cpf: DOCUMENTS[1], optional: NOTHING }) },
  { weight: 2, arbitrary: anyLine },
);

const FIELDS = [
  ALL_FIELDS,
  REQUIRED_FIELDS,
  [...REQUIRED_FIELDS, REQUIRED_COLUMNS + 1, REQUIRED_COLUMNS + 4],
  // Another order than the table's.
  [...REQUIRED_FIELDS, REQUIRED_COLUMNS + 3, REQUIRED_COLUMNS],
] as const;

const step = fc.record({
  kind: fc.constantFrom('apply', 'apply', 'apply', 'preview', 'preview', 'erase'),
  turn: fc.constantFrom(1, 2, 2, 3, 3, 3, 3),
  /** Batches of one turn share it, as small ones do. */
  batch: fc.integer({ min: 1, max: 2 }),
  client: fc.constantFrom('acme', 'beta'),
  fields: fc.constantFrom(...FIELDS),
  far: fc.boolean(),
  records: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'é', 'R"1', "R'2"), line, { noNullPrototype: true }),
});

function tombstone(debt: StoredDebt, turn: number): StoredDebt {
  const gone = { debtorEmail: null, debtorPhone: null, creditorName: null, accountType: null, installment: null };
  return { ...debt, ...gone, debtorName: '', document: '', amountCents: 0, dueDate: '', turn, erased: true };
}

async function allOf(store: DebtStore): Promise<StoredDebt[]> {
  return [...(await collect(store.list('acme', {}))), ...(await collect(store.list('beta', {})))];
}

describe('registering by SQL', () => {
  it('comes to the same fates, rows and refusals as deciding row by row', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12, size: 'max' }), async (steps) => {
        const fixture = await debtsFixture('worker');
        const model = new MemoryDebts();
        try {
          for (const { kind, turn, batch, client, fields, far, records } of steps) {
            if (kind === 'erase') {
              const [first] = model.all(client).filter((debt) => debt.turn <= turn && !debt.erased);
              if (first === undefined) continue;
              for (const store of [fixture.store, model]) await store.write(client, turn, [tombstone(first, turn)]);
              continue;
            }
            const registration: Registration = {
              client,
              batch: `b-${turn}-${batch}`,
              turn,
              turnAtMs: 1_768_478_400_000 + turn,
              hasOptional: optionalColumns(fields),
              mode: kind,
            };
            const lines = Object.entries(records).map(([ref, values]) => ({
              ref,
              ...values,
              optional: fields
                .slice(REQUIRED_COLUMNS)
                .map((column) => values.optional[column - REQUIRED_COLUMNS] as string),
            }));
            const chunk = chunkOf(lines, fields, far ? LINE_FAR : 2);
            const order = chunk.byHash(() => true);
            const [expected, fates] = [new Uint8Array(chunk.count), new Uint8Array(chunk.count)];
            const verdict = await registerRows(model, registration, chunk, order, expected);
            expect(await fixture.store.register?.(registration, chunk, order, fates)).toBe(verdict);
            if (verdict === 'written') expect(fates).toEqual(expected);
            for (const fate of expected) seen.add(`${kind} ${fate}`);
            seen.add(verdict);
            expect(await allOf(fixture.store)).toEqual(await allOf(model));
          }
          for (const document of DOCUMENTS) {
            for (const client of ['acme', 'beta']) {
              expect(await collect(fixture.store.list(client, { document }))).toEqual(
                await collect(model.list(client, { document })),
              );
            }
          }
          await fixture.check();
        } finally {
          await fixture.dispose();
        }
      }),
      { numRuns: 60, seed: 11 },
    );
    // The histories came upon everything there is to come upon.
    const ways = ['apply', 'preview'].flatMap((kind) => [0, 1, 2, 3].map((fate) => `${kind} ${fate}`));
    expect([...seen].sort()).toEqual([...ways, 'superseded', 'written'].sort());
  });

  it('keeps what records lack as deciding row by row does, whatever each of them lacks', async () => {
    const REFS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const anyLines = fc.dictionary(fc.constantFrom(...REFS), fc.record({ line: anyLine, lacks: fc.nat(31) }), {
      noNullPrototype: true,
      minKeys: 3,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyLines, { minLength: 2, maxLength: 4 }), async (batches) => {
        const fixture = await debtsFixture('worker');
        const model = new MemoryDebts();
        try {
          for (const [index, records] of batches.entries()) {
            const turn = index + 1;
            const registration: Registration = {
              client: 'acme',
              batch: `b-${turn}`,
              turn,
              turnAtMs: turn,
              hasOptional: optionalColumns(ALL_FIELDS),
              mode: 'apply',
            };
            const entries = Object.entries(records);
            const lines = entries.map(([ref, { line: values, lacks }]) => {
              const optional = values.optional.map((text, k) => (((lacks >> k) & 1) === 1 ? '' : text));
              return { ref, ...values, optional };
            });
            const chunks = [0, 1].map(() => {
              const chunk = chunkOf(lines, ALL_FIELDS);
              for (const [i, [, { lacks }]] of entries.entries()) chunk.kept[i] = lacks;
              return chunk;
            });
            const [bySql, byRow] = chunks as [RecordChunk, RecordChunk];
            const order = (chunk: RecordChunk) => chunk.byHash(() => true);
            expect(await registerChunk(fixture.store, registration, bySql, order(bySql))).toBe('written');
            const { fetch, write } = model;
            const rows = { fetch: fetch.bind(model), write: write.bind(model) };
            expect(await registerChunk(rows, registration, byRow, order(byRow))).toBe('written');
            expect(bySql.outcomes).toEqual(byRow.outcomes);
            expect(await allOf(fixture.store)).toEqual(await allOf(model));
          }
          await fixture.check();
        } finally {
          await fixture.dispose();
        }
      }),
      { numRuns: 25, seed: 12 },
    );
  });

  it('takes more records than one image holds, and leaves them alone the second time', async () => {
    const fixture = await debtsFixture('worker');
    try {
      const lines = Array.from({ length: 70_000 }, (_, i) => ({ ref: `R-${i}`, cpf: DOCUMENTS[i % 5] as string }));
      const chunk = chunkOf(lines, REQUIRED_FIELDS);
      const order = chunk.byHash(() => true);
      const fates = new Uint8Array(chunk.count).fill(9);
      const base = {
        client: 'acme',
        turnAtMs: 1,
        hasOptional: optionalColumns(REQUIRED_FIELDS),
        mode: 'apply',
      } as const;
      const run = (batch: string, turn: number) =>
        fixture.store.register?.({ ...base, batch, turn }, chunk, order, fates);
      for (const [batch, turn, fate] of [
        ['b-1', 1, 0],
        ['b-1', 1, 0],
        ['b-2', 2, 2],
      ] as const) {
        expect(await run(batch, turn)).toBe('written');
        expect(fates.every((found) => found === fate)).toBe(true);
      }
      const stored = await collect(fixture.store.list('acme', {}));
      expect(stored.map((debt) => debt.externalRef)).toEqual(Array.from(order, (i) => chunk.ref(i)));
      expect(new Set(stored.map((debt) => debt.changedBatch))).toEqual(new Set(['b-1']));
      for (const document of DOCUMENTS) {
        expect((await collect(fixture.store.list('acme', { document }))).length).toBe(14_000);
      }
      await fixture.check();
    } finally {
      await fixture.dispose();
    }
  });
});

describe('the image of records', () => {
  it('is a whole database that gives the records back, in as many pieces as its size asks for', () => {
    const lines = Array.from({ length: 4000 }, (_, i) => ({
      ref: `R-${i}`,
      cpf: DOCUMENTS[i % 5] as string,
      name: i % 7 === 0 ? `Á${'ção '.repeat(29)}b` : 'Ana Lima',
      amount: i % 5 === 0 ? '9999999999999.99' : `${i + 1}.07`,
      optional: Array.from({ length: COLUMN_COUNT - REQUIRED_COLUMNS }, (_, k) =>
        k === 2 && i % 2 === 0 ? 'Loja' : '',
      ),
    }));
    const chunk = chunkOf(lines, ALL_FIELDS, LINE_FAR);
    const order = chunk.byHash((i) => i % 3 !== 1);
    for (const bytesMax of [0, 5 * 32_768, 100 * 32_768]) {
      const image = new DebtImage(bytesMax, 3000);
      const db = new DatabaseSync(':memory:');
      const rows: Record<string, unknown>[] = [];
      let pieces = 0;
      for (let from = 0; from < order.length; pieces++) {
        from = image.fill(chunk, order, from);
        db.deserialize(image.bytes());
        expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
        rows.push(...db.prepare('SELECT * FROM rows ORDER BY n').all());
      }
      db.close();
      expect(pieces > 1).toBe(bytesMax < 100 * 32_768);
      expect(rows.map(({ n: _, ...row }) => row)).toEqual(
        Array.from(order, (i) => ({
          ref_hash: chunk.hashes[i],
          external_ref: chunk.ref(i),
          debtor_name: chunk.name(i),
          document: chunk.document(i),
          amount_cents: chunk.cents[i],
          due_date: '2026-01-10',
          debtor_email: null,
          debtor_phone: null,
          creditor_name: chunk.optional(i, 2),
          account_type: null,
          installment: null,
          line: chunk.lines[i],
        })),
      );
    }
  });
});
