/** One data folder, several processes: one engine at a time, and every command beside it. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AS_OF, again, goodFile, madeFile } from './files.ts';
import { batchesOf, eventually, QUICK, sandboxes } from './harness.ts';
import {
  answersOf,
  expectReceipt,
  expectSound,
  expectTruth,
  filesBelow,
  ingested,
  receiptOf,
  storedDebts,
} from './judge.ts';

const sandbox = sandboxes();

const CUT_SMALL = { REMESSA_RANGE_BYTES: '64KiB', REMESSA_READ_BYTES: '64KiB', REMESSA_SHARD_RECORDS: '1000' } as const;
const HANDED = 'another engine keeps the data folder; the file is handed to it';

describe('the engine of a folder', () => {
  // fault 32
  it('is one: a second daemon is refused, and the first goes on', async () => {
    const { box } = sandbox;
    const daemon = await box.serve();
    const second = await box.run(['serve']);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^remessa: FOLDER_LOCKED: another engine keeps this data folder; .*\n$/);
    const receipt = await ingested(box, box.write('debts.csv', goodFile(5)), 'acme');
    expect(receipt.lines['created']).toBe(5);
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('engine.stopped');
    const third = await box.serve();
    expect((await third.kill('SIGINT')).code).toBe(0);
  });

  it('says who it is while it runs', async () => {
    const { box } = sandbox;
    const daemon = await box.serve();
    const said = JSON.parse(readFileSync(box.data('engine.json'), 'utf8')) as { readonly startedAt: string };
    expect(Date.parse(said.startedAt)).toBeLessThanOrEqual(Date.now());
    await daemon.kill('SIGTERM');
    expect(existsSync(box.data('engine.json'))).toBe(false);
  });

  it('leaves no lock behind when it is killed', async () => {
    const { box } = sandbox;
    const daemon = await box.serve();
    expect((await daemon.kill('SIGKILL')).code).toBe(null);
    const ran = await box.run(['ingest', box.write('debts.csv', goodFile(3)), '--client', 'acme', '--as-of', AS_OF]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).not.toContain(HANDED);
    const next = await box.serve();
    expect((await next.kill('SIGTERM')).code).toBe(0);
    expectSound(box);
  });
});

describe('beside a running daemon', () => {
  const made = madeFile({ lines: 6000, seed: 31 });

  it('ingest hands its file over, follows it and prints the receipt', async () => {
    const { box } = sandbox;
    const daemon = await box.serve(CUT_SMALL);
    const file = box.write('debts.csv', made.bytes);
    const ran = await box.run(['ingest', file, '--client', 'acme', '--as-of', AS_OF, '--json']);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toContain(HANDED);
    const receipt = receiptOf(ran);
    expect(receipt.ranges).toBeGreaterThan(3);
    // The engine frees what the batch left behind in its own time.
    await daemon.kill('SIGTERM');
    expect((await box.run(['ingest', file, '--client', 'other', '--as-of', AS_OF])).code).toBe(0);
    await expectTruth(box, { file: made.bytes, truth: made.truth, receipt });
  });

  it('a file that is refused is refused the same way', async () => {
    const { box } = sandbox;
    await box.serve();
    const ran = await box.run(['ingest', box.write('bad.csv', 'a,b\n'), '--client', 'acme', '--json']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/\nremessa: COLUMN_UNKNOWN: .*line 1/);
    expect(receiptOf(ran).status).toBe('failed');
  });

  it('the reading commands work', async () => {
    const { box } = sandbox;
    await box.serve();
    const receipt = await ingested(box, box.write('debts.csv', goodFile(4)), 'acme');
    expect((await batchesOf(box)).map((batch) => batch.id)).toEqual([receipt.batch]);
    const batch = await box.run(['batch', receipt.batch, '--json']);
    expect(JSON.parse(batch.stdout)).toMatchObject({ id: receipt.batch, state: 'completed', records: 4 });
    const { retorno, resubmit } = await answersOf(box, receipt.batch);
    expect(retorno.toString().split('\n')).toHaveLength(6);
    expect(resubmit.toString().split('\n')).toHaveLength(2);
    const debts = await box.run(['debts', '--client', 'acme', '--cpf', '529.982.247-25']);
    expect(debts.stdout.trim().split('\n')).toHaveLength(4);
    const one = await box.run(['debts', '--client', 'acme', '--external-ref', 'R000003']);
    expect(JSON.parse(one.stdout)).toMatchObject({ external_ref: 'R000003', amount: '3.50' });
    const clients = await box.run(['clients', 'list', '--json']);
    expect(JSON.parse(clients.stdout)).toMatchObject([{ id: 'acme' }]);
    const added = await box.run(['clients', 'add', 'new', '--name', 'Nova']);
    expect(added.code, added.stderr).toBe(0);
  });
});

describe('the same file ingested by several at once', () => {
  const made = madeFile({ lines: 20_000, seed: 32 });

  it.each([
    'by name',
    'through standard input',
  ])('%s is one batch, and one of them carries on where the engine ends', async (way) => {
    const { box } = sandbox;
    const byName = way === 'by name';
    const file = byName ? box.write('debts.csv', made.bytes) : '-';
    const given = byName ? { env: CUT_SMALL } : { env: CUT_SMALL, stdin: made.bytes };
    // A daemon that accepts and does nothing more: all are surely on their way at the same time.
    const idle = box.start(['serve', '--roles', 'input'], { env: QUICK });
    await eventually('the idle daemon to start', () => idle.stderr.includes('engine.started'));
    const args = ['ingest', file, '--client', 'acme', '--as-of', AS_OF, '--json'];
    const all = [1, 2, 3, 4].map(() => box.start(args, given));
    await eventually('all to follow their batch', () => all.every((program) => program.stderr.includes('picking')));
    expect(await batchesOf(box)).toHaveLength(1);
    expect((await idle.kill('SIGTERM')).code).toBe(0);
    const ends = await Promise.all(all.map((program) => program.ended));
    for (const ran of ends) expect(ran.code, ran.stderr).toBe(0);
    const [first, ...others] = ends.map(receiptOf);
    for (const other of others) expect(other).toEqual(first);
    expect(await batchesOf(box)).toHaveLength(1);
    expect(filesBelow(box.data('objects', 'raw')), 'the copies of the others are gone').toHaveLength(1);
    if (first !== undefined) await expectTruth(box, { file: made.bytes, truth: made.truth, receipt: first });
  });

  it('ends well for both, without a daemon', async () => {
    const { box } = sandbox;
    const file = box.write('debts.csv', made.bytes);
    const args = ['ingest', file, '--client', 'acme', '--as-of', AS_OF, '--json'];
    const ends = await Promise.all([1, 2].map(() => box.run(args, { env: CUT_SMALL })));
    for (const ran of ends) expect(ran.code, ran.stderr).toBe(0);
    const receipts = new Map(ends.map(receiptOf).map((receipt) => [receipt.batch, receipt]));
    const batches = await batchesOf(box);
    expect(batches.map((batch) => batch.id).sort()).toEqual([...receipts.keys()].sort());
    // Where one began only after the other had ended, it is a second batch, and changed nothing.
    for (const [index, batch] of batches.entries()) {
      const receipt = receipts.get(batch.id);
      if (receipt !== undefined) expectReceipt(receipt, index === 0 ? made.truth : again(made.truth));
    }
    expect(storedDebts(box, 'acme').size).toBe(made.truth.filter((row) => row.outcome === 'created').length);
    expectSound(box);
  });
});
