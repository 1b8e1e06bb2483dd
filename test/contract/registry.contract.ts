/** The contract of the registry (src/io/ports/registry.ts), sentence by sentence, for any driver. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch, Registry } from '../../src/io/ports/registry.ts';
import { draft, type Fixture, type MakeFixture, moved } from './support.ts';

export function describeRegistry(name: string, make: MakeFixture<Registry>): void {
  describe(`registry: ${name}`, () => {
    let fixture: Fixture<Registry>;
    let registry: Registry;

    beforeEach(async () => {
      fixture = await make();
      registry = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    const accepted = async (id: string, client?: string): Promise<Batch> =>
      (await registry.accept(draft(id, client))).batch;

    describe('installation', () => {
      it('keeps the first proposal, whoever asks later', async () => {
        const answers = await Promise.all([1, 2, 3].map((hashSeed) => registry.installation({ hashSeed })));
        expect(new Set(answers.map((answer) => answer.hashSeed)).size).toBe(1);
        const reopened = await fixture.reopen();
        expect(await reopened.installation({ hashSeed: 4_294_967_295 })).toEqual(answers[0]);
      });

      it('keeps the greatest uint32 exactly', async () => {
        expect(await registry.installation({ hashSeed: 4_294_967_295 })).toEqual({ hashSeed: 4_294_967_295 });
        expect(await registry.hashSeed()).toBe(4_294_967_295);
      });

      it('has no seed before the first proposal', async () => {
        expect(await registry.hashSeed()).toBeUndefined();
      });
    });

    describe('accept', () => {
      it('stores the draft, at the end of the line, owing its pick', async () => {
        const { batch, created } = await registry.accept(draft('b-1'));
        expect(created).toBe(true);
        expect(batch).toMatchObject({
          ...draft('b-1'),
          inLine: true,
          state: 'accepted',
          owed: ['pick'],
          receipt: null,
        });
        expect(batch.updatedAtMs).toBe(batch.acceptedAtMs);
        expect(await registry.get('b-1')).toEqual(batch);
      });

      it('is idempotent by id: once created, the first draft stands', async () => {
        const answers = await Promise.all(
          Array.from({ length: 8 }, (_, i) => registry.accept(draft('b-1', 'acme', { acceptedAtMs: i }))),
        );
        expect(answers.filter((answer) => answer.created)).toHaveLength(1);
        const first = answers.find((answer) => answer.created)?.batch;
        for (const answer of answers) expect(answer.batch).toEqual(first);
        expect(await registry.list({})).toEqual([first]);
        expect((await accepted('b-2')).number).toBe((first?.number ?? 0) + 1);
      });

      it('answers the batch as it stands now, not as it was accepted', async () => {
        const batch = await accepted('b-1');
        await registry.replace(moved(batch, { state: 'picking' }), batch.revision);
        const again = await registry.accept(draft('b-1'));
        expect(again.created).toBe(false);
        expect(again.batch.state).toBe('picking');
      });

      it('numbers a line in the order of the answers and never repeats', async () => {
        const answered: number[] = [];
        await Promise.all(
          Array.from({ length: 50 }, async (_, i) => {
            answered.push((await accepted(`b-${i}`)).number);
          }),
        );
        expect(answered).toEqual([...answered].sort((a, b) => a - b));
        expect(new Set(answered).size).toBe(50);
        const other = await accepted('b-other', 'beta');
        expect(other.number).toBe(1);
        const reopened = await fixture.reopen();
        expect((await reopened.accept(draft('b-next'))).batch.number).toBeGreaterThan(Math.max(...answered));
      });

      it('leaves a dry run out of the line', async () => {
        const { batch } = await registry.accept(draft('b-1', 'acme', { dryRun: true }));
        expect(batch.inLine).toBe(false);
        expect(await registry.lineHead('acme', 10)).toEqual([]);
      });
    });

    describe('replace', () => {
      it('writes where the revision is the expected one, and adds one to it', async () => {
        const batch = await accepted('b-1');
        const next = moved(batch, {
          state: 'picking',
          owed: [],
          records: 12,
          manifest: '{"a":1}',
          failure: { code: 'FILE_EMPTY', message: 'says «why»', line: 3 },
        });
        expect(await registry.replace(next, batch.revision)).toBe(true);
        expect(await registry.get('b-1')).toEqual({ ...next, revision: batch.revision + 1 });
      });

      it('changes nothing under another revision', async () => {
        const batch = await accepted('b-1');
        expect(await registry.replace(moved(batch, { state: 'failed' }), batch.revision + 1)).toBe(false);
        expect(await registry.replace(moved(batch, { state: 'failed' }), batch.revision - 1)).toBe(false);
        expect(await registry.get('b-1')).toEqual(batch);
      });

      it('lets one of many concurrent writers win', async () => {
        const batch = await accepted('b-1');
        const won = await Promise.all(
          Array.from({ length: 10 }, (_, i) => registry.replace(moved(batch, { records: i }), batch.revision)),
        );
        expect(won.filter(Boolean)).toHaveLength(1);
        expect((await registry.get('b-1'))?.records).toBe(won.indexOf(true));
      });

      it('writes nothing for a batch that does not exist', async () => {
        const batch = await accepted('b-1');
        expect(await registry.replace(moved(batch, { id: 'b-2' }), batch.revision)).toBe(false);
        expect(await registry.get('b-2')).toBeUndefined();
      });
    });

    describe('requeue', () => {
      it('gives the next number of the line, under the expected revision', async () => {
        const first = await accepted('b-1');
        const second = await accepted('b-2');
        const back = await registry.requeue(moved(first, { state: 'staged' }), first.revision);
        expect(back).toEqual({ ...first, state: 'staged', number: second.number + 1, revision: first.revision + 1 });
        expect(await registry.get('b-1')).toEqual(back);
        expect((await registry.lineHead('acme', 5)).map((batch) => batch.id)).toEqual(['b-2', 'b-1']);
      });

      it('changes nothing under another revision, not even the line', async () => {
        const first = await accepted('b-1');
        expect(await registry.requeue(first, first.revision + 1)).toBeUndefined();
        expect(await registry.get('b-1')).toEqual(first);
        expect((await accepted('b-2')).number).toBe(first.number + 1);
      });
    });

    describe('list, open and lineHead', () => {
      it('lists the newest acceptance first, by client, states and limit', async () => {
        for (const id of ['b-1', 'b-2', 'b-3']) await accepted(id);
        await accepted('b-4', 'beta');
        const second = (await registry.get('b-2')) as Batch;
        await registry.replace(moved(second, { state: 'completed', inLine: false, owed: [] }), second.revision);
        const ids = async (filter: Parameters<Registry['list']>[0]): Promise<string[]> =>
          (await registry.list(filter)).map((batch) => batch.id);
        expect(await ids({})).toEqual(['b-4', 'b-3', 'b-2', 'b-1']);
        expect(await ids({ client: 'acme' })).toEqual(['b-3', 'b-2', 'b-1']);
        expect(await ids({ states: ['completed'] })).toEqual(['b-2']);
        expect(await ids({ client: 'beta', states: ['completed', 'accepted'] })).toEqual(['b-4']);
        expect(await ids({ limit: 2 })).toEqual(['b-4', 'b-3']);
        expect(await ids({ states: [] })).toEqual([]);
        expect(await ids({ client: 'nobody' })).toEqual([]);
      });

      it('goes on before a batch of the client’s line', async () => {
        for (const id of ['b-1', 'b-2', 'b-3', 'b-4']) await accepted(id);
        await accepted('b-5', 'beta');
        const olderThan = async (id: string, limit: number): Promise<string[]> => {
          const { number } = (await registry.get(id)) as Batch;
          return (await registry.list({ client: 'acme', before: number, limit })).map((batch) => batch.id);
        };
        expect(await olderThan('b-4', 2)).toEqual(['b-3', 'b-2']);
        expect(await olderThan('b-2', 2)).toEqual(['b-1']);
        expect(await olderThan('b-1', 2)).toEqual([]);
        // Whoever asks may name a place that no batch has.
        const countBelow = async (place: number) => (await registry.list({ client: 'acme', before: place })).length;
        expect([await countBelow(0), await countBelow(1), await countBelow(Number.MAX_SAFE_INTEGER)]).toEqual([
          0, 0, 4,
        ]);
      });

      it('finds what is not final or still owes messages, in the order of acceptance', async () => {
        const [one, two, three] = [await accepted('b-1'), await accepted('b-2', 'beta'), await accepted('b-3')];
        const open = async () => await registry.open({ max: 9 });
        expect(new Set((await open()).batches.map(({ id }) => id))).toEqual(
          new Set([one, two, three].map(({ id }) => id)),
        );
        expect((await open()).batches.map(({ id }) => id)).toEqual(['b-1', 'b-2', 'b-3']);
        await registry.replace(moved(one, { state: 'failed', inLine: false, owed: ['free'] }), one.revision);
        await registry.replace(moved(two, { state: 'cancelled', inLine: false, owed: [] }), two.revision);
        await registry.replace(moved(three, { state: 'stalled', owed: [] }), three.revision);
        expect((await open()).batches.map((batch) => batch.id)).toEqual(['b-1', 'b-3']);
      });

      it('walks through what is open page by page: each once that is open all the while, whatever opens and closes', async () => {
        const ids = Array.from({ length: 17 }, (_, i) => `b-${i}`);
        for (const [i, id] of ids.entries()) await accepted(id, `c-${i % 3}`);
        const found: string[] = [];
        let pages = 0;
        for (let after: string | undefined, more = true; more; pages++) {
          const page = await registry.open({ max: 4, ...(after === undefined ? {} : { after }) });
          expect(page.batches.length).toBeLessThanOrEqual(4);
          found.push(...page.batches.map(({ id }) => id));
          for (const batch of page.batches.slice(0, 2)) {
            await registry.replace(moved(batch, { state: 'failed', inLine: false, owed: [] }), batch.revision);
          }
          if (pages < 3) await accepted(`late-${pages}`);
          after = page.next;
          more = after !== undefined;
        }
        expect(pages).toBeGreaterThanOrEqual(5);
        expect(new Set(found).size).toBe(found.length);
        expect(found.filter((id) => id.startsWith('b-')).sort()).toEqual([...ids].sort());
      });

      it('lists a batch where it was accepted, wherever in line it stands now', async () => {
        for (const id of ['b-1', 'b-2', 'b-3']) await accepted(id);
        const first = (await registry.get('b-1')) as Batch;
        await registry.replace(moved(first, { inLine: false }), first.revision);
        const back = await registry.requeue(moved(first, { inLine: true }), first.revision + 1);
        expect(back).toMatchObject({ number: 4, acceptedNumber: 1 });
        const acceptedBefore = async (place: number) =>
          (await registry.list({ client: 'acme', before: place, limit: 2 })).map(({ id }) => id);
        expect(await acceptedBefore(99)).toEqual(['b-3', 'b-2']);
        expect(await acceptedBefore(2)).toEqual(['b-1']);
        expect((await registry.lineHead('acme', 9)).map(({ id }) => id)).toEqual(['b-2', 'b-3', 'b-1']);
      });

      it('gives the head of a line behind many that have left it and are open', async () => {
        const waiting: Batch[] = [];
        for (let i = 0; i < 40; i++) waiting.push(await accepted(`b-${i}`));
        const last = await accepted('b-last');
        for (const batch of waiting) await registry.replace(moved(batch, { inLine: false }), batch.revision);
        expect(await registry.lineHead('acme', 3)).toEqual([last]);
        const reopened = await fixture.reopen();
        expect(await reopened.lineHead('acme', 3)).toEqual([last]);
        const seventh = waiting[7] as Batch;
        await reopened.requeue(moved(seventh, { inLine: true }), seventh.revision + 1);
        expect((await reopened.lineHead('acme', 3)).map(({ id }) => id)).toEqual(['b-last', 'b-7']);
      });

      it('gives the head of one client’s line, by number', async () => {
        const [one, two] = [await accepted('b-1'), await accepted('b-2')];
        await accepted('b-3', 'beta');
        await accepted('b-4');
        expect((await registry.lineHead('acme', 2)).map((batch) => batch.id)).toEqual(['b-1', 'b-2']);
        await registry.replace(moved(one, { inLine: false }), one.revision);
        expect((await registry.lineHead('acme', 1)).map((batch) => batch.id)).toEqual(['b-2']);
        await registry.requeue(two, two.revision);
        expect((await registry.lineHead('acme', 9)).map((batch) => batch.id)).toEqual(['b-4', 'b-2']);
      });

      it('gives the line page by page, each after the last number of the one before', async () => {
        const all: Batch[] = [];
        for (let i = 1; i <= 7; i++) all.push(await accepted(`b-${i}`));
        const [, , third] = all as [Batch, Batch, Batch];
        await registry.replace(moved(third, { inLine: false }), third.revision);
        const pages: string[][] = [];
        let after = 0;
        for (;;) {
          const page = await registry.lineHead('acme', 2, after);
          if (page.length === 0) break;
          pages.push(page.map(({ id }) => id));
          after = page.at(-1)?.number ?? 0;
        }
        expect(pages).toEqual([
          ['b-1', 'b-2'],
          ['b-4', 'b-5'],
          ['b-6', 'b-7'],
        ]);
        expect(await registry.lineHead('acme', 9, 99)).toEqual([]);
        // What was read from the middle says nothing of where the line begins.
        expect((await registry.lineHead('acme', 1)).map(({ id }) => id)).toEqual(['b-1']);
      });
    });

    describe('results', () => {
      it('keeps the first result of a work and answers it to all', async () => {
        const answers = await Promise.all(['a', 'b', 'c'].map((body) => registry.putResult('b-1', 'range', 7, body)));
        const [first] = answers;
        for (const answer of answers) expect(answer).toEqual(first);
        expect(await registry.getResult('b-1', 'range', 7)).toEqual(first);
        expect(await registry.putResult('b-1', 'range', 7, 'late')).toEqual(first);
        expect(await registry.countResults('b-1', 'range')).toBe(1);
      });

      it('tells batches, kinds and works apart, and lists by work', async () => {
        for (const work of [10, 2, 0]) await registry.putResult('b-1', 'range', work, `range ${work}`);
        await registry.putResult('b-1', 'shard', 2, 'shard 2');
        await registry.putResult('b-2', 'range', 2, 'other');
        expect(await registry.listResults('b-1', 'range')).toEqual([
          { work: 0, body: 'range 0' },
          { work: 2, body: 'range 2' },
          { work: 10, body: 'range 10' },
        ]);
        expect(await registry.countResults('b-1', 'range')).toBe(3);
        expect(await registry.listWorks('b-1', 'range')).toEqual([0, 2, 10]);
        expect(await registry.listWorks('b-2', 'shard')).toEqual([]);
        expect(await registry.countResults('b-1', 'finish')).toBe(0);
        expect(await registry.getResult('b-1', 'shard', 0)).toBeUndefined();
      });

      it('lists a page: the first so many after a work', async () => {
        for (const work of [0, 3, 4, 9]) await registry.putResult('b-1', 'range', work, `range ${work}`);
        const page = async (after: number, max: number): Promise<number[]> =>
          (await registry.listResults('b-1', 'range', { after, max })).map(({ work }) => work);
        expect(await page(-1, 2)).toEqual([0, 3]);
        expect(await page(3, 2)).toEqual([4, 9]);
        expect(await page(5, 10)).toEqual([9]);
        expect(await page(9, 10)).toEqual([]);
      });

      it('drops the kinds named and no others', async () => {
        for (const kind of ['range', 'preview', 'shard'] as const) await registry.putResult('b-1', kind, 0, kind);
        await registry.putResult('b-2', 'range', 0, 'stays');
        await registry.dropResults('b-1', ['range', 'preview']);
        await registry.dropResults('b-1', ['range']);
        expect(await registry.listResults('b-1', 'range')).toEqual([]);
        expect(await registry.listResults('b-1', 'shard')).toEqual([{ work: 0, body: 'shard' }]);
        expect(await registry.countResults('b-2', 'range')).toBe(1);
        expect(await registry.putResult('b-1', 'range', 0, 'anew')).toEqual({ work: 0, body: 'anew' });
      });
    });

    describe('failures', () => {
      it('counts distinct attempts of a work', async () => {
        expect(await registry.recordFailure('b-1', 'range/1', 'a', 'STORE_IO')).toBe(1);
        expect(await registry.recordFailure('b-1', 'range/1', 'a', 'STORE_IO')).toBe(1);
        expect(await registry.recordFailure('b-1', 'range/1', 'b', 'STORE_IO')).toBe(2);
        expect(await registry.recordFailure('b-1', 'range/2', 'a', 'STORE_IO')).toBe(1);
        expect(await registry.recordFailure('b-2', 'range/1', 'c', 'STORE_IO')).toBe(1);
      });

      it('tells of the works asked for how often they failed, and what one attempt said', async () => {
        await registry.recordFailure('b-1', 'range/1', 'a', 'STORE_IO: «one»');
        await registry.recordFailure('b-1', 'range/1', 'b', 'STORE_IO: «two»');
        await registry.recordFailure('b-1', 'range/2', 'a', 'STORE_IO: «other»');
        await registry.recordFailure('b-2', 'range/1', 'a', 'not this one');
        const [first, ...rest] = await registry.failuresOf('b-1', ['range/1', 'range/3', 'range/1']);
        expect(rest).toEqual([]);
        expect(first).toMatchObject({ work: 'range/1', attempts: 2 });
        expect(['STORE_IO: «one»', 'STORE_IO: «two»']).toContain(first?.says);
        expect(await registry.failuresOf('b-1', [])).toEqual([]);
        expect(await registry.failuresOf('b-3', ['range/1'])).toEqual([]);
      });

      it('forgets those of one batch', async () => {
        await registry.recordFailure('b-1', 'pick', 'a', 'STORE_IO');
        await registry.recordFailure('b-2', 'pick', 'a', 'STORE_IO');
        await registry.clearFailures('b-1');
        expect(await registry.recordFailure('b-1', 'pick', 'b', 'STORE_IO')).toBe(1);
        expect(await registry.recordFailure('b-2', 'pick', 'b', 'STORE_IO')).toBe(2);
      });
    });

    describe('turns', () => {
      it('begins at none', async () => {
        expect(await registry.turnOf('acme')).toEqual({ turn: 0, spans: [], takenAtMs: 0 });
      });

      it('is a compare-and-swap: one taker of many wins', async () => {
        const next = (i: number) => ({ turn: 1, spans: [{ number: i + 1, turn: 1, batches: 1 }], takenAtMs: 10 + i });
        const won = await Promise.all(Array.from({ length: 10 }, (_, i) => registry.takeTurns('acme', 0, next(i))));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await registry.turnOf('acme')).toEqual(next(won.indexOf(true)));
        expect(await registry.takeTurns('acme', 0, next(99))).toBe(false);
        expect(await registry.takeTurns('acme', 2, next(99))).toBe(false);
        expect(await registry.takeTurns('acme', 1, { turn: 2, spans: [], takenAtMs: 5 })).toBe(true);
        expect((await registry.turnOf('acme')).turn).toBe(2);
        expect((await registry.turnOf('beta')).turn).toBe(0);
      });
    });

    it('keeps all that it answered when it is opened again', async () => {
      const batch = await accepted('b-1');
      await registry.replace(moved(batch, { state: 'picking' }), batch.revision);
      await registry.putResult('b-1', 'range', 3, '{"n":1}');
      await registry.recordFailure('b-1', 'pick', 'a', 'says');
      await registry.takeTurns('acme', 0, { turn: 4, spans: [{ number: 1, turn: 3, batches: 2 }], takenAtMs: 9 });
      const reopened = await fixture.reopen();
      expect(await reopened.get('b-1')).toEqual({ ...batch, state: 'picking', revision: batch.revision + 1 });
      expect(await reopened.listResults('b-1', 'range')).toEqual([{ work: 3, body: '{"n":1}' }]);
      expect(await reopened.recordFailure('b-1', 'pick', 'b', 'says')).toBe(2);
      expect((await reopened.turnOf('acme')).turn).toBe(4);
    });

    it('stays one line with one order under any mix of concurrent calls', async () => {
      const step = fc.record({ kind: fc.constantFrom('accept', 'replace', 'requeue', 'leave'), on: fc.nat(5) });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 5 }), async (rounds) => {
          const client = `c-${run++}`;
          const known = new Map<string, Batch>();
          for (const round of rounds) {
            await Promise.all(round.map((one) => take(registry, client, known, one)));
          }
          const all = await registry.list({ client });
          expect(new Set(all.map((batch) => batch.number)).size).toBe(all.length);
          const line = all.filter((batch) => batch.inLine).sort((a, b) => a.number - b.number);
          expect(await registry.lineHead(client, 100)).toEqual(line);
          for (const batch of all) expect(batch.revision).toBe(known.get(batch.id)?.revision);
        }),
        { numRuns: 25, seed: 4711 },
      );
    });
  });
}

/** One step of the property: `known` follows what was answered, so that it tells the revision each batch must have. */
async function take(
  registry: Registry,
  client: string,
  known: Map<string, Batch>,
  step: { readonly kind: string; readonly on: number },
): Promise<void> {
  const id = `${client}-${step.on}`;
  const before = known.get(id);
  if (step.kind === 'accept' || before === undefined) {
    const { batch } = await registry.accept(draft(id, client));
    if (!known.has(id)) known.set(id, batch);
    return;
  }
  if (step.kind === 'requeue') {
    const back = await registry.requeue(moved(before, { inLine: true }), before.revision);
    if (back !== undefined) known.set(id, back);
    return;
  }
  const next = moved(before, { inLine: before.inLine && step.kind !== 'leave', records: before.records + 1 });
  if (await registry.replace(next, before.revision)) known.set(id, { ...next, revision: before.revision + 1 });
}
