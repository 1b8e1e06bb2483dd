/**
 * Opens what a worker thread needs of AWS: its own connections, credentials and paces. Options are plain data that cross
 * to the thread. Faults come with the first call, not here.
 */
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import type { Clock } from '../../core/clock.ts';
import type { RandomBytes } from '../../core/ids.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { StagingStore } from '../ports/staging.ts';
import { type CredentialProvider, CredentialSource } from './credentials.ts';
import { DynamoClient } from './dynamo.ts';
import { ExchangePool } from './exchange.ts';
import { Pace } from './pace.ts';
import { DynamoStaging, type DynamoStagingOptions } from './staging.ts';

export interface DynamoDataOptions extends DynamoStagingOptions {
  readonly region: string;
  /** Another endpoint than the region's: scheme, host and port. */
  readonly endpoint?: string;
  readonly connections: number;
  readonly connectMs: number;
  readonly headersMs: number;
  readonly bodyMs: number;
  readonly triesMax: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** Below these the paces never fall: write units (1 KiB begun) and reads (responses of up to 1 MB) a second. */
  readonly writeUnitsPerSecondMin: number;
  readonly readsPerSecondMin: number;
  /** In how long a pace that was cut doubles. */
  readonly paceDoubleMs: number;
}

export interface DynamoDataDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
  /** Another source of credentials than the SDK's chain (environment, profile, container, instance). */
  readonly credentials?: CredentialProvider;
}

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
  const origin = new URL(options.endpoint ?? `https://dynamodb.${options.region}.amazonaws.com`);
  const exchange = new ExchangePool({
    origin: origin.origin,
    connections: options.connections,
    connectMs: options.connectMs,
    headersMs: options.headersMs,
    bodyMs: options.bodyMs,
    answerBytesMax: ANSWER_BYTES_BASE + Math.ceil(options.requestBytes * ECHO_FACTOR),
  });
  const { clock, random, telemetry } = deps;
  const credentials = new CredentialSource(deps.credentials ?? defaultProvider(), clock);
  const client = new DynamoClient(
    { ...options, host: origin.host },
    { exchange, credentials, clock, random, telemetry },
  );
  const pace = (unitsPerSecondMin: number) => new Pace({ unitsPerSecondMin, doubleMs: options.paceDoubleMs }, clock);
  return {
    staging: new DynamoStaging(options, {
      client,
      writing: pace(options.writeUnitsPerSecondMin),
      reading: pace(options.readsPerSecondMin),
      clock,
      telemetry,
    }),
    close: () => exchange.close(),
  };
}
