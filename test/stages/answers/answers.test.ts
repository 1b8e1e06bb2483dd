/** The answers as a whole: merged from parts, raw records from parts and from the file, in bounded blocks. */
import { describe, expect, it } from 'vitest';
import { RECORD_CODES } from '../../../src/core/codes.ts';
import { heldBlocks } from '../../../src/stages/answers/entryStream.ts';
import { CREATED, REJECTED } from '../../../src/stages/debts/decide.ts';
import { renderEntries } from '../../../src/stages/finish.task.ts';
import { type Entry, partOf } from '../../support/entries.ts';
import { fileOf, HEADER } from '../../support/files.ts';
import { MemoryObjects } from '../../support/memoryStores.ts';
import { TINY, World } from '../../support/world.ts';

const KINDS = ['retorno', 'rejects', 'resubmit'] as const;
type Kind = (typeof KINDS)[number];

async function rendered(file: string, parts: readonly (readonly Entry[])[], kinds: readonly Kind[] = KINDS) {
  const objects = new MemoryObjects();
  const source = objects.set('raw/acme/f', Buffer.from(file));
  const header = { start: 0, end: file.indexOf('\n') + 1, line: 1 };
  const texts: Record<Kind, string> = { retorno: '', rejects: '', resubmit: '' };
  let largest = 0;
  const sources = parts.map((entries) => heldBlocks(partOf(entries, 4096)));
  const lines = await renderEntries(objects, { source, header, plan: {} }, sources, kinds, async (kind, block) => {
    largest = Math.max(largest, block.length);
    // The block may be reused once this has settled, and no sooner.
    await null;
    texts[kind] += Buffer.from(block).toString('latin1');
  });
  return { texts, lines, largest };
}

const rejected = (line: number, more: Partial<Entry>): Entry => ({
  line,
  outcome: REJECTED,
  code: RECORD_CODES.DEBT_PRESCRIBED.id,
  column: 4,
  ...more,
});

describe('rendering', () => {
  it('takes raw records from parts and from the file, in file order', async () => {
    const file = 'a,b\nr2,x\nr3,"y\nz"\nr5,w';
    const { texts, lines } = await rendered(file, [
      [rejected(2, { raw: Buffer.from('r2,x\n') }), rejected(5, { raw: Buffer.from('r5,w') })],
      [rejected(3, { source: [9, 9] })],
    ]);
    expect(texts.retorno.split('\n').map((row) => row.slice(0, 13))).toEqual([
      'line,external',
      '2,r2,rejected',
      '3,r3,rejected',
      '5,r5,rejected',
      '',
    ]);
    expect(
      texts.rejects.endsWith(
        ',"r2,x"\n3,due_date,DEBT_PRESCRIBED,the debt fell due longer ago than the rules accept (by default five years),"r3,""y\nz"""\n5,due_date,DEBT_PRESCRIBED,the debt fell due longer ago than the rules accept (by default five years),"r5,w"\n',
      ),
    ).toBe(true);
    expect(texts.resubmit).toBe(file);
    expect(lines).toEqual([0, 0, 0, 0, 3]);
  });

  it.each(KINDS)('gives %s alone where only that is wanted', async (kind) => {
    const parts = [[rejected(2, { raw: Buffer.from('r2\n') }), { line: 3, outcome: CREATED }]];
    const all = await rendered('a\nr2\nr3\n', parts);
    const one = await rendered('a\nr2\nr3\n', parts, [kind]);
    expect(one.texts[kind]).toBe(all.texts[kind]);
    expect(one.lines).toEqual(all.lines);
  });

  it.each([
    ['in parts', 1],
    ['in the file', 0],
    ['in both', 2],
  ])('holds no more than a bounded block an answer, however long the rejected records %s are', async (_, deal) => {
    const long = 'x'.repeat(250_000);
    const records = Array.from({ length: 40 }, (_unused, i) => `r${i + 2},${long}\n`);
    const file = `a,b\n${records.join('')}`;
    let offset = 4;
    const [inPart, inFile]: [Entry[], Entry[]] = [[], []];
    for (const [index, record] of records.entries()) {
      const line = index + 2;
      if (deal === 1 || (deal === 2 && index % 2 === 0)) inPart.push(rejected(line, { raw: Buffer.from(record) }));
      else inFile.push(rejected(line, { source: [offset, record.length] }));
      offset += record.length;
    }
    const { texts, largest } = await rendered(file, [inPart, inFile]);
    expect(texts.resubmit).toBe(file);
    expect(largest).toBeLessThan(1024 * 1024);
  });
});

describe('the answers of a batch', () => {
  const file = fileOf(
    { ref: 'R-1' },
    { ref: 'R-2', amount: '0' },
    { ref: 'R-3', due: '2019-01-01' },
    { ref: 'R-1', name: 'Bob\nLee' },
    { ref: '=R,"4"', cpf: '191000000' },
    { ref: 'R-5', cpf: '1' },
  );

  it('are the same whether it went the small way or the large one', async () => {
    const answers = [];
    for (const world of [new World(), new World(TINY)]) {
      const engine = world.process();
      const batch = await world.accept(engine, file);
      await world.drain(engine);
      expect(world.stored(batch).small).toBe(answers.length === 0);
      const { ranges, shards, ...receipt } = world.receiptOf(batch);
      const texts = await Promise.all(KINDS.map((kind) => world.answer(engine, batch, kind)));
      answers.push([receipt, ...texts]);
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[0]?.[3]).toBe(
      `${HEADER}\n${file.split('\n').slice(2, 4).join('\n')}\nR-5,Ana Lima,1,150.00,2026-01-10\n`,
    );
  });

  it('can be sent again once mended, and then register', async () => {
    const world = new World(TINY);
    const engine = world.process();
    const first = await world.accept(engine, file);
    await world.drain(engine);
    const resubmit = await world.answer(engine, first, 'resubmit');
    const mended = resubmit.replace(',0,', ',5,').replace('2019-01-01', '2025-01-01').replace(',1,', ',52998224725,');
    const second = await world.accept(engine, mended);
    await world.drain(engine);
    expect(world.receiptOf(second).lines).toMatchObject({ total: 3, created: 3 });
  });

  it('are not to be had before it is completed, nor of a batch that is not there', async () => {
    const world = new World();
    const engine = world.process();
    const batch = await world.accept(engine, file);
    await expect(world.answer(engine, batch, 'retorno')).rejects.toThrow(/^OUTPUT_NOT_READY: .*it is accepted/);
    await expect(world.answer(engine, { id: 'b-none' }, 'retorno')).rejects.toThrow(/^BATCH_UNKNOWN/);
    const bad = await world.accept(engine, 'no header of ours\n');
    await world.drain(engine);
    await expect(world.answer(engine, bad, 'rejects')).rejects.toThrow(/^OUTPUT_NOT_READY: .*it is failed/);
  });

  it('of a small batch are whole where they are longer than a block', async () => {
    const world = new World();
    const engine = world.process();
    const long = fileOf(...Array.from({ length: 900 }, (_, i) => ({ ref: `R-${i}`, name: 'x'.repeat(900) })));
    const batch = await world.accept(engine, long);
    await world.drain(engine);
    expect(world.stored(batch).small).toBe(true);
    expect(await world.answer(engine, batch, 'resubmit')).toBe(long);
  });

  it('of a small batch are refused where its file was damaged since', async () => {
    const world = new World();
    const engine = world.process();
    const batch = await world.accept(engine, file);
    await world.drain(engine);
    world.objects.corrupt(batch.key, (bytes) => {
      bytes[60] = (bytes[60] as number) ^ 1;
    });
    await expect(world.answer(engine, batch, 'rejects')).rejects.toThrow(/^RANGE_CORRUPT/);
  });
});
