/**
 * An object is erased from S3 with every version and delete marker, and nothing beside it: the calls scripted, for fauxqs has no
 * versions; and over a server that has them (moto).
 */
import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { openS3Eraser } from '../../../../src/io/aws/dynamo/privacy.ts';
import { serviceServers } from '../../../support/aws/servers.ts';
import { openInbox } from '../s3/arrivalsSupport.ts';
import { BUCKET } from '../s3/support.ts';

interface State {
  readonly Key: string;
  readonly VersionId: string;
}

/** Answers two states a page, deletes as asked. */
class ScriptedS3 {
  states: State[];
  fails = 0;

  constructor(states: readonly State[]) {
    this.states = [...states];
  }

  async send(command: unknown): Promise<unknown> {
    if (this.fails-- > 0)
      throw Object.assign(new Error('x'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
    if (command instanceof DeleteObjectCommand) {
      const { Key, VersionId } = command.input;
      this.states = this.states.filter((one) => one.Key !== Key || one.VersionId !== VersionId);
      return {};
    }
    if (!(command instanceof ListObjectVersionsCommand)) throw new Error('another call');
    const { Prefix = '', KeyMarker = '', VersionIdMarker = '' } = command.input;
    const name = ({ Key, VersionId }: State): string => `${Key}\0${VersionId}`;
    const all = this.states.filter(({ Key }) => Key.startsWith(Prefix)).sort((a, b) => (name(a) < name(b) ? -1 : 1));
    const left = KeyMarker === '' ? all : all.filter((one) => name(one) > `${KeyMarker}\0${VersionIdMarker}`);
    const page = left.slice(0, 2);
    const last = page.at(-1);
    const IsTruncated = left.length > 2;
    return { Versions: page, IsTruncated, NextKeyMarker: last?.Key, NextVersionIdMarker: last?.VersionId };
  }
}

const eraserOver = (s3: ScriptedS3) => openS3Eraser({ bucket: 'b' }, { client: s3 as never });

describe('erasing from S3', () => {
  it('takes every version of the key, over pages, and none of a key that begins alike', async () => {
    const kept = [
      { Key: 'raw/acme/10', VersionId: 'a' },
      { Key: 'raw/acme/1/x', VersionId: 'b' },
    ];
    const own = ['1', '2', '3', '4', '5'].map((VersionId) => ({ Key: 'raw/acme/1', VersionId }));
    const s3 = new ScriptedS3([...kept, ...own]);
    expect(await eraserOver(s3).erase('raw/acme/1')).toBe(5);
    expect(s3.states).toEqual(kept);
    expect(await eraserOver(s3).erase('raw/acme/1')).toBe(0);
  });

  it('says what was refused, without the key', async () => {
    const s3 = new ScriptedS3([{ Key: 'inbox/acme/52998224725.csv', VersionId: '1' }]);
    s3.fails = 1;
    const fault = await eraserOver(s3)
      .erase('inbox/acme/52998224725.csv')
      .catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'SERVICE_DENIED' });
    expect(String(fault)).not.toContain('52998224725');
  });
});

const kinds = serviceServers().filter(({ lacks }) => !lacks.has('versioning'));

describe.skipIf(kinds.length === 0).each(kinds.length === 0 ? serviceServers() : kinds)('versions on $name', (kind) => {
  it('go with their delete markers', async () => {
    const server = await kind.start();
    const inbox = await openInbox(server);
    const { client } = inbox.s3;
    try {
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await client.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
      for (const Body of ['a', 'b'])
        await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'inbox/acme/é 1', Body }));
      await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'inbox/acme/é 1' }));
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'inbox/acme/é 12', Body: 'c' }));
      expect(await openS3Eraser({ bucket: BUCKET }, { client }).erase('inbox/acme/é 1')).toBe(3);
      const { Versions = [], DeleteMarkers = [] } = await client.send(
        new ListObjectVersionsCommand({ Bucket: BUCKET }),
      );
      expect([Versions.map(({ Key }) => Key), DeleteMarkers.length]).toEqual([['inbox/acme/é 12'], 0]);
    } finally {
      inbox.close();
      await server.close();
    }
  });
});
