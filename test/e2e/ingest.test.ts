/** `remessa ingest`: generated files in, the truth out, however the file is cut, packed and sent. */
import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AS_OF, again, HEADER, type MadeFile, madeFile, OUTCOMES, record, SHORT_HEADER } from './files.ts';
import { sandboxes } from './harness.ts';
import { answersOf, expectReceipt, expectSound, expectTruth, ingested, type Receipt, storedDebts } from './judge.ts';

const sandbox = sandboxes();

/** Small ranges and shards, so that a file of a few megabytes is cut into many. */
const CUT_SMALL = {
  REMESSA_RANGE_BYTES: '64KiB',
  REMESSA_READ_BYTES: '64KiB',
  REMESSA_RECORD_BYTES_MAX: '32KiB',
  REMESSA_SHARD_RECORDS: '1000',
} as const;

describe('a large file', () => {
  const large = madeFile({ lines: 30_000, seed: 11 });

  it.each([
    ['many ranges and shards, one thread', { ...CUT_SMALL, REMESSA_THREADS: '1' }, 31, 30],
    [
      'ranges of another size, three threads, tiny pages',
      {
        ...CUT_SMALL,
        REMESSA_RANGE_BYTES: '300001',
        REMESSA_SHARD_RECORDS: '7777',
        REMESSA_PAGE_BYTES: '4KiB',
        REMESSA_STAGING_BUFFER_BYTES: '64KiB',
        REMESSA_THREADS: '3',
      },
      8,
      4,
    ],
    ['one range, one shard', {}, 1, 1],
  ])('%s: every record has its true outcome', async (_, env, rangesMin, shards) => {
    const { box } = sandbox;
    const receipt = await ingested(box, box.write('debts.csv', large.bytes), 'acme', { env });
    expect(receipt.ranges).toBeGreaterThanOrEqual(rangesMin);
    expect(receipt.shards).toBe(shards);
    await expectTruth(box, { file: large.bytes, truth: large.truth, receipt });
  });

  it('changes nothing the second time, and takes in a revised edition afterwards', async () => {
    const { box } = sandbox;
    const edition = madeFile({ lines: 12_000, seed: 16 });
    const file = box.write('debts.csv', edition.bytes);
    const first = await ingested(box, file, 'acme', { env: CUT_SMALL });
    const before = storedDebts(box, 'acme');
    const second = await ingested(box, file, 'acme', { env: { ...CUT_SMALL, REMESSA_RANGE_BYTES: '200000' } });
    expect(second.batch).not.toBe(first.batch);
    await expectTruth(box, { file: edition.bytes, truth: again(edition.truth), receipt: second });
    expect(storedDebts(box, 'acme')).toEqual(before);

    const revised = madeFile({ lines: 12_000, seed: 16, reviseShare: 0.3 });
    const third = await ingested(box, box.write('revised.csv', revised.bytes), 'acme', { env: CUT_SMALL });
    for (const outcome of ['created', 'updated', 'unchanged'] as const) {
      expect(third.lines[outcome], outcome).toBeGreaterThan(1000);
    }
    await expectTruth(box, { file: revised.bytes, truth: revised.truth, receipt: third });
  });
});

describe('the form a file comes in', () => {
  const made = madeFile({ lines: 3000, seed: 12 });

  it('may end its lines with CRLF, begin with a byte order mark and lack the last line end', async () => {
    const { box } = sandbox;
    const crlf = Buffer.from(made.bytes.toString('latin1').replaceAll(/(?<!\r)\n/g, '\r\n'), 'latin1');
    const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), crlf]);
    const file = marked.subarray(0, marked.length - 2);
    const receipt = await ingested(box, box.write('crlf.csv', file), 'acme', { env: CUT_SMALL });
    expect(receipt.ranges).toBeGreaterThan(3);
    await expectTruth(box, { file, truth: made.truth, receipt });
  });

  it.each([
    ['one member', (bytes: Buffer) => gzipSync(bytes)],
    ['several members, cut anywhere', membersOf],
  ])('may be gzip of %s', async (_, pack) => {
    const { box } = sandbox;
    const packed = pack(made.bytes);
    const receipt = await ingested(box, box.write('debts.csv.gz', packed), 'acme', { env: CUT_SMALL });
    expect(receipt.bytes).toBe(packed.length);
    expect(receipt.ranges).toBeGreaterThan(3);
    await expectTruth(box, { file: made.bytes, truth: made.truth, receipt });
  });

  it('may come through standard input, twice', async () => {
    const { box } = sandbox;
    const receipt = await ingested(box, '-', 'acme', { stdin: made.bytes });
    expect(receipt.file).toBe('stdin');
    await expectTruth(box, { file: made.bytes, truth: made.truth, receipt });
    const second = await ingested(box, '-', 'acme', { stdin: gzipSync(made.bytes) });
    expectReceipt(second, again(made.truth));
  });

  it('may be a header alone: completed, with no lines', async () => {
    const { box } = sandbox;
    const large = { REMESSA_SMALL_RECORDS_MAX: '0', REMESSA_SMALL_BYTES_MAX: '0' };
    for (const [content, env] of [
      [HEADER, {}],
      [HEADER.trimEnd(), {}],
      [`\n${HEADER}\r\n\n`, {}],
      [HEADER, large],
    ] as const) {
      const receipt = await ingested(box, box.write('header.csv', content), 'acme', { env });
      expectReceipt(receipt, []);
      const { retorno, rejects, resubmit } = await answersOf(box, receipt.batch);
      expect(retorno.toString()).toBe('line,external_ref,outcome,code,message\n');
      expect(rejects.toString()).toBe('line,column,code,message,raw\n');
      expect(resubmit.toString().trim()).toBe(HEADER.trim());
    }
    expectSound(box);
  });
});

describe('a small batch', () => {
  it('answers as the same file does on the way of large ones', async () => {
    const small = madeFile({ lines: 1000, seed: 13 });
    const revised = madeFile({ lines: 1000, seed: 13, reviseShare: 0.4 });
    const ways: { receipts: unknown[]; answers: unknown[]; debts: unknown }[] = [];
    for (const smallRecordsMax of ['1000', '0']) {
      const { box } = sandbox;
      const client = `way-${smallRecordsMax}`;
      const env = { REMESSA_SMALL_RECORDS_MAX: smallRecordsMax, REMESSA_SHARD_RECORDS: '300' };
      const receipts: Receipt[] = [];
      const answers: unknown[] = [];
      for (const made of [small, revised]) {
        const receipt = await ingested(box, box.write('debts.csv', made.bytes), client, { env });
        answers.push(await expectTruth(box, { file: made.bytes, truth: made.truth, receipt }));
        receipts.push(receipt);
      }
      expect(receipts.map((receipt) => receipt.shards)).toEqual(smallRecordsMax === '0' ? [4, 4] : [1, 1]);
      ways.push({ receipts: receipts.map(timeless), answers, debts: storedDebts(box, client) });
    }
    expect(ways[0]).toEqual(ways[1]);
  });
});

describe('--dry-run', () => {
  it.each([
    ['large', { ...CUT_SMALL, REMESSA_SMALL_RECORDS_MAX: '0' }],
    ['small', {}],
  ])('foretells the outcomes of a %s file and stores no debt', async (_, env) => {
    const { box } = sandbox;
    const made = madeFile({ lines: 900, seed: 14 });
    const revised = madeFile({ lines: 900, seed: 14, reviseShare: 0.5 });
    for (const [name, { bytes: file, truth }] of Object.entries({ 'first.csv': made, 'second.csv': revised })) {
      const path = box.write(name, file);
      const stored = name === 'first.csv' ? new Map() : storedDebts(box, 'acme');
      const preview = await ingested(box, path, 'acme', { env, options: ['--dry-run'] });
      expect(preview.dryRun).toBe(true);
      const foretold = await expectTruth(box, { file, truth, receipt: preview }, { stored: false });
      expect(storedDebts(box, 'acme')).toEqual(stored);

      const receipt = await ingested(box, path, 'acme', { env });
      expect(receipt.dryRun).toBe(false);
      expect(await expectTruth(box, { file, truth, receipt })).toEqual(foretold);
    }
  });
});

describe('what a file says about debts that are there', () => {
  const FIRST =
    'D1,Ana Souza,529.982.247-25,100.00,2026-01-10,ana@example.com,(11) 98765-4321,Banco Ipê,cartão,3/12\n' +
    'D2,João Melo,11144477735,200,2026-01-11,joao@example.com,1198765432,Banco Ipê,energia,1\n';

  async function debtsOf(): Promise<Record<string, unknown>[]> {
    const listed = await sandbox.box.run(['debts', '--client', 'acme']);
    expect(listed.code, listed.stderr).toBe(0);
    const debts = listed.stdout.trimEnd().split('\n');
    return debts
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .sort((a, b) => (String(a['external_ref']) < String(b['external_ref']) ? -1 : 1));
  }

  it.each([
    ['small', {}],
    ['large', { REMESSA_SMALL_RECORDS_MAX: '0' }],
  ])('a missing column keeps the value and an empty field clears it, in a %s batch', async (_, env) => {
    const { box } = sandbox;
    const outcomes = async (content: string): Promise<string> => {
      const receipt = await ingested(box, box.write('debts.csv', content), 'acme', { env });
      return OUTCOMES.filter((outcome) => receipt.lines[outcome] !== 0)
        .map((outcome) => `${receipt.lines[outcome]} ${outcome}`)
        .join();
    };
    expect(await outcomes(HEADER + FIRST)).toBe('2 created');
    const [first, second] = await debtsOf();
    expect(first).toMatchObject({
      external_ref: 'D1',
      debtor_name: 'Ana Souza',
      cpf: '52998224725',
      amount: '100.00',
      due_date: '2026-01-10',
      debtor_email: 'ana@example.com',
      debtor_phone: '11987654321',
      creditor_name: 'Banco Ipê',
      account_type: 'cartão',
      installment: '3/12',
    });

    // The optional columns are not in the file: what is stored stays, and nothing changes.
    expect(await outcomes(`${SHORT_HEADER}D1,Ana  Souza,52998224725,100,2026-01-10\n`)).toBe('1 unchanged');
    expect(await debtsOf()).toEqual([first, second]);

    // Columns in another order, one of the optional ones among them, empty: that one alone is cleared.
    const reordered =
      'installment,amount,due_date,cpf,debtor_name,external_ref\n' +
      ',100.5,2026-01-10,52998224725,Ana Souza,D1\n' +
      '1,200.00,2026-01-11,11144477735,João Melo,D2\n';
    expect(await outcomes(reordered)).toBe('1 updated,1 unchanged');
    const [changed, kept] = await debtsOf();
    expect(changed).toMatchObject({ ...values(first), amount: '100.50', installment: null });
    expect(kept).toEqual(second);
  });

  function values(debt: Record<string, unknown> | undefined): Record<string, unknown> {
    const named = Object.entries(debt ?? {}).filter(([name]) => HEADER.trim().split(',').includes(name));
    return Object.fromEntries(named);
  }
});

describe('duplicates far apart', () => {
  it('the first line wins and is named, whatever the split; a rejected record takes no reference', async () => {
    const many = Array.from({ length: 6000 }, (_, i) => record(i + 1));
    // The first of the twins is rejected, so the second, in another range, is the one that counts.
    many[10] = record(0, { ref: 'TWIN', amount: '12,50' }).replace('12,50', '"12,50"');
    many[2500] = record(0, { ref: 'TWIN', amount: '25.00' });
    many[4000] = record(0, { ref: '"TWIN"', amount: '40.00' });
    many[5999] = record(0, { ref: ' TWIN ', amount: '60.00' });
    many[5000] = record(0, { ref: 'R000001', amount: '9.99' });
    const file = SHORT_HEADER + many.join('');
    const retornos: Buffer[] = [];
    for (const [index, rangeBytes] of ['64KiB', '100003', '8MiB'].entries()) {
      const { box } = sandbox;
      const client = `client-${index}`;
      const env = { ...CUT_SMALL, REMESSA_RANGE_BYTES: rangeBytes, REMESSA_SHARD_RECORDS: String(500 + index * 999) };
      const receipt = await ingested(box, box.write(`${index}.csv`, file), client, { env });
      expect(receipt.lines).toMatchObject({ total: 6000, created: 5996, duplicate: 3, rejected: 1 });
      const { retorno } = await answersOf(box, receipt.batch);
      retornos.push(retorno);
      expect(storedDebts(box, client).get('TWIN')).toBe(2500n);
      expect(storedDebts(box, client).get('R000001')).toBe(150n);
    }
    const text = retornos[0]?.toString() ?? '';
    const says = 'DUPLICATE_REF,"the external_ref already stands in this file, on line';
    expect(text).toContain(`\n12,TWIN,rejected,AMOUNT_FORMAT,`);
    expect(text).toContain(`\n2502,TWIN,created,,\n`);
    expect(text).toContain(`\n4002,TWIN,duplicate,${says} 2502"\n`);
    expect(text).toContain(`\n5002,R000001,duplicate,${says} 2"\n`);
    expect(text).toContain(`\n6001,TWIN,duplicate,${says} 2502"\n`);
    expect(retornos[1]?.equals(retornos[0] as Buffer)).toBe(true);
    expect(retornos[2]?.equals(retornos[0] as Buffer)).toBe(true);
  });
});

describe('what follows an ingest', () => {
  it('the resubmit file, mended, is ready to be ingested', async () => {
    const { box } = sandbox;
    const bad = (n: number): string => record(n, { amount: `"${n},50"` });
    const file = SHORT_HEADER + record(1) + bad(2) + record(3) + bad(4);
    const first = await ingested(box, box.write('debts.csv', file), 'acme');
    expect(first.lines).toMatchObject({ created: 2, rejected: 2 });
    const out = box.path('resubmit.csv');
    expect((await box.run(['resubmit', first.batch, '--out', out])).code).toBe(0);
    const { resubmit } = await answersOf(box, first.batch);
    const mended = box.write('mended.csv', resubmit.toString().replaceAll(/"(\d+),50"/g, '$1.50'));
    const second = await ingested(box, mended, 'acme');
    expect(second.lines).toMatchObject({ total: 2, created: 2, rejected: 0 });
    expect([...storedDebts(box, 'acme').keys()].sort()).toEqual(['R000001', 'R000002', 'R000003', 'R000004']);
  });

  it('--strict turns rejects into exit 3, and only rejects', async () => {
    const { box } = sandbox;
    const strict = async (content: string): Promise<number | null> =>
      (await box.run(['ingest', box.write('debts.csv', content), '--client', 'acme', '--as-of', AS_OF, '--strict']))
        .code;
    expect(await strict(SHORT_HEADER + record(1) + record(1))).toBe(0);
    expect(await strict(SHORT_HEADER + record(1) + record(2, { amount: 'x' }))).toBe(3);
  });

  it('--json prints one receipt with the documented fields, in their order', async () => {
    const { box } = sandbox;
    const file = box.write('debts.csv', SHORT_HEADER + record(1));
    const ran = await box.run(['ingest', file, '--client', 'acme', '--as-of', AS_OF, '--json']);
    const receipt = JSON.parse(ran.stdout) as Record<string, Record<string, unknown>>;
    expect(Object.keys(receipt)).toEqual(
      (
        'batch client file status reason dryRun profile profileSource warnings module bytes records ranges shards lines cents rejectedBy warnedBy ' +
        'acceptedAt businessDate finishedAt seconds linesPerSecond'
      ).split(' '),
    );
    for (const totals of ['lines', 'cents']) {
      expect(Object.keys(receipt[totals] ?? {})).toEqual(['total', ...OUTCOMES]);
    }
    expect(receipt).toMatchObject({ client: 'acme', file: 'debts.csv', status: 'completed', businessDate: AS_OF });
    expect(receipt['batch']).toMatch(/^b-[0-9a-z]{16}$/);
    const shown = await box.run(['batch', String(receipt['batch']), '--json']);
    expect((JSON.parse(shown.stdout) as { receipt: unknown }).receipt).toEqual(receipt);
  });

  it('keeps to the bounds of a client', async () => {
    const { box } = sandbox;
    const added = await box.run([
      'clients',
      'add',
      'shop',
      '--name',
      'Loja',
      '--amount-min',
      '10.00',
      '--amount-max',
      '5000.00',
    ]);
    expect(added.code, added.stderr).toBe(0);
    const made: MadeFile = madeFile({ lines: 2000, seed: 15, amountCentsMin: 1000, amountCentsMax: 500_000 });
    const receipt = await ingested(box, box.write('debts.csv', made.bytes), 'shop', { env: CUT_SMALL });
    expect(receipt.rejectedBy['AMOUNT_BELOW_MINIMUM']).toBeGreaterThan(0);
    expect(receipt.rejectedBy['AMOUNT_ABOVE_MAXIMUM']).toBeGreaterThan(0);
    await expectTruth(box, { file: made.bytes, truth: made.truth, receipt });

    // Without a client's bounds the same amounts pass: the store is another client's, and so is its answer.
    const open = await ingested(box, box.path('debts.csv'), 'open');
    expect(open.rejectedBy).not.toHaveProperty('AMOUNT_BELOW_MINIMUM');
    expect(storedDebts(box, 'shop').size).toBe(receipt.lines['created']);
  });

  it('the same file may be known under many names and clients', async () => {
    const { box } = sandbox;
    const file = box.write('debts.csv', SHORT_HEADER + record(1));
    const one = await ingested(box, file, 'one');
    const two = await ingested(box, file, 'two');
    expect([one.lines['created'], two.lines['created']]).toEqual([1, 1]);
    expect(two.batch).not.toBe(one.batch);
  });
});

/** Gzip members that begin and end anywhere, one of them empty. */
function membersOf(bytes: Buffer): Buffer {
  const cuts = [0, 1, 70_001, 70_001, Math.floor(bytes.length / 2) + 1, bytes.length];
  return Buffer.concat(cuts.slice(1).map((end, index) => gzipSync(bytes.subarray(cuts[index], end))));
}

/** What two ways of the same file must agree on. */
function timeless(receipt: Receipt): Partial<Receipt> {
  const { batch, client, ranges, shards, acceptedAt, finishedAt, seconds, linesPerSecond, ...rest } = receipt;
  return rest;
}
