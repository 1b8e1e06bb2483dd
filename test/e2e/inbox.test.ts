/** The inbox: files dropped for the daemon, in order, whole, and only those that are meant for it. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { goodFile, record, SHORT_HEADER } from './files.ts';
import { eventually, finalBatches, inboxFolder, type Program, type Sandbox, sandboxes } from './harness.ts';
import { expectSound, storedDebts } from './judge.ts';

const sandbox = sandboxes();

const HOUR_S = 3600;

/** Writes a file elsewhere, with an older time, and renames it into the inbox: it is whole from the first moment. */
function drop(box: Sandbox, client: string, name: string, content: string, ageS = HOUR_S): string {
  const aside = box.write(`aside-${client}-${name}`, content);
  const thenS = Date.now() / 1000 - ageS;
  utimesSync(aside, thenS, thenS);
  const path = join(inboxFolder(box, client), name);
  renameSync(aside, path);
  return path;
}

/** The log lines of one event. */
function events(daemon: Program, name: string): Record<string, unknown>[] {
  return daemon.stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((event) => event['msg'] === name);
}

describe('files dropped for clients', () => {
  it('are taken in the order in which they came, whatever their own times say', async () => {
    const { box } = sandbox;
    const names = Array.from({ length: 24 }, (_, i) => `${(i * 7) % 24}-lote.csv`);
    // A file system tells times apart by a few milliseconds.
    const dropAll = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) {
        const content = SHORT_HEADER + record(1, { ref: 'SAME', amount: `${i + 1}.00` }) + record(i + 1);
        for (const client of ['acme', 'beta']) drop(box, client, names[i] as string, content, HOUR_S + i * 60);
        await delay(12);
      }
    };
    // Some wait for the daemon, the others come while it works.
    await dropAll(0, 12);
    const daemon = await box.serve();
    await dropAll(12, 24);
    const batches = await finalBatches(box, 48);
    for (const client of ['acme', 'beta']) {
      const own = batches.filter((batch) => batch.client === client);
      expect(own.map((batch) => batch.file)).toEqual(names);
      expect(own.every((batch) => batch.state === 'completed')).toBe(true);
      const debts = storedDebts(box, client);
      expect(debts.size).toBe(25);
      expect(debts.get('SAME'), 'the later file wins').toBe(2400n);
      expect(readdirSync(box.data('inbox', client))).toEqual([]);
    }
    expect((await daemon.kill('SIGTERM')).code).toBe(0);
    expectSound(box);
  });

  it('are not looked at while their names begin with a dot, and are taken once renamed', async () => {
    const { box } = sandbox;
    const upload = drop(box, 'acme', '.lote.csv.part', goodFile(3));
    const daemon = await box.serve();
    drop(box, 'acme', 'other.csv', goodFile(1));
    expect((await finalBatches(box, 1)).map((batch) => batch.file)).toEqual(['other.csv']);
    expect(existsSync(upload)).toBe(true);
    renameSync(upload, box.data('inbox', 'acme', 'lote.csv'));
    const batches = await finalBatches(box, 2);
    expect(batches.map((batch) => [batch.file, batch.records])).toEqual([
      ['other.csv', 1],
      ['lote.csv', 3],
    ]);
    expect(events(daemon, 'arrival.refused')).toEqual([]);
  });

  it('may come again under the same name: each is a batch of its own', async () => {
    const { box } = sandbox;
    await box.serve();
    for (const amount of ['1.00', '2.00', '3.00']) {
      const path = drop(box, 'acme', 'daily.csv', SHORT_HEADER + record(1, { ref: 'D', amount }));
      await eventually('the file to be taken', () => !existsSync(path));
    }
    await finalBatches(box, 3);
    expect(storedDebts(box, 'acme')).toEqual(new Map([['D', 300n]]));
  });

  it('that cannot be read end as failed batches, and the next ones go on', async () => {
    const { box } = sandbox;
    await box.serve();
    drop(box, 'acme', '1-empty.csv', '');
    drop(box, 'acme', '2-foreign.csv', '%PDF-1.7\n');
    drop(box, 'acme', '3-good.csv', goodFile(2));
    const batches = await finalBatches(box, 3);
    expect(batches.map((batch) => batch.failure?.code ?? batch.state)).toEqual([
      'FILE_EMPTY',
      'FILE_ARCHIVE',
      'completed',
    ]);
  });
});

describe('a file that is still being written', () => {
  // fault 38
  it('is taken only once it stays as it is, and then whole', async () => {
    const { box } = sandbox;
    // Wide apart, so that a busy machine does not make the writer look as if it had ended.
    const quietMs = 1500;
    const daemon = await box.serve({ REMESSA_INBOX_QUIET_MS: String(quietMs) });
    const content = goodFile(400);
    const piece = Math.ceil(content.length / 40);
    for (let round = 1; ; round++) {
      const client = `round-${round}`;
      const path = join(inboxFolder(box, client), 'growing.csv');
      let stoodMs = 0;
      for (let at = 0; at < content.length; at += piece) {
        const fromMs = performance.now();
        appendFileSync(path, content.slice(at, at + piece));
        await delay(30);
        const taken = events(daemon, 'batch.accepted').filter((event) => event['client'] === client);
        stoodMs = Math.max(stoodMs, performance.now() - fromMs);
        if (stoodMs < quietMs) expect(taken, 'nothing is taken before the end').toEqual([]);
      }
      // Where the machine kept the writer from writing for that long all the same, the file was rightly taken; another one.
      if (stoodMs >= quietMs && round < 10) continue;
      const batch = await eventually('its batch', async () =>
        (await finalBatches(box, 1)).find((view) => view.client === client),
      );
      expect(batch).toMatchObject({ file: 'growing.csv', state: 'completed', records: 400 });
      expect(existsSync(path)).toBe(false);
      break;
    }
  });

  // fault 38
  it('is voided where it grows after it was taken, unless it was done before', async () => {
    const { box } = sandbox;
    const daemon = await box.serve({
      REMESSA_THREADS: '1',
      REMESSA_RANGE_BYTES: '64KiB',
      REMESSA_READ_BYTES: '64KiB',
      REMESSA_SHARD_RECORDS: '1000',
    });
    const content = goodFile(20_000);
    // When the growth strikes is left to the machine; nearly always it is early enough.
    for (let round = 1; ; round++) {
      const client = `round-${round}`;
      const aside = box.write('aside.csv', content);
      utimesSync(aside, 1, 1);
      const writer = openSync(aside, 'a');
      const path = join(inboxFolder(box, client), 'big.csv');
      renameSync(aside, path);
      await eventually('the file to be taken', () =>
        events(daemon, 'batch.accepted').some((e) => e['client'] === client),
      );
      // Until its name has gone, a file that grew is a new one, and is taken as that.
      await eventually('its name to go', () => !existsSync(path));
      writeSync(writer, record(99_999));
      closeSync(writer);
      const batch = (await finalBatches(box, round)).find((view) => view.client === client);
      if (batch?.state === 'failed') {
        expect(batch.failure?.code).toBe('OBJECT_CHANGED');
        expect(batch.failure?.message).toMatch(/send it again once it is complete/);
        expect(storedDebts(box, client).size, 'nothing is registered of half a file').toBe(0);
        break;
      }
      expect(batch).toMatchObject({ state: 'completed', records: 20_000 });
      expect(round, 'the batch was always done before').toBeLessThan(25);
    }
  });
});

describe('what does not belong into the inbox', () => {
  // threat 3
  it('is reported once and left where it is', async () => {
    const { box } = sandbox;
    const folder = inboxFolder(box, 'acme');
    const secret = box.write('secret.csv', goodFile(1));
    mkdirSync(join(folder, 'folder.csv'));
    symlinkSync(secret, join(folder, 'link.csv'));
    writeFileSync(box.data('inbox', 'loose.csv'), goodFile(1));
    mkdirSync(box.data('inbox', 'Not A Client'));
    writeFileSync(box.data('inbox', 'Not A Client', 'f.csv'), goodFile(1));
    const daemon = await box.serve();
    drop(box, 'acme', 'good.csv', goodFile(2));
    await finalBatches(box, 1);
    drop(box, 'acme', 'last.csv', goodFile(3));
    const batches = await finalBatches(box, 2);
    expect(batches.map((batch) => batch.file)).toEqual(['good.csv', 'last.csv']);
    expect(
      events(daemon, 'arrival.refused')
        .map((event) => event['reason'])
        .sort(),
    ).toEqual(
      [
        'it is a folder',
        'it is a link',
        'it lies outside of a client’s folder',
        'the folder’s name is no client id',
      ].sort(),
    );
    expect(readdirSync(folder).sort()).toEqual(['folder.csv', 'link.csv']);
    expect(readFileSync(box.data('inbox', 'loose.csv'), 'utf8')).toBe(goodFile(1));
    expect(readdirSync(box.data('inbox', 'Not A Client'))).toEqual(['f.csv']);
  });

  it('files of unknown clients stay, reported, until the client is added, where clients are not open', async () => {
    const { box } = sandbox;
    // More than are taken at one look: they must not keep the files of others waiting.
    const strangers = 260;
    for (let i = 0; i < strangers; i++) drop(box, 'stranger', `${i}.csv`, goodFile(1));
    expect((await box.run(['clients', 'add', 'acme', '--name', 'Conhecida'])).code).toBe(0);
    drop(box, 'acme', 'lote.csv', goodFile(2));
    const daemon = await box.serve({ REMESSA_CLIENTS_OPEN: 'no' });
    expect(await finalBatches(box, 1)).toMatchObject([{ client: 'acme', state: 'completed', records: 2 }]);
    const reports = events(daemon, 'arrival.failed');
    expect(reports.length, 'one report a file, not one a look').toBe(strangers);
    for (const report of reports) {
      expect(report).toMatchObject({ client: 'stranger' });
      expect(String(report['error'])).toMatch(/CLIENT_UNKNOWN/);
    }
    expect(readdirSync(box.data('inbox', 'stranger'))).toHaveLength(strangers);

    expect((await box.run(['clients', 'add', 'stranger', '--name', 'Conhecido'])).code).toBe(0);
    const batches = await finalBatches(box, strangers + 1);
    expect(batches.every((batch) => batch.state === 'completed')).toBe(true);
    await eventually('the inbox to be empty', () => readdirSync(box.data('inbox', 'stranger')).length === 0);
  });
});
