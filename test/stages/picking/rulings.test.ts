/** The rules service as the picker uses it: whatever it does, batches go on with the last good version and say so. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/faults.ts';
import type { RulesAnswer, RulesService, RulesSubject } from '../../../src/io/ports/rules.ts';
import { failBatch } from '../../../src/stages/batch/failures.ts';
import { receiptView } from '../../../src/stages/batch/views.ts';
import { fileOf } from '../../support/files.ts';
import { Life } from '../../support/mortal.ts';
import { type Process, World, type WorldOptions } from '../../support/world.ts';

/** A service that gives what it is told to. */
class Service implements RulesService {
  readonly perClient: boolean;
  /** Each asking: `client/profile` and the ETag that was known. */
  readonly asked: string[] = [];
  documents = new Map<string, { readonly text: string; readonly etag: string | null }>();
  trouble: string | undefined;
  /** Settles before an answer is given. */
  hold: Promise<void> | undefined;

  constructor(perClient = true) {
    this.perClient = perClient;
  }

  give(document: unknown, etag: string | null, key = 'erp'): void {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    this.documents.set(key, { text, etag });
    this.trouble = undefined;
  }

  urlOf({ client, profile }: RulesSubject): string {
    return `https://rules.example/${client}/${profile}`;
  }

  async ask({ client, profile }: RulesSubject, etag: string | null): Promise<RulesAnswer> {
    this.asked.push(`${client}/${profile} ${etag ?? '-'}`);
    await this.hold;
    if (this.trouble !== undefined) return { kind: 'failed', reason: this.trouble };
    const found = this.documents.get(`${client}/${profile}`) ?? this.documents.get(profile);
    if (found === undefined) return { kind: 'absent' };
    return found.etag !== null && found.etag === etag ? { kind: 'unchanged' } : { kind: 'document', ...found };
  }

  async close(): Promise<void> {}
}

const AMOUNT = (least: string) => ({ format: 1, rules: { amountMin: least } });
const FILE = fileOf({ ref: 'A', amount: '5.00' }, { ref: 'B', amount: '15.00' });

function worldOf(service: Service, settings: WorldOptions['settings'] = {}): World {
  const world = new World({ settings: { rulesUrl: 'https://rules.example/{profile}', rulesFreshMs: 0, ...settings } });
  world.rulesService = service;
  return world;
}

async function taken(world: World, engine: Process, profile = 'erp', client = 'acme') {
  const batch = await world.accept(engine, FILE, { profile, client });
  await world.drain(engine);
  return world.receiptOf(batch);
}

/** The document under which the batch is read. */
async function pinnedOf(world: World, batch: { readonly id: string }): Promise<string | undefined> {
  const [name = '', version] = world.stored(batch).profile.split('@');
  return (await world.clients.getProfile(name, Number(version)))?.document;
}

describe('a document of the rules service', () => {
  it('is stored as a version, pinned by the batch, and named in the receipt with where it came from', async () => {
    const service = new Service();
    service.give(AMOUNT('10.00'), '"e1"');
    const world = worldOf(service);
    const engine = world.process();
    expect(await taken(world, engine)).toMatchObject({
      status: 'completed',
      profile: 'acme/erp@1',
      profileSource: { url: 'https://rules.example/acme/erp', etag: '"e1"' },
      warnings: [],
      lines: { created: 1, rejected: 1 },
      rejectedBy: { AMOUNT_BELOW_MINIMUM: 1 },
    });
    expect(await world.clients.listProfiles()).toEqual([
      {
        name: 'acme/erp',
        version: 1,
        document: JSON.stringify(AMOUNT('10.00')),
        createdAtMs: expect.any(Number),
        source: { url: 'https://rules.example/acme/erp', etag: '"e1"' },
      },
    ]);
  });

  it('is the same version as long as it is the same, with an ETag, another one, or none', async () => {
    const service = new Service();
    const world = worldOf(service);
    const engine = world.process();
    for (const etag of ['"e1"', '"e1"', '"e2"', null, null]) {
      service.give(AMOUNT('1.00'), etag);
      const receipt = await taken(world, engine);
      expect([receipt.profile, receipt.profileSource.etag, receipt.warnings]).toEqual(['acme/erp@1', etag, []]);
    }
    expect(service.asked.map((one) => one.split(' ')[1])).toEqual(['-', '"e1"', '"e1"', '"e2"', '-']);
    service.give(AMOUNT('2.00'), '"e1"');
    expect((await taken(world, engine)).profile).toBe('acme/erp@2');
    expect((await world.clients.listProfiles()).map(({ version }) => version)).toEqual([1, 2]);
  });

  it('is known again by another process, which asks under the ETag that is stored', async () => {
    const service = new Service();
    service.give(AMOUNT('1.00'), '"e1"');
    const world = worldOf(service);
    await taken(world, world.process());
    expect((await taken(world, world.process())).profile).toBe('acme/erp@1');
    expect(service.asked).toEqual(['acme/erp -', 'acme/erp "e1"']);
  });

  it('is for one client alone where documents differ by client, and for all where they do not', async () => {
    const own = new Service();
    own.give(AMOUNT('10.00'), '"a"', 'acme/erp');
    own.give(AMOUNT('20.00'), '"b"', 'beta/erp');
    const apart = worldOf(own);
    const engine = apart.process();
    expect((await taken(apart, engine)).lines.created).toBe(1);
    expect((await taken(apart, engine, 'erp', 'beta')).lines.created).toBe(0);
    // Another client's version is none of one's own, even by its full name.
    const foreign = await taken(apart, engine, 'beta/erp@1');
    expect([foreign.status, foreign.reason]).toEqual(['failed', expect.stringContaining('PROFILE_UNKNOWN')]);
    expect((await taken(apart, engine, 'acme/erp@1')).lines.unchanged).toBe(1);

    const shared = new Service(false);
    shared.give(AMOUNT('10.00'), '"a"');
    const together = worldOf(shared, { rulesFreshMs: 86_400_000 });
    const one = together.process();
    const pins = [await taken(together, one), await taken(together, one, 'erp', 'beta')].map(({ profile }) => profile);
    expect([pins, shared.asked]).toEqual([['_shared/erp@1', '_shared/erp@1'], ['acme/erp -']]);
  });

  it('says in which language its batches are spoken of and which ends are told, whatever was known before', async () => {
    const service = new Service();
    const world = worldOf(service);
    const engine = world.process();
    const here = { format: 1, language: 'en', notifications: { kinds: ['failed'] } };
    await world.clients.addProfile({ name: 'erp', version: 1, document: JSON.stringify(here), createdAtMs: 1 });
    service.give({ format: 1, language: 'pt-BR' }, '"e"');
    const first = await world.accept(engine, FILE, { profile: 'erp' });
    expect(world.stored(first)).toMatchObject({ language: 'en', notifications: { kinds: ['failed'] } });
    await world.drain(engine);
    const { language, notifications, notify } = world.stored(first);
    expect([language, notifications, notify]).toEqual(['pt-BR', undefined, false]);
    service.trouble = 'status 500';
    const again = await taken(world, engine);
    expect(again.warnings[0].message).toMatch(/^RULES_STALE: o serviço de regras .*status 500/);
  });

  it('never mixes with versions that were added here; those hold where the service has none', async () => {
    const service = new Service();
    const world = worldOf(service);
    const engine = world.process();
    const createdAtMs = 1;
    await world.clients.addProfile({ name: 'erp', version: 4, document: JSON.stringify(AMOUNT('1.00')), createdAtMs });
    const here = await taken(world, engine);
    expect([here.profile, here.profileSource, here.warnings]).toEqual(['erp@4', null, []]);
    service.give(AMOUNT('2.00'), '"e"');
    expect((await taken(world, engine)).profile).toBe('acme/erp@1');
    // Who names a version gets it, and nobody is asked.
    const before = service.asked.length;
    expect((await taken(world, engine, 'erp@4')).profile).toBe('erp@4');
    expect((await taken(world, engine, 'default')).profile).toBe('default');
    expect(service.asked.length).toBe(before);
    const unknown = await taken(world, engine, 'other');
    expect([unknown.status, unknown.reason]).toEqual(['failed', expect.stringContaining('PROFILE_UNKNOWN')]);
    for (const name of ['No Name', '../erp', 'erp?x=1'])
      expect((await taken(world, engine, name)).status).toBe('failed');
    expect(service.asked.length).toBe(before + 1);
  });
});

describe('a rules service that fails', () => {
  const troubles: readonly [string, (service: Service) => void, RegExp][] = [
    ['is slow', (service) => (service.trouble = 'no whole answer within 3000 ms'), /no whole answer within 3000 ms/],
    ['sends rubbish', (service) => service.give('<html>', '"x"'), /no profile: it is not JSON/],
    ['sends no profile', (service) => service.give({ format: 1, dialeto: 1 }, '"x"'), /no profile: .*«dialeto»/],
    [
      'sends a contradiction',
      (service) => service.give({ format: 1, dialect: { header: false } }, '"x"'),
      /no profile/,
    ],
    ['has lost it', (service) => service.documents.clear(), /no such document any more/],
  ];

  it.each(troubles)('(%s) leaves batches the last good version, and they say so', async (_, spoil, why) => {
    const service = new Service();
    service.give(AMOUNT('10.00'), '"e1"');
    const world = worldOf(service, { rulesRetryMs: 0 });
    const engine = world.process();
    await taken(world, engine);
    spoil(service);
    const receipt = await taken(world, engine);
    expect(receipt).toMatchObject({ status: 'completed', profile: 'acme/erp@1', lines: { unchanged: 1, rejected: 1 } });
    expect(receipt.profileSource).toEqual({ url: 'https://rules.example/acme/erp', etag: '"e1"' });
    expect(receipt.warnings).toEqual([{ code: 'RULES_STALE', message: expect.stringMatching(why) }]);
    expect(receipt.warnings[0].message).toContain('acme/erp@1');
    expect(world.events.filter(({ name }) => name === 'batch.warned')).toMatchObject([
      { level: 'warn', fields: { batch: receipt.batch, client: 'acme', code: 'RULES_STALE' } },
    ]);
    // It is asked again, and forgiven.
    service.give(AMOUNT('1.00'), '"e2"');
    expect(await taken(world, engine)).toMatchObject({ profile: 'acme/erp@2', warnings: [], lines: { created: 1 } });
  });

  it('leaves the last version that any process was given, not the last that this one was', async () => {
    const service = new Service();
    service.give(AMOUNT('1.00'), '"e1"');
    const world = worldOf(service, { rulesRetryMs: 0 });
    const [one, other] = [world.process(), world.process()];
    await taken(world, one);
    service.give(AMOUNT('10.00'), '"e2"');
    await taken(world, other);
    service.trouble = 'status 500';
    const { profile, profileSource, warnings } = await taken(world, one);
    expect([profile, profileSource.etag, warnings.length]).toEqual(['acme/erp@2', '"e2"', 1]);
  });

  it('makes a batch wait where there is no good version; it goes on by itself', async () => {
    const service = new Service();
    service.trouble = 'status 503';
    const world = worldOf(service, { rulesRetryMs: 0 });
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'erp' });
    await world.handleOne(engine, 'picker');
    expect([world.stateOf(batch), world.stored(batch).warnings]).toEqual([
      'accepted',
      [{ code: 'RULES_AWAITED', message: expect.stringContaining('status 503') }],
    ]);
    for (let n = 0; n < 9; n++) {
      await world.clock.advance(world.settings.retryMsMax);
      await world.handleOne(engine, 'picker');
    }
    expect(world.stateOf(batch)).toBe('accepted');
    expect(world.events.filter(({ name }) => name === 'batch.warned')).toHaveLength(1);
    service.give(AMOUNT('10.00'), '"e1"');
    await world.drain(engine);
    expect(world.receiptOf(batch)).toMatchObject({ status: 'completed', profile: 'acme/erp@1', warnings: [] });
  });

  it('ends a batch that has waited for as long as it may, with the reason', async () => {
    const service = new Service();
    service.trouble = 'status 503';
    const world = worldOf(service, { rulesRetryMs: 0, rulesWaitMs: 60_000 });
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'erp' });
    for (let n = 0; n < 5; n++) {
      await world.handleOne(engine, 'picker');
      await world.clock.advance(world.settings.retryMsMax);
    }
    await world.drain(engine);
    const { failure } = world.stored(batch);
    expect([world.stateOf(batch), failure?.code]).toEqual(['failed', 'RULES_UNAVAILABLE']);
    expect(failure?.message).toMatch(/profile erp; status 503/);
    expect(world.receiptOf(batch).warnings).toMatchObject([{ code: 'RULES_AWAITED' }]);
  });

  it('is not cured of a wait by the service having no such document: then nobody knows the profile', async () => {
    const service = new Service();
    service.trouble = 'status 503';
    const world = worldOf(service, { rulesRetryMs: 0 });
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'erp' });
    await world.handleOne(engine, 'picker');
    service.trouble = undefined;
    await world.drain(engine);
    expect([world.stored(batch).failure?.code, world.receiptOf(batch).warnings]).toEqual(['PROFILE_UNKNOWN', []]);
  });

  it('does not keep a batch from being cancelled while it waits', async () => {
    const service = new Service();
    service.trouble = 'status 503';
    const world = worldOf(service);
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'erp' });
    await world.handleOne(engine, 'picker');
    await failBatch(engine, batch.id, new Fault('CANCELLED', '', { batch: batch.id }));
    await world.drain(engine);
    expect([world.stateOf(batch), service.asked.length]).toEqual(['cancelled', 1]);
  });

  it('quotes nothing that may be a CPF, and no more than a few hundred characters of it', async () => {
    const service = new Service();
    service.give(AMOUNT('1.00'), '"e1"');
    const world = worldOf(service, { rulesRetryMs: 0 });
    const engine = world.process();
    await taken(world, engine);
    const keys = Array.from({ length: 500 }, (_, n) => [`529.982.247-25 ${n}`, 1]);
    service.give({ format: 1, ...Object.fromEntries(keys) }, '"x"');
    const receipt = await taken(world, engine);
    expect(receipt.warnings[0].message.length).toBeLessThan(800);
    const shown = JSON.stringify(receiptView(world.stored({ id: receipt.batch })));
    expect([shown.includes('RULES_STALE'), shown.includes('529.982.247-25')]).toEqual([true, false]);
  });
});

describe('asking', () => {
  it('is done once for many batches at once, and not at all while an answer holds', async () => {
    const service = new Service();
    service.give(AMOUNT('1.00'), '"e1"');
    const world = worldOf(service, { rulesFreshMs: 30_000 });
    const engine = world.process();
    const batches = [];
    for (let n = 0; n < 6; n++) batches.push(await world.accept(engine, FILE, { profile: 'erp' }));
    let open: () => void = () => {};
    service.hold = new Promise((done) => (open = done));
    const picked = batches.slice(0, 5).map(() => world.handleOne(engine, 'picker'));
    open();
    await Promise.all(picked);
    await world.drain(engine);
    expect(service.asked).toEqual(['acme/erp -']);
    expect(batches.map((batch) => world.receiptOf(batch).profile)).toEqual(batches.map(() => 'acme/erp@1'));
    await world.clock.advance(30_000);
    await taken(world, engine);
    expect(service.asked).toEqual(['acme/erp -', 'acme/erp "e1"']);
  });

  it('leaves a service that failed alone for a while: only the first batch waits for it', async () => {
    const service = new Service();
    service.give(AMOUNT('1.00'), '"e1"');
    const world = worldOf(service, { rulesFreshMs: 0, rulesRetryMs: 20_000, retryMsMax: 1, retryMsMin: 1 });
    const engine = world.process();
    await taken(world, engine);
    service.trouble = 'status 500';
    const codes = [];
    for (let n = 0; n < 3; n++) codes.push((await taken(world, engine)).warnings[0]?.code);
    expect([codes, service.asked.length]).toEqual([['RULES_STALE', 'RULES_STALE', 'RULES_STALE'], 2]);
    service.trouble = undefined;
    await world.clock.advance(20_000);
    expect((await taken(world, engine)).warnings).toEqual([]);
  });

  it('remembers so many profiles and no more; what it forgot, the store knows', async () => {
    const service = new Service();
    const world = worldOf(service, { rulesFreshMs: 86_400_000, rulesCacheMax: 2 });
    const engine = world.process();
    for (const name of ['p1', 'p2', 'p3', 'p1']) {
      service.give(AMOUNT('1.00'), '"e"', name);
      expect((await taken(world, engine, name)).profile).toBe(`acme/${name}@1`);
    }
    expect(service.asked).toEqual(['acme/p1 -', 'acme/p2 -', 'acme/p3 -', 'acme/p1 "e"']);
    await taken(world, engine, 'p3');
    expect(service.asked).toHaveLength(4);
  });

  it('stops for who is told to stop, and goes on for the others', async () => {
    const service = new Service();
    service.give(AMOUNT('1.00'), '"e"');
    const world = worldOf(service);
    const engine = world.process();
    const batch = await world.accept(engine, FILE, { profile: 'erp' });
    let open: () => void = () => {};
    service.hold = new Promise((done) => (open = done));
    const stopping = new AbortController();
    const stopped = engine.rulings?.of(batch, stopping.signal);
    const other = engine.rulings?.of(batch, new AbortController().signal);
    stopping.abort();
    await expect(stopped).rejects.toThrow(/LEASE_LOST/);
    open();
    expect((await other)?.profile).toBe('acme/erp@1');
    await expect(engine.rulings?.of(batch, stopping.signal)).rejects.toThrow(/LEASE_LOST/);
    expect(service.asked).toHaveLength(1);
  });

  it('lets the first decide, whoever picks again under other rules: killed at every step', async () => {
    for (let step = 1; ; step++) {
      const service = new Service();
      service.give(AMOUNT('10.00'), '"e1"');
      const world = worldOf(service);
      const engine = world.process();
      const batch = await world.accept(engine, FILE, { profile: 'erp' });
      const first = world.process(new Life(step));
      await world.drain(first);
      const pinned = await pinnedOf(world, batch);
      service.give(AMOUNT('1.00'), '"e2"');
      await world.recover(world.process());
      const ran = await pinnedOf(world, batch);
      if (pinned !== undefined) expect(ran).toBe(pinned);
      const { lines, status } = world.receiptOf(batch);
      expect([status, lines.created]).toEqual(['completed', ran === JSON.stringify(AMOUNT('10.00')) ? 1 : 2]);
      if (!first.life.over) break;
      expect(step).toBeLessThan(500);
    }
  });

  it('lets the first decide where two processes pick at once under other rules', async () => {
    const service = new Service();
    service.give(AMOUNT('10.00'), '"e1"');
    const world = worldOf(service);
    const [one, other] = [world.process(), world.process()];
    const batch = await world.accept(one, FILE, { profile: 'erp' });
    const ask = service.ask.bind(service);
    // The second asks, decides and finishes while the first still waits for its older answer.
    service.ask = async (subject, etag) => {
      const answer = await ask(subject, etag);
      service.ask = ask;
      service.give(AMOUNT('1.00'), '"e2"');
      world.queue.freeAll();
      await world.drain(other);
      return answer;
    };
    await world.drain(one);
    expect(world.receiptOf(batch)).toMatchObject({ profileSource: { etag: '"e2"' }, lines: { created: 2 } });
    expect(world.debts.all('acme')).toHaveLength(2);
  });

  it('gives every batch a version that its service gave, in any order of failing, changing and forgetting', async () => {
    const moves = fc.array(fc.constantFrom('take', 'take', 'fail', 'rubbish', 'lose', 'change', 'forget', 'wait'), {
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(moves, async (script) => {
        const service = new Service();
        let least = 1;
        service.give(AMOUNT('1.00'), '"1"');
        const world = worldOf(service, { rulesFreshMs: 1000, rulesRetryMs: 500 });
        let engine = world.process();
        await taken(world, engine);
        let given = 1;
        for (const move of script) {
          if (move === 'fail') service.trouble = 'status 500';
          else if (move === 'rubbish') service.give('{', null);
          else if (move === 'lose') service.documents.clear();
          else if (move === 'forget') engine = world.process();
          else if (move === 'wait') await world.clock.advance(1000);
          else if (move === 'change') {
            least += 1;
            service.give(AMOUNT(`${least}.00`), `"${least}"`);
          } else {
            const { profile, status } = await taken(world, engine);
            const version = Number(profile.split('@')[1]);
            expect([status, version >= given && version <= least]).toEqual(['completed', true]);
            given = version;
          }
        }
        const versions = await world.clients.listProfiles();
        expect(new Set(versions.map(({ document }) => document)).size).toBe(versions.length);
      }),
      { seed: 11, numRuns: 25 },
    );
  });
});
