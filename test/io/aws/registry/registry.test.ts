/**
 * The registry in DynamoDB under faults: answers that are lost at each write, processes that end at each call, several
 * processes at one table. The contract itself is in test/contract/aws.registry.test.ts.
 */
import { randomBytes } from 'node:crypto';
import { type DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Batch, Registry } from '../../../../src/io/ports/registry.ts';
import { openBatches } from '../../../../src/stages/batch/batches.ts';
import { draft, FakeClock, faultCode, moved } from '../../../contract/support.ts';
import { type AwsServer, dynamoServers } from '../../../support/aws/servers.ts';
import { History } from './history.ts';
import {
  createTable,
  dynamoClient,
  type Fate,
  fateful,
  isWrite,
  kindOf,
  REGISTRY_TABLE,
  registryOn,
} from './support.ts';

/** An acceptance that was left is taken up by the sweep after it. */
const LONG_MS = 60_000;

for (const kind of dynamoServers()) {
  describe(`registry in DynamoDB under faults: ${kind.name}`, () => {
    let server: AwsServer;
    let client: DynamoDBClient;
    let whole: Registry;
    let made = 0;

    beforeAll(async () => {
      server = await kind.start();
      client = dynamoClient(server);
      await createTable(client, REGISTRY_TABLE);
      whole = registryOn(client);
    });

    afterAll(async () => {
      client.destroy();
      await server.close();
    });

    const fresh = (): string => `c${made++}`;

    /** A process that ends at its nth call: before it is applied, or after. */
    const ending = (nth: number, applied: boolean): { registry: Registry; calls(): number } => {
      let calls = 0;
      const sender = fateful(client, (): Fate => {
        calls++;
        if (calls < nth) return 'well';
        return calls === nth && applied ? 'lost' : 'refused';
      });
      return { registry: registryOn(sender), calls: () => calls };
    };

    /** The sweep of a process that looks long afterwards. */
    const sweep = async (): Promise<Batch[]> => {
      const clock = new FakeClock();
      clock.setWall(Date.now() + LONG_MS);
      return await openBatches({ registry: registryOn(client, clock) });
    };

    const entriesOf = async (id: string): Promise<boolean> => (await sweep()).some((batch) => batch.id === id);

    describe('an answer lost, and the write tried again by the SDK', () => {
      /** Every write is applied twice, its first answer lost. */
      const again = (): Registry => registryOn(fateful(client, (command) => (isWrite(command) ? 'again' : 'well')));

      // faults 1, 21
      it('accepts once, with the next number', async () => {
        const name = fresh();
        const registry = again();
        const first = await registry.accept(draft(`${name}-1`, name));
        expect(first).toMatchObject({ created: true, batch: { number: 1 } });
        expect((await registry.accept(draft(`${name}-2`, name))).batch.number).toBe(2);
        expect((await registry.accept(draft(`${name}-1`, name))).created).toBe(false);
        expect((await whole.list({ client: name })).map((batch) => batch.id)).toEqual([`${name}-2`, `${name}-1`]);
      });

      // fault 21
      it('tells the writer of a revision that it won, and another one that it did not', async () => {
        const name = fresh();
        const registry = again();
        const { batch } = await registry.accept(draft(`${name}-1`, name));
        const next = moved(batch, { state: 'picking' });
        expect(await registry.replace(next, batch.revision)).toBe(true);
        // The same bytes from another writer: not his.
        expect(await registry.replace(next, batch.revision)).toBe(false);
        const back = await registry.requeue({ ...next, revision: 2 }, 2);
        expect(back).toMatchObject({ number: 2, revision: 3 });
        expect(await whole.get(batch.id)).toEqual(back);
      });

      // faults 21, 24
      it('takes a turn once, keeps the first result, counts an attempt once', async () => {
        const name = fresh();
        const registry = again();
        const turn = (n: number) => ({ turn: n, spans: [{ number: n, turn: n, batches: 1 }], takenAtMs: 1 });
        expect(await registry.takeTurns(name, 0, turn(1))).toBe(true);
        expect(await registry.takeTurns(name, 0, turn(1))).toBe(false);
        expect(await registry.takeTurns(name, 1, turn(2))).toBe(true);
        expect(await whole.turnOf(name)).toEqual(turn(2));
        expect(await registry.putResult(name, 'range', 0, 'one')).toEqual({ work: 0, body: 'one' });
        expect(await registry.putResult(name, 'range', 0, 'two')).toEqual({ work: 0, body: 'one' });
        expect(await registry.recordFailure(name, 'pick', 'a', 'says')).toBe(1);
        expect(await registry.recordFailure(name, 'pick', 'b', 'says')).toBe(2);
        await registry.clearFailures(name);
        await registry.dropResults(name, ['range']);
        expect(await whole.countResults(name, 'range')).toBe(0);
      });
    });

    describe('a process that ends at any of its calls', () => {
      it.each([true, false])('accepts: repeated elsewhere, one batch stands; call applied: %s', async (applied) => {
        for (let nth = 1; ; nth++) {
          const name = fresh();
          const one = ending(nth, applied);
          const code = await faultCode(one.registry.accept(draft(`${name}-1`, name)));
          // A second file comes before the first is sent again.
          const second = (await whole.accept(draft(`${name}-2`, name))).batch;
          const again = (await whole.accept(draft(`${name}-1`, name))).batch;
          expect(again.number).not.toBe(second.number);
          const line = await whole.lineHead(name, 9);
          expect(line.map((batch) => batch.id).sort()).toEqual([`${name}-1`, `${name}-2`]);
          expect(line.map((batch) => batch.number)).toEqual([...line.map((batch) => batch.number)].sort());
          expect((await whole.list({ client: name })).map((batch) => batch.number)).toEqual(
            line.map((batch) => batch.number).reverse(),
          );
          expect((await sweep()).filter((batch) => batch.client === name)).toEqual(line);
          if (code === undefined) {
            expect(one.calls()).toBeLessThan(nth);
            break;
          }
        }
      });

      it.each([
        true,
        false,
      ])('accepts: never sent again, it is whole or not there; call applied: %s', async (applied) => {
        for (let nth = 1; ; nth++) {
          const name = fresh();
          const id = `${name}-1`;
          const code = await faultCode(ending(nth, applied).registry.accept(draft(id, name)));
          // Who looks at the line sees it there or not, and from then on alike; the next file never comes before it.
          const seen = await whole.lineHead(name, 9);
          const next = (await whole.accept(draft(`${name}-2`, name))).batch;
          expect((await whole.lineHead(name, 9)).map((batch) => batch.id)).toEqual([
            ...seen.map((batch) => batch.id),
            next.id,
          ]);
          const stored = await whole.get(id);
          expect(stored).toEqual(seen[0]);
          // The sweep finds what is there, and finishes what left its entry.
          const entry = await entriesOf(id);
          const later = await whole.get(id);
          expect(entry).toBe(later !== undefined);
          if (stored === undefined && later !== undefined) expect(later.number).toBeGreaterThan(next.number);
          if (code === undefined) break;
        }
      });

      it.each([true, false])('closes a batch: the sweep forgets it in the end; call applied: %s', async (applied) => {
        for (let nth = 1; ; nth++) {
          const name = fresh();
          const { batch } = await whole.accept(draft(`${name}-1`, name));
          const closed = moved(batch, { state: 'failed', inLine: false, owed: [] });
          const code = await faultCode(ending(nth, applied).registry.replace(closed, 1));
          const stored = await whole.get(batch.id);
          expect(await entriesOf(batch.id)).toBe(stored?.state === 'accepted');
          if (stored?.state === 'accepted') expect(await whole.replace(closed, 1)).toBe(true);
          expect(await entriesOf(batch.id)).toBe(false);
          expect(await whole.lineHead(name, 9)).toEqual([]);
          if (code === undefined) break;
        }
      });

      it.each([
        true,
        false,
      ])('requeues: it stands once, at the old place or the new; call applied: %s', async (applied) => {
        for (let nth = 1; ; nth++) {
          const name = fresh();
          const [first, second] = [
            (await whole.accept(draft(`${name}-1`, name))).batch,
            (await whole.accept(draft(`${name}-2`, name))).batch,
          ];
          const code = await faultCode(ending(nth, applied).registry.requeue(first, 1));
          const seen = (await whole.lineHead(name, 9)).map((batch) => batch.id);
          const stored = (await whole.get(first.id)) as Batch;
          expect(seen).toEqual(stored.number === 1 ? [first.id, second.id] : [second.id, first.id]);
          const back = await whole.requeue(stored, stored.revision);
          expect(back?.number).toBeGreaterThan(stored.number);
          expect((await whole.lineHead(name, 9)).map((batch) => batch.id)).toEqual([second.id, first.id]);
          expect((await whole.list({ client: name })).map((batch) => batch.id)).toEqual([second.id, first.id]);
          if (code === undefined) break;
        }
      });
    });

    it('puts off a requeue that took its place and sleeps, so that it comes before nobody who was seen', async () => {
      const name = fresh();
      const { batch: first } = await whole.accept(draft(`${name}-1`, name));
      // It waits outside of the line, and nobody else changes it.
      await whole.replace(moved(first, { inLine: false }), 1);
      const gate = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      const sleeper = registryOn(
        fateful(client, async (command): Promise<Fate> => {
          if (kindOf(command) === 'UpdateItem') {
            reached.resolve();
            await gate.promise;
          }
          return 'well';
        }),
      );
      const late = sleeper.requeue(first, 2);
      await reached.promise;
      const { batch: second } = await whole.accept(draft(`${name}-2`, name));
      expect((await whole.lineHead(name, 1)).map((batch) => batch.id)).toEqual([second.id]);
      gate.resolve();
      expect(await late).toBeUndefined();
      expect((await whole.lineHead(name, 9)).map((batch) => batch.id)).toEqual([second.id]);
    });

    it('finishes an acceptance that took its place and sleeps: it stands before whoever came later', async () => {
      const name = fresh();
      const gate = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      let puts = 0;
      const sleeper = registryOn(
        fateful(client, async (command): Promise<Fate> => {
          // Entry, line, slot, batch.
          if (kindOf(command) === 'PutItem' && ++puts === 4) {
            reached.resolve();
            await gate.promise;
          }
          return 'well';
        }),
      );
      const late = sleeper.accept(draft(`${name}-1`, name));
      await reached.promise;
      await whole.accept(draft(`${name}-2`, name));
      expect((await whole.lineHead(name, 1)).map((batch) => batch.id)).toEqual([`${name}-1`]);
      gate.resolve();
      expect(await late).toMatchObject({ created: false, batch: { number: 1 } });
    });

    it('keeps its head past hundreds of batches that are done with', async () => {
      const name = fresh();
      const { batch: kept } = await whole.accept(draft(`${name}-kept`, name));
      for (let i = 0; i < 60; i++) {
        const { batch } = await whole.accept(draft(`${name}-${i}`, name));
        await whole.replace(moved(batch, { state: 'failed', inLine: false, owed: [] }), 1);
      }
      const { batch: last } = await whole.accept(draft(`${name}-last`, name));
      const ids = async (registry: Registry): Promise<string[]> =>
        (await registry.lineHead(name, 2)).map((batch) => batch.id);
      expect(await ids(whole)).toEqual([kept.id, last.id]);
      await whole.replace(moved(kept, { state: 'failed', inLine: false, owed: [] }), 1);
      expect(await ids(whole)).toEqual([last.id]);
      let read = 0;
      const counted = registryOn(
        fateful(client, (command) => {
          read += kindOf(command) === 'BatchGetItem' ? 1 : 0;
          return 'well';
        }),
      );
      expect(await ids(counted)).toEqual([last.id]);
      expect(read).toBe(1);
      // Nor are those that only left the line and wait beside it.
      for (let i = 0; i < 60; i++) {
        const { batch } = await whole.accept(draft(`${name}-aside-${i}`, name));
        await whole.replace(moved(batch, { inLine: false }), 1);
      }
      await whole.replace(moved(last, { state: 'failed', inLine: false, owed: [] }), 1);
      const { batch: latest } = await whole.accept(draft(`${name}-latest`, name));
      expect(await ids(whole)).toEqual([latest.id]);
      expect(await ids(counted)).toEqual([latest.id]);
      read = 0;
      expect(await ids(counted)).toEqual([latest.id]);
      expect(read).toBe(1);
    });

    it('shows a batch again that left the line, was passed over, and came back to its end', async () => {
      const name = fresh();
      const { batch } = await whole.accept(draft(`${name}-1`, name));
      const { batch: next } = await whole.accept(draft(`${name}-2`, name));
      await whole.replace(moved(batch, { inLine: false }), 1);
      expect((await whole.lineHead(name, 9)).map((one) => one.id)).toEqual([next.id]);
      await whole.requeue(moved(batch, { inLine: true }), 2);
      expect((await whole.lineHead(name, 9)).map((one) => one.id)).toEqual([next.id, batch.id]);
    });

    it('answers fifty acceptances in the order of their numbers; several processes take no number twice', async () => {
      const name = fresh();
      const processes = Array.from({ length: 4 }, () => registryOn(client));
      const answered: number[][] = processes.map(() => []);
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const at = i % processes.length;
          const { batch } = await (processes[at] as Registry).accept(draft(`${name}-${i}`, name));
          answered[at]?.push(batch.number);
        }),
      );
      for (const numbers of answered) expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(answered.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
      expect(await whole.lineHead(name, 100)).toHaveLength(50);
    });

    it('keeps batches for their time and places for ever', async () => {
      const name = fresh();
      const keeping = registryOn(client, new FakeClock(), 3_600_000);
      const { batch } = await keeping.accept(draft(`${name}-1`, name));
      const raw = async (): Promise<string | undefined> => {
        const Key = { pk: { S: `batch#${batch.id}` }, sk: { S: 'batch' } };
        return (await client.send(new GetItemCommand({ TableName: REGISTRY_TABLE, Key }))).Item?.['ttl']?.N;
      };
      expect(await raw()).toBeUndefined();
      await keeping.replace(moved(batch, { state: 'failed', inLine: false, owed: [] }), 1);
      expect(await raw()).toBe(String((new FakeClock().nowMs() + 3_600_000) / 1000));
    });

    it('refuses to open a batch that is closed, and a result that no item holds', async () => {
      const name = fresh();
      const { batch } = await whole.accept(draft(`${name}-1`, name));
      const closed = moved(batch, { state: 'completed', inLine: false, owed: [] });
      expect(await whole.replace(closed, 1)).toBe(true);
      await expect(whole.replace(moved(closed, { state: 'picking' }), 2)).rejects.toThrow(/never opens again/);
      const noise = randomBytes(700_000);
      expect(await messageOf(whole.putResult(batch.id, 'range', 0, noise.toString('base64')))).toMatch(
        /an item 393216$/,
      );
      expect(await whole.countResults(batch.id, 'range')).toBe(0);
      const large = JSON.stringify(Array.from({ length: 200_000 }, (_, i) => i % 9));
      await whole.putResult(batch.id, 'range', 1, large);
      expect((await whole.getResult(batch.id, 'range', 1))?.body).toBe(large);
    });

    // faults 21, 25
    it('is one registry over any interleaving of processes, lost answers and ends', async () => {
      const step = fc.record({
        kind: fc.constantFrom('accept', 'replace', 'requeue', 'close', 'look'),
        on: fc.nat(3),
        process: fc.nat(2),
        fault: fc.constantFrom<Fate>('well', 'well', 'again', 'lost', 'refused'),
        at: fc.nat(5),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 6 }), async (rounds) => {
          const name = fresh();
          const history = new History(name);
          for (const round of rounds) {
            await Promise.all(
              round.map(async (one) => {
                let calls = 0;
                let ended = false;
                const sender = fateful(client, (): Fate => {
                  if (ended) return 'refused';
                  if (calls++ !== one.at) return 'well';
                  ended = one.fault === 'lost' || one.fault === 'refused';
                  return one.fault;
                });
                await history.take(registryOn(sender), one);
              }),
            );
          }
          await sweep();
          await history.judge(whole, await sweep());
        }),
        { numRuns: kind.name === 'dynalite' ? 60 : 30, seed: 4712 },
      );
    });
  });
}

/** Short, whatever the promise answers. */
async function messageOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'it went well';
  } catch (error) {
    return error instanceof Error ? error.message : 'no error';
  }
}
