/** Profiles on WebAssembly: the judges of the plain kernel, and the same bytes at the same calls. */
import { describe, expect, it } from 'vitest';
import { RangeKernel } from '../../src/kernel/kernel.ts';
import { fitsPlan, WasmRangeKernel } from '../../src/kernel/wasm/rangeKernel.ts';
import { driveEngine, judgeRecords, type KernelLike } from '../oracle/drive.ts';
import { show } from '../oracle/judge.ts';
import { driveOf, madeProfile, madeProfileFile } from '../oracle/profiles.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';
import { openTestMemory } from './wasmWorld.ts';

const PROFILES = 800;
const RECORDS = 40;

const memory = await openTestMemory();
const owner = { current: undefined };

describe('profiles on WebAssembly', () => {
  it(`${PROFILES} profiles read their files as the oracle does, and most records the quick way`, () => {
    const seed = fuzzSeed(21);
    const random = new Random(seed);
    let records = 0;
    let exact = 0;
    let rejected = 0;
    for (let i = 0; i < PROFILES; i++) {
      const file = madeProfileFile(random, madeProfile(random, true), RECORDS);
      const { plan } = file;
      expect(fitsPlan(memory, plan, 4096)).toBe(true);
      const drive = driveOf(file, random.pick([1, 3, 17, 100, 1000, 1 << 20]));
      const before = memory.exports.exactTaken();
      const says = judgeRecords(drive, file.records, (one) =>
        driveEngine(one, (...of) => new WasmRangeKernel(memory, owner, ...of)),
      );
      if (says !== undefined) {
        expect.fail(
          `REMESSA_FUZZ_SEED=${seed}, profile ${i}: ${says}\n${JSON.stringify(file.document)}\n${show(file.bytes)}`,
        );
      }
      records += file.records.filter(({ outcome }) => outcome === 'staged').length;
      rejected += file.records.filter(({ outcome }) => outcome === 'rejected').length;
      exact += memory.exports.exactTaken() - before;
    }
    // Rejected records and a few odd ones take the exact way; the ordinary ones do not.
    expect(records).toBeGreaterThan(PROFILES * 8);
    expect(exact - rejected).toBeLessThan(records);
  });

  it('gives the bytes that the plain kernel gives', () => {
    const random = new Random(fuzzSeed(22));
    for (let i = 0; i < 60; i++) {
      const file = madeProfileFile(random, madeProfile(random, true), 400);
      const { plan, bytes } = file;
      const outputs = [new RangeKernel(plan, 2, 0, 4096), new WasmRangeKernel(memory, owner, plan, 2, 0, 4096)].map(
        (kernel) => outputOf(kernel, bytes),
      );
      expect(outputs[1]).toEqual(outputs[0]);
    }
  });

  it('leaves to the plain kernel what it does not know', () => {
    const random = new Random(fuzzSeed(23));
    const { plan } = madeProfileFile(random, madeProfile(random, true), 1);
    const { fields } = plan;
    const reading = {
      encoding: 'utf-8',
      decimal: 0x2e,
      thousands: 0,
      date: 'DDMMYY',
      pivot: 50,
      required: 31,
    } as const;
    const own = { nulls: [], fixed: [], defaults: [] };
    const fits = (more: object) => fitsPlan(memory, { ...plan, ...more }, 4096);
    expect(fits({ reading: { ...reading, ...own } })).toBe(true);
    expect(fits({ reading: { ...reading, ...own, nulls: ['-'] } })).toBe(false);
    expect(fits({ reading: { ...reading, ...own, defaults: [{ column: 8, value: 'CC' }] } })).toBe(false);
    expect(fits({ fields: fields.filter((column) => column !== 3) })).toBe(false);
    expect(fits({ fields: [...new Array<number>(17 - fields.length).fill(254), ...fields] })).toBe(false);
  });
});

/** Every page and block, as text, in the order in which they come. */
function outputOf(kernel: KernelLike, bytes: Uint8Array): string[] {
  const taken: string[] = [];
  const take = (): void => {
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      taken.push(`${page.shard} ${page.records} ${Buffer.from(page.bytes).toString('hex')}`);
    }
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) {
      taken.push(Buffer.from(block).toString('hex'));
    }
  };
  for (let at = 0; at < bytes.length; take()) at = kernel.feed(bytes, at, bytes.length, true);
  kernel.flush();
  take();
  return [...taken, JSON.stringify(kernel.totals(), (_, value) => (typeof value === 'bigint' ? String(value) : value))];
}
