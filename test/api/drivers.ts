/**
 * The drivers over which suites of the API run: the data folder, and S3, SQS and DynamoDB as the test servers speak them.
 * With REMESSA_TEST_AWS=1 the servers that are processes of their own. Every opening is an installation of its own,
 * provisioned as the program does it.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { Stores } from '../../src/cli/context.ts';
import type { Settings } from '../../src/config/schema.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentTelemetry } from '../../src/core/telemetry.ts';
import {
  awsOptionsOf,
  openControlPlane,
  openDirect as openDirectAws,
  openProvisioning,
} from '../../src/io/aws/driver.ts';
import { s3ClientConfig } from '../../src/io/aws/s3/objects.ts';
import { openDataPlane } from '../../src/io/aws/threadPlane.ts';
import { openDirect } from '../../src/io/embedded/driver.ts';
import type { WorldDriver } from '../fault/inProcess.ts';
import { type AwsServer, dynamoServers, type ServerKind, serviceServers } from '../support/aws/servers.ts';

export interface ApiDriver {
  readonly name: string;
  open(): Promise<OpenedDriver>;
  /** Ends what all openings shared. */
  end(): Promise<void>;
}

interface OpenedDriver {
  readonly settings: Partial<Settings>;
  /** The embedded one where there is none. */
  readonly driver?: WorldDriver;
  /** The stores as a command opens them. */
  direct(settings: Settings): Promise<Stores>;
  /** All that is kept, piece by piece, whoever it belongs to. */
  kept(settings: Settings): AsyncIterable<string>;
  close(): Promise<void>;
}

export const EMBEDDED: ApiDriver = {
  name: 'the data folder',
  open: async () => ({
    settings: {},
    direct: (settings) => openDirect(settings, 'write', deps),
    kept: ({ dataDir }) => filesBelow(dataDir),
    close: async () => {},
  }),
  end: async () => {},
};

export function awsDrivers(): readonly ApiDriver[] {
  return serviceServers().map((services, index) => awsDriver(services, dynamoServers()[index] as ServerKind));
}

const deps = { clock: systemClock, random: (size: number) => randomBytes(size), telemetry: silentTelemetry };

function awsDriver(services: ServerKind, tables: ServerKind): ApiDriver {
  let started: Promise<[AwsServer, AwsServer]> | undefined;
  let opened = 0;
  return {
    name: `${services.name} and ${tables.name}`,
    async open() {
      started ??= Promise.all([services.start(), tables.start()]);
      const [files, dynamo] = await started;
      // Where the SDK and the data plane look for them.
      process.env['AWS_ACCESS_KEY_ID'] = files.credentials.accessKeyId;
      process.env['AWS_SECRET_ACCESS_KEY'] = files.credentials.secretAccessKey;
      opened += 1;
      const settings: Partial<Settings> = {
        driver: 'aws',
        awsRegion: files.region,
        awsPrefix: `api-${opened}`,
        awsBucket: `remessa-api-${opened}`,
        awsDocumentSecret: 'a secret of the tests that is long enough',
        awsEndpoint: files.endpoint,
        awsEndpointDynamodb: dynamo.endpoint,
        awsDebtsBuckets: 8,
        memoryBytesMax: 1024 ** 3,
      };
      let provisioned = false;
      return {
        settings,
        driver: {
          async openControl(all) {
            if (!provisioned) await provision(all);
            provisioned = true;
            return await openControlPlane(awsOptionsOf(all), deps);
          },
          openData: (all) => openDataPlane(awsOptionsOf(all), deps),
        },
        direct: (all) => openDirectAws(awsOptionsOf(all), deps),
        // A server without versions has none to list, and objects are erased version by version.
        kept: (all) => itemsAndObjects(all, !files.lacks.has('versioning')),
        close: async () => {},
      };
    },
    async end() {
      await Promise.all(((await started) ?? []).map((server) => server.close()));
    },
  };
}

/** Makes what the settings need, as `remessa provision` does. */
async function provision(settings: Settings): Promise<void> {
  const provisioning = openProvisioning(awsOptionsOf(settings), deps);
  const failed: string[] = [];
  try {
    await provisioning.run({ check: false }, ({ resource, state, says }) => {
      if (state === 'failed') failed.push(`${resource}: ${says}`);
    });
  } finally {
    await provisioning.close();
  }
  if (failed.length > 0) throw new Error(failed.join('; '));
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) yield readFileSync(join(entry.parentPath, entry.name), 'latin1');
  }
}

async function* itemsAndObjects(settings: Settings, objects: boolean): AsyncGenerator<string> {
  const { names, s3 } = awsOptionsOf(settings);
  const region = settings.awsRegion;
  const dynamodb = new DynamoDBClient({ region, endpoint: settings.awsEndpointDynamodb });
  const files = new S3Client(s3ClientConfig(s3));
  try {
    for (const TableName of Object.values(names.tables)) {
      const { Items = [], LastEvaluatedKey } = await dynamodb.send(new ScanCommand({ TableName }));
      if (LastEvaluatedKey !== undefined) throw new Error('more items than a page');
      for (const item of Items) yield JSON.stringify(item);
    }
    if (!objects) return;
    const { Contents = [] } = await files.send(new ListObjectsV2Command({ Bucket: names.bucket }));
    for (const { Key = '' } of Contents) {
      const { Body } = await files.send(new GetObjectCommand({ Bucket: names.bucket, Key }));
      yield `${Key} ${await Body?.transformToString('latin1')}`;
    }
  } finally {
    dynamodb.destroy();
    files.destroy();
  }
}
