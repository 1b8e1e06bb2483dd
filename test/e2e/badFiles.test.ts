/** Files that cannot be taken in: each ends in a reported state, with the place and the reason, and changes nothing. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { csvRows } from './csv.ts';
import { AS_OF, goodFile, HEADER, madeFile, record, SHORT_HEADER } from './files.ts';
import { batchesOf, eventually, finalBatches, inboxFolder, type Ran, type Sandbox, sandboxes } from './harness.ts';
import { answersOf, expectReceipt, expectSound, filesBelow, ingested, receiptOf, storedDebts } from './judge.ts';

const sandbox = sandboxes();

function ingest(box: Sandbox, path: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return box.run(['ingest', path, '--client', 'acme', '--as-of', AS_OF, '--json'], { env });
}

/** The one message on stderr, after the progress; it never comes with a stack. */
function messageOf(ran: Ran): string {
  const messages = ran.stderr.split('\n').filter((line) => line.startsWith('remessa: '));
  expect(messages, ran.stderr).toHaveLength(1);
  expect(ran.stderr).not.toMatch(/\n\s+at /);
  return messages[0] ?? '';
}

/** Expects the refusal of a whole file: exit 1, the message, a failed batch, a receipt that says so, no debt. */
async function expectRefused(box: Sandbox, ran: Ran, code: string, place: RegExp): Promise<void> {
  const message = messageOf(ran);
  expect(message).toMatch(new RegExp(`^remessa: ${code}: `));
  expect(message).toMatch(place);
  expect(ran.code).toBe(1);
  const batches = await batchesOf(box);
  expect(batches).toHaveLength(1);
  const [batch] = batches;
  expect(batch).toMatchObject({ client: 'acme', state: 'failed', failure: { code } });
  const receipt = receiptOf(ran);
  expect(receipt).toMatchObject({ batch: batch?.id, status: 'failed', lines: { total: 0 }, cents: { total: 0n } });
  expect(`remessa: ${receipt.reason}`).toBe(message);
  expect(storedDebts(box, 'acme').size).toBe(0);
  expectSound(box);
}

const LINES = record(1) + record(2);
const TEXT = SHORT_HEADER + LINES;
const GZIP = gzipSync(TEXT);

/** The same bytes in every run, without any pattern. */
function noise(bytes: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes / 32) }, (_, i) => createHash('sha256').update(`${i}`).digest());
  return Buffer.concat(blocks).subarray(0, bytes);
}

function changed(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ 0x55, at);
  return copy;
}

type Case = [
  what: string,
  content: Buffer | string,
  code: string,
  place: RegExp,
  env?: Readonly<Record<string, string>>,
];

const UNCLOSED = `${SHORT_HEADER}${LINES}\nR3,"Maria\nda Silva",52998224725,1,2026-01-15\nR4,"João,52998224725,1,2026-01-15\n`;
const LONG = `${SHORT_HEADER}${LINES}R3,${'x'.repeat(3000)},52998224725,1,2026-01-15\n`;
const CUT_SMALL = { REMESSA_RANGE_BYTES: '64KiB', REMESSA_READ_BYTES: '64KiB', REMESSA_RECORD_BYTES_MAX: '2KiB' };
const BULK = goodFile(3000);

const CASES: readonly Case[] = [
  ['no bytes at all', '', 'FILE_EMPTY', /no bytes.*batch b-/],
  ['line ends and nothing else', '\n\r\n\n', 'HEADER_MISSING', /no header line/],
  ['a header that lacks columns', 'external_ref,amount,due_date\n', 'COLUMN_MISSING', /debtor_name.*cpf.*line 1/],
  ['an unknown column', `${HEADER.trim()},valor\n`, 'COLUMN_UNKNOWN', /«?valor»?.*line 1/],
  ['a column that stands twice', `${SHORT_HEADER.trim()},cpf\n`, 'COLUMN_REPEATED', /cpf.*line 1/],
  ['a header that is no CSV', `\n${SHORT_HEADER.replace('cpf', 'c"pf')}`, 'HEADER_INVALID', /line 2, byte 1/],
  ['data without a header', LINES, 'COLUMN_UNKNOWN', /line 1/],
  [
    'a header too long',
    `\n${SHORT_HEADER.replace('cpf', `cpf${' '.repeat(2100)}`)}`,
    'HEADER_TOO_LONG',
    /line 2, byte 1/,
    CUT_SMALL,
  ],
  ['a header that never ends', `${SHORT_HEADER.trim()}${','.repeat(9000)}\n`, 'HEADER_TOO_LONG', /line 1/, CUT_SMALL],
  ['a quote never closed', UNCLOSED, 'QUOTE_UNCLOSED', new RegExp(`line 7, byte ${UNCLOSED.indexOf('R4')}`)],
  [
    'a quote never closed, far into a large file',
    `${BULK}"Z${BULK.slice(0, 1000)}`,
    'QUOTE_UNCLOSED',
    new RegExp(`line 3002, byte ${BULK.length}`),
    CUT_SMALL,
  ],
  ['a record too long', LONG, 'RECORD_TOO_LONG', new RegExp(`line 4, byte ${LONG.indexOf('R3')}`), CUT_SMALL],
  [
    'a record that never ends',
    `${BULK}"${BULK}`,
    'RECORD_TOO_LONG',
    new RegExp(`line 3002, byte ${BULK.length}`),
    CUT_SMALL,
  ],
  ['more records than allowed', TEXT, 'TOO_MANY_RECORDS', /2 of at most 1\b/, { REMESSA_RECORDS_MAX: '1' }],
  ['a file too large', BULK, 'FILE_TOO_LARGE', /of at most 1024 bytes/, { REMESSA_FILE_BYTES_MAX: '1KiB' }],
  ['noise', noise(5000), 'FILE_BINARY', /not text.*byte 0/],
  [
    'a program',
    Buffer.concat([Buffer.from('7f454c4602010100000000000000000002003e0001000000', 'hex'), noise(3000)]),
    'FILE_BINARY',
    /not text/,
  ],
  ['UTF-16 LE', Buffer.from(`\ufeff${TEXT}`, 'utf16le'), 'FILE_UTF16', /save it as UTF-8/],
  ['UTF-16 LE without a mark', Buffer.from(TEXT, 'utf16le'), 'FILE_UTF16', /save it as UTF-8/],
  ['UTF-16 BE', Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16(), 'FILE_UTF16', /save it as UTF-8/],
  ['UTF-16 BE without a mark', Buffer.from(TEXT, 'utf16le').swap16(), 'FILE_UTF16', /save it as UTF-8/],
  ['a ZIP', Buffer.concat([Buffer.from('PK\x03\x04\x14\0\0\0'), noise(500)]), 'FILE_ARCHIVE', /ZIP/],
  ['a PDF', '%PDF-1.7\nexternal_ref', 'FILE_ARCHIVE', /PDF/],
  ['gzip of nothing', gzipSync(''), 'FILE_EMPTY', /inflates to nothing/],
  ['gzip of a bad header', gzipSync('a,b\n1,2\n'), 'COLUMN_UNKNOWN', /line 1/],
  ['gzip of a ZIP', gzipSync(Buffer.from('PK\x03\x04zipped')), 'FILE_ARCHIVE', /ZIP/],
  ['gzip of gzip', gzipSync(GZIP), 'GZIP_NESTED', /compress it once/],
  ['bytes after gzip', Buffer.concat([GZIP, Buffer.from('more')]), 'GZIP_TRAILING', new RegExp(`byte ${GZIP.length}`)],
  ['zeros after gzip', Buffer.concat([GZIP, Buffer.alloc(512)]), 'GZIP_TRAILING', new RegExp(`byte ${GZIP.length}`)],
  ['a wrong checksum in gzip', changed(GZIP, GZIP.length - 8), 'GZIP_CORRUPT', /checksum/],
  ['a wrong length in gzip', changed(GZIP, GZIP.length - 1), 'GZIP_CORRUPT', /checksum or length/],
  ['damaged gzip data', changed(GZIP, 10), 'GZIP_CORRUPT', /byte \d+/],
  ['a damaged gzip header', changed(GZIP, 2), 'GZIP_CORRUPT', /byte 0/],
  [
    'a second gzip member that is damaged',
    Buffer.concat([GZIP, changed(gzipSync(LINES), gzipSync(LINES).length - 8)]),
    'GZIP_CORRUPT',
    /checksum/,
  ],
  [
    'gzip that inflates too far',
    gzipSync(BULK),
    'GZIP_BOMB',
    /more than 65536 bytes/,
    { REMESSA_GZIP_INFLATED_BYTES_MAX: '64KiB' },
  ],
  [
    'gzip that inflates too much for its size',
    gzipSync(Buffer.alloc(20 * 1024 * 1024, SHORT_HEADER)),
    'GZIP_BOMB',
    /more than 50 times/,
    { REMESSA_GZIP_RATIO_MAX: '50' },
  ],
  [
    'gzip of too many members',
    Buffer.concat([GZIP, gzipSync(''), gzipSync(''), gzipSync('')]),
    'GZIP_BOMB',
    /more than 3 members/,
    { REMESSA_GZIP_MEMBERS_MAX: '3' },
  ],
];

describe('a file that cannot be read as a whole', () => {
  // fault 12
  it.each(CASES)('%s', async (_, content, code, place, env) => {
    const { box } = sandbox;
    await expectRefused(box, await ingest(box, box.write('debts.csv', content), env), code, place);
  });

  it('may come through standard input', async () => {
    const { box } = sandbox;
    const ran = await box.run(['ingest', '-', '--client', 'acme', '--json'], { stdin: '' });
    await expectRefused(box, ran, 'FILE_EMPTY', /no bytes/);
  });

  it('may ask for a profile that is not known', async () => {
    const { box } = sandbox;
    const args = ['ingest', box.write('debts.csv', TEXT), '--client', 'acme', '--profile', 'nobody', '--json'];
    await expectRefused(box, await box.run(args), 'PROFILE_UNKNOWN', /profile nobody/);
  });

  it('gives its place in line to the files that follow', async () => {
    const { box } = sandbox;
    expect((await ingest(box, box.write('bad.csv', ''))).code).toBe(1);
    const receipt = await ingested(box, box.write('good.csv', TEXT), 'acme');
    expect(receipt.lines['created']).toBe(2);
  });
});

describe('gzip that was cut', () => {
  it('at any byte is refused, and only whole it is taken', async () => {
    const { box } = sandbox;
    const second = gzipSync(record(3));
    const whole = Buffer.concat([GZIP, second]);
    const folder = inboxFolder(box, 'acme');
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(join(folder, `${length}.csv.gz`), whole.subarray(0, length));
    }
    const daemon = await box.serve();
    const batches = await finalBatches(box, whole.length + 1);
    await daemon.kill('SIGTERM');
    const codes = new Map(batches.map((batch) => [batch.file, batch.failure?.code ?? batch.state]));
    const expected = new Map<string, string>();
    for (let length = 0; length <= whole.length; length++) expected.set(`${length}.csv.gz`, 'GZIP_TRUNCATED');
    expected.set('0.csv.gz', 'FILE_EMPTY');
    // One byte is no signature yet: it is text, of a kind.
    expected.set('1.csv.gz', codes.get('1.csv.gz') === 'FILE_BINARY' ? 'FILE_BINARY' : 'HEADER_INVALID');
    // Cut between members, what is left is whole gzip data and nothing tells that there was more.
    expected.set(`${GZIP.length}.csv.gz`, 'completed');
    expected.set(`${whole.length}.csv.gz`, 'completed');
    expect(codes).toEqual(expected);
    expect(storedDebts(box, 'acme').size).toBe(3);
  });

  it('between members, inside a record: the cut record is rejected in its place', async () => {
    const { box } = sandbox;
    const cut = TEXT.length - 20;
    const receipt = await ingested(box, box.write('debts.csv.gz', gzipSync(TEXT.slice(0, cut))), 'acme');
    expect(receipt.lines).toMatchObject({ total: 2, created: 1, rejected: 1 });
    const { resubmit } = await answersOf(box, receipt.batch);
    expect(resubmit.toString()).toBe(SHORT_HEADER + TEXT.slice(TEXT.indexOf(record(2)), cut));
  });
});

describe('what is no file that can be read', () => {
  async function expectNoBatch(ran: Ran, code: string): Promise<void> {
    expect(messageOf(ran)).toMatch(new RegExp(`^remessa: ${code}: `));
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe('');
    expect(await batchesOf(sandbox.box)).toEqual([]);
  }

  it.each([
    ['a directory', 'INPUT_IS_DIRECTORY', (box: Sandbox) => mkdirSync(box.path('it'))],
    ['nothing', 'INPUT_MISSING', () => {}],
    ['a link that leads nowhere', 'INPUT_MISSING', (box: Sandbox) => symlinkSync('nowhere', box.path('it'))],
    ['a device', 'INPUT_NOT_A_FILE', (box: Sandbox) => symlinkSync('/dev/zero', box.path('it'))],
  ])('%s: %s', async (_, code, make) => {
    const { box } = sandbox;
    make(box);
    await expectNoBatch(await ingest(box, box.path('it')), code);
  });

  it('a path below a file', async () => {
    const { box } = sandbox;
    await expectNoBatch(await ingest(box, join(box.write('file.csv', TEXT), 'debts.csv')), 'INPUT_MISSING');
  });

  it.skipIf(getuid?.() === 0)('a file without permission to read it (skipped for root, who may read all)', async () => {
    const { box } = sandbox;
    const path = box.write('debts.csv', TEXT);
    chmodSync(path, 0o000);
    await expectNoBatch(await ingest(box, path), 'INPUT_UNREADABLE');
  });
});

describe('a stored file that does not stay as it was accepted', () => {
  const large = madeFile({ lines: 20_000, seed: 21 });
  const harms: [string, RegExp, (path: string) => void][] = [
    ['goes away', /^OBJECT_VANISHED$/, (path) => rmSync(path)],
    ['grows', /^OBJECT_CHANGED$/, (path) => appendFileSync(path, 'R9,Maria da Silva,52998224725,1,2026-01-15\n')],
    [
      'is replaced',
      /^OBJECT_CHANGED$/,
      (path) => {
        writeFileSync(`${path}.new`, large.bytes);
        renameSync(`${path}.new`, path);
      },
    ],
  ];

  it.each(harms)('%s: the batch is voided, or was done before', async (_, code, harm) => {
    const { box } = sandbox;
    const file = box.write('debts.csv', large.bytes);
    const env = {
      ...CUT_SMALL,
      REMESSA_RECORD_BYTES_MAX: '32KiB',
      REMESSA_THREADS: '1',
      REMESSA_SHARD_RECORDS: '1000',
    };
    // When the harm strikes is left to the machine; nearly always it is early enough.
    for (let round = 1; ; round++) {
      const client = `round-${round}`;
      const program = box.start(['ingest', file, '--client', client, '--as-of', AS_OF, '--json'], { env });
      await eventually(
        'the batch to be on its way',
        () => /picking|processing/.test(program.stderr) || !program.running,
      );
      const [stored] = filesBelow(box.data('objects', 'raw', client));
      harm(stored as string);
      const ran = await program.ended;
      const batch = (await batchesOf(box)).find((view) => view.client === client);
      if (batch?.state === 'failed') {
        expect(ran.code).toBe(1);
        expect(batch.failure?.code).toMatch(code);
        expect(messageOf(ran)).toContain(batch.failure?.message);
        expect(storedDebts(box, client).size).toBe(0);
        break;
      }
      if (batch?.state === 'stalled') expect(ran.code).toBe(1);
      else expectReceipt(receiptOf(ran), large.truth);
      expect(round, 'the batch was always done before').toBeLessThan(6);
    }
  });
});

describe('one bad line among good ones', () => {
  it.each([
    ['small', {}],
    ['large', { REMESSA_SMALL_RECORDS_MAX: '0' }],
  ])('is rejected alone, in a %s batch', async (_, env) => {
    const { box } = sandbox;
    const bad = [
      ['invalid UTF-8', 'UTF8_INVALID', Buffer.from('B1,Jos\xe9 Melo,52998224725,1.00,2026-01-15\n', 'latin1')],
      ['a NUL', 'CHARACTER_INVALID', Buffer.from('B2,Jo\0ao Melo,52998224725,1.00,2026-01-15\n')],
      ['a field too few', 'FIELD_COUNT', Buffer.from('B3,Jo Melo,52998224725,1.00\n')],
      ['a field too many', 'FIELD_COUNT', Buffer.from('B4,Jo Melo,52998224725,1.00,2026-01-15,\n')],
      ['a stray quote', 'QUOTE_MALFORMED', Buffer.from('B5,Jo "Zé" Melo,52998224725,1.00,2026-01-15\n')],
      ['a lone CR', 'CHARACTER_INVALID', Buffer.from('B6,Jo Melo,52998\r224725,1.00,2026-01-15\n')],
    ] as const;
    const parts: (Buffer | string)[] = [SHORT_HEADER];
    const expected: string[][] = [];
    for (const [index, [, code, line]] of bad.entries()) {
      parts.push(record(index + 1), line);
      expected.push(['created', ''], ['rejected', code]);
    }
    parts.push(record(99));
    expected.push(['created', '']);
    const file = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const receipt = await ingested(box, box.write('debts.csv', file), 'acme', { env });
    const { retorno, resubmit } = await answersOf(box, receipt.batch);
    const rows = csvRows(retorno).slice(1);
    expect(rows.map(([, , outcome, code]) => [outcome, code])).toEqual(expected);
    expect(rows.map(([line]) => Number(line))).toEqual(expected.map((_row, index) => index + 2));
    expect(resubmit.equals(Buffer.concat([Buffer.from(SHORT_HEADER), ...bad.map(([, , line]) => line)]))).toBe(true);
    expect(storedDebts(box, 'acme').size).toBe(bad.length + 1);
  });
});

describe('wrong usage', () => {
  it.each<[string, string[], RegExp, Readonly<Record<string, string>>?]>([
    ['an unknown command', ['swallow'], /unknown command/],
    ['no command', [], /Usage/],
    ['an unknown option', ['ingest', 'f.csv', '--client', 'acme', '--fast'], /--fast/],
    ['no client', ['ingest', 'f.csv'], /--client/],
    ['no file', ['ingest', '--client', 'acme'], /file/],
    ['a client id that cannot be', ['ingest', 'f.csv', '--client', 'Acme!'], /lower-case/],
    ['a client id that leaves the folder', ['ingest', 'f.csv', '--client', '../x'], /lower-case/],
    ['a day that does not exist', ['ingest', 'f.csv', '--client', 'acme', '--as-of', '2026-02-30'], /YYYY-MM-DD/],
    ['a day in another order', ['ingest', 'f.csv', '--client', 'acme', '--as-of', '03/08/2026'], /YYYY-MM-DD/],
    ['an unknown role', ['serve', '--roles', 'picker,cook'], /picker/],
    ['a setting that is not known', ['batches'], /REMESSA_TREADS/, { REMESSA_TREADS: '2' }],
    ['a setting out of range', ['ingest', 'f.csv', '--client', 'acme'], /REMESSA_THREADS/, { REMESSA_THREADS: '0' }],
    ['buffers that cannot fit', ['serve'], /REMESSA_MEMORY_BYTES_MAX/, { REMESSA_RANGE_BYTES: '256MiB' }],
  ])('%s ends with exit 2 and touches nothing', async (_, args, says, env = {}) => {
    const { box } = sandbox;
    const ran = await box.run(args, { env });
    expect(ran.code, ran.stderr).toBe(2);
    expect(ran.stderr).toMatch(says);
    expect(ran.stderr).not.toMatch(/\n\s+at /);
    expect(ran.stdout).toBe('');
    expect(existsSync(box.dataDir)).toBe(false);
  });

  it('an unknown client, where clients are not open, ends with exit 2 and without a batch', async () => {
    const { box } = sandbox;
    const ran = await ingest(box, box.write('debts.csv', TEXT), { REMESSA_CLIENTS_OPEN: 'no' });
    expect(ran.code).toBe(2);
    expect(messageOf(ran)).toMatch(/CLIENT_UNKNOWN: .*clients add/);
    expect(await batchesOf(box)).toEqual([]);
    expect(existsSync(box.data('objects', 'raw')), 'nothing was copied').toBe(false);
    expectSound(box);
  });
});
