/** The picker over whole files: what it refuses, where, and that a file is split and read alike however it is cut. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeManifest } from '../../src/engine/manifest.ts';
import { fileOf, fullFileOf, HEADER, type LineValues, rowsOf } from '../support/files.ts';
import { modelRegister, modelTotals } from '../support/model.ts';
import { TINY, World, type WorldOptions } from '../support/world.ts';

async function ended(file: string | Uint8Array, options: WorldOptions = {}) {
  const world = new World(options);
  const engine = world.process();
  const batch = await world.accept(engine, file);
  await world.drain(engine);
  return { world, engine, batch: world.stored(batch), failure: world.stored(batch).failure };
}

const good = fileOf({ ref: 'A' }, { ref: 'B' });
const text = (value: string): Uint8Array => Buffer.from(value);

describe('a file that cannot be read', () => {
  it.each<[string, Uint8Array, string, Partial<{ line: number; byte: number }>]>([
    ['no bytes', text(''), 'FILE_EMPTY', {}],
    ['only a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf), 'HEADER_MISSING', {}],
    ['only empty lines', text('\n\r\n\n'), 'HEADER_MISSING', {}],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${good}`, 'utf16le'), 'FILE_UTF16', { byte: 0 }],
    ['UTF-16 without one', Buffer.from(good, 'utf16le'), 'FILE_UTF16', { byte: 0 }],
    ['a ZIP', Buffer.concat([text('PK\x03\x04'), text(good)]), 'FILE_ARCHIVE', { byte: 0 }],
    ['a PDF', text('%PDF-1.7\n'), 'FILE_ARCHIVE', { byte: 0 }],
    ['binary data', Buffer.alloc(500, Buffer.from([1, 2, 3, 250])), 'FILE_BINARY', { byte: 0 }],
    ['gzip that is cut', gzipSync(good).subarray(0, -3), 'GZIP_TRUNCATED', {}],
    ['gzip in gzip', gzipSync(gzipSync(good)), 'GZIP_NESTED', {}],
    ['gzip of nothing', gzipSync(''), 'FILE_EMPTY', {}],
    ['gzip of UTF-16', gzipSync(Buffer.from(good, 'utf16le')), 'FILE_UTF16', { byte: 0 }],
    ['gzip with bytes after it', Buffer.concat([gzipSync(good), text('x')]), 'GZIP_TRAILING', {}],
    ['a column too few', text('external_ref,cpf\n'), 'COLUMN_MISSING', { line: 1, byte: 0 }],
    ['a column too many', text(`${HEADER},other\n`), 'COLUMN_UNKNOWN', { line: 1, byte: 0 }],
    ['a column twice', text(`\n${HEADER},cpf\n`), 'COLUMN_REPEATED', { line: 2, byte: 1 }],
    ['a header that is never closed', text(`"${HEADER}\n`), 'QUOTE_UNCLOSED', { line: 1, byte: 0 }],
    ['a quote that is never closed', text(`${good}C,"x\n1,2\n`), 'QUOTE_UNCLOSED', { line: 4, byte: good.length }],
    [
      'a record that is too long',
      text(`${good}C,${'x'.repeat(1200)}\n`),
      'RECORD_TOO_LONG',
      { line: 4, byte: good.length },
    ],
    ['a header that is too long', text(`${HEADER},${'x'.repeat(9000)}\n`), 'HEADER_TOO_LONG', { line: 1, byte: 0 }],
  ])('(%s) ends its batch as failed, with the place', async (_, file, code, place) => {
    for (const options of [{ settings: { recordBytesMax: 1024 } }, TINY]) {
      const { world, batch, failure, engine } = await ended(file, options);
      expect([batch.state, failure?.code]).toEqual(['failed', code]);
      expect(failure).toMatchObject(place);
      expect(world.receiptOf(batch)).toMatchObject({ status: 'failed', reason: failure?.message, lines: { total: 0 } });
      expect([batch.inLine, batch.owed, world.debts.written]).toEqual([false, [], 0]);
      expect(engine.tasks.begun.includes('register')).toBe(false);
      expect(world.objects.keys('work/')).toEqual([]);
    }
  });

  it('is refused beyond the limits of size and records, and for a profile that is not known', async () => {
    const settings = { fileBytesMax: good.length - 1 };
    expect((await ended(good, { settings })).failure?.code).toBe('FILE_TOO_LARGE');
    expect((await ended(good, { limits: { recordsMax: 1 } })).failure?.code).toBe('TOO_MANY_RECORDS');
    const world = new World();
    const engine = world.process();
    const batch = await world.accept(engine, good, { profile: 'other' });
    await world.drain(engine);
    expect(world.stored(batch).failure?.code).toBe('PROFILE_UNKNOWN');
  });

  it.each([
    ['vanished', 'OBJECT_VANISHED'],
    ['changed', 'OBJECT_CHANGED'],
  ])('because it %s before it was picked, or between picking and registering, is voided', async (how, code) => {
    const spoil = async (world: World, key: string) =>
      how === 'vanished' ? await world.objects.delete(key) : world.objects.set(key, text(good));
    for (const after of ['', 'inspect', 'range']) {
      const world = new World(TINY);
      const engine = world.process();
      const batch = await world.accept(engine, fileOf(...Array.from({ length: 20 }, (_, i) => ({ ref: `R${i}` }))));
      if (after === '') await spoil(world, batch.key);
      let done = 0;
      engine.tasks.before = async (task) => {
        if (task === after) done += 1;
        if (done > 1 || (done === 1 && task !== after)) await spoil(world, batch.key);
      };
      await world.drain(engine);
      expect([after, world.stateOf(batch), world.stored(batch).failure?.code]).toEqual([after, 'failed', code]);
      expect([world.debts.written, world.staging.batches(), world.objects.keys('parts/')]).toEqual([0, [], []]);
    }
  });
});

describe('a file that changes once all of it was read', () => {
  it.each([
    ['large', TINY],
    ['small', {}],
  ] as const)('(%s) is voided while its batch waits for its turn', async (_, options) => {
    const world = new World(options);
    const engine = world.process();
    const head = await world.accept(engine, fileOf({ ref: 'H' }));
    const batch = await world.accept(engine, fileOf(...Array.from({ length: 20 }, (_unused, i) => ({ ref: `R${i}` }))));
    // The head's pick is held back, so that the other gets no further than its place in line.
    const [held] = await world.queue.receive('picker', { max: 1, waitMs: 0, leaseMs: 1_000_000 });
    expect(held?.id).toBe(`${head.id}/pick`);
    await world.handleOne(engine, 'picker');
    while (await world.handleOne(engine, 'intermediate'));
    world.objects.set(batch.key, text(good));
    world.queue.freeAll();
    await world.drain(engine);
    expect([world.stateOf(head), world.stateOf(batch)]).toEqual(['completed', 'failed']);
    expect(world.stored(batch).failure?.code).toBe('OBJECT_CHANGED');
    expect(world.debts.all('acme').map((debt) => debt.externalRef)).toEqual(['H']);
  });
});

describe('a file that can be read', () => {
  it.each([
    ['with nothing but its header', `${HEADER}\n`, 0],
    ['with a header that has no line end', HEADER, 0],
    ['with empty lines', `\n\r\n${HEADER}\n\n\nA,Ana,52998224725,1,2026-01-01\n\r\n\n`, 1],
    ['without a last line end', good.trimEnd(), 2],
    ['with a byte order mark', `\ufeff${good}`, 2],
    ['with CRLF', good.replaceAll('\n', '\r\n'), 2],
  ])('%s completes', async (_, file, records) => {
    for (const options of [{}, TINY]) {
      const { world, batch, failure } = await ended(file, options);
      expect([batch.state, failure]).toEqual(['completed', null]);
      expect(world.receiptOf(batch).lines).toMatchObject({ total: records, created: records });
    }
  });

  it('is cut into ranges that tile it, each at a record start, in a manifest that says so', async () => {
    const lines = Array.from({ length: 50 }, (_, i) => ({
      ref: `R-${i}`,
      name: i % 3 === 0 ? 'Ana\nLima' : 'Ana, "Zé"',
    }));
    const file = fileOf(...lines);
    const { world, batch } = await ended(file, TINY);
    expect(batch.ranges).toBeGreaterThan(4);
    const manifest = decodeManifest(Buffer.from(world.objects.bytesOf(batch.manifestKey ?? '')).toString(), batch.id);
    const bytes = Buffer.from(file);
    let records = 0;
    for (const range of manifest.ranges) {
      const starts = bytes.subarray(range.start, range.end).toString();
      expect(starts).toMatch(new RegExp(`^R-${records},`));
      expect(bytes.subarray(0, range.start).toString().split('\n').length).toBe(range.firstLine);
      records += range.records;
    }
    expect(records).toBe(50);
  });

  it('registers as the plain model does, whatever its size, its ranges, its shards, plain or gzip', async () => {
    const line: fc.Arbitrary<LineValues> = fc.record({
      ref: fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F', 'G', 'Ç,"中"'),
      name: fc.constantFrom('Ana Lima', 'Zé "da" Silva', 'Ana, Lima'),
      amount: fc.constantFrom('150.00', '0.01', '9999999999999.99'),
      due: fc.constantFrom('2026-01-10', '2026-08-01', '2021-07-31', '2021-08-15'),
      optional: fc.constantFrom(['', '', '', '', ''], ['a@b.co', '', 'Banco', '', '1/2']),
    });
    const shape = fc.record({
      rangeBytes: fc.integer({ min: 30, max: 900 }),
      readBytes: fc.integer({ min: 20, max: 300 }),
      shardRecords: fc.integer({ min: 1, max: 30 }),
      smallRecordsMax: fc.constantFrom(0, 0, 5, 1000),
    });
    const model = {
      batch: '',
      turn: 1,
      businessDate: '2026-08-01',
      centsMin: 1,
      centsMax: 999_999_999_999_999,
      full: true,
    };
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 40 }), shape, fc.boolean(), async (lines, settings, gzip) => {
        const file = fullFileOf(...lines);
        const options = { ...TINY, settings: { ...TINY.settings, ...settings } };
        const { world, engine, batch, failure } = await ended(gzip ? gzipSync(file) : file, options);
        expect([batch.state, failure]).toEqual(['completed', null]);
        const expected = modelRegister(new Map(), lines, { ...model, apply: true, batch: batch.id });
        const totals = modelTotals(expected);
        expect(Object.values(world.receiptOf(batch).lines).slice(1)).toEqual(totals.lines);
        expect(world.receiptOf(batch)).toMatchObject({ rejectedBy: totals.rejectedBy, warnedBy: totals.warnedBy });
        const retorno = rowsOf(await world.answer(engine, batch, 'retorno'));
        expect(retorno.map(([, ref, outcome, code]) => [ref, outcome, code])).toEqual(
          expected.map(({ ref, outcome, code }) => [ref, outcome, code]),
        );
        const raw = rowsOf(await world.answer(engine, batch, 'rejects')).map((row) => row[4]);
        const resubmit = (await world.answer(engine, batch, 'resubmit')).split('\n').slice(1, -1);
        expect(raw).toEqual(resubmit);
        expect(raw).toEqual(
          file
            .split('\n')
            .slice(1, -1)
            .filter((_, i) => expected[i]?.outcome === 'rejected'),
        );
      }),
      { numRuns: 40 },
    );
  });
});
