/** The contract of the staging store (src/io/ports/staging.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StagedRange, StagingStore } from '../../src/io/ports/staging.ts';
import { bytesOf, type Fixture, faultCode, type MakeFixture, madeBytes } from './support.ts';

export function describeStaging(name: string, make: MakeFixture<StagingStore>): void {
  describe(`staging: ${name}`, () => {
    let fixture: Fixture<StagingStore>;
    let staging: StagingStore;

    beforeEach(async () => {
      fixture = await make();
      staging = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    /** Pages are copied: each is only valid until the next is asked for. */
    const read = async (shard: number, from: StagedRange, batch = 'b-1'): Promise<string[]> => {
      const pages: string[] = [];
      for await (const page of staging.read(batch, shard, from)) pages.push(Buffer.from(page).toString('latin1'));
      return pages;
    };

    const stage = async (
      range: number,
      attempt: string,
      pages: readonly (readonly [number, string])[],
      batch = 'b-1',
    ): Promise<void> => {
      const writer = await staging.open(batch, range, attempt);
      for (const [shard, text] of pages) await writer.write(shard, Buffer.from(text, 'latin1'));
      await writer.commit();
    };

    it('gives a shard’s pages back in the order they were written', async () => {
      await stage(0, 'a1', [
        [2, 'two-0'],
        [0, 'zero-0'],
        [2, 'two-1'],
        [7, ''],
        [2, 'two-2'],
      ]);
      expect(await read(2, { range: 0, attempt: 'a1', pages: 3 })).toEqual(['two-0', 'two-1', 'two-2']);
      expect(await read(0, { range: 0, attempt: 'a1', pages: 1 })).toEqual(['zero-0']);
      expect(await read(7, { range: 0, attempt: 'a1', pages: 1 })).toEqual(['']);
    });

    it('yields as many as were asked, and none where none were', async () => {
      await stage(0, 'a1', [
        [1, 'p0'],
        [1, 'p1'],
        [1, 'p2'],
      ]);
      expect(await read(1, { range: 0, attempt: 'a1', pages: 2 })).toEqual(['p0', 'p1']);
      expect(await read(1, { range: 0, attempt: 'a1', pages: 0 })).toEqual([]);
      expect(await read(9, { range: 5, attempt: 'none', pages: 0 })).toEqual([]);
    });

    it('keeps attempts, ranges and batches apart', async () => {
      await Promise.all([
        stage(0, 'a1', [[0, 'first attempt']]),
        stage(0, 'a2', [
          [0, 'second attempt'],
          [0, 'more'],
        ]),
        stage(1, 'a1', [[0, 'another range']]),
        stage(0, 'a1', [[0, 'another batch']], 'b-2'),
      ]);
      expect(await read(0, { range: 0, attempt: 'a1', pages: 1 })).toEqual(['first attempt']);
      expect(await read(0, { range: 0, attempt: 'a2', pages: 2 })).toEqual(['second attempt', 'more']);
      expect(await read(0, { range: 1, attempt: 'a1', pages: 1 })).toEqual(['another range']);
      expect(await read(0, { range: 0, attempt: 'a1', pages: 1 }, 'b-2')).toEqual(['another batch']);
    });

    // fault 37
    it('faults where a page is missing', async () => {
      await stage(0, 'a1', [
        [1, 'p0'],
        [1, 'p1'],
      ]);
      const short = (shard: number, from: StagedRange): Promise<string | undefined> => faultCode(read(shard, from));
      expect(await short(1, { range: 0, attempt: 'a1', pages: 3 })).toBe('STAGED_PAGES_SHORT');
      expect(await short(2, { range: 0, attempt: 'a1', pages: 1 })).toBe('STAGED_PAGES_SHORT');
      expect(await short(1, { range: 1, attempt: 'a1', pages: 1 })).toBe('STAGED_PAGES_SHORT');
      expect(await short(1, { range: 0, attempt: 'a2', pages: 1 })).toBe('STAGED_PAGES_SHORT');
    });

    it('lets the caller use its bytes again after each write', async () => {
      const writer = await staging.open('b-1', 0, 'a1');
      const page = bytesOf('page 0');
      for (let i = 0; i < 3; i++) {
        page[5] = 0x30 + i;
        await writer.write(0, page);
        page.fill(0);
        page.set(bytesOf('page '));
      }
      await writer.commit();
      expect(await read(0, { range: 0, attempt: 'a1', pages: 3 })).toEqual(['page 0', 'page 1', 'page 2']);
    });

    it('takes pages of any size, above and below its buffers', async () => {
      const sizes = [1, 65_536, 300_000, 0, 262_144, 5, 1_000_000, 131_071];
      const writer = await staging.open('b-1', 3, 'a1');
      for (const [i, size] of sizes.entries()) await writer.write(i % 3, madeBytes(size, i));
      await writer.commit();
      for (const shard of [0, 1, 2]) {
        const mine = [...sizes.keys()].filter((i) => i % 3 === shard);
        let at = 0;
        for await (const page of staging.read('b-1', shard, { range: 3, attempt: 'a1', pages: mine.length })) {
          const i = mine[at++] as number;
          expect(Buffer.compare(page, madeBytes(sizes[i] as number, i))).toBe(0);
        }
        expect(at).toBe(mine.length);
      }
    });

    it('takes thousands of pages of hundreds of shards', async () => {
      const writer = await staging.open('b-1', 0, 'a1');
      for (let i = 0; i < 5000; i++) await writer.write((i * 7) % 301, bytesOf(`page ${i}`));
      await writer.commit();
      for (const shard of [0, 1, 150, 300]) {
        const expected = [...Array(5000).keys()].filter((i) => (i * 7) % 301 === shard).map((i) => `page ${i}`);
        expect(await read(shard, { range: 0, attempt: 'a1', pages: expected.length })).toEqual(expected);
      }
    });

    it('can stop in the middle of reading, and read again', async () => {
      await stage(0, 'a1', [
        [0, 'p0'],
        [0, 'p1'],
        [0, 'p2'],
      ]);
      for (let i = 0; i < 50; i++) {
        for await (const page of staging.read('b-1', 0, { range: 0, attempt: 'a1', pages: 3 })) {
          expect(Buffer.from(page).toString()).toBe('p0');
          break;
        }
      }
      expect(await read(0, { range: 0, attempt: 'a1', pages: 3 })).toEqual(['p0', 'p1', 'p2']);
    });

    it('leaves nothing of an attempt that was aborted', async () => {
      const writer = await staging.open('b-1', 0, 'a1');
      await writer.write(0, madeBytes(2_000_000));
      await writer.abort();
      await writer.abort();
      expect(await faultCode(read(0, { range: 0, attempt: 'a1', pages: 1 }))).toBe('STAGED_PAGES_SHORT');
    });

    it('keeps pages when aborted after the commit', async () => {
      const writer = await staging.open('b-1', 0, 'a1');
      await writer.write(0, bytesOf('kept'));
      await writer.commit();
      await writer.abort();
      expect(await read(0, { range: 0, attempt: 'a1', pages: 1 })).toEqual(['kept']);
    });

    it('commits an attempt that staged nothing', async () => {
      await stage(0, 'a1', []);
      expect(await read(0, { range: 0, attempt: 'a1', pages: 0 })).toEqual([]);
      expect(await faultCode(read(0, { range: 0, attempt: 'a1', pages: 1 }))).toBe('STAGED_PAGES_SHORT');
    });

    it('keeps committed pages when it is opened again', async () => {
      await stage(0, 'a1', [[4, 'kept']]);
      staging = await fixture.reopen();
      expect(await read(4, { range: 0, attempt: 'a1', pages: 1 })).toEqual(['kept']);
    });

    it('frees all of a batch and nothing of another, as often as asked', async () => {
      await stage(0, 'a1', [[0, 'gone']]);
      await stage(1, 'a2', [[0, 'gone']]);
      await stage(0, 'a1', [[0, 'stays']], 'b-2');
      expect(await read(0, { range: 0, attempt: 'a1', pages: 1 })).toEqual(['gone']);
      await staging.free('b-1');
      await staging.free('b-1');
      expect(await faultCode(read(0, { range: 0, attempt: 'a1', pages: 1 }))).toBe('STAGED_PAGES_SHORT');
      expect(await faultCode(read(0, { range: 1, attempt: 'a2', pages: 1 }))).toBe('STAGED_PAGES_SHORT');
      expect(await read(0, { range: 0, attempt: 'a1', pages: 1 }, 'b-2')).toEqual(['stays']);
    });
  });
}
