/** What a key holds, or held under a version: `HeadObject`, as the store tells it. Faults: `SERVICE_IO`, `SERVICE_DENIED`. */
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { Fault } from '../../../core/faults.ts';
import type { ObjectInfo } from '../../ports/objects.ts';
import { isAbsent, type S3Calls } from './calls.ts';
import { secondOf } from './list.ts';
import { pinText, stateOf } from './pins.ts';

/** `undefined` where nothing is there: neither that key, nor that version of it. */
export async function headObject(
  calls: S3Calls,
  bucket: string,
  key: string,
  version?: string,
): Promise<ObjectInfo | undefined> {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: version });
  const answer = await calls.run('HeadObject', async (abortSignal) => {
    try {
      return await calls.client.send(command, { abortSignal });
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  });
  if (answer === undefined) return undefined;
  const { ContentLength, LastModified, ETag } = answer;
  if (ContentLength === undefined || LastModified === undefined || ETag === undefined) {
    throw new Fault('SERVICE_IO', 'S3 HeadObject: an answer without length, time or ETag');
  }
  return { key, etag: pinText(stateOf(answer)), bytes: ContentLength, modifiedMs: secondOf(LastModified.getTime()) };
}
