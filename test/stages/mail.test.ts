/** Mail to clients, its language and its digests; and which ends a profile has told. */
import { describe, expect, it } from 'vitest';
import { faultText } from '../../src/core/catalogue.ts';
import type { ClientNotify, ClientRecord } from '../../src/io/ports/clients.ts';
import type { Mail } from '../../src/io/ports/mail.ts';
import { Deliverer } from '../../src/stages/notices/deliver.ts';
import { fileOf } from '../support/files.ts';
import { all, BROKEN, CPF, deliverAll, GOOD, MAIL, REJECTED, refs, SIGNAL, Told, worldWith } from '../support/told.ts';
import type { WorldOptions } from '../support/world.ts';

describe('mail', () => {
  it('about many small batches is one, sent when the first has waited long enough', async () => {
    const world = await worldWith({ kinds: MAIL.kinds, ...(MAIL.mail === undefined ? {} : { mail: MAIL.mail }) });
    const context = world.process();
    for (let i = 0; i < 30; i++)
      await world.accept(context, fileOf(...refs(1, '10.00', i)), { file: `lote ${CPF}.csv` });
    await world.accept(context, REJECTED, { file: '<b>&.csv' });
    await world.drain(context);
    const told = new Told();
    const deliverer = new Deliverer(context, told);
    const [first] = await all(world);
    const early = (first?.createdAtMs ?? 0) + world.settings.mailDigestMs - 1 - world.clock.nowMs();
    if (early > 0) {
      await deliverer.look(SIGNAL);
      await deliverer.quiet();
      expect(told.mails).toEqual([]);
    }
    await deliverAll(world, context, told);
    expect(told.mails).toHaveLength(1);
    const mail = told.mails[0] as Mail;
    expect(mail).toMatchObject({ to: ['ana@loja.example'], subject: '[acme] 31 remessas encerradas' });
    expect(mail.text).toContain('Remessa concluída: 30');
    expect(mail.text).toContain('Remessa concluída com rejeições: 1');
    expect(mail.html).toContain('&lt;b&gt;&amp;.csv');
    expect(JSON.stringify(mail)).not.toContain(CPF);
    expect((await all(world)).every(({ state }) => state === 'delivered')).toBe(true);
  });

  it('about a large batch goes by itself, in the language of the client', async () => {
    const world = await worldWith(
      { kinds: MAIL.kinds, mail: { to: ['a@b.example'], language: 'en' } },
      { settings: { smallRecordsMax: 0 } },
    );
    const context = world.process();
    await world.accept(context, REJECTED);
    await world.accept(context, BROKEN);
    await world.drain(context);
    const told = new Told();
    await deliverAll(world, context, told);
    expect(told.mails.map(({ subject }) => subject).sort()).toEqual([
      '[acme] File completed with rejects: debts.csv',
      '[acme] File not processed: debts.csv',
    ]);
    expect(told.mails.every(({ html }) => html?.includes('<html lang="en">'))).toBe(true);
  });

  const TO: ClientNotify['mail'] = { to: ['a@b.example'] };
  const subjects = (told: Told) => told.mails.map(({ subject }) => subject).sort();

  it.each([
    ['is English where nothing says otherwise', {}, TO, undefined, '[acme] File not processed: debts.csv'],
    ['is that of the client', { language: 'pt-BR' }, TO, undefined, '[acme] Remessa não processada: debts.csv'],
    ['is that of the profile', { language: 'en' }, TO, 'pt-BR', '[acme] Remessa não processada: debts.csv'],
    [
      'is that of its readers before all',
      { language: 'pt-BR' },
      { ...TO, language: 'en' },
      'pt-BR',
      '[acme] File not processed: debts.csv',
    ],
    [
      'is Portuguese as an earlier build stored it',
      {},
      { ...TO, language: 'pt' },
      'en',
      '[acme] Remessa não processada: debts.csv',
    ],
  ] as const)('%s', async (_, client, mail, profile, subject) => {
    const world = await worldWith({ kinds: MAIL.kinds, mail });
    const known = await world.clients.get('acme');
    await world.clients.update({ ...known, ...client } as ClientRecord);
    const document = JSON.stringify({ format: 1, ...(profile === undefined ? {} : { language: profile }) });
    await world.clients.addProfile({ name: 'p', version: 1, document, createdAtMs: 0 });
    const context = world.process();
    await world.accept(context, BROKEN, { profile: 'p' });
    await world.drain(context);
    const told = new Told();
    await deliverAll(world, context, told);
    expect(subjects(told)).toEqual([subject]);
    const [sent] = told.mails;
    const says = faultText('COLUMN_MISSING', subject.includes('Remessa') ? 'pt-BR' : 'en');
    expect(sent?.text).toContain(`COLUMN_MISSING: ${says}`);
    expect(sent?.html).toContain(`COLUMN_MISSING: ${says}`);
  });

  it('is one for each language, where batches are answered in several', async () => {
    const world = await worldWith({ kinds: MAIL.kinds, mail: TO });
    for (const language of ['en', 'pt-BR']) {
      const document = JSON.stringify({ format: 1, language });
      await world.clients.addProfile({ name: language.toLowerCase(), version: 1, document, createdAtMs: 0 });
    }
    const context = world.process();
    for (const [i, profile] of ['en', 'pt-br', 'en', 'pt-br', 'pt-br', 'default'].entries()) {
      await world.accept(context, fileOf(...refs(1, '10.00', i)), { profile });
    }
    await world.drain(context);
    const told = new Told();
    await deliverAll(world, context, told);
    // The default format's batch says no language: it is told in English, by itself.
    expect(subjects(told)).toEqual([
      '[acme] 2 files have ended',
      '[acme] 3 remessas encerradas',
      '[acme] File completed: debts.csv',
    ]);
    expect((await all(world)).every(({ state }) => state === 'delivered')).toBe(true);
  });
});

describe('the notifications of a profile', () => {
  async function toldUnder(notifications: unknown, options: WorldOptions = {}) {
    const world = await worldWith({ ...MAIL, kinds: ['failed'] }, options);
    const document = JSON.stringify({ format: 1, notifications });
    await world.clients.addProfile({ name: 'p', version: 1, document, createdAtMs: 0 });
    const context = world.process();
    const batches = [];
    for (const text of [GOOD, REJECTED, BROKEN]) batches.push(await world.accept(context, text, { profile: 'p' }));
    // A later version does not count for what was accepted before it.
    const other = JSON.stringify({ format: 1, notifications: { kinds: ['cancelled'] } });
    await world.clients.addProfile({ name: 'p', version: 2, document: other, createdAtMs: 0 });
    await world.drain(context);
    const told = new Told();
    await deliverAll(world, context, told);
    const kinds = told.posts.map(({ body }) => JSON.parse(body).kind).sort();
    return { world, told, kinds, notify: batches.map((batch) => batch.notify) };
  }

  it('say which ends are told, in place of what the client says', async () => {
    const { kinds, told } = await toldUnder({ kinds: ['completed', 'completed_with_rejects'] });
    expect(kinds).toEqual(['completed', 'completed_with_rejects']);
    expect(told.mails.map(({ subject }) => subject)).toEqual(['[acme] 2 remessas encerradas']);
  });

  it.each([
    [undefined],
    [{}],
    [{ digest: true }],
  ])('leave the ends to the client where they say none: %j', async (notifications) => {
    expect((await toldUnder(notifications)).kinds).toEqual(['failed']);
  });

  it('may tell of none, and then cost nothing', async () => {
    const { world, kinds, notify } = await toldUnder({ kinds: [] });
    expect([kinds, notify, await all(world)]).toEqual([[], [false, false, false], []]);
  });

  it('tell nothing of a topic that hears of all ends', async () => {
    const { told, kinds } = await toldUnder({ kinds: [] }, { settings: { events: 'sns' } });
    expect([kinds, told.published.length]).toEqual([[], 3]);
  });

  it('may keep mail about small batches out of digests', async () => {
    const { told } = await toldUnder({ kinds: ['completed', 'completed_with_rejects', 'failed'], digest: false });
    expect(told.mails).toHaveLength(3);
  });
});
