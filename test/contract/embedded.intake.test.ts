/** Files of others: what `ingest` copies in, and what the inbox takes, refuses, and waits for. */
import { execFileSync } from 'node:child_process';
import { appendFile, chmod, link, lstat, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControlPlane } from '../../src/io/embedded/driver.ts';
import { dropInInbox, INBOX_QUIET_MS, makeDataDir, openEngineOn, removeDataDir } from './embeddedFixtures.ts';
import { collect, FakeClock, faultCode, madeBytes, nextTick, textOf } from './support.ts';

let base: string;
let dataDir: string;
let engine: ControlPlane;
let clock: FakeClock;

beforeEach(async () => {
  base = await makeDataDir();
  dataDir = join(base, 'data');
  clock = new FakeClock();
  engine = await openEngineOn(dataDir, clock);
});

afterEach(async () => {
  await engine.close();
  await removeDataDir(base);
});

describe('intake of a named file', () => {
  const file = (): string => join(base, 'debts 529.982.247-25.csv');

  it('copies the file whole and leaves it alone', async () => {
    await writeFile(file(), madeBytes(1_234_567));
    const before = await lstat(file(), { bigint: true });
    const info = await engine.intake.copyIn(file(), 'raw/acme/i-1');
    expect(info.bytes).toBe(1_234_567);
    expect(await engine.objects.head('raw/acme/i-1')).toMatchObject({ etag: info.etag });
    expect(Buffer.compare((await engine.objects.get('raw/acme/i-1')) ?? new Uint8Array(), madeBytes(1_234_567))).toBe(
      0,
    );
    const after = await lstat(file(), { bigint: true });
    expect([after.ino, after.nlink, after.mtimeNs]).toEqual([before.ino, 1n, before.mtimeNs]);
    await appendFile(file(), 'later');
    expect((await engine.objects.head('raw/acme/i-1'))?.etag).toBe(info.etag);
  });

  it('names equal states alike and others otherwise', async () => {
    await writeFile(file(), 'some text');
    const first = await engine.intake.identify(file());
    expect(first.bytes).toBe(9);
    expect(await engine.intake.identify(file())).toEqual(first);
    const { mtime } = await lstat(file());
    await nextTick();
    await writeFile(file(), 'same size');
    await utimes(file(), mtime, mtime);
    expect((await engine.intake.identify(file())).identity).not.toBe(first.identity);
  });

  it('follows the link its user named', async () => {
    await writeFile(file(), 'text');
    await symlink(file(), join(base, 'link'));
    expect((await engine.intake.copyIn(join(base, 'link'), 'k')).bytes).toBe(4);
  });

  it('tells what is wrong with what is no readable file, without naming it', async () => {
    await mkdir(join(base, 'folder'));
    execFileSync('mkfifo', [join(base, 'pipe')]);
    await symlink(join(base, 'nothing'), join(base, 'dangling'));
    const server = createServer();
    await new Promise<void>((ready) => server.listen(join(base, 'socket'), ready));
    const cases: readonly [string, string][] = [
      [join(base, 'none.csv'), 'INPUT_MISSING'],
      [join(base, 'none', 'none.csv'), 'INPUT_MISSING'],
      [join(base, 'dangling'), 'INPUT_MISSING'],
      [join(base, 'folder'), 'INPUT_IS_DIRECTORY'],
      [join(base, 'pipe'), 'INPUT_NOT_A_FILE'],
      [join(base, 'socket'), 'INPUT_NOT_A_FILE'],
      ['/dev/null', 'INPUT_NOT_A_FILE'],
    ];
    for (const [path, code] of cases) {
      expect(await faultCode(engine.intake.identify(path)), path).toBe(code);
      expect(await faultCode(engine.intake.copyIn(path, 'k')), path).toBe(code);
      await engine.intake.identify(path).catch((error: Error) => expect(error.message).not.toContain(base));
    }
    expect(await engine.objects.head('k')).toBeUndefined();
    await new Promise((closed) => server.close(closed));
  });

  it.skipIf(process.getuid?.() === 0)('says that a file is closed to it', async () => {
    await writeFile(file(), 'text');
    await chmod(file(), 0);
    expect(await faultCode(engine.intake.copyIn(file(), 'k'))).toBe('INPUT_UNREADABLE');
  });
});

describe('inbox', () => {
  const folder = (): string => join(dataDir, 'inbox', 'acme');
  const names = async (): Promise<string[]> => (await engine.arrivals.poll(100)).arrivals.map(({ file }) => file);

  /** A file that was last written `ageMs` ago. */
  const drop = async (name: string, text: string, ageMs: number): Promise<void> => {
    await mkdir(folder(), { recursive: true });
    await writeFile(join(folder(), name), text);
    const at = (clock.nowMs() - ageMs) / 1000;
    await utimes(join(folder(), name), at, at);
  };

  it('waits until a file was not written for a while', async () => {
    await drop('slow.csv', 'first', 0);
    expect(await names()).toEqual([]);
    clock.advance(INBOX_QUIET_MS - 1);
    expect(await names()).toEqual([]);
    await drop('slow.csv', 'first and second', 0);
    clock.advance(INBOX_QUIET_MS - 1);
    expect(await names()).toEqual([]);
    clock.advance(1);
    expect(await names()).toEqual(['slow.csv']);
  });

  it('takes a file whose clock runs ahead once it was seen to stay', async () => {
    await drop('future.csv', 'text', -86_400_000);
    expect(await names()).toEqual([]);
    clock.advance(INBOX_QUIET_MS);
    expect(await names()).toEqual(['future.csv']);
  });

  it('gives a file a second name, not a copy, and takes the first away when settled', async () => {
    await drop('a.csv', 'text', 5000);
    const before = await lstat(join(folder(), 'a.csv'), { bigint: true });
    const [arrival] = (await engine.arrivals.poll(1)).arrivals;
    const stored = await lstat(join(dataDir, 'objects', ...(arrival?.key ?? '').split('/')), { bigint: true });
    expect(stored.ino).toBe(before.ino);
    await arrival?.settle();
    await expect(lstat(join(folder(), 'a.csv'))).rejects.toThrow('ENOENT');
    expect(textOf(await engine.objects.get(arrival?.key ?? ''))).toBe('text');
  });

  it('shows in the pin when a writer goes on after the file was taken', async () => {
    await drop('a.csv', 'half of it', 5000);
    const [arrival] = (await engine.arrivals.poll(1)).arrivals;
    if (arrival === undefined) throw new Error('an arrival was expected');
    await appendFile(join(folder(), 'a.csv'), ' and the rest');
    expect(await faultCode(engine.objects.openRange(arrival, 0, 5))).toBe('OBJECT_CHANGED');
  });

  // threat 3
  it('reports once what can never be taken, and goes on with the rest', async () => {
    await mkdir(join(folder(), 'folder'), { recursive: true });
    await mkdir(join(dataDir, 'inbox', 'No Client'));
    await writeFile(join(dataDir, 'inbox', 'stray.csv'), 'x');
    await symlink('/etc/passwd', join(folder(), 'link.csv'));
    execFileSync('mkfifo', [join(folder(), 'pipe')]);
    await writeFile(Buffer.concat([Buffer.from(`${folder()}/`), Buffer.from([0xff, 0xfe])]), 'x');
    await drop('good.csv', 'x', 5000);
    const first = await engine.arrivals.poll(100);
    expect(first.arrivals.map(({ file }) => file)).toEqual(['good.csv']);
    expect(first.refusals.map(({ client, reason }) => `${client}: ${reason}`).sort()).toEqual([
      ': it lies outside of a client’s folder',
      ': the folder’s name is no client id',
      'acme: it is a folder',
      'acme: it is a link',
      'acme: it is no regular file',
      'acme: its name is not UTF-8',
    ]);
    expect((await engine.arrivals.poll(100)).refusals).toEqual([]);
    await rm(join(folder(), 'link.csv'));
    await engine.arrivals.poll(100);
    await symlink('/etc/passwd', join(folder(), 'link.csv'));
    expect((await engine.arrivals.poll(100)).refusals.map(({ reason }) => reason)).toEqual(['it is a link']);
  });

  it('leaves names of uploads on their way alone until they are renamed', async () => {
    for (const name of ['.upload', 'upload.csv.part', 'u.tmp', 'u.filepart', 'u.crdownload', 'U.PART']) {
      await drop(name, 'x', 5000);
      expect(await engine.arrivals.poll(100), name).toEqual({ arrivals: [], refusals: [] });
      await rename(join(folder(), name), join(folder(), 'upload.csv'));
      expect(await names(), name).toEqual(['upload.csv']);
      await rm(join(folder(), 'upload.csv'));
    }
  });

  it('takes files in the order in which they came, whatever time they carry', async () => {
    for (const [name, ageMs] of [
      ['first.csv', 2000],
      ['second.csv', 9000],
      ['a-third.csv', 5000],
    ] as const) {
      await drop(name, 'x', ageMs);
      await nextTick();
    }
    expect(await names()).toEqual(['first.csv', 'second.csv', 'a-third.csv']);
  });

  it('keeps that order over a crash, whichever of the files had been taken by then', async () => {
    const order = ['second.csv', 'first.csv', 'a-third.csv'];
    for (const [k, name] of order.entries()) {
      await drop(name, name, 2000 + 1000 * k);
      await nextTick();
    }
    // None is settled, and the first had not been linked when the crash came.
    const { arrivals } = await engine.arrivals.poll(100);
    await engine.objects.delete(arrivals[0]?.key ?? '');
    await engine.close();
    engine = await openEngineOn(dataDir, clock);
    await drop('later.csv', 'x', 9000);
    expect(await names()).toEqual([...order, 'later.csv']);
  });

  it('gives no file before an earlier one with a name of its own elsewhere', async () => {
    await drop('first.csv', 'x', 5000);
    await nextTick();
    await drop('second.csv', 'x', 5000);
    await link(join(folder(), 'second.csv'), join(base, 'backup'));
    expect(await names()).toEqual(['first.csv', 'second.csv']);
  });

  it('keeps the name of a file that was written to before it was settled, and gives it again', async () => {
    await drop('a.csv', 'half of it', 5000);
    const [arrival] = (await engine.arrivals.poll(1)).arrivals;
    await appendFile(join(folder(), 'a.csv'), ' and the rest');
    await arrival?.settle();
    expect(await names()).toEqual([]);
    clock.advance(86_400_000);
    const [again] = (await engine.arrivals.poll(1)).arrivals;
    expect([again?.file, again?.bytes]).toEqual(['a.csv', 23]);
    expect(again?.key).not.toBe(arrival?.key);
  });

  it('shows a name without control characters, and never too long', async () => {
    await drop(`bad\n\u009b\u2028${'é'.repeat(120)}.csv`, 'x', 5000);
    expect(await names()).toEqual([`bad${'é'.repeat(120)}.csv`]);
  });

  it('names one state of a file by bucket, key and version', async () => {
    await drop('a.csv', 'one', 5000);
    const [first] = (await engine.arrivals.poll(9)).arrivals;
    await drop('a.csv', 'other', 5000);
    const [second] = (await engine.arrivals.poll(9)).arrivals;
    expect(first?.bucket).toBe(second?.bucket);
    expect([first?.key, first?.version]).not.toEqual([second?.key, second?.version]);
  });

  it('takes thousands of files in order, part by part', async () => {
    const count = 700;
    await mkdir(folder(), { recursive: true });
    await writeFile(join(base, 'seed'), 'x');
    for (let i = 0; i < count; i++) await drop(`f-${i}`, `text ${i}`, 5000);
    let taken = 0;
    for (;;) {
      const { arrivals } = await engine.arrivals.poll(256);
      if (arrivals.length === 0) break;
      for (const arrival of arrivals) await arrival.settle();
      taken += arrivals.length;
    }
    expect(taken).toBe(count);
    expect(await collect(engine.objects.list('raw/acme/'))).toHaveLength(count);
  });

  it('copies a file that has further names, so that writing through them changes nothing that was accepted', async () => {
    await dropInInbox(dataDir, clock, 'acme', 'a.csv', 'text');
    await link(join(folder(), 'a.csv'), join(base, 'elsewhere'));
    const [arrival] = (await engine.arrivals.poll(9)).arrivals;
    expect(arrival?.file).toBe('a.csv');
    await arrival?.settle();
    await appendFile(join(base, 'elsewhere'), ' of next month');
    expect(await engine.objects.head(arrival?.key ?? '')).toMatchObject({ etag: arrival?.etag });
    expect(textOf(await engine.objects.get(arrival?.key ?? ''))).toBe('text');
    expect(await names()).toEqual([]);
  });
});
