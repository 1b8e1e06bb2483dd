/**
 * Debts written per second of processor time of the sending process, each on its condition, by the driver and beside it: one
 * request a debt, and the SDK either way. The endpoint is a process of its own and acknowledges everything.
 *
 * Before anything is timed, what arrives is compared: the driver's statements with the debts they were made of, and with
 * what the SDK sends; the single puts of both sides with one another. The SDK is given attribute values made beforehand, which
 * the driver makes itself in the time that counts. Rounds of all ways follow one another; medians are answered.
 */
import { assert } from '../../src/core/assert.ts';
import { debtOf, type Item } from '../../src/io/aws/debts/items.ts';
import type { StoredDebt } from '../../src/io/ports/debts.ts';
import { medianOf } from '../statistics.ts';
import { CLIENT, openDebts, openPuts, prepare, putsBySdk, readsBySdk, statementsBySdk, TURN } from './debtWriters.ts';
import type { KeptItem } from './endpoint.ts';
import { Loopback } from './loopback.ts';
import { perCpuSecond } from './measure.ts';
import { columnsOf, dealOf, makeSample } from './sample.ts';
import { openSdk } from './writers.ts';

export interface MeasureDebtsOptions {
  /** Lines of the made file whose good records become the debts of a round. */
  readonly sampleLines?: number;
  readonly rounds?: number;
}

/** Debts per second of processor time, medians; `ratio` is the median of the rounds' ratios of the driver to the SDK's best. */
export interface MeasuredDebts {
  readonly statements: number;
  readonly puts: number;
  readonly sdkStatements: number;
  readonly sdkPuts: number;
  readonly ratio: number;
  /** Debts read, 100 a request, by the driver and by the SDK. */
  readonly reads: number;
  readonly sdkReads: number;
}

const SAMPLE_LINES = 10_000;
const ROUNDS = 5;
/** Before those that count: code is compiled and connections are made in them. */
const WARM_ROUNDS = 2;
/** The slowest way is measured on so many. */
const SDK_PUTS = 2000;
/** The fast way goes over the debts so many times a round. */
const REPEATS = 5;

export async function measureDebts(options: MeasureDebtsOptions = {}): Promise<MeasuredDebts> {
  const { sampleLines = SAMPLE_LINES, rounds = ROUNDS } = options;
  const rows = makeDebts(sampleLines);
  const prepared = prepare(rows);
  const few = prepared.slice(0, SDK_PUTS);
  const loopback = await Loopback.start();
  const debts = openDebts(loopback.url);
  const puts = openPuts(loopback.url);
  const sdk = openSdk(loopback.url);
  const write = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) assert((await debts.write(CLIENT, TURN, rows)) === 'written', 'all is taken');
  };
  try {
    const sent = await loopback.itemsOf(() => write(1));
    verifyDebts(sent, rows);
    assertSame(sent, await loopback.itemsOf(() => statementsBySdk(sdk, prepared)));
    const one = await loopback.itemsOf(() => puts.write(rows.slice(0, SDK_PUTS)));
    assertSame(one.map(sorted), (await loopback.itemsOf(() => putsBySdk(sdk, few))).map(sorted));
    const read = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) verifyRead(await debts.fetch(CLIENT, rows), rows);
    };
    const readSdk = async (): Promise<void> =>
      assert((await readsBySdk(sdk, prepared)) === rows.length, 'every debt is found');
    const figures: MeasuredDebts[] = [];
    for (let round = -WARM_ROUNDS; round < rounds; round++) {
      const statements = await perCpuSecond(rows.length * REPEATS, () => write(REPEATS));
      const sdkStatements = await perCpuSecond(rows.length, () => statementsBySdk(sdk, prepared));
      const single = await perCpuSecond(rows.length, () => puts.write(rows));
      const sdkPuts = await perCpuSecond(few.length, () => putsBySdk(sdk, few));
      const ratio = statements / Math.max(sdkStatements, sdkPuts);
      const reads = await perCpuSecond(rows.length * REPEATS, () => read(REPEATS));
      const sdkReads = await perCpuSecond(rows.length, readSdk);
      if (round >= 0) figures.push({ statements, puts: single, sdkStatements, sdkPuts, ratio, reads, sdkReads });
    }
    const median = (name: keyof MeasuredDebts): number => medianOf(figures.map((figure) => figure[name]));
    return {
      statements: median('statements'),
      puts: median('puts'),
      sdkStatements: median('sdkStatements'),
      sdkPuts: median('sdkPuts'),
      ratio: median('ratio'),
      reads: median('reads'),
      sdkReads: median('sdkReads'),
    };
  } finally {
    sdk.destroy();
    await puts.close();
    await debts.close();
    await loopback.close();
  }
}

/** New debts with the values of a made file, in the order of their hashes, as registering writes them. */
function makeDebts(lines: number): StoredDebt[] {
  const sample = makeSample(lines);
  const batch = 'b-0123456789abcdef01234567';
  const atMs = Date.UTC(2026, 10, 20);
  const rows = new Map<string, StoredDebt>();
  for (const record of sample.values.keys()) {
    const columns = columnsOf(sample, record) as Readonly<Record<string, { S?: string; N?: string } | undefined>>;
    const text = (name: string): string => columns[name]?.S ?? '';
    const optional = (name: string): string | null => columns[name]?.S ?? null;
    rows.set(text('external_ref'), {
      client: CLIENT,
      refHash: dealOf(sample, record, 1).refHash,
      externalRef: text('external_ref'),
      debtorName: text('debtor_name'),
      document: text('cpf'),
      amountCents: Number(columns['amount']?.N),
      dueDate: text('due_date'),
      debtorEmail: optional('debtor_email'),
      debtorPhone: optional('debtor_phone'),
      creditorName: optional('creditor_name'),
      accountType: optional('account_type'),
      installment: optional('installment'),
      createdBatch: batch,
      createdLine: record + 2,
      changedBatch: batch,
      changedLine: record + 2,
      turn: TURN,
      createdAtMs: atMs,
      changedAtMs: atMs,
      erased: false,
    });
  }
  return [...rows.values()].sort((a, b) => a.refHash - b.refHash);
}

/** Throws unless each debt was found under its own key, with values. */
function verifyRead(found: readonly (StoredDebt | undefined)[], rows: readonly StoredDebt[]): void {
  for (const [i, row] of rows.entries()) {
    const debt = found[i];
    assert(debt?.refHash === row.refHash && debt.externalRef === row.externalRef, 'a debt is found by its key');
    assert(debt.document === '52998224725' && debt.amountCents === 123_456, 'a debt is found with its values');
  }
}

/** Throws unless the statements insert every debt once, with its values. */
function verifyDebts(sent: readonly KeptItem[], rows: readonly StoredDebt[]): void {
  const inserted = sent.map(([, , statement, parameters]) => {
    const names = [...statement.matchAll(/'(\w+)':\?/g)].map(([, name]) => name as string);
    const values = JSON.parse(parameters) as unknown[];
    assert(statement.startsWith('INSERT INTO ') && names.length === values.length, 'a statement has its parameters');
    return debtOf(Object.fromEntries(names.map((name, i) => [name, values[i]])) as Item);
  });
  inserted.sort((a, b) => a.refHash - b.refHash || (a.externalRef < b.externalRef ? -1 : 1));
  const expected = [...rows].sort((a, b) => a.refHash - b.refHash || (a.externalRef < b.externalRef ? -1 : 1));
  assert(inserted.length === expected.length, 'every debt arrived once');
  for (const [i, debt] of inserted.entries()) {
    for (const [name, value] of Object.entries(expected[i] as StoredDebt)) {
      assert(debt[name as keyof StoredDebt] === value, `a debt arrived as it was: ${name}`);
    }
  }
}

function assertSame(ours: unknown, theirs: unknown): void {
  assert(JSON.stringify(ours) === JSON.stringify(theirs), 'ours and the SDK send the same');
}

/** A put's fields in one order. */
function sorted([, , , put]: KeptItem): unknown {
  const { Item: item, ...rest } = JSON.parse(put) as Record<string, object>;
  const byName = (fields: object): unknown => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  return [byName(item as object), byName(rest)];
}
