/** Files of this machine that `ingest` uploads: one state of them, or nothing. */
import { appendFile, mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { S3Intake } from '../../../../src/io/aws/s3/intake.ts';
import type { ObjectStore, ObjectWriter } from '../../../../src/io/ports/objects.ts';
import { faultCode, madeBytes } from '../../../contract/support.ts';
import { type AwsServer, fauxqsKind } from '../../../support/aws/servers.ts';
import { createBucket, type OpenedS3, openS3, uploadsUnderWay } from './support.ts';

let base: string;
let server: AwsServer;
let s3: OpenedS3;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'remessa-intake-'));
  server = await fauxqsKind().start();
  s3 = openS3(server.endpoint);
  await createBucket(s3.client);
});

afterEach(async () => {
  s3.close();
  await server.close();
  await rm(base, { recursive: true });
});

/** A store whose writers do something before a block is written. */
function disturbed(objects: ObjectStore, disturb: (block: number) => Promise<void>): Pick<ObjectStore, 'create'> {
  return {
    async create(key) {
      const writer = await objects.create(key);
      let blocks = 0;
      const disturbing: ObjectWriter = {
        async write(bytes) {
          await disturb(blocks++);
          await writer.write(bytes);
        },
        commit: () => writer.commit(),
        abort: () => writer.abort(),
      };
      return disturbing;
    },
  };
}

describe('intake to S3', () => {
  const file = (): string => join(base, 'debts 529.982.247-25.csv');

  it('uploads the file whole, in parts where it is large', async () => {
    const bytes = madeBytes(12_345_678);
    await writeFile(file(), bytes);
    const intake = new S3Intake(s3.objects);
    const info = await intake.copyIn(file(), 'raw/acme/i-1');
    expect(info).toEqual(await s3.objects.head('raw/acme/i-1'));
    expect(info.etag).toMatch(/-3$/);
    expect(Buffer.compare((await s3.objects.get('raw/acme/i-1')) ?? Buffer.alloc(0), bytes)).toBe(0);
    expect((await intake.identify(file())).bytes).toBe(bytes.length);
  });

  it('takes an empty file', async () => {
    await writeFile(file(), '');
    expect((await new S3Intake(s3.objects).copyIn(file(), 'raw/acme/empty')).bytes).toBe(0);
  });

  it.each([
    ['grows', () => appendFile(file(), 'more')],
    ['is written in place', () => writeFile(file(), madeBytes(12_000_000, 3))],
    ['becomes shorter', () => writeFile(file(), 'short')],
    [
      'is replaced by another of its size and time',
      async () => {
        await writeFile(`${file()}.new`, madeBytes(12_000_000, 4));
        await utimes(`${file()}.new`, 1_700_000_000, 1_700_000_000);
        await rename(`${file()}.new`, file());
      },
    ],
  ] as const)('stores nothing of a file that %s while it is copied', async (_, change) => {
    for (const at of [0, 5, 11]) {
      await writeFile(file(), madeBytes(12_000_000));
      await utimes(file(), 1_700_000_000, 1_700_000_000);
      const objects = disturbed(s3.objects, async (block) => {
        if (block === at) await change();
      });
      expect(await faultCode(new S3Intake(objects).copyIn(file(), 'raw/acme/i-2'))).toBe('INPUT_CHANGED');
      expect(await s3.objects.head('raw/acme/i-2')).toBeUndefined();
      expect(await uploadsUnderWay(s3.client)).toBe(0);
    }
  });

  it('tells what is wrong with what is no readable file, without naming it', async () => {
    await mkdir(join(base, 'folder'));
    const cases = [
      [join(base, 'none.csv'), 'INPUT_MISSING'],
      [join(base, 'folder'), 'INPUT_IS_DIRECTORY'],
      ['/dev/null', 'INPUT_NOT_A_FILE'],
    ] as const;
    const intake = new S3Intake(s3.objects);
    for (const [path, code] of cases) {
      expect(await faultCode(intake.copyIn(path, 'k')), path).toBe(code);
      await intake.identify(path).catch((error: Error) => expect(error.message).not.toContain(base));
    }
    expect(await s3.objects.head('k')).toBeUndefined();
  });
});
