/**
 * The manifest: the split plan of a batch, made once by the picker and never changed. Everything that decides how the
 * file is read and judged is frozen in it, so every attempt in every process does the same.
 *
 * As text it is JSON whose last member is the CRC-32 of all before it: what is read otherwise than it was written (another
 * seed of the hash, another business date) would go unseen where nothing else is counted. One without a sum is of an earlier
 * build, and earlier builds read one with it.
 *
 * Invariants: ranges tile the bytes after the header up to the end of the object; each begins at a record start.
 * Offsets are bytes from the start of `source`; lines are physical, 1-based; `crc` is the CRC-32 of a range's bytes.
 */
import { assert } from '../core/assert.ts';
import { Fault } from '../core/faults.ts';
import type { Language } from '../core/language.ts';
import type { ObjectPin } from '../io/ports/objects.ts';
import { crc32 } from '../kernel/crc.ts';
import type { BusinessRules, RecordPlan } from '../kernel/plan.ts';
import type { LotPlace } from '../kernel/split.ts';

export interface ManifestRange {
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly firstLine: number;
  readonly crc: number;
}

export interface Manifest {
  /** By what the plan may hold: see `manifestVersion`. */
  readonly version: 1 | 2 | 3 | 4 | 5;
  readonly batch: string;
  /** What the ranges are cut from: the accepted object, or what was inflated from it. */
  readonly source: ObjectPin & { readonly bytes: number };
  readonly header: { readonly start: number; readonly end: number; readonly line: number };
  readonly plan: RecordPlan;
  readonly rules: BusinessRules;
  /** Of the messages in the answers; English where absent. */
  readonly language?: Language;
  readonly pageBytes: number;
  readonly records: number;
  /** LF bytes in the source. */
  readonly lines: number;
  readonly ranges: readonly ManifestRange[];
  /** Of CNAB 240: the headers of its lots. */
  readonly lots?: readonly LotPlace[];
}

const KNOWN_VERSIONS: readonly unknown[] = [1, 2, 3, 4, 5];

/**
 * The least version that says what plan and rules hold: a build that does not know it refuses the manifest. 1 knew of no
 * profiles, 2 of delimited files alone, 3 of no documents but CPFs and of no duplicates but those of the first record, 4 of
 * no modules.
 */
export function manifestVersion(
  { format, reading, code }: Pick<RecordPlan, 'format' | 'reading' | 'code'>,
  { duplicates }: Pick<BusinessRules, 'duplicates'>,
): Manifest['version'] {
  if (code !== undefined) return 5;
  if (reading?.document !== undefined || duplicates !== undefined) return 4;
  return format === undefined ? 2 : 3;
}

export function encodeManifest(manifest: Manifest): string {
  assertTiles(manifest);
  const json = JSON.stringify(manifest);
  return `${json.slice(0, -1)},"sum":"${sumOf(json)}"}`;
}

export function decodeManifest(text: string, batch: string): Manifest {
  const summed = /,"sum":"([0-9a-f]{8})"\}$/.exec(text);
  const json = summed === null ? text : `${text.slice(0, summed.index)}}`;
  if (summed !== null && summed[1] !== sumOf(json)) {
    throw new Fault('STORE_CORRUPT', 'the manifest does not match its sum', { batch });
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new Fault('STORE_CORRUPT', 'the manifest is not JSON', { batch }, error);
  }
  const manifest = value as Manifest | null;
  if (manifest === null || !KNOWN_VERSIONS.includes(manifest.version) || manifest.batch !== batch) {
    throw new Fault('STORE_CORRUPT', 'the manifest is of another batch or version', { batch });
  }
  assertTiles(manifest);
  return manifest;
}

function sumOf(json: string): string {
  return crc32(new TextEncoder().encode(json)).toString(16).padStart(8, '0');
}

function assertTiles(manifest: Manifest): void {
  let at = manifest.header.end;
  let records = 0;
  for (const range of manifest.ranges) {
    assert(range.start === at && range.end > range.start, 'ranges tile the object');
    at = range.end;
    records += range.records;
  }
  assert(manifest.ranges.length === 0 || at === manifest.source.bytes, 'the last range ends with the object');
  assert(records === manifest.records, 'the records of the ranges add up');
}
