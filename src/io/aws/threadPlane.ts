/**
 * What a worker thread of the engine needs of AWS: its own connections, credentials and paces. The options are plain data
 * that cross to the thread; nothing is asked of AWS when it is opened, so faults come with the first call.
 */
import { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../../core/clock.ts';
import type { RandomBytes } from '../../core/ids.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { DebtStore } from '../ports/debts.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { StagingStore } from '../ports/staging.ts';
import { openDynamoData } from './dataPlane.ts';
import { openDynamoDebts } from './debts/debts.ts';
import type { AwsOptions } from './options.ts';
import { S3Objects, s3ClientConfig } from './s3/objects.ts';

export interface ThreadPlaneDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
}

export interface DataPlane {
  readonly objects: ObjectStore;
  readonly staging: StagingStore;
  readonly debts: DebtStore;
  close(): Promise<void>;
}

export async function openDataPlane(options: AwsOptions, deps: ThreadPlaneDeps): Promise<DataPlane> {
  const client = new S3Client(s3ClientConfig(options.s3));
  const data = openDynamoData(options.staging, deps);
  const debts = openDynamoDebts(options.debts, deps);
  return {
    objects: new S3Objects(options.objects, { client, ...deps }),
    staging: data.staging,
    debts,
    async close() {
      await Promise.all([data.close(), debts.close()]);
      client.destroy();
    },
  };
}
