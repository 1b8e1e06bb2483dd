/**
 * Buckets that keep versions, and the notifications a server sends itself: each state of a key is a batch of its own. On the
 * servers that can do so (moto), whose sequencers are all alike and whose events are therefore ordered by time alone.
 */
import {
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Arrival } from '../../../../src/io/ports/arrivals.ts';
import { FakeClock, faultCode } from '../../../contract/support.ts';
import { type AwsServer, serviceServers } from '../../../support/aws/servers.ts';
import { bridgeEvent, type Inbox, openInbox, removeObject, s3Event } from './arrivalsSupport.ts';
import { BUCKET } from './support.ts';

const KEY = 'inbox/acme/a b+ç.csv';
const DAY_MS = 86_400_000;
const kinds = serviceServers().filter(({ lacks }) => !lacks.has('versioning'));

describe.skipIf(kinds.length === 0).each(kinds.length === 0 ? serviceServers() : kinds)('versions on $name', (kind) => {
  let server: AwsServer;
  let inbox: Inbox;

  beforeEach(async () => {
    server = await kind.start();
    inbox = await openInbox(server);
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await inbox.s3.client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
  });

  afterEach(async () => {
    inbox.close();
    await server.close();
  });

  const text = async (arrival: Arrival): Promise<string> => {
    const reader = await inbox.s3.objects.openRange(arrival, 0, arrival.bytes);
    const target = Buffer.alloc(arrival.bytes);
    await reader.read(target);
    await reader.close();
    return target.toString();
  };

  it('are all taken, each pinned, in the order of their sequencers', async () => {
    const one = await inbox.put(KEY, 'one');
    const two = await inbox.put(KEY, 'two!');
    await inbox.send(bridgeEvent({ key: KEY, etag: two.ETag, version: two.VersionId, sequencer: '0B', atMs: 5 }));
    await inbox.send(s3Event({ key: KEY, etag: one.ETag, version: one.VersionId, sequencer: '0A', atMs: 5 }));
    const { arrivals } = await inbox.open().poll(10);
    expect(await Promise.all(arrivals.map(text))).toEqual(['one', 'two!']);
    expect(arrivals.map(({ version }) => version)).toEqual([one.VersionId, two.VersionId]);
  });

  it('stay readable when the key was deleted, and are gone when they themselves were', async () => {
    const one = await inbox.put(KEY, 'one');
    await inbox.send(s3Event({ key: KEY, etag: one.ETag, version: one.VersionId }));
    await removeObject(inbox.s3.client, KEY);
    const [arrival] = (await inbox.open().poll(10)).arrivals as [Arrival];
    expect(await text(arrival)).toBe('one');
    expect(
      await faultCode(inbox.s3.objects.openRange({ ...arrival, etag: `${'0'.repeat(32)} ${one.VersionId}` }, 0, 1)),
    ).toBe('OBJECT_CHANGED');
  });

  it('are refused where a later one of the same key is a batch already, unless they are one too', async () => {
    const one = await inbox.put(KEY, 'one');
    const two = await inbox.put(KEY, 'two!');
    const arrivals = inbox.open();
    await inbox.send(s3Event({ key: KEY, etag: two.ETag, version: two.VersionId, sequencer: '0B' }));
    const [later] = (await arrivals.poll(10)).arrivals as [Arrival];
    inbox.batches.accept(later);
    await later.settle();
    await inbox.send(s3Event({ key: KEY, etag: one.ETag, version: one.VersionId, sequencer: '0A' }));
    expect(await arrivals.poll(10)).toMatchObject({
      arrivals: [],
      refusals: [{ client: 'acme', reason: expect.stringContaining('after a later one') }],
    });
    inbox.batches.accept({ ...later, version: one.VersionId as string });
    await inbox.send(s3Event({ key: KEY, etag: one.ETag, version: one.VersionId, sequencer: '0A' }));
    expect(await inbox.open().poll(10)).toEqual({ arrivals: [], refusals: [] });
  });

  it('are found by reconciliation, written over or not, under the names their notifications give', async () => {
    const one = await inbox.put(KEY, 'one');
    const two = await inbox.put(KEY, 'two!');
    const clock = new FakeClock();
    clock.setWall(Date.now());
    const look = { everyMs: 1000, graceMs: -DAY_MS, windowMs: DAY_MS, pagesAtOnce: 1 };
    const { arrivals } = await inbox.open({ reconciliation: look }, clock).poll(10);
    expect(arrivals.map(({ version }) => version).sort()).toEqual([one.VersionId, two.VersionId].sort());
    for (const arrival of arrivals) expect(['one', 'two!']).toContain(await text(arrival));
  });

  it.skipIf(kind.lacks.has('bucketNotifications'))('come by the bucket’s own notifications', async () => {
    const asked = { QueueUrl: inbox.queueUrl, AttributeNames: ['QueueArn' as const] };
    const { Attributes } = await inbox.sqs.send(new GetQueueAttributesCommand(asked));
    await inbox.s3.client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: BUCKET,
        NotificationConfiguration: {
          QueueConfigurations: [
            {
              QueueArn: Attributes?.['QueueArn'] as string,
              Events: ['s3:ObjectCreated:*'],
              Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: 'inbox/' }] } },
            },
          ],
        },
      }),
    );
    const put = await inbox.s3.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: KEY, Body: 'by itself' }));
    await inbox.s3.objects.put('parts/b-1/x', Buffer.from('x'));
    const { arrivals, refusals } = await inbox.open().poll(10);
    expect(refusals).toEqual([]);
    expect(arrivals).toMatchObject([{ client: 'acme', file: 'a b+ç.csv', version: put.VersionId, bytes: 9 }]);
    expect(await text(arrivals[0] as Arrival)).toBe('by itself');
  });
});
