/**
 * The split of a file, as the picker makes it, for the cases that begin where the picker ends: header, plan, ranges.
 * One thread, one buffer of a range's size; not measured.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { deriveLimits } from '../src/config/limits.ts';
import type { Settings } from '../src/config/schema.ts';
import { type Manifest, manifestVersion } from '../src/engine/manifest.ts';
import { type Opening, readOpening } from '../src/kernel/opening.ts';
import { type RecordPlan, RULES_VERSION } from '../src/kernel/plan.ts';
import { type CompiledProfile, defaultProfile } from '../src/kernel/profile.ts';
import { scanPiece } from '../src/kernel/scan.ts';
import { type RangePlan, SplitFold } from '../src/kernel/split.ts';
import type { SourceObject } from '../src/stages/pick.task.ts';
import { AS_OF } from './input.ts';

export interface FileSplit {
  readonly header: Opening;
  readonly plan: RecordPlan;
  readonly pageBytes: number;
  readonly records: number;
  readonly lines: number;
  readonly ranges: readonly RangePlan[];
}

/** Any seed deals records alike well. */
const HASH_SEED = 0x5eed;
const HEADER_BYTES_MAX = 64 * 1024;

/** `profile`: one of delimited files; the default format where absent. */
export function splitFile(
  path: string,
  bytes: number,
  settings: Settings,
  profile: CompiledProfile = defaultProfile(),
): FileSplit {
  const { dialect, reading } = profile;
  const { rangeBytes, recordBytesMax } = settings;
  const fd = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(Math.max(rangeBytes, HEADER_BYTES_MAX) + 1);
    const begin = readSync(fd, buffer, 0, HEADER_BYTES_MAX, 0);
    const header = readOpening(buffer, begin, begin === bytes, profile);
    if (header.kind !== 'header') throw new Error(`the file has no header that could be read: ${header.kind}`);
    if (header.format !== undefined) throw new Error('the file is not a delimited one');
    const fold = new SplitFold({ start: header.end, firstLine: header.nextLine, rangeBytes, recordBytesMax });
    for (let start = header.end; start < bytes; start += rangeBytes) {
      const length = Math.min(rangeBytes, bytes - start);
      const got = readSync(fd, buffer, 0, length + 1, start);
      const next = got > length ? buffer[length] : -1;
      fold.add(scanPiece(buffer, length, next, start, dialect, recordBytesMax));
    }
    const split = fold.finish();
    if ('code' in split) throw new Error(`the file cannot be split: ${split.code} on line ${split.line}`);
    const limits = deriveLimits(settings);
    const shards = limits.shardsFor(split.records);
    const { fields } = header;
    const values = reading === undefined ? {} : { reading };
    const plan = { dialect, fields, recordBytesMax, shards, hashSeed: HASH_SEED, ...values };
    return { header, plan, pageBytes: limits.pageBytesFor(shards), ...split };
  } finally {
    closeSync(fd);
  }
}

/** The manifest of a stored file that was split so. */
export function manifestOf(batch: string, source: SourceObject, split: FileSplit): Manifest {
  const { header, ...rest } = split;
  return {
    version: manifestVersion(split.plan, {}),
    batch,
    source,
    header: { start: header.start, end: header.end, line: header.line },
    rules: { version: RULES_VERSION, businessDate: AS_OF, amountCentsMin: 1, amountCentsMax: 10 ** 15 },
    ...rest,
  };
}
