/**
 * The program over servers that speak AWS's protocols: one installation of its own, provisioned by the program itself.
 *
 * Promises: a fresh, empty set of servers; all processes of the program see them through endpoints of the test's choosing
 * (a proxy that makes calls fail, or the servers themselves); everything is ended and removed by `close`.
 *
 * Files come as a client sends them: the object is put under `inbox/<client>/`, and where the server tells nobody of it, the
 * test sends the notification that the bucket would have sent.
 */
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ALL_QUEUES, namesOf, type QueueId } from '../../src/io/aws/names.ts';
import { QueueAt } from '../../src/io/aws/provision/queues.ts';
import { type FaultCounts, type FaultProxy, type FaultShares, startFaultProxy } from '../support/aws/faultProxy.ts';
import type { AwsServer, ServerKind } from '../support/aws/servers.ts';
import { type BatchView, eventually, type Program, type RunOptions, Sandbox } from './harness.ts';

export const BUCKET = 'remessa-e2e-files';
const PREFIX = 'e2e';
export const NAMES = namesOf(PREFIX, BUCKET);

/** Leases and waits that suit a test with processes that are killed. */
const QUICK = {
  REMESSA_LEASE_MS: '6000',
  REMESSA_HEARTBEAT_MS: '2000',
  REMESSA_AWS_ANSWER_MS: '3000',
  REMESSA_POLL_MS_MAX: '1000',
  REMESSA_SWEEP_MS: '2000',
  REMESSA_INBOX_SCAN_MS: '100',
  REMESSA_INBOX_QUIET_MS: '100',
  REMESSA_RETRY_MS_MIN: '50',
  REMESSA_RETRY_MS_MAX: '1000',
  REMESSA_THREADS: '1',
  REMESSA_AWS_DEBTS_BUCKETS: '8',
  REMESSA_MEMORY_BYTES_MAX: '1GiB',
};

/** A sandbox whose programs have the world's settings. */
class AwsSandbox extends Sandbox {
  readonly #env: Readonly<Record<string, string>>;

  constructor(env: Readonly<Record<string, string>>) {
    super();
    this.#env = env;
  }

  override start(args: readonly string[], options: RunOptions = {}): Program {
    return super.start(args, { ...options, env: { ...this.#env, ...options.env } });
  }
}

export interface WorldOptions {
  readonly services: ServerKind;
  readonly tables: ServerKind;
  readonly env?: Readonly<Record<string, string>>;
  /** Daemons work through proxies that do this to their calls; the test and its reading commands do not. */
  readonly faults?: { readonly shares: FaultShares; readonly seed: number };
}

export class AwsWorld {
  readonly box: Sandbox;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  /** Of every program that the world runs. */
  readonly settings: Readonly<Record<string, string>>;
  readonly #servers: readonly AwsServer[];
  readonly #proxies: readonly FaultProxy[];
  readonly #tells: boolean;
  #sequencer = 0;

  private constructor(
    servers: readonly [AwsServer, AwsServer],
    proxies: readonly FaultProxy[],
    env: Record<string, string>,
  ) {
    const [services, tables] = servers;
    this.#servers = servers;
    this.#proxies = proxies;
    this.#tells = !services.lacks.has('bucketNotifications');
    const { endpoint, region, credentials } = services;
    this.s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    this.sqs = new SQSClient({ endpoint, region, credentials, useQueueUrlAsEndpoint: false });
    this.settings = {
      ...QUICK,
      REMESSA_DRIVER: 'aws',
      REMESSA_AWS_REGION: region,
      REMESSA_AWS_PREFIX: PREFIX,
      REMESSA_AWS_BUCKET: BUCKET,
      REMESSA_AWS_DOCUMENT_SECRET: 'a secret of the tests that is long enough',
      REMESSA_AWS_ENDPOINT: endpoint,
      REMESSA_AWS_ENDPOINT_DYNAMODB: tables.endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      ...env,
    };
    this.box = new AwsSandbox(this.settings);
  }

  static async open(options: WorldOptions): Promise<AwsWorld> {
    const servers = await Promise.all([options.services.start(), options.tables.start()]);
    const { faults } = options;
    const proxies =
      faults === undefined
        ? []
        : await Promise.all(
            servers.map((server, i) => startFaultProxy(server.endpoint, faults.shares, faults.seed + i)),
          );
    const world = new AwsWorld(servers, proxies, { ...options.env });
    const made = await world.box.run(['provision']);
    if (made.code !== 0) throw new Error(`provision: ${made.stdout}${made.stderr}`);
    return world;
  }

  /** What the proxies have done so far. */
  get faults(): FaultCounts {
    const sum: FaultCounts = { calls: 0, failed: 0, repliesLost: 0, sentTwice: 0 };
    for (const { counts } of this.#proxies) {
      for (const key of Object.keys(sum) as (keyof FaultCounts)[]) sum[key] += counts[key];
    }
    return sum;
  }

  /** What daemons have called so far through the proxies, by operation. */
  get operations(): Map<string, number> {
    const sum = new Map<string, number>();
    for (const { operations } of this.#proxies) {
      for (const [name, calls] of operations) sum.set(name, (sum.get(name) ?? 0) + calls);
    }
    return sum;
  }

  /** What daemons are told besides: the way through the proxies, where there are any. */
  get throughProxies(): Readonly<Record<string, string>> {
    const [services, tables] = this.#proxies;
    return services === undefined || tables === undefined
      ? {}
      : { REMESSA_AWS_ENDPOINT: services.endpoint, REMESSA_AWS_ENDPOINT_DYNAMODB: tables.endpoint };
  }

  /** Starts a daemon of some roles and waits until it works. */
  async daemon(roles: string, env: Readonly<Record<string, string>> = {}): Promise<Program> {
    for (;;) {
      const daemon = this.box.start(['serve', '--roles', roles], { env: { ...this.throughProxies, ...env } });
      const began = await eventually(`a daemon of ${roles}`, () => {
        if (!daemon.running) return 'ended';
        return daemon.stderr.includes('engine.started') && 'works';
      });
      if (began === 'works') return daemon;
      // A call that failed at its start ends it: whoever runs daemons starts another.
      if (this.#proxies.length === 0) throw new Error(`the daemon of ${roles} ended: ${daemon.stderr}`);
    }
  }

  /** Puts a file into a client's inbox; tells of it, `times` times, where the server does not. */
  async send(client: string, name: string, bytes: Uint8Array, times = 1): Promise<void> {
    const Key = `inbox/${client}/${name}`;
    const { ETag = '', VersionId } = await upload(this.s3, Key, bytes);
    if (this.#tells) return;
    const body = notification({
      key: Key,
      etag: ETag.replaceAll('"', ''),
      version: VersionId,
      bytes: bytes.length,
      sequencer: ++this.#sequencer,
    });
    const QueueUrl = await new QueueAt(this.sqs, NAMES.queues.arrivals).url();
    for (let sent = 0; sent < times; sent++) {
      await this.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    }
  }

  async batches(): Promise<BatchView[]> {
    const listed = await this.box.run(['batches', '--json', '--limit', '10000']);
    if (listed.code !== 0) throw new Error(`batches: ${listed.stderr}`);
    return (JSON.parse(listed.stdout) as BatchView[]).reverse();
  }

  /** Amounts in cents by reference, of all debts that the program shows of a client. */
  async debts(client: string): Promise<Map<string, bigint>> {
    const ran = await this.box.run(['debts', '--client', client]);
    if (ran.code !== 0) throw new Error(`debts: ${ran.stderr}`);
    const rows = ran.stdout.split('\n').filter((line) => line !== '');
    const debts = rows.map((line) => JSON.parse(line) as { readonly external_ref: string; readonly amount: string });
    const stored = new Map(debts.map((debt) => [debt.external_ref, BigInt(debt.amount.replace('.', ''))]));
    if (stored.size !== rows.length) throw new Error(`${client} has a reference twice`);
    return stored;
  }

  /** Messages of a queue that wait, and that somebody holds. */
  async depth(queue: QueueId, dead = false): Promise<{ readonly waiting: number; readonly held: number }> {
    const QueueUrl = await new QueueAt(this.sqs, (dead ? NAMES.deadLetters : NAMES.queues)[queue]).url();
    const { Attributes = {} } = await this.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    return {
      waiting: Number(Attributes['ApproximateNumberOfMessages']),
      held: Number(Attributes['ApproximateNumberOfMessagesNotVisible']),
    };
  }

  async depths(): Promise<Record<string, { readonly waiting: number; readonly held: number }>> {
    return Object.fromEntries(await Promise.all(ALL_QUEUES.map(async (id) => [id, await this.depth(id)] as const)));
  }

  /** Keys of all objects below a prefix. */
  async keys(prefix: string): Promise<string[]> {
    const { Contents = [] } = await this.s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }));
    return Contents.map((object) => object.Key ?? '');
  }

  async close(): Promise<void> {
    await this.box.close();
    this.s3.destroy();
    this.sqs.destroy();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

const PART_BYTES = 5 * 1024 * 1024;

/** In parts where it is large, as clients' tools do; fauxqs takes no more in one request. */
async function upload(s3: S3Client, Key: string, bytes: Uint8Array) {
  const Bucket = BUCKET;
  if (bytes.length <= PART_BYTES) return await s3.send(new PutObjectCommand({ Bucket, Key, Body: bytes }));
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const Parts: CompletedPart[] = [];
  for (let at = 0, PartNumber = 1; at < bytes.length; at += PART_BYTES, PartNumber++) {
    const Body = bytes.subarray(at, at + PART_BYTES);
    const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
    Parts.push({ PartNumber, ETag });
  }
  return await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
}

interface Notified {
  readonly key: string;
  readonly etag: string;
  readonly version: string | undefined;
  readonly bytes: number;
  readonly sequencer: number;
}

/** As S3 sends it («Event message structure», Amazon S3 user guide): the key is URL-encoded, with `+` for a blank. */
function notification({ key, etag, version, bytes, sequencer }: Notified): string {
  const encoded = key
    .split('/')
    .map((part) => encodeURIComponent(part).replaceAll('%20', '+'))
    .join('/');
  return JSON.stringify({
    Records: [
      {
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        awsRegion: 'sa-east-1',
        eventTime: new Date().toISOString(),
        eventName: 'ObjectCreated:Put',
        s3: {
          s3SchemaVersion: '1.0',
          configurationId: 'remessa-arrivals',
          bucket: { name: BUCKET, arn: `arn:aws:s3:::${BUCKET}` },
          object: {
            key: encoded,
            size: bytes,
            eTag: etag,
            ...(version === undefined ? {} : { versionId: version }),
            sequencer: sequencer.toString(16).toUpperCase().padStart(16, '0'),
          },
        },
      },
    ],
  });
}
