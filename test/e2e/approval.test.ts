/** A file that is to be approved, on the command line: it waits, is shown, decided about, and found again by the same command. */
import { describe, expect, it } from 'vitest';
import { batchesOf, finalBatches, sandboxes } from './harness.ts';
import { storedDebts } from './judge.ts';

const sandbox = sandboxes();

const HEADER = 'external_ref,debtor_name,cpf,amount,due_date,creditor_name\n';
const rows = (count: number, from = 1, amount = '10.01') =>
  Array.from(
    { length: count },
    (_, i) => `R-${from + i},Ana Lima,52998224725,${amount},2026-03-10,Loja ${i % 3}\n`,
  ).join('');

const LARGE = { REMESSA_SMALL_RECORDS_MAX: '0', REMESSA_SHARD_RECORDS: '40' };

async function asking(approval: unknown = 'required'): Promise<void> {
  const { box } = sandbox;
  const document = box.write('asking.json', JSON.stringify({ format: 1, approval }));
  const added = await box.run(['profiles', 'add', 'asking', document]);
  expect(added.code, added.stderr).toBe(0);
}

const ingest = (file: string, env: Readonly<Record<string, string>> = {}, more: readonly string[] = []) =>
  sandbox.box.run(
    ['ingest', file, '--client', 'acme', '--profile', 'asking', '--as-of', '2026-08-01', '--json', ...more],
    { env },
  );

describe('ingest of a file that is to be approved', () => {
  it('ends saying so, and run again finds the same batch: waiting, then approved and seen through', async () => {
    const { box } = sandbox;
    await asking();
    const file = box.write('debts.csv', `${HEADER + rows(99)}R-1,Ana Lima,52998224725,1.00,2026-03-10,\n`);
    const first = await ingest(file, LARGE);
    expect([first.code, first.stderr]).toEqual([
      4,
      expect.stringMatching(/waits for approval until 20.*\n.*remessa approve b-/),
    ]);
    const preview = JSON.parse(first.stdout);
    expect(preview).toMatchObject({
      status: 'awaiting_approval',
      lines: { total: 100, created: 99, duplicate: 1 },
      cents: { total: 99_199, created: 99_099 },
      creditors: [
        { name: 'Loja 0', lines: 33, cents: 33_033 },
        { name: 'Loja 1', lines: 33, cents: 33_033 },
        { name: 'Loja 2', lines: 33, cents: 33_033 },
      ],
    });
    const again = await ingest(file, LARGE);
    expect([again.code, JSON.parse(again.stdout).batch]).toEqual([4, preview.batch]);
    expect(again.stderr).toContain('resuming batch');
    expect(await batchesOf(box)).toMatchObject([{ id: preview.batch, state: 'awaiting_approval' }]);
    expect(storedDebts(box, 'acme').size).toBe(0);

    const shown = await box.run(['batch', preview.batch]);
    expect(shown.stdout).toMatch(/^approval +required until 20.*remessa approve b-/m);
    expect(shown.stdout).toMatch(/^ {2}created +99 +990\.99$/m);
    expect(shown.stdout).toMatch(/^ {2}Loja 1 +33 +330\.33$/m);
    expect(shown.stdout).toMatch(/^ {2}3 to 6 months +99 +990\.99$/m);

    const approved = await box.run(['approve', preview.batch, '--by', 'Rui']);
    expect([approved.code, approved.stdout]).toEqual([0, expect.stringContaining('is approved; it registers when')]);
    // No engine runs: the command that brought the file sees it through.
    const third = await ingest(file, LARGE);
    expect(third.code, third.stderr).toBe(0);
    expect(JSON.parse(third.stdout)).toMatchObject({
      batch: preview.batch,
      lines: { total: 100, created: 99, duplicate: 1 },
    });
    const late = await box.run(['approve', preview.batch]);
    expect([late.code, late.stdout]).toEqual([0, `${preview.batch} is approved; it is completed\n`]);
    expect(storedDebts(box, 'acme').size).toBe(99);
    const kept = JSON.parse((await box.run(['batch', preview.batch, '--json'])).stdout);
    expect(kept).toMatchObject({
      approval: { standing: 'approved', by: 'Rui' },
      number: 2,
      preview: { asOf: { turnsSince: 0 } },
    });
    const ranges = await box.run(['ranges', preview.batch]);
    expect([ranges.code, ranges.stdout]).toEqual([
      0,
      expect.stringMatching(/^range +state +records .*\n0 +done +100 /),
    ]);
    const shards = JSON.parse((await box.run(['ranges', preview.batch, '--shards', '--json'])).stdout);
    expect(shards.map(({ shard, state }: { shard: number; state: string }) => [shard, state])).toEqual([
      [0, 'done'],
      [1, 'done'],
      [2, 'done'],
    ]);
  });

  it('is approved and followed in one command, or discarded with a reason; a rule that is not reached asks nobody', async () => {
    const { box } = sandbox;
    await asking({ recordsMin: 5, amountMin: '100.00' });
    const small = await ingest(box.write('few.csv', HEADER + rows(4)));
    expect([small.code, JSON.parse(small.stdout).lines.created]).toEqual([0, 4]);
    const dear = await ingest(box.write('dear.csv', HEADER + rows(1, 50, '100.00')));
    expect(dear.code, dear.stderr).toBe(4);
    const many = await ingest(box.write('many.csv', HEADER + rows(5, 3)));
    expect(many.code, many.stderr).toBe(4);
    const followed = await box.run(['approve', JSON.parse(many.stdout).batch, '--follow', '--json']);
    expect([followed.code, JSON.parse(followed.stdout).lines]).toEqual([
      0,
      { total: 5, created: 3, updated: 2, unchanged: 0, duplicate: 0, rejected: 0 },
    ]);
    const { batch } = JSON.parse(dear.stdout);
    expect((await box.run(['discard', batch, '--why', 'wrong month'])).code).toBe(0);
    const late = await box.run(['approve', batch]);
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('NOT_IN_THIS_STATE')]);
    const { failure } = JSON.parse((await box.run(['batch', batch, '--json'])).stdout);
    expect(failure).toMatchObject({ code: 'DISCARDED', message: expect.stringContaining('(wrong month; batch b-') });
    expect(storedDebts(box, 'acme').size).toBe(7);
    // What was discarded has ended, so the same command brings it anew.
    const anew = await ingest(box.path('dear.csv'));
    expect([anew.code, JSON.parse(anew.stdout).batch === batch]).toEqual([4, false]);
  });

  it('waits while daemons come and go, and is cancelled when its time is over', async () => {
    const { box } = sandbox;
    await asking();
    const daemon = await box.serve();
    const waiting = await ingest(box.write('a.csv', HEADER + rows(3)));
    expect(waiting.code, waiting.stderr).toBe(4);
    await daemon.kill('SIGKILL');
    expect((await box.run(['approve', JSON.parse(waiting.stdout).batch])).code).toBe(0);
    const next = await box.serve({ REMESSA_APPROVAL_MS_MAX: '1000', REMESSA_SWEEP_MS: '200' });
    expect(await finalBatches(box, 1)).toMatchObject([{ state: 'completed' }]);
    // A command that looks for the first time when the time is over says that.
    expect([4, 1]).toContain((await ingest(box.write('b.csv', HEADER + rows(3, 7)))).code);
    expect(await finalBatches(box, 2)).toMatchObject([
      { state: 'completed' },
      { state: 'cancelled', failure: { code: 'APPROVAL_EXPIRED' } },
    ]);
    await next.kill('SIGTERM');
    expect(storedDebts(box, 'acme').size).toBe(3);
  });
});
