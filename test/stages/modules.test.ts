/** Batches that a module reads: every record of the file is accounted for, and so is everything that was made of it. */
import { describe, expect, it } from 'vitest';
import { decodeManifest } from '../../src/engine/manifest.ts';
import type { ModuleInput } from '../../src/kernel/modules/interface.ts';
import { approveBatch } from '../../src/stages/batch/approve.ts';
import { rowsOf } from '../support/files.ts';
import type { HeldModule } from '../support/modules.ts';
import { Life } from '../support/mortal.ts';
import { TINY as SMALL, World, type WorldOptions } from '../support/world.ts';

const GOOD = { debtor_name: 'Ana Lima', cpf: '52998224725', due_date: '2026-01-10' };

/** Ranges of some twenty lines. */
const TINY: WorldOptions = { ...SMALL, settings: { ...SMALL.settings, rangeBytes: 120 } };

/** Each line becomes as many debts as it says; of them each seventh has an amount of nothing. A `-` is refused. */
const SPLITTING: HeldModule = {
  recordsMax: 9,
  rejects: [{ name: 'NOT_WANTED', says: { en: 'not wanted', 'pt-BR': 'não é para cá' } }],
  record({ fields, line }: ModuleInput) {
    if (fields['n'] === '-') return { reject: 'NOT_WANTED', external_ref: fields['id'] ?? null };
    if (fields['n'] === '!') throw new Error(`${fields['id']} is no number`);
    return Array.from({ length: Number(fields['n']) }, (_, k) => ({
      ...GOOD,
      external_ref: `${fields['id']}/${k}`,
      amount: (line + k) % 7 === 0 ? '0' : `${line}.0${k}`,
    }));
  },
};

const PROFILE = { format: 1, dialect: { delimiter: ';' }, code: { module: 'split' } };

async function worldOf(options: WorldOptions = TINY, module = SPLITTING, profile: object = PROFILE): Promise<World> {
  const world = new World(options);
  world.modules.held.set('split', module);
  const record = { name: 'split', version: 1, document: JSON.stringify(profile), createdAtMs: 1 };
  await world.clients.addProfile(record);
  return world;
}

const linesOf = (...counts: readonly (number | string)[]): string =>
  `id;n\n${counts.map((n, index) => `C${index};${n}\n`).join('')}`;

const COUNTS = Array.from({ length: 60 }, (_, index) => (index % 11 === 5 ? '-' : (index % 9) + 1));
/** What must come of `COUNTS`: line, reference, code. */
const WANTED = COUNTS.flatMap((n, index) => {
  const line = index + 2;
  if (n === '-') return [[String(line), `C${index}`, 'NOT_WANTED']];
  return Array.from({ length: Number(n) }, (_, k) => [
    String(line),
    `C${index}/${k}`,
    (line + k) % 7 === 0 ? 'AMOUNT_NOT_POSITIVE' : '',
  ]);
});

async function endOf(world: World, batch: { readonly id: string }) {
  const reader = world.process();
  const answers = await Promise.all(
    (['retorno', 'rejects', 'resubmit'] as const).map((kind) => world.answer(reader, batch, kind)),
  );
  const { finishedAt, seconds, linesPerSecond, ...receipt } = world.receiptOf(batch);
  const debts = world.debts.all('acme').map(({ createdAtMs, changedAtMs, ...debt }) => debt);
  return { answers, receipt, debts, left: world.objects.keys('parts/') };
}

describe('a batch that a module reads', () => {
  it('has an outcome for everything that was made of every record, in the order of the file', async () => {
    const world = await worldOf();
    const engine = world.process();
    const batch = await world.accept(engine, linesOf(...COUNTS), { profile: 'split' });
    await world.drain(engine);
    const { answers, receipt, debts } = await endOf(world, batch);
    expect(rowsOf(answers[0] as string).map(([line, ref, , code]) => [line, ref, code])).toEqual(WANTED);
    const refused = WANTED.filter(([, , code]) => code !== '');
    expect(receipt).toMatchObject({
      status: 'completed',
      records: COUNTS.length,
      module: { name: 'split', version: 'v1' },
      lines: { total: WANTED.length, created: WANTED.length - refused.length, rejected: refused.length, duplicate: 0 },
      rejectedBy: { NOT_WANTED: COUNTS.filter((n) => n === '-').length },
    });
    expect(receipt.ranges).toBeGreaterThan(1);
    expect(receipt.shards).toBeGreaterThan(1);
    expect(debts).toHaveLength(WANTED.length - refused.length);
    expect(rowsOf(answers[1] as string).map(([line, column, code]) => [line, column, code])).toEqual(
      refused.map(([line, , code]) => [line, code === 'NOT_WANTED' ? '' : 'amount', code]),
    );
    // What is to be sent again stands there once, whatever was refused of it.
    const again = [...new Set(refused.map(([line]) => Number(line)))].map(
      (line) => linesOf(...COUNTS).split('\n')[line - 1],
    );
    expect(answers[2]).toBe(`id;n\n${again.join('\n')}\n`);
  });

  it.each([
    ['required', true],
    [{ recordsMin: WANTED.length }, true],
    [{ recordsMin: WANTED.length + 1 }, false],
  ])('waits for approval by what was made of its records: %j', async (approval, waits) => {
    const world = await worldOf(TINY, SPLITTING, { ...PROFILE, approval });
    const engine = world.process();
    const batch = await world.accept(engine, linesOf(...COUNTS), { profile: 'split' });
    await world.drain(engine);
    expect(world.stored(batch).state).toBe(waits ? 'awaiting_approval' : 'completed');
    if (waits) {
      const preview = JSON.parse((await engine.registry.getResult(batch.id, 'approval', 0))?.body ?? '{}');
      expect([preview.lines.total, world.debts.all('acme')]).toEqual([WANTED.length, []]);
      await approveBatch(engine, batch.id, 'ana');
      await world.drain(engine);
    }
    expect(world.receiptOf(batch)).toMatchObject({ status: 'completed', lines: { total: WANTED.length } });
  });

  it('is never small, whatever its size: its answers are stored, and need no module any more', async () => {
    const world = await worldOf({});
    const engine = world.process();
    const batch = await world.accept(engine, linesOf(2, '-'), { profile: 'split' });
    await world.drain(engine);
    expect([world.stored(batch).small, world.receiptOf(batch).lines.total]).toEqual([false, 3]);
    world.modules.held.clear();
    expect(await world.answer(world.process(), batch, 'retorno')).toContain('NOT_WANTED,not wanted');
  });

  it('speaks its own codes in the language of the batch', async () => {
    const world = await worldOf({}, SPLITTING, { ...PROFILE, language: 'pt-BR' });
    const engine = world.process();
    const batch = await world.accept(engine, linesOf('-'), { profile: 'split' });
    await world.drain(engine);
    expect(await world.answer(engine, batch, 'retorno')).toContain('NOT_WANTED,não é para cá');
    expect(await world.answer(engine, batch, 'rejects')).toContain(',NOT_WANTED,não é para cá,"C0;-"');
  });

  const THRICE: HeldModule = {
    recordsMax: 3,
    record: ({ fields }) => [1, 2, 3].map((k) => ({ ...GOOD, external_ref: fields['id'] ?? '', amount: `${k}.00` })),
  };

  it.each<[string | undefined, string[], [string, number][]]>([
    [
      undefined,
      [
        '2 A created ',
        '2 A duplicate DUPLICATE_REF',
        '2 A duplicate DUPLICATE_REF',
        '3 B created ',
        '4 A duplicate DUPLICATE_REF',
      ],
      [
        ['A', 100],
        ['B', 100],
      ],
    ],
    [
      'last',
      [
        '2 A duplicate REF_REPLACED',
        '2 A duplicate REF_REPLACED',
        '3 B created ',
        '4 A duplicate REF_REPLACED',
        '4 A created ',
      ],
      [
        ['A', 300],
        ['B', 300],
      ],
    ],
    [
      'reject',
      ['2 A created ', '2 A rejected REF_REPEATED', '3 B created ', '4 A rejected REF_REPEATED'],
      [
        ['A', 100],
        ['B', 100],
      ],
    ],
    ['reject-all', ['2 A rejected REF_REPEATED', '3 B rejected REF_REPEATED', '4 A rejected REF_REPEATED'], []],
  ])('finds duplicates among what was made, also of one record, by the policy %s', async (policy, some, stored) => {
    const world = await worldOf(TINY, THRICE, { ...PROFILE, ...(policy === undefined ? {} : { duplicates: policy }) });
    const engine = world.process();
    const batch = await world.accept(engine, 'id;n\nA;\nB;\nA;\n', { profile: 'split' });
    await world.drain(engine);
    const rows = rowsOf(await world.answer(engine, batch, 'retorno'));
    expect(rows.map(([line]) => line).join('')).toBe('222333444');
    const told = rows.map(([line, ref, outcome, code]) => `${line} ${ref} ${outcome} ${code}`);
    for (const one of some) expect(told).toContain(one);
    expect(told.filter((one) => one.includes('created'))).toHaveLength(stored.length);
    const debts = world.debts.all('acme').map(({ externalRef, amountCents }) => [externalRef, amountCents]);
    expect(debts.sort()).toEqual(stored);
  });

  it('may fill many pages with what was made of one record', async () => {
    const many: HeldModule = {
      recordsMax: 200,
      record: ({ fields }) =>
        Array.from({ length: 200 }, (_, k) => ({
          ...GOOD,
          debtor_name: 'x'.repeat(100),
          external_ref: `${fields['id']}/${k % 190}`,
          amount: '1.00',
        })),
    };
    for (const duplicates of ['first', 'last']) {
      const options = { ...TINY, limits: { ...TINY.limits, pageBytesFor: () => 4096, shardsFor: () => 2 } };
      const world = await worldOf(options, many, { ...PROFILE, duplicates });
      const engine = world.process();
      const batch = await world.accept(engine, 'id;n\nA;\nB;\n', { profile: 'split' });
      await world.drain(engine);
      expect(world.receiptOf(batch).lines).toMatchObject({ total: 400, created: 380, duplicate: 20 });
    }
  });

  it('previews what it would do', async () => {
    const world = await worldOf();
    const engine = world.process();
    const batch = await world.accept(engine, linesOf(...COUNTS), { profile: 'split', dryRun: true });
    await world.drain(engine);
    expect(world.receiptOf(batch).lines.total).toBe(WANTED.length);
    expect(world.debts.all('acme')).toEqual([]);
  });

  it('ends the same, killed at any step of many and carried on by another process', async () => {
    const run = async (diesAt?: number) => {
      const world = await worldOf();
      world.state.installation.hashSeed = 7;
      const batch = await world.accept(world.process(), linesOf(...COUNTS.slice(0, 20), '!'), { profile: 'split' });
      const first = world.process(new Life(diesAt));
      await world.drain(first);
      if (diesAt !== undefined) await world.recover(world.process());
      return { end: await endOf(world, batch), steps: first.life.steps };
    };
    const { end, steps } = await run();
    expect(end.receipt.rejectedBy).toMatchObject({ CODE_FAILED: 1 });
    for (let step = 3; step < steps; step += Math.ceil(steps / 25))
      expect([step, (await run(step)).end]).toEqual([step, end]);
  });

  it('is dealt to as many shards as what it may become needs, and refused where that is too much', async () => {
    const world = await worldOf({ ...TINY, settings: { ...TINY.settings, shardRecords: 100 } });
    const engine = world.process();
    const batch = await world.accept(engine, linesOf(...COUNTS), { profile: 'split' });
    await world.drain(engine);
    expect(world.stored(batch).shards).toBe(Math.ceil((COUNTS.length * 9) / 100));
    const full = await worldOf({ limits: { recordsMax: 100 } });
    const other = full.process();
    const refused = await full.accept(other, linesOf(...COUNTS.slice(0, 12)), { profile: 'split' });
    await full.drain(other);
    expect(full.stored(refused).failure?.message).toMatch(/TOO_MANY_RECORDS.*108 of at most 100/);
  });
});

describe('a module that fails', () => {
  const bad = (count: number) => linesOf(...Array.from({ length: 30 }, (_, index) => (index % 10 < count ? '!' : 1)));

  it('costs the record, as often as it may', async () => {
    const world = await worldOf({ ...TINY, settings: { ...TINY.settings, codeErrorsMax: 6 } });
    const engine = world.process();
    const batch = await world.accept(engine, bad(2), { profile: 'split' });
    await world.drain(engine);
    expect(world.receiptOf(batch)).toMatchObject({ status: 'completed', rejectedBy: { CODE_FAILED: 6 } });
    const told = world.events.filter(({ name }) => name === 'module.failed');
    expect(told.reduce((sum, { fields }) => sum + Number(fields['records']), 0)).toBe(6);
    expect(told[0]?.fields).toMatchObject({ batch: batch.id, module: 'split', line: 2, error: 'Error' });
    expect(JSON.stringify(told)).not.toContain('no number');
  });

  it.each([
    ['of a range', TINY, 1],
    ['of all ranges together', { ...TINY, settings: { ...TINY.settings, rangeBytes: 60, codeErrorsMax: 5 } }, 5],
    ['of a batch that is one range', { settings: { codeErrorsMax: 5 } }, 5],
  ] as const)('more often than it may ends the batch before anything is registered: %s', async (_, options, most) => {
    const settings = { ...options.settings, codeErrorsMax: most };
    const world = await worldOf({ ...options, settings });
    const engine = world.process();
    const batch = await world.accept(engine, bad(2), { profile: 'split' });
    await world.drain(engine);
    const { failure, state } = world.stored(batch);
    expect([state, failure?.code, failure?.line]).toEqual(['failed', 'CODE_FAILS', 2]);
    expect(failure?.message).toMatch(new RegExp(`module split; \\d+ records of at most ${most}; the first: Error`));
    expect([world.debts.written, world.staging.batches(), world.objects.keys('parts/')]).toEqual([0, [], []]);
  });

  it('because it is not there ends the batch', async () => {
    const world = await worldOf();
    world.modules.held.clear();
    const engine = world.process();
    const batch = await world.accept(engine, linesOf(1), { profile: 'split' });
    await world.drain(engine);
    expect(world.stored(batch).failure?.code).toBe('CODE_UNKNOWN');
  });
});

describe('the version of a module', () => {
  it('is the one that was there when the batch was picked: another one is a fault, and the batch fails when it stays', async () => {
    const world = await worldOf();
    const engine = world.process();
    const batch = await world.accept(engine, linesOf(...COUNTS), { profile: 'split' });
    await world.handleOne(engine, 'picker');
    const text = new TextDecoder().decode(world.objects.bytesOf(world.stored(batch).manifestKey as string));
    const { plan, version } = decodeManifest(text, batch.id);
    expect([version, plan.code]).toEqual([
      5,
      expect.objectContaining({ name: 'split', version: 'v1', names: ['id', 'n'] }),
    ]);
    world.modules.held.set('split', { ...SPLITTING, version: 'v2' });
    await world.handleOne(engine, 'intermediate');
    expect(world.stateOf(batch)).toBe('processing');
    const told = world.events.find(({ name }) => name === 'work.failed');
    expect(told?.fields).toMatchObject({ code: 'CODE_CHANGED', verdict: 'retried' });
    world.modules.held.set('split', SPLITTING);
    await world.drain(engine);
    expect(world.receiptOf(batch)).toMatchObject({ status: 'completed', module: { version: 'v1' } });
    expect(new Set(world.modules.opened)).toEqual(new Set(['split', 'split@v1']));

    const gone = await world.accept(engine, linesOf(1, 2), { profile: 'split' });
    await world.handleOne(engine, 'picker');
    world.modules.held.set('split', { ...SPLITTING, version: 'v2' });
    await world.drain(engine);
    expect(world.stored(gone).failure?.message).toMatch(/WORK_POISONED.*CODE_CHANGED: .*split; v1 when .*, v2 here/);
  });
});
