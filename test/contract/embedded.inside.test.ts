/**
 * What the embedded drivers promise beyond the ports: calls that are grouped into one commit, faults of SQLite and of the
 * system by name, a new engine's cleaning, torn files, merged runs, turns among writers.
 */
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readdir, rename, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONTROL_STEPS, ControlDb } from '../../src/io/embedded/control/db.ts';
import { type Answer, type Call, runGroup } from '../../src/io/embedded/control/ops.ts';
import { REGISTRY_PLACES } from '../../src/io/embedded/control/registry.sql.ts';
import { DebtsDb } from '../../src/io/embedded/debts/db.ts';
import {
  appendRun,
  documentNumber,
  encodeRun,
  hashesOf,
  mergeSmallestRuns,
} from '../../src/io/embedded/debts/documentRuns.ts';
import { openDataPlane } from '../../src/io/embedded/driver.ts';
import { Sqlite } from '../../src/io/embedded/sqlite.ts';
import { WRITE_TURN_BYTES, WriteTurn } from '../../src/io/embedded/writeTurn.ts';
import { acceptedBatch } from '../../src/io/ports/registry.ts';
import {
  checkDebts,
  dataOptions,
  makeDataDir,
  openDataOn,
  openDirectOn,
  openEngineOn,
  removeDataDir,
} from './embeddedFixtures.ts';
import { bytesOf, collect, draft, FakeClock, faultCode, madeBytes } from './support.ts';

let dataDir: string;

beforeEach(async () => {
  dataDir = await makeDataDir();
});

afterEach(async () => {
  await removeDataDir(dataDir);
});

describe('control database', () => {
  const grouped = (db: ControlDb, calls: readonly Omit<Call, 'id'>[]): Answer[] =>
    runGroup(
      db,
      calls.map((call, id) => ({ ...call, id })),
    );

  it('answers a group in order, each call seeing those before it', () => {
    const db = new ControlDb(join(dataDir, 'control.db'), 'write');
    const answers = grouped(db, [
      { op: 'registry.accept', args: draft('b-1') },
      { op: 'registry.get', args: 'b-1' },
      { op: 'registry.accept', args: draft('b-2') },
      { op: 'registry.lineHead', args: { client: 'acme', max: 9, after: 0 } },
    ]);
    expect(answers.map(({ id, ok }) => [id, ok])).toEqual([0, 1, 2, 3].map((id) => [id, true]));
    expect(answers[1]).toMatchObject({ value: { id: 'b-1', number: 1 } });
    expect(answers[3]).toMatchObject({ value: [{ id: 'b-1' }, { id: 'b-2', number: 2 }] });
    db.close();
  });

  it('undoes a call that fails and no other of its group', () => {
    const db = new ControlDb(join(dataDir, 'control.db'), 'write');
    const broken = { ...draft('b-2'), acceptedAtMs: 1n };
    const answers = grouped(db, [
      { op: 'registry.accept', args: draft('b-1') },
      { op: 'registry.accept', args: broken },
      { op: 'registry.accept', args: draft('b-3') },
    ]);
    expect(answers.map(({ ok }) => ok)).toEqual([true, false, true]);
    // Not even the number that the broken call had taken is missing from the line.
    expect(answers[2]).toMatchObject({ value: { batch: { number: 2 } } });
    expect(grouped(db, [{ op: 'registry.open', args: { max: 9 } }])[0]).toMatchObject({
      value: { batches: [{ id: 'b-1' }, { id: 'b-3' }] },
    });
    db.close();
  });

  it('undoes the whole group and says so to each call where the store fails', () => {
    const path = join(dataDir, 'control.db');
    const db = new ControlDb(path, 'write');
    db.db.exec('PRAGMA max_page_count = 40');
    const big = 'x'.repeat(100_000);
    const answers = grouped(db, [
      { op: 'registry.accept', args: draft('b-1') },
      { op: 'results.put', args: { batch: 'b-1', kind: 'range', work: 0, body: big } },
      { op: 'results.put', args: { batch: 'b-1', kind: 'range', work: 1, body: big } },
      { op: 'registry.get', args: 'b-1' },
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ ok: false, fault: { code: 'STORE_FULL' } });
    db.db.exec('PRAGMA max_page_count = 4000');
    expect(grouped(db, [{ op: 'registry.open', args: { max: 9 } }])[0]).toMatchObject({
      ok: true,
      value: { batches: [] },
    });
    expect(grouped(db, [{ op: 'registry.accept', args: draft('b-1') }])[0]).toMatchObject({ ok: true });
    db.close();
  });

  it('tells of a database that another process keeps busy, is none, is damaged, is older or newer', async () => {
    const path = join(dataDir, 'control.db');
    new ControlDb(path, 'write').close();
    const other = new DatabaseSync(path);
    const { user_version: version } = other.prepare('PRAGMA user_version').get() as { user_version: number };
    other.exec('PRAGMA user_version = 99');
    expect(() => new ControlDb(path, 'write')).toThrow(/STORE_CORRUPT.*newer build.*99/);
    expect(() => new ControlDb(path, 'read')).toThrow(/STORE_CORRUPT.*newer build/);
    other.exec('PRAGMA user_version = 1');
    expect(() => new ControlDb(path, 'read')).toThrow(/older build.*schema 1/);
    other.exec(`PRAGMA user_version = ${version}; BEGIN IMMEDIATE`);
    const db = new ControlDb(path, 'read');
    db.close();
    const impatient = new DebtsDb(join(dataDir, 'debts.db'), 'write', 0);
    const rival = new DatabaseSync(join(dataDir, 'debts.db'));
    rival.exec('BEGIN IMMEDIATE');
    impatient.db.exec('PRAGMA busy_timeout = 0');
    expect(() => impatient.transaction('write', () => 1)).toThrow(/STORE_BUSY/);
    rival.close();
    expect(impatient.transaction('write', () => 1)).toBe(1);
    impatient.close();
    other.close();
    await writeFile(path, 'no database at all, but long enough to have a header of one hundred bytes. '.repeat(3));
    expect(() => new ControlDb(path, 'read')).toThrow(/STORE_CORRUPT/);
    expect(() => new ControlDb(join(dataDir, 'no', 'folder.db'), 'write')).toThrow(/STORE_IO/);
  });

  it('refuses writes through stores opened for reading, which need a folder', async () => {
    expect(await faultCode(openDirectOn(join(dataDir, 'none'), 'read'))).toBe('STORE_IO');
    await (await openDirectOn(dataDir)).close();
    const stores = await openDirectOn(dataDir, 'read');
    expect(await stores.registry.open({ max: 9 })).toEqual({ batches: [] });
    await expect(stores.registry.accept(draft('b-1'))).rejects.toThrow(/opened for writing/);
    await expect(stores.debts.write('acme', 1, [])).rejects.toThrow(/opened for writing/);
    await stores.close();
  });

  it('brings up to date what a build left that knew of one place in line for good', () => {
    const path = join(dataDir, 'control.db');
    const options = {
      path,
      mode: 'write',
      busyMs: 0,
      cacheBytes: 1 << 20,
      checkpointPages: 100,
      pageBytes: 4096,
    } as const;
    const older = new Sqlite(options);
    older.migrate(CONTROL_STEPS.slice(0, CONTROL_STEPS.indexOf(REGISTRY_PLACES)));
    for (const number of [1, 2, 3]) {
      const { acceptedNumber, ...body } = acceptedBatch(draft(`b-${number}`), number);
      older.db
        .prepare(`INSERT INTO batches (id, client, number, in_line, state, is_open, revision, body)
                  VALUES (?, 'acme', ?, 1, 'accepted', 1, 1, ?)`)
        .run(body.id, number, JSON.stringify(body));
    }
    older.close();
    const db = new ControlDb(path, 'write');
    const listed = grouped(db, [{ op: 'registry.list', args: { client: 'acme', before: 3 } }])[0];
    expect(listed).toMatchObject({
      value: [
        { id: 'b-2', acceptedNumber: 2 },
        { id: 'b-1', acceptedNumber: 1 },
      ],
    });
    db.close();
  });

  it('lets a command read and write beside the engine', async () => {
    const engine = await openEngineOn(dataDir);
    const command = await openDirectOn(dataDir);
    const { batch } = await command.registry.accept(draft('b-1'));
    await command.queue.send('picker', [{ id: 'm-1', group: 'acme', body: '{}' }]);
    expect(await engine.registry.get('b-1')).toEqual(batch);
    const [message] = await engine.queue.receive('picker', { max: 1, waitMs: 0, leaseMs: 1000 });
    expect(message?.id).toBe('m-1');
    await engine.registry.replace({ ...batch, state: 'picking' }, batch.revision);
    expect((await command.registry.get('b-1'))?.state).toBe('picking');
    await command.close();
    await engine.close();
  });

  it('finishes the calls in flight when closed, and refuses later ones', async () => {
    const engine = await openEngineOn(dataDir);
    const calls = Array.from({ length: 30 }, (_, i) => engine.registry.accept(draft(`b-${i}`)));
    const closing = engine.close();
    expect((await Promise.all(calls)).every(({ created }) => created)).toBe(true);
    await closing;
    await engine.close();
    expect(await faultCode(engine.registry.get('b-1'))).toBe('WORKER_DIED');
    const again = await openEngineOn(dataDir);
    expect(await again.registry.list({})).toHaveLength(30);
    await again.close();
  });
});

describe('becoming the engine', () => {
  // fault 35
  it('ends the leases and delays of the engine before, even where monotonic time began anew', async () => {
    const clock = new FakeClock();
    const before = await openEngineOn(dataDir, clock);
    await before.queue.send(
      'q',
      ['m-1', 'm-2', 'm-3'].map((id) => ({ id, group: 'acme', body: '' })),
    );
    const [first, second] = await before.queue.receive('q', { max: 2, waitMs: 0, leaseMs: 3_600_000 });
    if (second !== undefined) await before.queue.release('q', second, 3_600_000);
    await before.close();
    clock.restart();
    const after = await openEngineOn(dataDir, clock);
    const got = await after.queue.receive('q', { max: 9, waitMs: 0, leaseMs: 1000 });
    expect(got.map(({ id, receives }) => [id, receives])).toEqual([
      ['m-1', 2],
      ['m-2', 2],
      ['m-3', 1],
    ]);
    if (first !== undefined) expect(await after.queue.ack('q', first)).toBe(false);
    await after.close();
  });

  it('removes temporary files of the dead that are older than itself, and nothing else', async () => {
    const incoming = join(dataDir, 'objects', '.incoming');
    await mkdir(incoming, { recursive: true });
    const clock = new FakeClock();
    const at = (ageMs: number): number => (clock.nowMs() - ageMs) / 1000;
    const left = async (name: string, ageMs: number): Promise<void> => {
      await writeFile(join(incoming, name), 'part of something');
      await utimes(join(incoming, name), at(ageMs), at(ageMs));
    };
    await left('99999999-dead', 60_000);
    await left('99999999-dead-but-young', -60_000);
    await left('1-alive', 60_000);
    await left(`${process.pid}-mine-of-an-earlier-life`, 60_000);
    await (await openDirectOn(dataDir)).objects.put('raw/acme/x', bytesOf('kept'));
    const engine = await openEngineOn(dataDir, clock);
    expect((await readdir(incoming)).sort()).toEqual(['1-alive', '99999999-dead-but-young']);
    expect(await collect(engine.objects.list(''))).toHaveLength(1);
    await engine.close();
  });
});

describe('objects in files', () => {
  it('notices a file that grew, shrank or was written in place while it was read', async () => {
    const plane = await openDataOn(dataDir);
    const path = join(dataDir, 'objects', 'k');
    const tampering: readonly [string, () => Promise<unknown>][] = [
      ['grown', () => appendFile(path, 'x')],
      ['cut', () => truncate(path, 10)],
      ['rewritten', () => writeFile(path, madeBytes(1000, 3))],
    ];
    for (const [says, tamper] of tampering) {
      const pin = await plane.objects.put('k', madeBytes(1000));
      const reader = await plane.objects.openRange(pin, 0, 1000);
      await reader.read(new Uint8Array(500));
      await new Promise((next) => setTimeout(next, 20));
      await tamper();
      expect(await faultCode(reader.read(new Uint8Array(500))), says).toBe('OBJECT_CHANGED');
      await reader.close();
      expect(await faultCode(plane.objects.openRange(pin, 0, 10)), says).toBe('OBJECT_CHANGED');
    }
    await plane.close();
  });

  it('follows no link', async () => {
    const plane = await openDataOn(dataDir);
    const pin = await plane.objects.put('real', bytesOf('text'));
    await symlink(join(dataDir, 'objects', 'real'), join(dataDir, 'objects', 'link'));
    expect(await plane.objects.head('link')).toBeUndefined();
    expect(await plane.objects.get('link')).toBeUndefined();
    expect(await faultCode(plane.objects.openRange({ ...pin, key: 'link' }, 0, 1))).toBe('OBJECT_CHANGED');
    expect((await collect(plane.objects.list(''))).map(({ key }) => key)).toEqual(['real']);
    await plane.close();
  });

  it('makes a folder anew that was freed in between', async () => {
    const plane = await openDataOn(dataDir);
    await plane.objects.put('parts/b-1/x', bytesOf('1'));
    const writer = await plane.objects.create('parts/b-1/y');
    await plane.objects.deletePrefix('parts/b-1/');
    await writer.write(bytesOf('2'));
    expect((await writer.commit()).bytes).toBe(1);
    await plane.close();
  });
});

describe('staged files', () => {
  // fault 31
  it('takes a file that is torn at any place for one that was never committed', async () => {
    const plane = await openDataOn(dataDir);
    const writer = await plane.staging.open('b-1', 0, 'a1');
    for (let i = 0; i < 5; i++) await writer.write(i % 2, madeBytes(100, i));
    await writer.commit();
    await plane.close();
    const path = join(dataDir, 'staging', 'b-1', '0-a1');
    const whole = 500 + 2 * 8 + 5 * 12 + 24;
    for (let size = whole - 1; size >= 0; size -= 7) {
      await truncate(path, size);
      const fresh = await openDataPlane(dataOptions(dataDir), { random: (n) => randomBytes(n) });
      const pages = collect(fresh.staging.read('b-1', 0, { range: 0, attempt: 'a1', pages: 1 }));
      expect(await faultCode(pages)).toBe('STAGED_PAGES_SHORT');
      await fresh.close();
    }
  });

  it('finds a flipped bit in its index', async () => {
    const plane = await openDataOn(dataDir);
    const writer = await plane.staging.open('b-1', 0, 'a1');
    await writer.write(0, madeBytes(100));
    await writer.commit();
    const path = join(dataDir, 'staging', 'b-1', '0-a1');
    const { readFile } = await import('node:fs/promises');
    const bytes = await readFile(path);
    bytes[104] = (bytes[104] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const pages = collect(plane.staging.read('b-1', 0, { range: 0, attempt: 'a1', pages: 1 }));
    expect(await faultCode(pages)).toBe('STORE_CORRUPT');
    await plane.close();
  });
});

describe('index of documents', () => {
  const entry = fc.record({
    document: fc.constantFrom(0, 1, 191, 52_998_224_725, 99_999_999_999),
    hash: fc.constantFrom(0, 1, 2, 77, 0xffff_fffe, 0xffff_ffff),
  });

  it('finds what a plain map finds, before and after every merge', async () => {
    const db = new DebtsDb(join(dataDir, 'debts.db'), 'write', 1024 * 1024);
    let run = 0;
    await fc.assert(
      fc.property(fc.array(fc.array(entry, { maxLength: 12 }), { maxLength: 12 }), (writes) => {
        const client = `c-${run++}`;
        const model = new Map<number, Set<number>>();
        const check = (): void => {
          for (const [document, hashes] of model) {
            expect([...hashesOf(db, client, document)]).toEqual([...hashes].sort((a, b) => a - b));
          }
          expect([...hashesOf(db, client, 12_345)]).toEqual([]);
        };
        db.transaction('write', () => {
          for (const write of writes) {
            appendRun(
              db,
              client,
              encodeRun(
                write.map((one) => one.document),
                write.map((one) => one.hash),
              ),
            );
            for (const { document, hash } of write) {
              model.set(document, (model.get(document) ?? new Set()).add(hash));
            }
          }
          check();
          while (mergeSmallestRuns(db, 1)) check();
        });
      }),
      { numRuns: 60, seed: 5 },
    );
    db.close();
    checkDebts(dataDir);
  });

  it('keeps runs of many blocks in order', async () => {
    const db = new DebtsDb(join(dataDir, 'debts.db'), 'write', 1024 * 1024);
    const count = 5000;
    const documents = Array.from({ length: count }, (_, i) => (i * 7_919) % 1000);
    const hashes = Array.from({ length: count }, (_, i) => (i * 2_654_435_761) % 2 ** 32);
    db.transaction('write', () => {
      for (const from of [0, 1, 2]) {
        const mine = documents.map((_, i) => i).filter((i) => i % 3 === from);
        appendRun(
          db,
          'acme',
          encodeRun(
            mine.map((i) => documents[i] as number),
            mine.map((i) => hashes[i] as number),
          ),
        );
      }
    });
    const expected = (document: number): number[] =>
      hashes.filter((_, i) => documents[i] === document).sort((a, b) => a - b);
    const check = (): void => {
      for (const document of [0, 1, 499, 998, 999]) {
        expect([...hashesOf(db, 'acme', document)]).toEqual(expected(document));
      }
    };
    check();
    expect(db.transaction('write', () => mergeSmallestRuns(db, 2))).toBe(true);
    check();
    expect(db.transaction('write', () => mergeSmallestRuns(db, 2))).toBe(false);
    db.close();
    checkDebts(dataDir);
  });

  it('takes documents of up to eleven digits and no others', () => {
    expect(documentNumber('')).toBe(-1);
    expect(documentNumber('00000000191')).toBe(191);
    expect(documentNumber('99999999999')).toBe(99_999_999_999);
    for (const document of ['123456789012', '1a', ' 1', '-1']) expect(() => documentNumber(document)).toThrow(/digits/);
  });
});

describe('turns among writers', () => {
  it('gives the turn back when the work ends, well or not', () => {
    const turn = new WriteTurn(new SharedArrayBuffer(WRITE_TURN_BYTES));
    expect(turn.hold(() => 1)).toBe(1);
    expect(() =>
      turn.hold(() => {
        throw new Error('broken');
      }),
    ).toThrow('broken');
    expect(turn.hold(() => 2)).toBe(2);
  });

  it('passes over a holder that is stuck, whose late end takes nothing from others', () => {
    const shared = new SharedArrayBuffer(WRITE_TURN_BYTES);
    const words = new Int32Array(shared);
    const turn = new WriteTurn(shared, 5);
    turn.hold(() => {
      // The same thread again: for it, the holder is stuck.
      expect(turn.hold(() => 'passed')).toBe('passed');
      words[0] = 4711;
    });
    expect(words[0]).toBe(4711);
    expect(turn.hold(() => 'passed again')).toBe('passed again');
    expect(words[0]).toBe(0);
  });
});

describe('a rename over the inbox folder', () => {
  it('does not disturb the engine', async () => {
    const engine = await openEngineOn(dataDir);
    await rename(join(dataDir, 'inbox'), join(dataDir, 'inbox-away'));
    expect(await engine.arrivals.poll(10)).toEqual({ arrivals: [], refusals: [] });
    await engine.close();
  });
});
