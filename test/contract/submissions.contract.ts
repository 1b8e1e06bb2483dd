/** The contract of the submissions (src/io/ports/submissions.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  Append,
  AppendAnswer,
  Submission,
  SubmissionDraft,
  SubmissionLine,
  SubmissionStore,
} from '../../src/io/ports/submissions.ts';
import type { Fixture, MakeFixture } from './support.ts';

const START_MS = 1_768_478_400_000;
const IDLE_MS = 60_000;

const draft = (id: string, change: Partial<SubmissionDraft> = {}): SubmissionDraft => ({
  client: 'acme',
  id,
  file: 'lines.csv',
  columns: null,
  dryRun: false,
  asOf: null,
  createdAtMs: START_MS,
  ...change,
});

/** `headersGo`: when headers that are kept no longer go: by the sweep, or by themselves some time. */
export function describeSubmissions(
  name: string,
  make: MakeFixture<SubmissionStore>,
  headersGo: 'swept' | 'by themselves' = 'swept',
): void {
  describe(`submissions: ${name}`, () => {
    let fixture: Fixture<SubmissionStore>;
    let store: SubmissionStore;

    beforeEach(async () => {
      fixture = await make();
      store = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    const append = (id: string, lines: readonly string[], change: Partial<Append> = {}): Promise<AppendAnswer> =>
      store.append({
        client: 'acme',
        id,
        lines,
        columnsUsed: 31,
        token: null,
        linesMax: 100,
        bytesMax: 10_000,
        nowMs: START_MS + 1,
        idleMs: IDLE_MS,
        ...change,
      });
    const read = (id: string, after = 0, max = 1000): Promise<SubmissionLine[]> =>
      store.read('acme', id, { after, max });
    const close = (id: string) => store.close('acme', id, START_MS + 5, IDLE_MS);
    const sweep = (change: Partial<Parameters<SubmissionStore['sweep']>[0]> = {}) =>
      store.sweep({ idleBeforeMs: 0, keepBeforeMs: 0, nowMs: START_MS + 100, max: 100, ...change });

    it('takes any away as a whole, whatever its state, and no other', async () => {
      const sizes = { linesMax: 9, bytesMax: 999, columnsUsed: 1, token: null, nowMs: START_MS, idleMs: IDLE_MS };
      for (const id of ['open', 'closed', 'submitted', 'kept']) {
        await store.create(draft(id));
        await store.append({ client: 'acme', id, lines: ['"a"', '"b"'], ...sizes });
      }
      for (const id of ['closed', 'submitted', 'kept']) await store.close('acme', id, START_MS + 1, IDLE_MS);
      for (const id of ['submitted', 'kept']) await store.finish('acme', id, 'b-1', START_MS + 2);
      expect(await store.remove('beta', 'open')).toBe(false);
      for (const id of ['open', 'closed', 'submitted']) {
        expect(await store.remove('acme', id)).toBe(true);
        expect(await store.remove('acme', id)).toBe(false);
        expect(await store.get('acme', id)).toBeUndefined();
        expect(await store.read('acme', id, { after: 0, max: 10 })).toEqual([]);
        expect((await store.append({ client: 'acme', id, lines: ['"c"'], ...sizes })).kind).toBe('unknown');
      }
      expect((await store.list('acme', { max: 10 })).map(({ id }) => id)).toEqual(['kept']);
      expect(await store.unfinished(START_MS + 99, 10)).toEqual([]);
      expect(await store.countOpen('acme')).toBe(0);
    });

    it('is created once, as it was drafted first', async () => {
      const wanted = draft('s-1', { columns: ['external_ref', 'cpf'], dryRun: true, asOf: '2026-01-02' });
      const made = await store.create(wanted);
      const stored: Submission = {
        ...wanted,
        state: 'open',
        lines: 0,
        bytes: 0,
        columnsUsed: 0,
        touchedAtMs: START_MS,
        batch: null,
      };
      expect(made).toEqual({ submission: stored, created: true });
      expect(await store.create(draft('s-1', { file: 'other' }))).toEqual({ submission: stored, created: false });
      expect(await store.get('acme', 's-1')).toEqual(stored);
    });

    it('belongs to its client alone', async () => {
      await store.create(draft('s-1'));
      await append('s-1', ['"a"']);
      expect(await store.get('beta', 's-1')).toBeUndefined();
      expect(await append('s-1', ['"b"'], { client: 'beta' })).toEqual({ kind: 'unknown' });
      expect(await store.close('beta', 's-1', START_MS, IDLE_MS)).toEqual({ kind: 'unknown' });
      expect(await store.read('beta', 's-1', { after: 0, max: 10 })).toEqual([]);
      expect(await store.finish('beta', 's-1', 'b-x', START_MS)).toBeUndefined();
      expect(await store.discard('beta', 's-1')).toBe('unknown');
      await store.create(draft('s-1', { client: 'beta' }));
      expect(await store.read('beta', 's-1', { after: 0, max: 10 })).toEqual([]);
      expect((await store.list('acme', { max: 10 })).map(({ client }) => client)).toEqual(['acme']);
      expect((await store.get('acme', 's-1'))?.lines).toBe(1);
    });

    it('gives lines back by number, in pages, whatever appends they came with', async () => {
      await store.create(draft('s-1'));
      expect(await append('s-1', ['"a"', '"é\\n"'])).toEqual({ kind: 'appended', first: 1 });
      expect(await append('s-1', ['"c"'])).toEqual({ kind: 'appended', first: 3 });
      expect(await append('s-1', ['"d"', '"e"', '"f"'], { columnsUsed: 64 })).toEqual({ kind: 'appended', first: 4 });
      const all = ['"a"', '"é\\n"', '"c"', '"d"', '"e"', '"f"'].map((line, i) => ({ number: i + 1, line }));
      expect(await read('s-1')).toEqual(all);
      for (let after = 0; after <= 6; after++) {
        for (const max of [1, 2, 5]) expect(await read('s-1', after, max)).toEqual(all.slice(after, after + max));
      }
      const header = await store.get('acme', 's-1');
      expect(header).toMatchObject({ lines: 6, bytes: 21, columnsUsed: 31 | 64, touchedAtMs: START_MS + 1 });
      expect((await (await fixture.reopen()).read('acme', 's-1', { after: 0, max: 9 })).length).toBe(6);
    });

    it('repeats an append with the same token without an effect', async () => {
      await store.create(draft('s-1'));
      await append('s-1', ['"a"']);
      const first = await append('s-1', ['"b"', '"c"'], { token: 't' });
      await append('s-1', ['"d"'], { token: 'u' });
      expect(await append('s-1', ['"b"', '"c"'], { token: 't' })).toEqual(first);
      await close('s-1');
      expect(await append('s-1', ['"b"', '"c"'], { token: 't' })).toEqual(first);
      expect((await read('s-1')).map(({ line }) => line)).toEqual(['"a"', '"b"', '"c"', '"d"']);
    });

    it('refuses what would be too much, as a whole', async () => {
      await store.create(draft('s-1'));
      expect(await append('s-1', ['1', '2'], { linesMax: 3 })).toEqual({ kind: 'appended', first: 1 });
      expect(await append('s-1', ['3', '4'], { linesMax: 3 })).toEqual({ kind: 'full' });
      expect(await append('s-1', ['345'], { bytesMax: 4 })).toEqual({ kind: 'full' });
      expect(await append('s-1', ['34'], { bytesMax: 4 })).toEqual({ kind: 'appended', first: 3 });
      expect((await read('s-1')).map(({ line }) => line)).toEqual(['1', '2', '34']);
    });

    it('takes nothing once it is closed, and closes only what has lines', async () => {
      await store.create(draft('s-1'));
      expect(await close('none')).toEqual({ kind: 'unknown' });
      expect(await close('s-1')).toEqual({ kind: 'empty' });
      await append('s-1', ['1']);
      const closed = await close('s-1');
      expect(closed).toMatchObject({ kind: 'closed', submission: { state: 'closed', lines: 1 } });
      expect(await append('s-1', ['2'])).toEqual({ kind: 'closed' });
      expect(await close('s-1')).toEqual(closed);
      expect(await store.discard('acme', 's-1')).toBe('not_open');
    });

    it('keeps the first batch that was recorded for it', async () => {
      await store.create(draft('s-1'));
      await append('s-1', ['1']);
      await close('s-1');
      expect(await store.finish('acme', 's-1', 'b-1', START_MS + 9)).toBe('b-1');
      expect(await store.finish('acme', 's-1', 'b-2', START_MS + 10)).toBe('b-1');
      expect(await store.get('acme', 's-1')).toMatchObject({ state: 'submitted', batch: 'b-1' });
      expect(await close('s-1')).toMatchObject({ kind: 'closed', submission: { state: 'submitted', batch: 'b-1' } });
    });

    it('expires when it is left alone, and frees its lines in bounded steps', async () => {
      for (const id of ['s-1', 's-2', 's-3']) await store.create(draft(id));
      for (let i = 0; i < 5; i++) await append('s-1', [`${i}`], { nowMs: START_MS + 10 + i });
      const late = START_MS + 14 + IDLE_MS;
      expect(await append('s-2', ['1'], { nowMs: late })).toEqual({ kind: 'expired' });
      expect(await store.close('acme', 's-1', late, IDLE_MS)).toEqual({ kind: 'expired' });
      await append('s-3', ['1'], { nowMs: START_MS + 50 });
      await close('s-3');
      let expired = 0;
      for (let more = true; more; ) {
        const swept = await sweep({ idleBeforeMs: late - IDLE_MS, nowMs: late, max: 2 });
        expired += swept.expired;
        more = swept.more;
      }
      expect(expired).toBe(2);
      expect(await store.get('acme', 's-1')).toMatchObject({ state: 'expired', touchedAtMs: late });
      expect(await read('s-1')).toEqual([]);
      expect(await append('s-1', ['1'], { nowMs: START_MS + 15 })).toEqual({ kind: 'expired' });
      // A closed one is somebody's promise: it waits for its batch however long that takes.
      expect((await read('s-3')).length).toBe(1);
      await store.finish('acme', 's-3', 'b-3', START_MS + 60);
      await sweep({ keepBeforeMs: late });
      expect(await read('s-3')).toEqual([]);
      await sweep({ keepBeforeMs: late });
      if (headersGo === 'swept') expect(await store.get('acme', 's-3')).toBeUndefined();
      expect(await store.get('acme', 's-1')).toBeDefined();
    });

    it('is taken away with its lines while it is open', async () => {
      await store.create(draft('s-1'));
      await append('s-1', ['1']);
      expect(await store.countOpen('acme')).toBe(1);
      expect(await store.discard('acme', 's-1')).toBe('discarded');
      expect(await store.countOpen('acme')).toBe(0);
      expect(await store.get('acme', 's-1')).toBeUndefined();
      await store.create(draft('s-1'));
      expect(await read('s-1')).toEqual([]);
    });

    it('lists the newest first, in pages, and tells what nobody finished', async () => {
      for (const [i, id] of ['s-a', 's-b', 's-c', 's-d'].entries()) {
        await store.create(draft(id, { createdAtMs: START_MS + Math.floor(i / 2) }));
        await append(id, ['1'], { nowMs: START_MS + 10 });
      }
      const page = async (max: number, before?: { readonly createdAtMs: number; readonly id: string }) =>
        (await store.list('acme', { max, ...(before === undefined ? {} : { before }) })).map(({ id }) => id);
      expect(await page(3)).toEqual(['s-d', 's-c', 's-b']);
      expect(await page(3, { createdAtMs: START_MS + 1, id: 's-c' })).toEqual(['s-b', 's-a']);
      await store.close('acme', 's-b', START_MS + 20, IDLE_MS);
      await store.close('acme', 's-c', START_MS + 30, IDLE_MS);
      expect((await store.unfinished(START_MS + 30, 9)).map(({ id }) => id)).toEqual(['s-b']);
      expect((await store.unfinished(START_MS + 31, 1)).map(({ id }) => id)).toEqual(['s-b']);
      await store.finish('acme', 's-b', 'b-1', START_MS + 40);
      expect((await store.unfinished(START_MS + 31, 9)).map(({ id }) => id)).toEqual(['s-c']);
    });

    // fault 36
    it('gives every acknowledged line after the close, whatever races with it', async () => {
      for (let round = 0; round < 5; round++) {
        const id = `s-${round}`;
        await store.create(draft(id));
        await append(id, ['"0"']);
        const appends = Array.from({ length: 30 }, (_, i) =>
          append(id, [JSON.stringify(`line ${i}`)]).then((answer) => ({ answer, line: JSON.stringify(`line ${i}`) })),
        );
        const closing = Promise.resolve().then(() => close(id));
        const answered = await Promise.all(appends);
        await closing;
        const lines = new Map((await read(id)).map(({ number, line }) => [number, line]));
        for (const { answer, line } of answered) {
          if (answer.kind === 'appended') expect(lines.get(answer.first)).toBe(line);
          else expect(answer.kind).toBe('closed');
        }
        const acknowledged = answered.filter(({ answer }) => answer.kind === 'appended').length;
        expect(lines.size).toBe(acknowledged + 1);
      }
    });
  });
}
