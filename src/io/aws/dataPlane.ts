/**
 * Opens what a worker thread needs of AWS: its own connections, credentials and paces. Options are plain data that cross
 * to the thread. Faults come with the first call, not here.
 */
import type { StagingStore } from '../ports/staging.ts';
import { type ConnectionDeps, type ConnectionOptions, openConnection } from './connection.ts';
import { DynamoStaging, type DynamoStagingOptions } from './staging/staging.ts';

/** Units of its paces: write units (1 KiB begun), and reads (responses of up to 1 MB). */
export interface DynamoDataOptions extends DynamoStagingOptions, ConnectionOptions {}

export type DynamoDataDeps = ConnectionDeps;

export interface DynamoData {
  readonly staging: StagingStore;
  close(): Promise<void>;
}

/** A response of items has at most 1 MB of them; what was not processed comes back whole, with some punctuation. */
const ANSWER_BYTES_BASE = 3 * 1024 * 1024;
const ECHO_FACTOR = 1.25;

/** What one thread may hold in bytes of requests and answers, one writer and one reader open. */
export function dynamoDataBytes(options: DynamoDataOptions): number {
  return (options.inFlightMax + 1) * options.requestBytes + 4 * ANSWER_BYTES_BASE;
}

export function openDynamoData(options: DynamoDataOptions, deps: DynamoDataDeps): DynamoData {
  const answerBytesMax = ANSWER_BYTES_BASE + Math.ceil(options.requestBytes * ECHO_FACTOR);
  const { client, writing, reading, close } = openConnection(options, answerBytesMax, deps);
  const { clock, telemetry } = deps;
  return { staging: new DynamoStaging(options, { client, writing, reading, clock, telemetry }), close };
}
