/** The scan of a piece on a WebAssembly module: what `scanPiece` of `../scan.ts` answers, to the last number. */
import { crc32 } from '../crc.ts';
import type { Dialect } from '../plan.ts';
import { assertDialect } from '../records.ts';
import { type LaneSummary, type PieceSummary, scanPiece } from '../scan.ts';
import { type KernelMemory, numberOf } from './memory.ts';

const LANES = 5;
const LANE_NUMBERS = 9;
/** The module counts positions and limits in signed 32 bits. */
const INT_MAX = 2 ** 31 - 1;

/** A piece that does not stand in the memory is copied in; one that has no room there is read by the plain scan. */
export function wasmScanPiece(
  memory: KernelMemory,
  bytes: Uint8Array,
  length: number,
  next: number,
  offset: number,
  dialect: Dialect,
  recordBytesMax: number,
): PieceSummary {
  assertDialect(dialect);
  const inside = memory.holds(bytes);
  if (!inside && length > memory.bounds.inputBytes) {
    return scanPiece(bytes, length, next, offset, dialect, recordBytesMax);
  }
  const at = inside ? bytes.byteOffset : memory.inputAt;
  const piece = memory.bytes.subarray(at, at + length);
  if (!inside) piece.set(bytes.subarray(0, length));
  const { delimiter, quote } = dialect;
  const lfs = memory.exports.scan(at, length, next, delimiter, quote, Math.min(recordBytesMax, INT_MAX));
  const numbers = new Int32Array(memory.bytes.buffer, numberOf(memory.exports.SCAN_LANES), LANES * LANE_NUMBERS);
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    laneOf(numbers.subarray(lane * LANE_NUMBERS, (lane + 1) * LANE_NUMBERS), offset),
  );
  const crc = prefixCrcs(lanes, piece, offset);
  return { offset, bytes: length, lfs, crc, lanes };
}

function laneOf(numbers: Int32Array, offset: number): LaneSummary {
  const [end, records, first, firstLfs, last, lastLfs, openEnd, long, longLfs] = numbers as unknown as number[];
  const absolute = (position: number | undefined): number =>
    position === undefined || position < 0 ? -1 : offset + position;
  return {
    end: end as number,
    records: records as number,
    firstStart: absolute(first),
    firstLfs: firstLfs as number,
    firstCrc: 0,
    lastStart: absolute(last),
    lastLfs: lastLfs as number,
    openEnd: absolute(openEnd),
    longStart: absolute(long),
    longLfs: longLfs as number,
  };
}

/** Fills in the CRC of what stands before each lane's first record; answers that of the whole piece. Reads each byte once. */
function prefixCrcs(lanes: readonly LaneSummary[], piece: Uint8Array, offset: number): number {
  let crc = 0;
  let done = 0;
  const starting = lanes.filter((lane) => lane.firstStart >= 0);
  for (const lane of starting.sort((a, b) => a.firstStart - b.firstStart)) {
    const start = lane.firstStart - offset;
    crc = crc32(piece.subarray(done, start), crc);
    done = start;
    lane.firstCrc = crc;
  }
  return crc32(piece.subarray(done), crc);
}
