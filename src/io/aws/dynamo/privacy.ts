/**
 * Legal holds and erasures in DynamoDB, and objects taken away from S3 with all their versions (port: privacy).
 *
 *   openDynamoPrivacy(options: { table: string }, deps: TableDeps): PrivacyStore
 *   openS3Eraser(options: { bucket: string }, deps: { client: S3Client }): ObjectEraser
 *
 * A record is one item of the clients' table: `pk` is `privacy#client`, `sk` its id. Versions and delete markers go one by one;
 * an object has few. Where a bucket keeps no versions its one state has the version `null`.
 *
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`, `STORE_CORRUPT`.
 */
import { DeleteObjectCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { attemptId } from '../../../core/ids.ts';
import type { ObjectEraser, PrivacyRecord, PrivacyStore } from '../../ports/privacy.ts';
import { textItem, textOf, textValues } from '../registry/items.ts';
import { serviceFault } from '../serviceFaults.ts';
import { type Key, KeyedTable, type TableDeps } from './keyedTable.ts';

export function openDynamoPrivacy(options: { readonly table: string }, deps: TableDeps): PrivacyStore {
  const table = new KeyedTable(options.table, deps);
  const isOurs = async (key: Key, token: string): Promise<boolean> => (await table.get(key))?.['tok']?.S === token;
  return {
    async add(record) {
      const tok = attemptId(deps.random);
      const key = keyOf(record);
      const item = { ...textItem(JSON.stringify(record)), rev: { N: String(record.revision) }, tok: { S: tok } };
      return (await table.putNew(key, item)) || (await isOurs(key, tok));
    },
    async replace(record, expectedRevision) {
      const next = { ...record, revision: expectedRevision + 1 };
      const tok = attemptId(deps.random);
      const key = keyOf(record);
      const { set, remove, value } = textValues(JSON.stringify(next));
      const done = await table.update(key, {
        set: `SET ${set} = :body, rev = :next, tok = :tok REMOVE ${remove}`,
        when: 'rev = :rev',
        values: {
          ':body': value,
          ':rev': { N: String(expectedRevision) },
          ':next': { N: String(next.revision) },
          ':tok': { S: tok },
        },
      });
      return done || (await isOurs(key, tok));
    },
    list: async (client) =>
      (await table.all({ pk: partitionOf(client) })).map((item) => JSON.parse(textOf(item)) as PrivacyRecord),
  };
}

function partitionOf(client: string): string {
  return `privacy#${client}`;
}

function keyOf({ client, id }: PrivacyRecord): Key {
  return { pk: partitionOf(client), sk: id };
}

export function openS3Eraser(
  options: { readonly bucket: string },
  deps: { readonly client: Pick<S3Client, 'send'> },
): ObjectEraser {
  const Bucket = options.bucket;
  return {
    async erase(Key) {
      let erased = 0;
      try {
        let more: { KeyMarker: string | undefined; VersionIdMarker: string | undefined } | undefined;
        do {
          const listed: Awaited<ReturnType<typeof list>> = await list(Key, more);
          const states = [...(listed.Versions ?? []), ...(listed.DeleteMarkers ?? [])].filter((one) => one.Key === Key);
          for (const { VersionId } of states) {
            await deps.client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
            erased += 1;
          }
          more =
            listed.IsTruncated === true
              ? { KeyMarker: listed.NextKeyMarker, VersionIdMarker: listed.NextVersionIdMarker }
              : undefined;
        } while (more?.KeyMarker?.startsWith(Key) === true);
      } catch (error) {
        throw serviceFault({ service: 'S3', operation: 'erasing an object' }, error);
      }
      return erased;
    },
  };

  function list(
    Prefix: string,
    after: { KeyMarker: string | undefined; VersionIdMarker: string | undefined } | undefined,
  ) {
    return deps.client.send(new ListObjectVersionsCommand({ Bucket, Prefix, ...after }));
  }
}
