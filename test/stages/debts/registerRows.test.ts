/** Registering row by row, of more records than a group has: the order of asking and writing, and how it ends. */
import { describe, expect, it } from 'vitest';
import type { Registration, StoredDebt, WriteAnswer } from '../../../src/io/ports/debts.ts';
import { PageReader } from '../../../src/kernel/pages.ts';
import { RecordChunk } from '../../../src/kernel/recordChunk.ts';
import { optionalColumns } from '../../../src/stages/debts/decide.ts';
import { registerRows } from '../../../src/stages/debts/registerRows.ts';
import { faultCode } from '../../contract/support.ts';
import { MemoryDebts } from '../../support/memoryStores.ts';
import { ALL_FIELDS, pagesOf } from '../../support/records.ts';

const RECORDS = 5000;
const FATE_NONE = 9;
const NO_OPTIONAL = ['', '', '', '', ''];

function chunkOf(): RecordChunk {
  const lines = Array.from({ length: RECORDS }, (_, i) => ({ ref: `R-${i}`, optional: NO_OPTIONAL }));
  const chunk = new RecordChunk(RECORDS, RECORDS * 200);
  const reader = new PageReader();
  for (const page of pagesOf(lines, ALL_FIELDS)) {
    reader.load(page);
    while (reader.next()) expect(chunk.add(reader)).toBe(true);
  }
  return chunk;
}

const REGISTRATION: Registration = {
  client: 'acme',
  batch: 'b-1',
  turn: 4,
  turnAtMs: 1_768_478_400_000,
  hasOptional: optionalColumns(ALL_FIELDS),
  mode: 'apply',
};

/** A store that tells what is under way, and can fail. */
class WatchedDebts extends MemoryDebts {
  readonly log: string[] = [];
  fetching = 0;
  writing = 0;
  /** What a write comes to: the how manieth answers what. */
  writeAs: (nth: number) => WriteAnswer | Error | undefined = () => undefined;
  #writes = 0;
  #fetches = 0;

  override async fetch(client: string, keys: Parameters<MemoryDebts['fetch']>[1]): ReturnType<MemoryDebts['fetch']> {
    this.log.push(`fetch ${this.#fetches++}`);
    expect(++this.fetching).toBe(1);
    expect(keys.length).toBeLessThanOrEqual(2048);
    try {
      return await super.fetch(client, keys);
    } finally {
      this.fetching--;
    }
  }

  override async write(client: string, turn: number, rows: readonly StoredDebt[]): Promise<WriteAnswer> {
    const nth = this.#writes++;
    this.log.push(`write ${nth}`);
    expect(++this.writing).toBe(1);
    try {
      const as = this.writeAs(nth);
      if (as instanceof Error) throw as;
      return as ?? (await super.write(client, turn, rows));
    } finally {
      this.writing--;
    }
  }
}

async function run(debts: WatchedDebts, registration = REGISTRATION) {
  const chunk = chunkOf();
  const fates = new Uint8Array(RECORDS).fill(FATE_NONE);
  const order = chunk.byHash(() => true);
  try {
    return { answer: await registerRows(debts, registration, chunk, order, fates), fates };
  } finally {
    expect([debts.fetching, debts.writing]).toEqual([0, 0]);
  }
}

describe('registering row by row', () => {
  it('asks for a group while the one before it is written, one of each at a time', async () => {
    const debts = new WatchedDebts();
    const { answer, fates } = await run(debts);
    expect(answer).toBe('written');
    expect(debts.log).toEqual(['fetch 0', 'fetch 1', 'write 0', 'fetch 2', 'write 1', 'write 2']);
    expect(new Set(fates)).toEqual(new Set([0]));
    expect(
      debts
        .all('acme')
        .map((debt) => debt.externalRef)
        .sort(),
    ).toEqual(Array.from({ length: RECORDS }, (_, i) => `R-${i}`).sort());
  });

  it('writes nothing again in a replay, and reports the same', async () => {
    const debts = new WatchedDebts();
    const { fates } = await run(debts);
    const written = debts.written;
    const again = await run(debts);
    expect(again).toEqual({ answer: 'written', fates });
    expect(debts.written).toBe(written);
  });

  it('stops where a write is superseded, with nothing left under way', async () => {
    const debts = new WatchedDebts();
    debts.writeAs = (nth) => (nth === 0 ? 'superseded' : undefined);
    expect((await run(debts)).answer).toBe('superseded');
    expect(debts.log).toEqual(['fetch 0', 'fetch 1', 'write 0']);
  });

  it('fails with the write that failed, with nothing left under way', async () => {
    const debts = new WatchedDebts();
    debts.writeAs = (nth) => (nth === 1 ? Object.assign(new Error('no'), { code: 'STORE_IO' }) : undefined);
    expect(await faultCode(run(debts))).toBe('STORE_IO');
    expect(debts.log).toEqual(['fetch 0', 'fetch 1', 'write 0', 'fetch 2', 'write 1']);
  });

  it('previews without a write', async () => {
    const debts = new WatchedDebts();
    const { answer, fates } = await run(debts, { ...REGISTRATION, mode: 'preview' });
    expect([answer, new Set(fates)]).toEqual(['written', new Set([0])]);
    expect(debts.log).toEqual(['fetch 0', 'fetch 1', 'fetch 2']);
  });
});
