/** The contract of arrivals (src/io/ports/arrivals.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Arrival, Arrivals } from '../../src/io/ports/arrivals.ts';
import type { ObjectStore } from '../../src/io/ports/objects.ts';
import { type Fixture, textOf } from './support.ts';

export interface ArrivalsFixture extends Fixture<Arrivals> {
  readonly objects: ObjectStore;
  /** Brings a whole file of a client, or replaces the one of that name; later ones become whole later. */
  bring(client: string, file: string, text: string): Promise<void>;
  /**
   * Where files are taken where they lie, a later one of the same name has the same key; the earlier one can be read as long
   * as the store keeps it, and else is found to have changed.
   */
  readonly takesInPlace?: boolean;
}

export function describeArrivals(name: string, make: () => Promise<ArrivalsFixture>): void {
  describe(`arrivals: ${name}`, () => {
    let fixture: ArrivalsFixture;
    let arrivals: Arrivals;

    beforeEach(async () => {
      fixture = await make();
      arrivals = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    const poll = async (max = 100): Promise<Arrival[]> => [...(await arrivals.poll(max)).arrivals];
    const nameOf = ({ client, file }: Arrival): string => `${client}/${file}`;
    const identityOf = ({ bucket, key, version, etag, bytes }: Arrival): object => ({
      bucket,
      key,
      version,
      etag,
      bytes,
    });

    const pinnedText = async (arrival: Arrival): Promise<string | undefined> => {
      const reader = await fixture.objects.openRange(arrival, 0, arrival.bytes);
      const bytes = new Uint8Array(arrival.bytes);
      await reader.read(bytes);
      await reader.close();
      return textOf(bytes);
    };

    it('gives what has come, stored and pinned', async () => {
      await fixture.bring('acme', 'dívidas 01.csv', 'some text\n');
      const [arrival, ...others] = await poll();
      expect(others).toEqual([]);
      expect(arrival).toMatchObject({ client: 'acme', file: 'dívidas 01.csv', bytes: 10 });
      const found = arrival as Arrival;
      expect(await fixture.objects.head(found.key)).toMatchObject({ etag: found.etag, bytes: 10 });
      expect(await pinnedText(found)).toBe('some text\n');
    });

    it('gives them in the order in which they became whole, up to the number asked', async () => {
      for (const [client, file] of [
        ['beta', '1'],
        ['acme', 'z'],
        ['acme', 'a'],
        ['beta', '0'],
      ] as const) {
        await fixture.bring(client, file, `${client} ${file}`);
      }
      const first = await poll(3);
      expect(first.map(nameOf)).toEqual(['beta/1', 'acme/z', 'acme/a']);
      for (const arrival of first) await arrival.settle();
      const rest = await poll(3);
      expect(rest.map(nameOf)).toEqual(['beta/0']);
      await rest[0]?.settle();
      expect(await poll(3)).toEqual([]);
    });

    it('gives the same one again, named alike, until it is settled', async () => {
      await fixture.bring('acme', 'a.csv', 'text');
      const [first] = await poll();
      const [again] = await poll();
      expect(identityOf(again as Arrival)).toEqual(identityOf(first as Arrival));
      arrivals = await fixture.reopen();
      const [later] = await poll();
      expect(identityOf(later as Arrival)).toEqual(identityOf(first as Arrival));
      await later?.settle();
      await later?.settle();
      expect(await poll()).toEqual([]);
      arrivals = await fixture.reopen();
      expect(await poll()).toEqual([]);
      expect(textOf(await fixture.objects.get((first as Arrival).key))).toBe('text');
    });

    it('keeps the order over a crash between storing and settling', async () => {
      await fixture.bring('acme', 'z-first', '1');
      await fixture.bring('acme', 'm-second', '2');
      expect((await poll()).map(nameOf)).toEqual(['acme/z-first', 'acme/m-second']);
      await fixture.bring('acme', 'a-third', '3');
      arrivals = await fixture.reopen();
      expect((await poll()).map(nameOf)).toEqual(['acme/z-first', 'acme/m-second', 'acme/a-third']);
    });

    it('gives another state of the same name as another arrival', async () => {
      await fixture.bring('acme', 'a.csv', 'one');
      const [first] = await poll();
      await first?.settle();
      await fixture.bring('acme', 'a.csv', 'two');
      const [second] = await poll();
      expect(identityOf(second as Arrival)).not.toEqual(identityOf(first as Arrival));
      expect((second as Arrival).version).not.toBe((first as Arrival).version);
      expect(await pinnedText(second as Arrival)).toBe('two');
      const earlier = await pinnedText(first as Arrival).catch((error: { readonly code?: unknown }) => error.code);
      expect(fixture.takesInPlace === true ? ['one', 'OBJECT_CHANGED'] : ['one']).toContain(earlier);
      if (fixture.takesInPlace !== true) expect((second as Arrival).key).not.toBe((first as Arrival).key);
    });

    it('does not settle away what came under the same name meanwhile', async () => {
      await fixture.bring('acme', 'a.csv', 'one');
      const [first] = await poll();
      await fixture.bring('acme', 'a.csv', 'two');
      await first?.settle();
      const [second] = await poll();
      expect(textOf(await fixture.objects.get((second as Arrival).key))).toBe('two');
    });

    it('keeps equal names and equal bytes of clients apart', async () => {
      await fixture.bring('acme', 'a.csv', 'same');
      await fixture.bring('beta', 'a.csv', 'same');
      const keys = (await poll()).map(({ key }) => key);
      expect(new Set(keys).size).toBe(2);
    });
  });
}
