/** The debts in DynamoDB while calls fail, wholly or in part, answers are lost, and other writers come between. */
import { randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import type { TelemetryEvent } from '../../../../src/core/telemetry.ts';
import { type DynamoDebtsOptions, openDynamoDebts } from '../../../../src/io/aws/debts/debts.ts';
import type { DebtStore, StoredDebt } from '../../../../src/io/ports/debts.ts';
import { debt } from '../../../contract/debtRows.ts';
import { collect, faultCode } from '../../../contract/support.ts';
import { type AwsServer, dynaliteKind } from '../../../support/aws/servers.ts';
import { type Asked, FaultyProxy, type Harm, NO_HARM } from '../dynamo/faultyProxy.ts';
import { DEBTS_OPTIONS, makeDebtsTable } from '../support.ts';

const CPF = '52998224725';
const OTHER_CPF = '11144477735';

let server: AwsServer;
let sdk: DynamoDBClient;
let proxy: FaultyProxy;
let table = '';
let tables = 0;
let opened: DebtStore[] = [];
let events: TelemetryEvent[] = [];

beforeAll(async () => {
  server = await dynaliteKind().start();
  const { endpoint, region, credentials } = server;
  sdk = new DynamoDBClient({ endpoint, region, credentials });
  proxy = await FaultyProxy.start(endpoint);
});

afterAll(async () => {
  sdk.destroy();
  await proxy.close();
  await server.close();
});

beforeEach(async () => {
  table = `debts-${++tables}`;
  await makeDebtsTable(sdk, table);
  events = [];
  proxy.asked.length = 0;
  proxy.underWayMax = 0;
  proxy.harm = () => NO_HARM;
});

afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
});

function open(changes: Partial<DynamoDebtsOptions> = {}): DebtStore {
  const store = openDynamoDebts(
    { ...DEBTS_OPTIONS, endpoint: proxy.endpoint, table, ...changes },
    {
      clock: systemClock,
      random: (size) => randomBytes(size),
      telemetry: { emit: (event) => events.push(event) },
      credentials: async () => server.credentials,
    },
  );
  opened.push(store);
  return store;
}

const made = (count: number, turn: number, change: Partial<StoredDebt> = {}): StoredDebt[] =>
  Array.from({ length: count }, (_, i) => debt(`R-${i}`, turn, change));
/** As registering writes what was there before: with another line of origin. */
const changed = (count: number, turn: number): StoredDebt[] =>
  made(count, turn, { createdBatch: 'b-1', createdLine: 1, amountCents: turn * 100 });
const error = (type: string, status = 400): Harm => ({ kind: 'error', status, type });
const parts = (codeOf: (part: number) => string | undefined): Harm => ({ kind: 'parts', codeOf });
/** Does it to every request when it comes for the first time. */
const once = (harm: Harm): ((asked: Asked) => Harm) => {
  const seen = new Set<string>();
  return ({ body }) => {
    const first = !seen.has(body);
    seen.add(body);
    return first ? harm : NO_HARM;
  };
};
const asks = (operation: string): Asked[] => proxy.asked.filter((asked) => asked.operation === operation);
const says = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no failure',
    (failure: Error) => failure.message,
  );

describe('unprocessed keys', () => {
  it('are asked for again, they alone, and the order is kept', async () => {
    const store = open({ inFlightMax: 1 });
    const rows = made(150, 1);
    await store.write('acme', 1, rows);
    proxy.script(
      'BatchGetItem',
      parts((key) => (key % 3 === 0 ? 'unprocessed' : undefined)),
      parts((key) => (key > 4 ? 'unprocessed' : undefined)),
    );
    expect(await store.fetch('acme', rows)).toEqual(rows);
    expect(asks('BatchGetItem').map(({ keys }) => keys.length)).toEqual([100, 34, 29, 50]);
  });

  it('may be all of them, several times', async () => {
    const store = open();
    const rows = made(30, 1);
    await store.write('acme', 1, rows);
    const all = parts(() => 'unprocessed');
    proxy.script('BatchGetItem', all, all, all);
    expect(await store.fetch('acme', rows)).toEqual(rows);
  });

  it('without end are a fault after so many tries', async () => {
    const store = open({ triesMax: 3 });
    proxy.harm = () => parts(() => 'unprocessed');
    expect(await says(store.fetch('acme', made(10, 1)))).toMatch(/SERVICE_IO.*3 tries in vain, the last: unprocessed/);
    expect(proxy.asked).toHaveLength(3);
  });
});

describe('statements that were not run', () => {
  it.each([
    'ThrottlingError',
    'ProvisionedThroughputExceeded',
    'RequestLimitExceeded',
  ])('for being too fast (%s) are sent again, they alone, and slow the sender', async (code) => {
    const store = open({ inFlightMax: 1 });
    const rows = made(30, 1);
    proxy.script(
      'BatchExecuteStatement',
      parts((part) => (part > 20 ? code : undefined)),
    );
    expect(await store.write('acme', 1, rows)).toBe('written');
    expect(asks('BatchExecuteStatement').map(({ statements }) => statements.length)).toEqual([25, 4, 5]);
    expect(events.map(({ name }) => name)).toEqual(['dynamodb.slower']);
    expect(await store.fetch('acme', rows)).toEqual(rows);
  });

  // fault 22
  it.each(['InternalServerError', 'TransactionConflict'])('by %s are sent again at the same pace', async (code) => {
    const store = open();
    const rows = made(30, 1);
    proxy.script(
      'BatchExecuteStatement',
      parts((part) => (part % 2 === 0 ? code : undefined)),
    );
    expect(await store.write('acme', 1, rows)).toBe('written');
    expect(events).toEqual([]);
    expect(await store.fetch('acme', rows)).toEqual(rows);
  });

  it.each([
    ['AccessDenied', 'SERVICE_DENIED'],
    ['ValidationError', 'SERVICE_IO'],
    ['ResourceNotFound', 'SERVICE_IO'],
    ['SomethingNew', 'SERVICE_IO'],
  ])('for good (%s) fail at once, and quote nothing', async (code, fault) => {
    const store = open({ inFlightMax: 1 });
    proxy.harm = () => parts((part) => (part === 3 ? code : undefined));
    const failure = await says(store.write('acme', 1, made(60, 1)));
    expect(failure).toContain(fault);
    expect(failure).toContain(code);
    expect(failure).not.toContain(CPF);
    expect(proxy.asked).toHaveLength(1);
  });

  it('without end are a fault, and nothing is asked any more', async () => {
    const store = open({ triesMax: 3, inFlightMax: 3 });
    proxy.harm = () => parts(() => 'ThrottlingError');
    expect(await faultCode(store.write('acme', 1, made(200, 1)))).toBe('SERVICE_IO');
    const asked = proxy.asked.length;
    expect(asked).toBeLessThanOrEqual(9);
    // Far longer than the waits between tries.
    await new Promise((done) => setTimeout(done, 60));
    expect(proxy.asked.length).toBe(asked);
  });
});

describe('a failure', () => {
  it('ends the waiting of the requests beside it', async () => {
    // Tries so far apart that the test would end before them.
    const store = open({ inFlightMax: 2, retryMsMin: 600_000, retryMsMax: 600_000 });
    let next = 0;
    proxy.harm = async () => {
      if (next++ === 0) return parts(() => 'InternalServerError');
      await new Promise((done) => setTimeout(done, 50));
      return error('AccessDeniedException');
    };
    expect(await says(store.write('acme', 1, made(200, 1)))).toContain('AccessDeniedException');
    expect(proxy.asked).toHaveLength(2);
  });
});

describe('requests as a whole', () => {
  it.each([
    'ProvisionedThroughputExceededException',
    'ThrottlingException',
  ])('that come too fast (%s) are paced and lose nothing', async (type) => {
    const store = open({ inFlightMax: 2 });
    const rows = made(120, 1);
    proxy.harm = once(error(type));
    expect(await store.write('acme', 1, rows)).toBe('written');
    expect(await store.fetch('acme', rows)).toEqual(rows);
    expect(events.some(({ name }) => name === 'dynamodb.slower')).toBe(true);
  });

  // fault 21
  it.each([true, false])('whose answers are lost (taken effect: %s) are sent again: new debts', async (applied) => {
    const store = open();
    const rows = made(120, 1);
    proxy.harm = once({ kind: 'reset', applied });
    expect(await store.write('acme', 1, rows)).toBe('written');
    expect(await store.fetch('acme', rows)).toEqual(rows);
    expect((await collect(store.list('acme', {}))).length).toBe(120);
  });

  // fault 21
  it.each([true, false])('whose answers are lost (taken effect: %s) are sent again: changes', async (applied) => {
    const store = open();
    await store.write('acme', 1, made(60, 1));
    proxy.harm = once({ kind: 'reset', applied });
    expect(await store.write('acme', 2, changed(60, 2))).toBe('written');
    expect(await store.fetch('acme', made(60, 1))).toEqual(changed(60, 2));
  });

  it.each([
    ['fewer answers than statements', (text: string) => text.replace(/\{\},?/, '')],
    ['no JSON', (text: string) => text.slice(1)],
    ['another kind', () => '{"Items":[]}'],
    ['answers that are none', () => `{"Responses":[${new Array(25).fill(null).join(',')}]}`],
  ])('with %s are sent again', async (_what, of) => {
    const store = open();
    proxy.script('BatchExecuteStatement', { kind: 'answer', of });
    expect(await store.write('acme', 1, made(25, 1))).toBe('written');
    expect(asks('BatchExecuteStatement').length).toBeGreaterThan(1);
    expect(await store.fetch('acme', made(25, 1))).toEqual(made(25, 1));
  });

  it.each([
    ['an item that was not asked for', (text: string) => text.replaceAll('#R-1"', '#R-9"')],
    ['an item of another partition', (text: string) => text.replaceAll('"acme#', '"beta#')],
    ['an item cut short', (text: string) => text.replaceAll('"turn"', '"turns"')],
    ['another kind', () => '{"Items":[]}'],
  ])('that answer %s are asked again', async (_what, of) => {
    const store = open();
    await store.write('acme', 1, made(2, 1));
    proxy.script('BatchGetItem', { kind: 'answer', of });
    expect(await store.fetch('acme', made(2, 1))).toEqual(made(2, 1));
    expect(asks('BatchGetItem')).toHaveLength(2);
  });

  it('are bounded in number and size', async () => {
    const store = open({ inFlightMax: 3 });
    const rows = made(1000, 1);
    await store.write('acme', 1, rows);
    await store.fetch('acme', rows);
    expect(proxy.underWayMax).toBe(3);
    expect(Math.max(...proxy.asked.map(({ statements }) => statements.length))).toBe(25);
    expect(Math.max(...proxy.asked.map(({ keys }) => keys.length))).toBe(100);
  });
});

describe('a write that ended half way', () => {
  // fault 15
  it('is made whole by its repetition, and comes to the state of one that never failed', async () => {
    const store = open({ inFlightMax: 1 });
    await store.write('acme', 1, made(40, 1));
    const rows = [...changed(40, 2), debt('new-1', 2), debt('new-2', 2)];
    proxy.harm = (_asked, index) => (index === 3 ? error('AccessDeniedException') : NO_HARM);
    expect(await faultCode(store.write('acme', 2, rows))).toBe('SERVICE_DENIED');
    expect(new Set((await store.fetch('acme', rows)).map((row) => row?.turn))).toEqual(new Set([2, 1, undefined]));
    expect(await store.write('acme', 2, rows)).toBe('written');
    expect(await store.write('acme', 2, rows)).toBe('written');
    expect(await store.fetch('acme', rows)).toEqual(rows);
  });
});

describe('a writer of an earlier turn that wakes up', () => {
  // fault 13
  it('is refused, stops, and has changed nothing of the later turn', async () => {
    const store = open({ inFlightMax: 1 });
    await store.write('acme', 5, made(200, 5));
    proxy.asked.length = 0;
    expect(await store.write('acme', 4, changed(200, 4))).toBe('superseded');
    // One batch of statements and one look at why.
    expect(proxy.asked.map(({ operation }) => operation)).toEqual(['BatchExecuteStatement', 'BatchGetItem']);
    expect(await store.fetch('acme', made(200, 5))).toEqual(made(200, 5));
    expect(await store.write('acme', 4, made(200, 4))).toBe('superseded');
    expect(await store.fetch('acme', made(200, 5))).toEqual(made(200, 5));
  });

  // fault 13
  it('is refused where the later turn comes between its tries', async () => {
    const store = open({ inFlightMax: 1 });
    const later = open();
    await store.write('acme', 1, made(10, 1));
    let first = true;
    proxy.harm = async ({ operation, body }) => {
      if (!first || operation !== 'BatchExecuteStatement' || body.includes('{"N":"9"}')) return NO_HARM;
      first = false;
      expect(await later.write('acme', 9, changed(10, 9))).toBe('written');
      return { kind: 'reset', applied: false };
    };
    expect(await store.write('acme', 2, changed(10, 2))).toBe('superseded');
    expect(await store.fetch('acme', made(10, 1))).toEqual(changed(10, 9));
  });
});

describe('what others did meanwhile', () => {
  it('a debt that should be there and is not is written as new', async () => {
    const store = open();
    expect(await store.write('acme', 2, changed(30, 2))).toBe('written');
    expect(await store.fetch('acme', made(30, 2))).toEqual(changed(30, 2));
  });

  it('a tombstone among changed debts stays, and the others are written', async () => {
    const store = open();
    const gone = { debtorName: '', document: '', amountCents: 0, dueDate: '', debtorEmail: null, debtorPhone: null };
    const tombstone = debt('R-7', 3, { ...gone, installment: null, erased: true });
    await store.write('acme', 1, made(30, 1));
    await store.write('acme', 3, [tombstone]);
    expect(await store.write('acme', 2, changed(30, 2))).toBe('written');
    const expected = changed(30, 2).map((row) => (row.externalRef === 'R-7' ? tombstone : row));
    expect(await store.fetch('acme', made(30, 1))).toEqual(expected);
  });

  it('an index that lags shows nothing that the table does not say', async () => {
    const store = open();
    const rows = made(3, 1);
    await store.write('acme', 1, rows);
    await store.write('beta', 1, [debt('R-1', 1, { client: 'beta' })]);
    const isIndexQuery = ({ body }: Asked): boolean => body.includes('"IndexName"');
    let stale = '';
    proxy.harm = (asked) => (isIndexQuery(asked) ? { kind: 'answer', of: (text) => (stale = text) } : NO_HARM);
    expect((await collect(store.list('acme', { document: CPF }))).length).toBe(3);
    await store.write('acme', 2, [
      debt('R-0', 2, { document: OTHER_CPF }),
      debt('R-1', 2, { erased: true, document: '' }),
    ]);
    proxy.harm = (asked) => (isIndexQuery(asked) ? { kind: 'answer', of: () => stale } : NO_HARM);
    expect(await collect(store.list('acme', { document: CPF }))).toEqual([rows[2]]);
    // Not even an index that named another client's item.
    proxy.harm = (asked) =>
      isIndexQuery(asked) ? { kind: 'answer', of: () => stale.replaceAll('acme#', 'beta#') } : NO_HARM;
    expect(await collect(store.list('acme', { document: CPF }))).toEqual([rows[2]]);
  });
});

describe('any mixture of faults', () => {
  const CODES = ['ThrottlingError', 'InternalServerError', 'TransactionConflict'];
  const harm = fc.oneof(
    { weight: 4, arbitrary: fc.constant(NO_HARM) },
    { weight: 1, arbitrary: fc.boolean().map((applied): Harm => ({ kind: 'reset', applied })) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('ThrottlingException', 'InternalServerError').map((type) => error(type, 500)),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...CODES), fc.integer({ min: 2, max: 5 }))
        .map(([code, every]) => parts((part) => (part % every === 0 ? code : undefined))),
    },
  );
  const step = fc.record({ turn: fc.integer({ min: 1, max: 3 }), count: fc.integer({ min: 1, max: 60 }) });

  it('ends in the state of the latest turn of each debt', async () => {
    const store = open({ triesMax: 50, inFlightMax: 2 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(harm, { maxLength: 40 }), fc.array(step, { maxLength: 5 }), async (harms, steps) => {
        const client = `p-${run++}`;
        let next = 0;
        proxy.harm = ({ operation }) => {
          const of = harms[next++] ?? NO_HARM;
          return of.kind === 'parts' && operation === 'Query' ? NO_HARM : of;
        };
        const model = new Map<string, number>();
        for (const { turn, count } of steps) {
          const rows = made(count, turn, { client, amountCents: turn });
          const refused = rows.some((row) => (model.get(row.externalRef) ?? 0) > turn);
          expect(await store.write(client, turn, rows)).toBe(refused ? 'superseded' : 'written');
          const stored = await store.fetch(client, rows);
          for (const [i, row] of rows.entries()) {
            const before = model.get(row.externalRef) ?? 0;
            const now = stored[i]?.turn ?? 0;
            if (refused) expect([before, Math.max(before, turn)]).toContain(now);
            else expect(now).toBe(turn);
            if (now > 0) model.set(row.externalRef, now);
          }
        }
        const listed = await collect(store.list(client, {}));
        expect(new Map(listed.map((row) => [row.externalRef, row.turn]))).toEqual(model);
        for (const row of listed) {
          expect(row).toEqual(debt(row.externalRef, row.turn, { client, amountCents: row.turn }));
        }
      }),
      { numRuns: 25, seed: 5 },
    );
  });
});
