/**
 * A table's client on the data plane: connections, credentials and paces of its own. Options are plain data that cross to a
 * thread. Faults come with the first call, not here.
 */
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import type { Clock } from '../../core/clock.ts';
import type { RandomBytes } from '../../core/ids.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { type CredentialProvider, CredentialSource } from './credentials.ts';
import { DynamoClient } from './dynamo/dynamo.ts';
import { Pace } from './dynamo/pace.ts';
import { ExchangePool } from './exchange.ts';

export interface ConnectionOptions {
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
  /** Below these the paces never fall, in the units that the table's calls count. */
  readonly writeUnitsPerSecondMin: number;
  readonly readsPerSecondMin: number;
  /** In how long a pace that was cut doubles. */
  readonly paceDoubleMs: number;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
  /** Another source of credentials than the SDK's chain (environment, profile, container, instance). */
  readonly credentials?: CredentialProvider;
}

export interface Connection {
  readonly client: DynamoClient;
  /** One pace for all that is written to the table, one for all that is read from it. */
  readonly writing: Pace;
  readonly reading: Pace;
  close(): Promise<void>;
}

/** `answerBytesMax`: a larger answer is none of the service's. */
export function openConnection(options: ConnectionOptions, answerBytesMax: number, deps: ConnectionDeps): Connection {
  const origin = new URL(options.endpoint ?? `https://dynamodb.${options.region}.amazonaws.com`);
  const exchange = new ExchangePool({
    origin: origin.origin,
    connections: options.connections,
    connectMs: options.connectMs,
    headersMs: options.headersMs,
    bodyMs: options.bodyMs,
    answerBytesMax,
  });
  const { clock, random, telemetry } = deps;
  const credentials = new CredentialSource(deps.credentials ?? defaultProvider(), clock);
  const client = new DynamoClient(
    { ...options, host: origin.host },
    { exchange, credentials, clock, random, telemetry },
  );
  const pace = (unitsPerSecondMin: number) => new Pace({ unitsPerSecondMin, doubleMs: options.paceDoubleMs }, clock);
  return {
    client,
    writing: pace(options.writeUnitsPerSecondMin),
    reading: pace(options.readsPerSecondMin),
    close: () => exchange.close(),
  };
}
