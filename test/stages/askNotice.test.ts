/** That a batch waits for approval is told by every channel, in the client's language, once, and not in place of its end. */
import { describe, expect, it } from 'vitest';
import { approveBatch, discardBatch } from '../../src/stages/batch/approve.ts';
import { fullFileOf } from '../support/files.ts';
import { CPF, deliverAll, MAIL, Told, WEBHOOK, worldWith } from '../support/told.ts';
import type { World } from '../support/world.ts';

const KINDS = ['awaiting_approval', 'completed', 'cancelled'] as const;
const FILE = fullFileOf(
  { ref: `R-${CPF}`, amount: '1234567.89', optional: ['', '', `Loja ${CPF}`, '', ''] },
  { ref: 'R-2', amount: '0.11', optional: ['', '', 'Loja B', '', ''] },
);

async function asking(world: World): Promise<void> {
  const document = JSON.stringify({ format: 1, approval: 'required' });
  await world.clients.addProfile({ name: 'asking', version: 1, document, createdAtMs: 0 });
}

describe('that a batch waits for approval', () => {
  it('is told by event and webhook with its sums and the time to decide, and without anything of a record', async () => {
    const world = await worldWith({ ...WEBHOOK, kinds: KINDS }, { settings: { events: 'both' } });
    await asking(world);
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'asking', file: `c ${CPF}.csv` });
    await world.drain(engine);
    const told = new Told();
    await deliverAll(world, engine, told);
    const untilMs = world.stored(batch).approval?.untilMs ?? 0;
    const notice = {
      type: 'batch.awaiting_approval',
      kind: 'awaiting_approval',
      state: 'awaiting_approval',
      batch: batch.id,
      code: null,
      approveBefore: new Date(untilMs).toISOString(),
      lines: { total: 2, created: 2 },
      cents: { total: '123456800' },
    };
    expect(told.posts.map(({ body }) => JSON.parse(body))).toMatchObject([notice]);
    expect(told.published).toMatchObject([{ type: 'batch.awaiting_approval', detail: { state: 'awaiting_approval' } }]);
    expect(JSON.stringify([told.posts, told.published])).not.toMatch(/Loja|R-2|52998224725/);
    // Its end is an event of its own, and the first one is not told again.
    await approveBatch(engine, batch.id, 'ana');
    await world.drain(engine);
    await deliverAll(world, engine, told);
    expect(told.posts.map(({ body }) => JSON.parse(body).type)).toEqual(['batch.awaiting_approval', 'batch.completed']);
    expect(new Set(told.posts.map(({ id }) => id)).size).toBe(2);
  });

  it('is told also where it was decided before anybody could be told', async () => {
    const world = await worldWith({ ...WEBHOOK, kinds: KINDS });
    await asking(world);
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'asking' });
    // Nobody notifies meanwhile.
    for (const queue of ['picker', 'intermediate', 'batch'] as const) {
      while (await world.handleOne(engine, queue));
    }
    await discardBatch(engine, batch.id, 'twice');
    await world.drain(engine);
    const told = new Told();
    await deliverAll(world, engine, told);
    const types = told.posts.map(({ body }) => JSON.parse(body).type);
    expect(types.sort()).toEqual(['batch.awaiting_approval', 'batch.cancelled']);
  });

  it('is told only to who wants to hear of it', async () => {
    const world = await worldWith(WEBHOOK);
    await asking(world);
    const engine = world.process();
    await world.accept(engine, FILE, { profile: 'asking' });
    await world.drain(engine);
    const told = new Told();
    await deliverAll(world, engine, told);
    expect(told.posts).toEqual([]);
  });

  it.each([
    [
      'pt-BR',
      /^\[acme\] Remessa aguarda aprovação: /,
      /Valor total +R\$\s1\.234\.568,00/,
      /espera por aprovação até \d\d\/\d\d\/\d{4}, \d\d:\d\d/,
    ],
    [
      'en',
      /^\[acme\] File awaits approval: /,
      /Total amount +R\$1,234,568\.00/,
      /waits for approval until .* \(Brasília time\)/,
    ],
  ] as const)('is mailed in %s with the total and what to do', async (language, subject, amount, until) => {
    const mail = { to: ['ana@loja.example'], language };
    const world = await worldWith({ ...MAIL, kinds: KINDS, mail }, { settings: { mailDigestMs: 0 } });
    await asking(world);
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'asking' });
    await world.drain(engine);
    const told = new Told();
    await deliverAll(world, engine, told);
    const [sent, ...more] = told.mails;
    expect(more).toEqual([]);
    expect(sent?.subject).toMatch(subject);
    for (const body of [sent?.text, sent?.html]) {
      expect(body).toMatch(until);
      expect(body).toContain(`/v1/batches/${batch.id}/preview`);
    }
    expect(sent?.text).toMatch(amount);
    expect(`${sent?.text}${sent?.html}`).not.toMatch(/Loja|52998224725/);
  });

  it('stands in a digest beside what has ended', async () => {
    const world = await worldWith({ ...MAIL, kinds: KINDS });
    await asking(world);
    const engine = world.process();
    await world.accept(engine, FILE, { profile: 'asking' });
    await world.accept(engine, FILE);
    await world.drain(engine);
    const told = new Told();
    await deliverAll(world, engine, told);
    expect(told.mails.map(({ subject }) => subject)).toEqual(['[acme] 2 avisos de remessas']);
    expect(told.mails[0]?.text).toMatch(/Remessa aguarda aprovação: 1\n/);
  });
});
