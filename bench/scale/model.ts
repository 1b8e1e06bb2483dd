/**
 * What a rate of lines asks of each part of the installation, and which part is the first that has no more to give.
 *
 * Everything is proportional to the lines but for what comes by the file or the range. Rates are per second at the peak; a
 * unit is a request unit of DynamoDB: 1 KiB written or 4 KiB read, strongly consistent. Inputs: rates.json, and the write units
 * that units.ts computes from staged bytes.
 */
import { readFileSync } from 'node:fs';
import { ROLE_GROUPS, type RoleGroup, threadsOf } from '../../deploy/groups.ts';
import { assert } from '../../src/core/assert.ts';

interface Figure {
  readonly value: number;
  readonly source: string;
}
type Figures<Name extends string> = Readonly<Record<Name, Figure>>;

export interface Rates {
  readonly measured: Figures<
    | 'scanBytesPerSecond'
    | 'stageRecordsPerSecond'
    | 'sendRecordsPerSecond'
    | 'debtReadsPerSecond'
    | 'debtWritesPerSecond'
    | 'unpackRecordsPerSecond'
    | 'finishRecordsPerSecond'
    | 'fileBytesPerRecord'
  >;
  readonly assumed: Figures<'virtualProcessor' | 'use'>;
  readonly quotas: Figures<
    | 'tableUnitsPerSecond'
    | 'newTableUnitsPerSecond'
    | 'partitionUnitsPerSecond'
    | 'virtualProcessors'
    | 'messagesInFlight'
    | 'writesPerPrefix'
  >;
  readonly prices: Readonly<Record<PriceName, number>> & { readonly region: string };
}
export type PriceName =
  | 'millionWriteUnits'
  | 'millionReadUnits'
  | 'tableGigabyteMonth'
  | 'recoveryGigabyteMonth'
  | 'virtualProcessorHour'
  | 'memoryGigabyteHour'
  | 'objectGigabyteMonth'
  | 'thousandObjectWrites'
  | 'thousandObjectReads'
  | 'millionQueueCalls';

export function readRates(): Rates {
  return JSON.parse(readFileSync(new URL('./rates.json', import.meta.url), 'utf8')) as Rates;
}

/** Of the lines that are registered: what becomes of them. The rest is unchanged, and only read. */
export interface Mix {
  readonly created: number;
  readonly updated: number;
}
/** Every line a debt that was not known. */
export const FIRST_LOAD: Mix = { created: 1, updated: 0 };
/** A client that sends its whole portfolio each day: few lines differ from yesterday's. */
export const DAILY: Mix = { created: 0.03, updated: 0.07 };

export interface Units {
  /** Staged records a write unit, and staged bytes a record. */
  readonly recordsPerUnit: number;
  readonly bytesPerRecord: number;
  readonly unitsPerDebt: number;
}

/** What one line costs, in units of DynamoDB and seconds of a virtual processor. */
export interface Line {
  readonly stagingWrites: number;
  readonly stagingReads: number;
  readonly debtWrites: number;
  readonly debtReads: number;
  readonly indexWrites: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Ranges and shards as the engine cuts them: `REMESSA_RANGE_BYTES`, `REMESSA_SHARD_RECORDS`. */
const RANGE_BYTES = 8 * 1024 * 1024;
const SHARD_RECORDS = 131_072;
const READ_UNIT_BYTES = 4096;

export function lineOf(rates: Rates, units: Units, mix: Mix): Line {
  assert(mix.created >= 0 && mix.updated >= 0 && mix.created + mix.updated <= 1, 'shares of a whole');
  const { measured, assumed } = rates;
  const slowness = 1 / assumed.virtualProcessor.value;
  const each = (perSecond: number): number => slowness / perSecond;
  return {
    // Once written, once deleted when the batch is freed: a delete costs the units of what it deletes.
    stagingWrites: 2 / units.recordsPerUnit,
    stagingReads: units.bytesPerRecord / READ_UNIT_BYTES,
    debtWrites: (mix.created + mix.updated) * units.unitsPerDebt,
    // Whether it is there or not, one read finds out.
    debtReads: 1,
    // Its entry projects keys alone: it changes only when the document does.
    indexWrites: mix.created,
    seconds: {
      input: each(measured.scanBytesPerSecond.value / measured.fileBytesPerRecord.value),
      // The stage's own measure has parsing, packing and a disk; sending takes the disk's place and more.
      intermediate: each(measured.stageRecordsPerSecond.value) + each(measured.sendRecordsPerSecond.value),
      registering:
        each(measured.unpackRecordsPerSecond.value) +
        each(measured.debtReadsPerSecond.value) +
        (mix.created + mix.updated) * each(measured.debtWritesPerSecond.value),
      batch: each(measured.finishRecordsPerSecond.value),
    },
  };
}

/** How a day's lines come: `peak` is the busiest second's rate over the mean of the day. */
export interface Load {
  readonly linesPerDay: number;
  readonly peak: number;
}

export interface Demand {
  readonly linesPerSecond: number;
  readonly tasks: Readonly<Record<string, number>>;
  readonly virtualProcessors: number;
  /** Units a second at the peak. */
  readonly staging: number;
  readonly debts: number;
  readonly debtReads: number;
  readonly index: number;
  readonly ranges: number;
  /** Ranges a second; shards that are written at once so that no partition of staging is asked for more than it gives. */
  readonly shardsAtOnce: number;
}

export function demandOf(rates: Rates, line: Line, load: Load, groups: readonly RoleGroup[] = ROLE_GROUPS): Demand {
  const linesPerSecond = (load.linesPerDay / 86_400) * load.peak;
  const tasks: Record<string, number> = {};
  let virtualProcessors = 0;
  for (const group of groups) {
    const busy = linesPerSecond * (line.seconds[group.name] ?? 0);
    tasks[group.name] = Math.max(group.tasksMin, Math.ceil(busy / rates.assumed.use.value / threadsOf(group)));
    virtualProcessors += ((tasks[group.name] as number) * group.cpuUnits) / 1024;
  }
  const staging = linesPerSecond * line.stagingWrites;
  return {
    linesPerSecond,
    tasks,
    virtualProcessors,
    staging,
    debts: linesPerSecond * line.debtWrites,
    debtReads: linesPerSecond * line.debtReads,
    index: linesPerSecond * line.indexWrites,
    ranges: (linesPerSecond * rates.measured.fileBytesPerRecord.value) / RANGE_BYTES,
    shardsAtOnce: Math.max(1, Math.ceil(staging / rates.quotas.partitionUnitsPerSecond.value)),
  };
}

/** Shards of one batch of so many records. */
export function shardsOf(records: number): number {
  return Math.max(1, Math.ceil(records / SHARD_RECORDS));
}

export interface Pressure {
  readonly what: string;
  readonly asked: number;
  readonly given: number;
  /** Above 1, it does not suffice. */
  readonly ratio: number;
}

/** All that may bind, the first to do so before the others. */
export function pressures(rates: Rates, demand: Demand): Pressure[] {
  const { quotas } = rates;
  const table = quotas.tableUnitsPerSecond.value;
  const found: readonly (readonly [string, number, number])[] = [
    ['writes of the debts table', demand.debts, table],
    ['writes of its index by document', demand.index, table],
    ['reads of the debts table', demand.debtReads, table],
    ['writes of the staging table', demand.staging, table],
    ['virtual processors of the account', demand.virtualProcessors, quotas.virtualProcessors.value],
    // A range writes its rejects part; shards write theirs more rarely.
    ['writes below parts/ of the bucket', 2 * demand.ranges, quotas.writesPerPrefix.value],
    ['messages in flight', demand.ranges * 60, quotas.messagesInFlight.value],
  ];
  return found
    .map(([what, asked, given]) => ({ what, asked, given, ratio: asked / given }))
    .sort((a, b) => b.ratio - a.ratio);
}

/**
 * Installations side by side, each with tables, queues and clients of its own, so that none is asked for more than it gives
 * with `spare` of it left.
 */
export function cellsOf(found: readonly Pressure[], spare: number): number {
  const [first] = found;
  assert(first !== undefined && spare >= 0 && spare < 1, 'something binds, and something is left');
  return Math.max(1, Math.ceil(first.ratio / (1 - spare)));
}
