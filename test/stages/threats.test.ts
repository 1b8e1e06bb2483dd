/** Files made to hurt: names that mean something to JavaScript, columns without end. Each ends like any file that is wrong. */
import { describe, expect, it } from 'vitest';
import { TINY, World } from '../support/world.ts';

const HEADER = 'external_ref,debtor_name,cpf,amount,due_date';
const ROW = 'R-1,Ana Lima,52998224725,10.00,2026-01-10';

async function endOf(file: string, profile?: object) {
  const world = new World();
  const context = world.process();
  if (profile !== undefined) {
    const document = JSON.stringify(profile);
    await world.clients.addProfile({ name: 'p', version: 1, document, createdAtMs: 0 });
  }
  const batch = await world.accept(context, file, profile === undefined ? {} : { profile: 'p' });
  await world.drain(context);
  const { state, failure } = world.stored(batch);
  return { state, code: failure?.code, lines: world.receiptOf(batch)?.lines, debts: world.debts.all('acme') };
}

describe('names that JavaScript knows', () => {
  // threat 10
  it('are unknown columns like any other', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      expect(await endOf(`${HEADER},${name}\n${ROW},x\n`), name).toMatchObject({
        state: 'failed',
        code: 'COLUMN_UNKNOWN',
      });
    }
  });

  // threat 10
  it('may stand in a file whose profile passes unknown columns over, and change nothing', async () => {
    const names = '__proto__,constructor,toString';
    const end = await endOf(`${HEADER},${names}\n${ROW},x,y,z\n`, { format: 1, unknownColumns: 'ignore' });
    expect(end).toMatchObject({ state: 'completed', lines: { total: 1, created: 1 } });
    expect(end.debts.map(({ externalRef, document }) => [externalRef, document])).toEqual([['R-1', '52998224725']]);
    expect(({} as Record<string, unknown>)['cpf']).toBeUndefined();
  });

  // threat 10
  it('may be names of a JSON line, and change nothing', async () => {
    const row =
      '{"external_ref":"R-1","debtor_name":"Ana Lima","cpf":"52998224725","amount":"10.00","due_date":"2026-01-10"';
    const profile = { format: 1, kind: 'json-lines', unknownColumns: 'ignore' };
    const end = await endOf(
      `${row},"__proto__":{"amount":"1.00"},"constructor":"x"}\n${row.replace('R-1', 'R-2')}}\n`,
      profile,
    );
    expect(end).toMatchObject({ state: 'completed', lines: { total: 2, rejected: expect.any(Number) } });
    expect(end.debts.map(({ amountCents }) => amountCents)).toEqual(end.debts.map(() => 1000));
    expect(({} as Record<string, unknown>)['amount']).toBeUndefined();
  });

  // threat 10
  it('are values like any other', async () => {
    const end = await endOf(`${HEADER}\n__proto__,constructor,52998224725,10.00,2026-01-10\n`);
    expect(end).toMatchObject({ state: 'completed', lines: { created: 1 } });
    expect(end.debts[0]?.externalRef).toBe('__proto__');
  });
});

describe('columns without end', () => {
  // threat 2
  it('in a header are refused at the limit of a record', async () => {
    expect(await endOf(`${HEADER}${',x'.repeat(1_000_000)}\n${ROW}\n`)).toMatchObject({ code: 'HEADER_TOO_LONG' });
    expect(await endOf(`${HEADER}${',x'.repeat(50_000)}\n${ROW}\n`)).toMatchObject({ code: 'COLUMN_UNKNOWN' });
  });

  // threat 2
  it('in a record are one rejected record, or end the file where it is longer than one may be', async () => {
    const many = await endOf(`${HEADER}\n${ROW}${',x'.repeat(50_000)}\n${ROW.replace('R-1', 'R-2')}\n`);
    expect(many).toMatchObject({ state: 'completed', lines: { total: 2, rejected: 1, created: 1 } });
    expect(await endOf(`${HEADER}\n${ROW}${','.repeat(1_000_000)}\n`)).toMatchObject({ code: 'RECORD_TOO_LONG' });
  });
});

describe('a CPF in every place where a client can put one', () => {
  const CPFS = ['52998224725', '39053344705', '28001238938', '11144477735', '12345678909'] as const;
  const [name, ref, column, bad, good] = CPFS;
  const FILES = [
    `${HEADER}\nR-${ref},Ana,${good},10.00,2026-01-10\nR-${ref},Ana,${good},9.00,2026-01-10\n${bad},Ana,${bad}x,1,2026-01-10\n`,
    `${HEADER},cpf_${column}\n${ROW},x\n`,
    `${HEADER}\n"${bad},Ana`,
    `%PDF-${bad}`,
    `${bad},Ana,${bad},10.00,2026-01-10\n`,
  ];

  // threat 4
  it.each([
    ['small', {}],
    ['large', TINY],
  ] as const)('stands in no message, and so in no dead letter, and in no event: %s batches', async (_, options) => {
    const world = new World(options);
    const sent: unknown[] = [];
    const send = world.queue.send.bind(world.queue);
    world.queue.send = async (queue, messages) => {
      sent.push(queue, messages);
      await send(queue, messages);
    };
    const context = world.process();
    for (const file of FILES) await world.accept(context, file, { file: `remessa ${name}.csv` });
    await world.drain(context);
    const states = [...world.state.batches.values()].map(({ state }) => state);
    expect(states.filter((state) => state === 'failed')).toHaveLength(FILES.length - 1);
    expect(world.debts.all('acme')).toHaveLength(1);
    const told = JSON.stringify([sent, world.events]);
    expect(sent.length).toBeGreaterThan(FILES.length);
    expect(told).toContain('COLUMN_UNKNOWN');
    for (const cpf of CPFS) expect(told.includes(cpf) || told.includes(cpf.slice(0, 9)), cpf).toBe(false);
  });
});
