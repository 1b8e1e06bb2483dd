/**
 * A process of its own for tests of locks and of sudden death. Arguments: what to do, and the data folder. It prints one
 * line when it has done it; what holds a lock or wrote then waits to be killed.
 */
import { randomBytes } from 'node:crypto';
import { isFault } from '../../src/core/faults.ts';
import { openDataPlane } from '../../src/io/embedded/driver.ts';
import { debt } from './debtRows.ts';
import { dataOptions, openDirectOn, openEngineOn } from './embeddedFixtures.ts';
import { draft, madeBytes } from './support.ts';

const random = (size: number): Uint8Array => randomBytes(size);

/** Becomes the engine, or says that another one is. */
async function engine(dataDir: string): Promise<string> {
  return await openEngineOn(dataDir).then(
    () => 'engine',
    (error: Error) => error.message,
  );
}

/** Writes something through every store and says so as soon as all was answered. */
async function write(dataDir: string): Promise<string> {
  const plane = await openEngineOn(dataDir);
  const data = await openDataPlane(dataOptions(dataDir), { random });
  const pages = await data.staging.open('b-1', 0, 'a1');
  await pages.write(3, madeBytes(70_000));
  const [{ batch }] = await Promise.all([
    plane.registry.accept(draft('b-1')),
    plane.clients.add({
      id: 'acme',
      name: 'Acme',
      profile: 'default',
      amountCentsMin: 1,
      amountCentsMax: 2,
      createdAtMs: 3,
    }),
    plane.queue.send('picker', [{ id: 'm-1', group: 'acme', body: '{}' }]),
    plane.objects.put('raw/acme/x', madeBytes(200_000)),
    data.debts.write(
      'acme',
      1,
      Array.from({ length: 20_000 }, (_, i) => debt(`R-${i}`, 1)),
    ),
    pages.commit(),
  ]);
  await plane.registry.replace({ ...batch, state: 'picking' }, batch.revision);
  return 'written';
}

/** Fills a folder that is too small and reports which faults the stores gave. */
async function fill(dataDir: string): Promise<string> {
  const direct = await openDirectOn(dataDir);
  const data = await openDataPlane(dataOptions(dataDir), { random });
  const faults: Record<string, string> = {};
  const fillWith = async (name: string, work: (i: number) => Promise<unknown>): Promise<void> => {
    try {
      for (let i = 0; i < 1000; i++) await work(i);
      faults[name] = 'never full';
    } catch (error) {
      faults[name] = isFault(error) ? error.code : String(error);
    }
  };
  await fillWith('staging', async (i) => {
    const pages = await data.staging.open('b-1', i, 'a1');
    try {
      for (let page = 0; page < 8; page++) await pages.write(page, madeBytes(65_536));
      await pages.commit();
    } finally {
      await pages.abort();
    }
  });
  await data.staging.free('b-1');
  await fillWith('objects', (i) => direct.objects.put(`parts/p-${i}`, madeBytes(500_000)));
  await fillWith('debts', async (i) => {
    const rows = Array.from({ length: 2000 }, (_, k) => debt(`R-${i}-${k}`, 1));
    await data.debts.write('acme', 1, rows);
  });
  await fillWith('registry', (i) => direct.registry.putResult('b-1', 'range', i, 'x'.repeat(50_000)));
  const kept = await direct.registry.countResults('b-1', 'range');
  // Space comes back: everything works again, in the same process.
  await direct.objects.deletePrefix('parts/');
  await direct.registry.putResult('b-1', 'finish', 0, 'x'.repeat(50_000));
  const again = await data.debts.write('acme', 2, [debt('R-new', 2)]);
  await direct.close();
  await data.close();
  return JSON.stringify({ faults, kept: kept >= 0, again });
}

const [what, dataDir] = process.argv.slice(2);
const acts: Readonly<Record<string, (dataDir: string) => Promise<string>>> = { engine, write, fill };
const act = acts[what ?? ''];
if (act === undefined || dataDir === undefined) throw new Error('usage: embedded.child.ts engine|write|fill FOLDER');
process.stdout.write(`${await act(dataDir)}\n`);
// Those that hold something go on holding it.
if (what !== 'fill') setInterval(() => {}, 1_000_000);
