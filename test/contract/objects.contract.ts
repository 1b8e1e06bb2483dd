/** The contract of the object store (src/io/ports/objects.ts), sentence by sentence, for any driver. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectInfo, ObjectPin, ObjectStore } from '../../src/io/ports/objects.ts';
import { bytesOf, collect, type Fixture, faultCode, madeBytes, nextTick, textOf } from './support.ts';

export interface ObjectsFixture extends Fixture<ObjectStore> {
  /** How many files, uploads or the like exist that are no objects. */
  leftovers(): Promise<number>;
  /** Where equal bytes put again are the same state: a pin of the earlier ones holds, and gives those bytes. */
  readonly equalBytesAreOneState?: boolean;
}

export function describeObjectStore(name: string, make: () => Promise<ObjectsFixture>): void {
  describe(`objects: ${name}`, () => {
    let fixture: ObjectsFixture;
    let objects: ObjectStore;

    beforeEach(async () => {
      fixture = await make();
      objects = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    const keys = async (prefix: string): Promise<string[]> =>
      (await collect(objects.list(prefix))).map((info) => info.key);

    /** All bytes of a range, read in pieces of `step`. */
    const readRange = async (pin: ObjectPin, start: number, end: number, step: number): Promise<Uint8Array> => {
      const reader = await objects.openRange(pin, start, end);
      const parts: Uint8Array[] = [];
      const target = new Uint8Array(step);
      try {
        for (let got = await reader.read(target); got > 0; got = await reader.read(target)) {
          parts.push(target.slice(0, got));
          if (got < step) expect(await reader.read(target)).toBe(0);
        }
      } finally {
        await reader.close();
      }
      return Buffer.concat(parts);
    };

    describe('writing', () => {
      it('puts and gets an object, and tells of it', async () => {
        const info = await objects.put('raw/acme/a-1', bytesOf('one,two\n'));
        expect(info).toMatchObject({ key: 'raw/acme/a-1', bytes: 8 });
        expect(await objects.head('raw/acme/a-1')).toEqual(info);
        expect(textOf(await objects.get('raw/acme/a-1'))).toBe('one,two\n');
        expect(info.modifiedMs).toBeGreaterThan(Date.UTC(2020, 0, 1));
      });

      it('knows nothing of what is not there', async () => {
        expect(await objects.head('raw/none')).toBeUndefined();
        expect(await objects.get('raw/none')).toBeUndefined();
        await objects.put('raw/some', bytesOf('x'));
        expect(await objects.head('raw/some/deeper')).toBeUndefined();
        expect(await objects.head('raw')).toBeUndefined();
      });

      it('takes an empty object', async () => {
        const info = await objects.put('work/empty', new Uint8Array(0));
        expect(info.bytes).toBe(0);
        expect(await objects.get('work/empty')).toEqual(new Uint8Array(0));
        expect((await readRange(info, 0, 0, 8)).length).toBe(0);
      });

      it('shows an object only when it is whole', async () => {
        const writer = await objects.create('parts/b-1/p');
        const block = bytesOf('first ');
        await writer.write(block);
        // The bytes may be used again once the promise has settled.
        block.fill(0x78);
        await writer.write(bytesOf('second'));
        expect(await objects.head('parts/b-1/p')).toBeUndefined();
        expect(await keys('parts/')).toEqual([]);
        const info = await writer.commit();
        expect(await objects.head('parts/b-1/p')).toEqual(info);
        expect(textOf(await objects.get('parts/b-1/p'))).toBe('first second');
      });

      it('leaves the earlier object in place until the new one is whole', async () => {
        const before = await objects.put('k', bytesOf('before'));
        const writer = await objects.create('k');
        await writer.write(bytesOf('after!'));
        expect(await objects.head('k')).toEqual(before);
        const after = await writer.commit();
        expect(after.etag).not.toBe(before.etag);
        expect(textOf(await objects.get('k'))).toBe('after!');
      });

      it('writes many and large blocks', async () => {
        const bytes = madeBytes(3_000_001);
        const writer = await objects.create('large');
        for (let at = 0; at < bytes.length; at += 700_001) await writer.write(bytes.subarray(at, at + 700_001));
        expect((await writer.commit()).bytes).toBe(bytes.length);
        expect(Buffer.compare((await objects.get('large')) ?? new Uint8Array(), bytes)).toBe(0);
      });

      it('leaves nothing behind when aborted, before or after writing, once or twice', async () => {
        for (const writes of [0, 3]) {
          const writer = await objects.create('parts/aborted');
          for (let i = 0; i < writes; i++) await writer.write(madeBytes(1000));
          await writer.abort();
          await writer.abort();
        }
        expect(await objects.head('parts/aborted')).toBeUndefined();
        expect(await fixture.leftovers()).toBe(0);
      });

      it('keeps a committed object when aborted afterwards', async () => {
        const writer = await objects.create('kept');
        await writer.write(bytesOf('kept'));
        await writer.commit();
        await writer.abort();
        expect(textOf(await objects.get('kept'))).toBe('kept');
        expect(await fixture.leftovers()).toBe(0);
      });

      it('lets two writers of one key each write a whole object', async () => {
        const [one, two] = [await objects.create('race'), await objects.create('race')];
        await one.write(bytesOf('one'));
        await two.write(bytesOf('two'));
        const infos = await Promise.all([one.commit(), two.commit()]);
        const stands = await objects.head('race');
        expect(infos.map((info) => info.etag)).toContain(stands?.etag);
        expect(['one', 'two']).toContain(textOf(await objects.get('race')));
      });

      it('keeps objects when it is opened again', async () => {
        const info = await objects.put('raw/acme/kept', madeBytes(5000));
        objects = await fixture.reopen();
        expect(await objects.head('raw/acme/kept')).toEqual(info);
        expect(await objects.get('raw/acme/kept')).toEqual(madeBytes(5000));
      });

      // threat 3
      it('takes no key that is not made by the engine’s rules', async () => {
        for (const key of [
          '',
          '/a',
          'a/',
          'a//b',
          '../a',
          'a/../b',
          'a..b',
          './a',
          '.hidden',
          'a/.b',
          'A',
          'a b',
          'a\0b',
          'é',
        ]) {
          await expect(objects.create(key), key).rejects.toThrow(/object key/);
          await expect(objects.head(key), key).rejects.toThrow(/object key/);
        }
      });
    });

    describe('ranges', () => {
      const bytes = madeBytes(300);

      it('reads every range of an object, with targets of any size', async () => {
        const pin = await objects.put('r', bytes);
        const range = fc
          .tuple(fc.nat(300), fc.nat(300), fc.integer({ min: 1, max: 320 }))
          .map(([a, b, step]) => ({ start: Math.min(a, b), end: Math.max(a, b), step }));
        await fc.assert(
          fc.asyncProperty(range, async ({ start, end, step }) => {
            const got = await readRange(pin, start, end, step);
            expect(Buffer.compare(got, bytes.subarray(start, end))).toBe(0);
          }),
          { numRuns: 150, seed: 20 },
        );
      });

      it('begins and ends at every offset', async () => {
        const pin = await objects.put('r', bytes);
        for (let at = 0; at <= bytes.length; at++) {
          expect(Buffer.compare(await readRange(pin, at, bytes.length, 512), bytes.subarray(at))).toBe(0);
          expect(Buffer.compare(await readRange(pin, 0, at, 512), bytes.subarray(0, at))).toBe(0);
        }
      });

      it('fills the target from its start and leaves the rest alone', async () => {
        const pin = await objects.put('r', bytes);
        const target = new Uint8Array(10).fill(7);
        const reader = await objects.openRange(pin, 100, 104);
        expect(await reader.read(target)).toBe(4);
        expect(target).toEqual(Uint8Array.of(...bytes.subarray(100, 104), 7, 7, 7, 7, 7, 7));
        await reader.close();
      });

      it('can be closed twice, and in the middle', async () => {
        const pin = await objects.put('r', bytes);
        const reader = await objects.openRange(pin, 0, 300);
        await reader.read(new Uint8Array(10));
        await reader.close();
        await reader.close();
      });

      it('reads many ranges side by side', async () => {
        const pin = await objects.put('r', bytes);
        const all = await Promise.all(Array.from({ length: 30 }, (_, i) => readRange(pin, i * 10, i * 10 + 10, 3)));
        expect(Buffer.compare(Buffer.concat(all), bytes)).toBe(0);
      });
    });

    describe('pins', () => {
      const opening = (pin: ObjectPin): Promise<string | undefined> =>
        faultCode(objects.openRange(pin, 0, 1).then((reader) => reader.close()));

      it('faults where the key is gone', async () => {
        const pin = await objects.put('p', bytesOf('some'));
        await objects.delete('p');
        expect(await opening(pin)).toBe('OBJECT_VANISHED');
        expect(await opening({ key: 'never/was', etag: pin.etag })).toBe('OBJECT_VANISHED');
      });

      it('faults where the key holds something else, of any size', async () => {
        for (const text of ['else', 'longer than before', 's', 'some']) {
          const pin = await objects.put('p', bytesOf('some'));
          await objects.put('p', bytesOf(text));
          if (text === 'some' && fixture.equalBytesAreOneState === true) {
            expect(textOf(await readRange(pin, 0, 4, 10))).toBe('some');
          } else expect(await opening(pin), text).toBe('OBJECT_CHANGED');
        }
      });

      it('faults where the object was deleted and written anew', async () => {
        const pin = await objects.put('p', bytesOf('some'));
        await objects.delete('p');
        await nextTick();
        await objects.put('p', bytesOf('same'));
        expect(await opening(pin)).toBe('OBJECT_CHANGED');
      });

      it('gives that state’s bytes or a fault when the object is replaced while it is read', async () => {
        const bytes = madeBytes(100_000);
        const pin = await objects.put('p', bytes);
        const reader = await objects.openRange(pin, 0, bytes.length);
        const target = new Uint8Array(60_000);
        expect(await reader.read(target)).toBe(60_000);
        expect(Buffer.compare(target, bytes.subarray(0, 60_000))).toBe(0);
        await objects.put('p', madeBytes(100_000, 2));
        const rest = new Uint8Array(60_000);
        const code = await faultCode(
          reader.read(rest).then((got) => {
            expect(Buffer.compare(rest.subarray(0, got), bytes.subarray(60_000))).toBe(0);
          }),
        );
        expect([undefined, 'OBJECT_CHANGED']).toContain(code);
        await reader.close();
      });
    });

    describe('deleting and listing', () => {
      it('deletes what is there and what is not', async () => {
        await objects.put('d/one', bytesOf('1'));
        await objects.delete('d/one');
        await objects.delete('d/one');
        await objects.delete('d/one/below');
        expect(await objects.head('d/one')).toBeUndefined();
      });

      it('deletes all with a prefix and nothing else', async () => {
        for (const key of ['parts/b-1/x', 'parts/b-1/y/z', 'parts/b-10/x', 'parts/b-2/x', 'parts/b-1x']) {
          await objects.put(key, bytesOf(key));
        }
        await objects.deletePrefix('parts/b-1/');
        expect(await keys('parts/')).toEqual(['parts/b-10/x', 'parts/b-1x', 'parts/b-2/x']);
        await objects.deletePrefix('parts/b-1');
        expect(await keys('parts/')).toEqual(['parts/b-2/x']);
        await objects.deletePrefix('parts/b-1');
        await objects.deletePrefix('nothing/here/');
        expect(await keys('')).toEqual(['parts/b-2/x']);
        await objects.put('parts/b-1/x', bytesOf('again'));
        expect(textOf(await objects.get('parts/b-1/x'))).toBe('again');
      });

      it('lists in key order, folders or not', async () => {
        const made = ['a', 'a-b/c', 'a.b', 'aa', 'b/0', 'b/10', 'b/2', 'b/2-1/x', 'b/a/b/c', 'c'];
        const infos = new Map<string, ObjectInfo>();
        for (const key of [...made].reverse()) infos.set(key, await objects.put(key, bytesOf(key)));
        const sorted = [...made].sort();
        expect(await keys('')).toEqual(sorted);
        for (const prefix of ['a', 'b/', 'b/2', 'b/a/b/', 'x', 'c', 'b/1']) {
          expect(await keys(prefix)).toEqual(sorted.filter((key) => key.startsWith(prefix)));
        }
        for (const info of await collect(objects.list(''))) expect(info).toEqual(infos.get(info.key));
      });

      it('lists no object that is being written', async () => {
        const writer = await objects.create('w/x');
        await writer.write(bytesOf('x'));
        expect(await keys('')).toEqual([]);
        await writer.abort();
      });
    });
  });
}
