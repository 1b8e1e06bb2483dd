/** Profiles on WebAssembly: the judges of the plain kernel, and the same bytes at the same calls. */
import { describe, expect, it } from 'vitest';
import { KIND_COLUMN } from '../../src/kernel/columns.ts';
import { wasmEngine } from '../../src/kernel/wasm/engine.ts';
import { fitsPlan, WasmRangeKernel } from '../../src/kernel/wasm/rangeKernel.ts';
import { driveEngine, judgeRecords } from '../oracle/drive.ts';
import { show } from '../oracle/judge.ts';
import { driveOf, madeProfile, madeProfileFile } from '../oracle/profiles.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';
import { compareKernels } from './wasmCompare.ts';
import { openTestMemory } from './wasmWorld.ts';

const PROFILES = 800;
const RECORDS = 40;

const memory = await openTestMemory();
const owner = { current: undefined };
const engine = wasmEngine(memory);

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

  it('gives the bytes that the plain kernel gives, cut anywhere', () => {
    const seed = fuzzSeed(22);
    const random = new Random(seed);
    for (let i = 0; i < 120; i++) {
      const { document, plan, bytes } = madeProfileFile(random, madeProfile(random, true), 200);
      const chunkBytes = random.pick([7, 100, 5000, 1 << 20]);
      const input = { bytes, chunkBytes, pageBytes: 4096, firstLine: 2, startOffset: random.pick([0, 2 ** 40]) };
      const says = compareKernels(engine, plan, input);
      if (says !== undefined) {
        expect.fail(`REMESSA_FUZZ_SEED=${seed}, profile ${i}: ${says}\n${JSON.stringify(document)}`);
      }
    }
  });

  it('leaves to the plain kernel what it does not know', () => {
    const random = new Random(fuzzSeed(23));
    const { plan } = madeProfileFile(random, { format: 1 }, 1);
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
    expect(fits({ reading: { ...reading, ...own, document: { kind: 'cnpj', zeroPadded: true } } })).toBe(true);
    expect(fits({ fields: fields.filter((column) => column !== 3) })).toBe(false);
    expect(fits({ fields: [...fields, KIND_COLUMN] })).toBe(false);
    const words = (cpf: string[], cnpj: string[], more: readonly number[] = [KIND_COLUMN]) => {
      const document = { kind: 'by field', zeroPadded: false, cpf, cnpj };
      return fits({ fields: [...fields, ...more], reading: { ...reading, ...own, document } });
    };
    const many = Array.from({ length: 16 }, (_, index) => String(index));
    expect(words(many, many)).toBe(true);
    expect(words(many, ['é'.repeat(32)])).toBe(true);
    expect(words(many, ['é'.repeat(33)])).toBe(false);
    expect(words(many, [...many, 'x'])).toBe(false);
    expect(words(['F'], ['J'], [])).toBe(false);
    expect(fits({ fields: [...new Array<number>(17 - fields.length).fill(254), ...fields] })).toBe(false);
  });
});
