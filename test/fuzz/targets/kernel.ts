/**
 * Kernel targets: splitting, and reading records, by the default format and by made profiles; the plain kernel and the one
 * on WebAssembly, against the oracle.
 */
import { DEFAULT_DIALECT } from '../../../src/kernel/plan.ts';
import { SplitFold } from '../../../src/kernel/split.ts';
import { type KernelEngine, plainEngine, wasmEngine } from '../../../src/kernel/wasm/engine.ts';
import { openTestMemory } from '../../kernel/wasmWorld.ts';
import { type Drive, type Driver, driveEngine, driveKernel, judgeRecords } from '../../oracle/drive.ts';
import { fileInput, splitInput } from '../../oracle/generate.ts';
import { byteString, bytesOf, oracleRecords } from '../../oracle/grammar.ts';
import { judgeSplit, kernelSplitter, planOf, type SplitInput, type Splitter } from '../../oracle/judge.ts';
import { checkRecord, type OracleRecord, oracleFile } from '../../oracle/oracle.ts';
import { driveOf, madeProfile, madeProfileFile } from '../../oracle/profiles.ts';
import { targetSource } from '../fuzz.ts';

type Split = Omit<SplitInput, 'bytes'> & { readonly bytes: string };

/** As the picker does it: a piece and the byte behind it, in the engine's own memory. */
function engineSplitter(engine: KernelEngine): Splitter {
  return ({ bytes, start, firstLine, rangeBytes, recordBytesMax, cuts, dialect = DEFAULT_DIALECT }) => {
    const fold = new SplitFold({ start, firstLine, rangeBytes, recordBytesMax });
    let from = start;
    for (const to of cuts) {
      const piece = engine.buffer(to - from + 1);
      piece.set(bytes.subarray(from, to));
      const fault = fold.add(engine.scanPiece(piece, to - from, bytes[to] ?? -1, from, dialect, recordBytesMax));
      if (fault !== undefined) return fault;
      from = to;
    }
    return fold.finish();
  };
}

/** Does not look at what follows a piece: a CR at its end is judged by itself. */
const blind: Splitter = (input) =>
  kernelSplitter({ ...input, bytes: input.bytes.map((byte, at) => (input.cuts.includes(at) ? 0x61 : byte)) });

export const SPLIT = targetSource<Split>({
  name: 'split',
  plants: ['blind at cuts'],
  async open(plant) {
    const engine = wasmEngine(await openTestMemory());
    const splitters = plant === undefined ? [kernelSplitter, engineSplitter(engine)] : [blind];
    return {
      make(random) {
        const made = splitInput(random);
        const dialect = random.chance(0.8) ? {} : { dialect: { delimiter: 0x3b, quote: 0x27 } };
        return { ...made, ...dialect, bytes: byteString(made.bytes) };
      },
      judge(made) {
        const input = { ...made, bytes: bytesOf(made.bytes) };
        for (const splitter of splitters) {
          const says = judgeSplit(input, splitter);
          if (says !== undefined) return says;
        }
        return undefined;
      },
    };
  },
});

interface Records {
  readonly bytes: string;
  readonly plan: Drive['plan'];
  readonly start: number;
  readonly firstLine: number;
  readonly chunkBytes: number;
}

const RECORDS_MAX = 20;

/** Takes NUL for a letter, as one would that ends no text there. */
const lenient: Driver = (drive) =>
  driveKernel({ ...drive, bytes: drive.bytes.map((byte) => (byte === 0 ? 0x61 : byte)) });

export const RECORDS = targetSource<Records>({
  name: 'records',
  plants: ['lenient'],
  async open(plant) {
    const plain = plainEngine();
    const wasm = wasmEngine(await openTestMemory());
    const drivers: Driver[] =
      plant === undefined
        ? [plain, wasm].map((engine) => (drive) => driveEngine(drive, (...of) => engine.range(...of)))
        : [lenient];
    return {
      make(random) {
        if (random.chance(0.5)) {
          const file = madeProfileFile(random, madeProfile(random, random.chance(0.6)), random.integer(1, RECORDS_MAX));
          const { start, firstLine, plan } = driveOf(file, 1);
          const chunkBytes = random.pick([1, 3, 17, 100, 1 << 20]);
          return { bytes: byteString(file.bytes), plan, start, firstLine, chunkBytes };
        }
        const { bytes, drive } = fileInput(random, random.integer(1, RECORDS_MAX));
        const read = oracleFile(bytes, { recordBytesMax: drive.recordBytesMax });
        if (read.fault !== undefined) throw new Error(`bug of the generator: ${read.fault}`);
        const { start, firstLine } = drive.of(read);
        const plan = planOf(read.fields, drive.recordBytesMax, drive.shards);
        return { bytes: byteString(bytes), plan, start, firstLine, chunkBytes: drive.chunkBytes };
      },
      judge({ bytes: text, plan, start, firstLine, chunkBytes }) {
        const bytes = bytesOf(text);
        const drive: Drive = { plan, bytes, start, end: bytes.length, firstLine, chunkBytes, pageBytes: 4096 };
        const expected = expectedOf(text, drive);
        for (const driver of drivers) {
          const says = judgeRecords(drive, expected, driver);
          if (says !== undefined) return says;
        }
        return undefined;
      },
    };
  },
});

function expectedOf(text: string, { plan, start, firstLine }: Drive): OracleRecord[] {
  const { delimiter, quote } = plan.dialect;
  const marks = { delimiter: String.fromCharCode(delimiter), quote: String.fromCharCode(quote) };
  return oracleRecords(text, start, firstLine, marks).map((record) => checkRecord(record, plan.fields, plan.reading));
}
