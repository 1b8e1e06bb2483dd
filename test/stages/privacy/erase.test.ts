/**
 * An erasure over the real stores of one machine, killed at any call and run again, ends like one that ran through; and a
 * hold that meets it is seen by one of the two.
 */
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { maskedDocument } from '../../../src/core/documents.ts';
import { documentNumber } from '../../../src/io/embedded/debts/documentRuns.ts';
import type { DirectStores } from '../../../src/io/embedded/driver.ts';
import { FileStaging } from '../../../src/io/embedded/files/staging.ts';
import type { StoredDebt } from '../../../src/io/ports/debts.ts';
import type { Hold } from '../../../src/io/ports/privacy.ts';
import { type EraseContext, type EraseWish, erase } from '../../../src/stages/privacy/erase.ts';
import { personOf } from '../../../src/stages/privacy/person.ts';
import { makeDataDir, openDirectOn, removeDataDir } from '../../contract/embeddedFixtures.ts';
import { draft, FakeClock } from '../../contract/support.ts';
import { Life } from '../../support/mortal.ts';

const ANA = '52998224725';
const RUI = '11144477735';
const LOJA = '12ABC34501DE35';
const SECRETS = {
  [ANA]: ['Ana Gonzaga', 'ana@casa.example'],
  [RUI]: ['Rui Barbosa', 'rui@casa.example'],
  [LOJA]: ['Loja Sol', 'loja@casa.example'],
};
type Person = keyof typeof SECRETS;
/** Whose debts the files hold; `first` is who is erased by a test. */
const filesOf = (first: Person): readonly (readonly Person[])[] => [[first, RUI], [RUI], [first]];

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await removeDataDir(folder);
});

function debt(client: string, ref: number, cpf: Person, turn: number, batch: string): StoredDebt {
  const [name = '', mail = ''] = SECRETS[cpf] ?? [];
  return {
    client,
    refHash: (ref * 2_654_435_761) >>> 0,
    externalRef: `R-${ref}`,
    debtorName: name,
    document: cpf,
    amountCents: 1000 + ref,
    dueDate: '2026-01-01',
    debtorEmail: mail,
    debtorPhone: null,
    creditorName: null,
    accountType: null,
    installment: null,
    createdBatch: batch,
    createdLine: ref,
    changedBatch: batch,
    changedLine: ref,
    turn,
    createdAtMs: 1,
    changedAtMs: 1,
    erased: false,
  };
}

/** Three ended batches of acme with their files, staged pages, answers, debts and deliveries; one debt and file of beta. */
async function filled(first: Person = ANA): Promise<{ readonly dataDir: string; readonly clock: FakeClock }> {
  const dataDir = await makeDataDir();
  folders.push(dataDir);
  const clock = new FakeClock();
  const stores = await openDirectOn(dataDir, 'write', clock);
  for (const id of ['acme', 'beta']) {
    await stores.clients.add({
      id,
      name: `Loja ${id}`,
      profile: 'default',
      amountCentsMin: 1,
      amountCentsMax: 9,
      createdAtMs: 0,
    });
  }
  const staging = new FileStaging({ folder: join(dataDir, 'staging'), bufferBytes: 4096, indexBytesMax: 4096 });
  const put = async (client: string, n: number, people: readonly Person[]): Promise<void> => {
    const id = `b-${client}-${n}`;
    const lines = people.map((cpf, i) => `R-${n * 10 + i},${SECRETS[cpf]?.join(',')},${cpf}`);
    const stored = await stores.objects.put(`raw/${client}/${n}`, Buffer.from(lines.join('\n')));
    const { batch } = await stores.registry.accept(draft(id, client, { ...stored, file: `carteira ${people[0]}.csv` }));
    await stores.registry.replace(
      {
        ...batch,
        state: 'completed',
        owed: [],
        inLine: false,
        receipt: JSON.stringify({
          batch: id,
          file: batch.file,
          reason: null,
          cents: { total: 3 },
          lines: { total: 2 },
        }),
      },
      batch.revision,
    );
    await stores.registry.putResult(id, 'shard', 0, JSON.stringify({ entries: people.join() }));
    // It ended without an engine that would have freed it.
    const pages = await staging.open(id, 0, 'x');
    await pages.write(0, Buffer.from(lines.join()));
    await pages.commit();
    await stores.objects.put(`answers/${id}/0-x/rejects.csv`, Buffer.from(lines.join('\n')));
    await stores.debts.write(
      client,
      n,
      people.map((cpf, i) => debt(client, n * 10 + i, cpf, n, id)),
    );
    await stores.deliveries.add([
      {
        id: `d-${id}`,
        event: 'e',
        client,
        batch: id,
        channel: 'mail',
        payload: '{}',
        gathers: false,
        state: 'delivered',
        revision: 1,
        tries: 1,
        attempts: [],
        createdAtMs: 1,
        nextAtMs: 1,
      },
    ]);
  };
  for (const [i, people] of filesOf(first).entries()) await put('acme', i + 1, people);
  await put('beta', 1, [first]);
  await stores.close();
  return { dataDir, clock };
}

function contextOf(stores: DirectStores, clock: FakeClock, life = new Life()): EraseContext {
  const { registry, clients, debts, objects, eraser, staging, submissions, idempotency, deliveries, keys, privacy } =
    stores;
  const own = {
    registry,
    clients,
    debts,
    objects,
    eraser,
    staging,
    submissions,
    idempotency,
    deliveries,
    keys,
    privacy,
  };
  const owned = Object.entries(own).map(([name, store]) => [name, life.owns<object>(store)]);
  return { ...(Object.fromEntries(owned) as typeof own), clock };
}

/** What is left, for people and in the bytes of the folder. */
async function leftOf(dataDir: string, clock: FakeClock, first: Person = ANA) {
  const stores = await openDirectOn(dataDir, 'read', clock);
  const debts = [];
  for (const client of ['acme', 'beta']) {
    for await (const one of stores.debts.list(client, {})) debts.push(`${client} ${one.externalRef} ${one.document}`);
  }
  const found = [];
  for await (const one of stores.debts.list('acme', { document: first })) found.push(one);
  const batches = (await stores.registry.list({})).map(({ id, file, receipt, erasedAtMs }) => ({
    id,
    file,
    receipt: JSON.parse(receipt ?? 'null'),
    erased: erasedAtMs !== undefined,
  }));
  const objects = [];
  for (const prefix of ['raw/', 'answers/']) for await (const { key } of stores.objects.list(prefix)) objects.push(key);
  const deliveries = (await stores.deliveries.list({ client: 'acme', limit: 99 })).map(({ id }) => id);
  const tombstones = (
    await stores.debts.fetch(
      'acme',
      filesOf(first).flatMap((people, i) => people.map((cpf, j) => debt('acme', (i + 1) * 10 + j, cpf, 1, ''))),
    )
  ).map((one) => one?.erased);
  const erasures = (await stores.privacy.list('acme')).map((one) => (one.kind === 'erasure' ? one.state : one.kind));
  const client = await stores.clients.get('acme');
  await stores.close();
  const said = { name: client?.name, closed: client?.erasedAtMs !== undefined };
  return { debts, found, batches, objects, deliveries, tombstones, erasures, ...said };
}

/** Files of the folder in whose bytes the text stands; beta's own are its own. */
function filesWith(dataDir: string, text: string): string[] {
  return readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('/beta/') && !path.includes('b-beta') && readFileSync(path).includes(text));
}

async function run(wish: EraseWish, diesAt?: number, first: Person = ANA) {
  const { dataDir, clock } = await filled(first);
  const life = new Life(diesAt);
  const stores = await openDirectOn(dataDir, 'write', clock);
  await Promise.race([erase(contextOf(stores, clock, life), wish), life.ended]);
  await stores.close();
  if (diesAt !== undefined) {
    expect(life.over).toBe(true);
    const again = await openDirectOn(dataDir, 'write', clock);
    await erase(contextOf(again, clock), wish);
    await again.close();
  }
  return { end: await leftOf(dataDir, clock, first), steps: life.steps, dataDir };
}

describe('an erasure', () => {
  // threat 11
  it.each<Person>([
    ANA,
    LOJA,
  ])('of a person (%s) takes the debts, each file with a line of the person, and nothing of others', async (person) => {
    const { end, dataDir } = await run({ client: 'acme', document: person }, undefined, person);
    expect(end.debts).toEqual(
      [`acme R-11 ${RUI}`, `acme R-20 ${RUI}`, `beta R-10 ${person}`].sort((a, b) => order(end.debts, a, b)),
    );
    expect(end.found).toEqual([]);
    expect(end.tombstones).toEqual([true, false, false, true]);
    expect(end.objects.sort()).toEqual([
      'answers/b-acme-2/0-x/rejects.csv',
      'answers/b-beta-1/0-x/rejects.csv',
      'raw/acme/2',
      'raw/beta/1',
    ]);
    expect(end.deliveries).toEqual(['d-b-acme-2']);
    const erased = end.batches.filter((batch) => batch.erased);
    expect(erased.map(({ id }) => id).sort()).toEqual(['b-acme-1', 'b-acme-3']);
    expect(erased.every(({ file, receipt }) => file === '' && receipt.file === '' && receipt.lines.total === 2)).toBe(
      true,
    );
    expect([end.erasures, end.closed]).toEqual([['done'], false]);
    // Only beta's rows, which lie in the same databases, still say it.
    const left = filesWith(dataDir, person).map((path) => path.slice(dataDir.length + 1));
    expect(left.filter((path) => path !== 'debts.db' && path !== 'control.db')).toEqual([]);
  });

  // threat 11
  it('of one person takes files of fixed places, where a document has other digits at its sides', async () => {
    const { dataDir, clock } = await filled();
    const stores = await openDirectOn(dataDir, 'write', clock);
    const document = JSON.stringify({ format: 1, kind: 'fixed-width', fixedWidth: { bytes: 40 } });
    await stores.clients.addProfile({ name: 'larga', version: 1, document, createdAtMs: 0 });
    for (const [name, profile] of [
      ['lines', 'larga@1'],
      ['text', 'default'],
    ] as const) {
      const file = await stores.objects.put(`raw/acme/${name}`, Buffer.from(`00017${ANA}0000000001050ANA\n`));
      const { batch } = await stores.registry.accept(draft(`b-${name}`, 'acme', { ...file, file: name, profile }));
      await stores.registry.replace({ ...batch, state: 'completed', owed: [], inLine: false }, batch.revision);
    }
    await erase(contextOf(stores, clock), { client: 'acme', document: ANA });
    const [lines, text] = [await stores.registry.get('b-lines'), await stores.registry.get('b-text')];
    expect([lines?.erasedAtMs !== undefined, text?.erasedAtMs !== undefined]).toEqual([true, false]);
    await stores.close();
  });

  // threat 11
  it.each<Person>([ANA, LOJA])('leaves no byte of the client in the folder: of %s', async (person) => {
    const { dataDir, clock } = await filled(person);
    const stores = await openDirectOn(dataDir, 'write', clock);
    for (const client of ['beta', 'acme']) await erase(contextOf(stores, clock), { client });
    await stores.close();
    for (const text of [person, RUI, ...SECRETS[person], 'Rui Barbosa', 'casa.example', 'carteira', 'Loja acme']) {
      expect({ text, files: filesWith(dataDir, text) }).toEqual({ text, files: [] });
    }
    // As a number: so it stands in the index by document.
    const number = Buffer.alloc(5);
    number.writeUIntBE(documentNumber(person), 0, 5);
    expect(readFileSync(join(dataDir, 'debts.db')).includes(number)).toBe(false);
    const end = await leftOf(dataDir, clock);
    expect([end.debts, end.objects, end.deliveries]).toEqual([[], [], []]);
    expect([end.name, end.closed]).toEqual(['acme', true]);
  });

  it.each([
    { client: 'acme', document: ANA },
    { client: 'acme' },
  ])('%j that is killed anywhere ends like one that ran through', async (wish) => {
    const clean = await run(wish);
    const stride = Math.max(1, Math.floor(clean.steps / 60));
    for (let step = 1; step <= clean.steps; step += stride) {
      const killed = await run(wish, step);
      expect({ step, ...killed.end }).toEqual({ step, ...clean.end });
    }
  });

  it('done twice finds nothing the second time', async () => {
    const { dataDir, clock } = await filled();
    const stores = await openDirectOn(dataDir, 'write', clock);
    const first = await erase(contextOf(stores, clock), { client: 'acme', document: ANA });
    const second = await erase(contextOf(stores, clock), { client: 'acme', document: ANA });
    await stores.close();
    expect(first.counts).toMatchObject({ debts: 2, batches: 2, objects: 4, deliveries: 2 });
    expect(second).toMatchObject({ runs: 2, counts: first.counts });
  });

  it('is refused while a batch of the client is on its way, and begins nothing', async () => {
    const { dataDir, clock } = await filled();
    const stores = await openDirectOn(dataDir, 'write', clock);
    await stores.registry.accept(draft('b-open', 'acme'));
    await expect(erase(contextOf(stores, clock), { client: 'acme', document: ANA })).rejects.toMatchObject({
      code: 'ERASURE_BLOCKED',
    });
    await stores.close();
    expect((await leftOf(dataDir, clock)).debts).toHaveLength(5);
  });
});

/** By where they stand in what was listed: the order is that of hashes. */
function order(all: readonly string[], a: string, b: string): number {
  return all.indexOf(a) - all.indexOf(b);
}

describe('a hold', () => {
  const hold = (cpf: string | undefined, n: number): Hold => ({
    kind: 'hold',
    client: 'acme',
    id: `h-${n}`,
    revision: 1,
    person: cpf === undefined ? null : personOf('acme', cpf),
    personText: cpf === undefined ? null : maskedDocument(cpf),
    by: 'jurídico',
    why: `processo ${n}`,
    atMs: 1,
    lifted: null,
  });

  it.each([
    [undefined, undefined, true],
    [undefined, ANA, true],
    [ANA, undefined, true],
    [ANA, ANA, true],
    [RUI, ANA, false],
    [LOJA, LOJA, true],
    [ANA, LOJA, false],
  ])('on %s forbids erasing %s: %s', async (held, asked, forbids) => {
    const { dataDir, clock } = await filled();
    const stores = await openDirectOn(dataDir, 'write', clock);
    await stores.privacy.add(hold(held, 1));
    const wish = asked === undefined ? { client: 'acme' } : { client: 'acme', document: asked };
    const work = erase(contextOf(stores, clock), wish);
    if (forbids)
      await expect(work).rejects.toMatchObject({ code: 'ON_HOLD', message: expect.stringContaining('processo 1') });
    else await work;
    await stores.privacy.replace({ ...hold(held, 1), lifted: { by: 'a', why: 'b', atMs: 2 } }, 1);
    await erase(contextOf(stores, clock), wish);
    await stores.close();
  });

  // threat 11
  it('that meets an erasure is seen by it, or sees it, at every step', async () => {
    for (let step = 1; step <= 12; step++) {
      const { dataDir, clock } = await filled();
      const stores = await openDirectOn(dataDir, 'write', clock);
      const context = contextOf(stores, clock);
      let calls = 0;
      let sees = false;
      const list = context.privacy.list;
      const privacy = {
        add: context.privacy.add,
        replace: context.privacy.replace,
        list: async (client: string) => {
          calls += 1;
          if (calls === step) {
            await stores.privacy.add(hold(ANA, step));
            sees = (await stores.privacy.list('acme')).some((one) => one.kind === 'erasure');
          }
          return await list(client);
        },
      };
      const refused = await erase({ ...context, privacy }, { client: 'acme', document: ANA }).then(
        () => false,
        () => true,
      );
      if (calls >= step) expect({ step, known: refused || sees }).toEqual({ step, known: true });
      await stores.close();
    }
  });
});
