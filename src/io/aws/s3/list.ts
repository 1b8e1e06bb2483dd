/**
 * Listing a bucket, page by page: what is there now, or every version that is kept.
 *
 * Keys come URL-encoded, because XML cannot hold all that a client's key may; they are decoded here, once. Times are whole
 * seconds: `HeadObject` tells no more, and both must name a state alike. Pages of S3 have up to 1,000 keys, in key order.
 */
import { ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { type S3Calls, SpoiltAnswer } from './calls.ts';
import { unquoted } from './pins.ts';

export interface Listed {
  readonly key: string;
  readonly etag: string;
  /** Only where versions are listed, and where it has one. */
  readonly version: string | undefined;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface Listing {
  readonly bucket: string;
  readonly prefix: string;
  /** Every version that is kept, the latest of a key first; else what is there now. */
  readonly versions?: boolean;
}

/** The whole second that an instant lies in. */
export function secondOf(atMs: number): number {
  return Math.floor(atMs / 1000) * 1000;
}

export async function* listPages(calls: S3Calls, listing: Listing): AsyncGenerator<readonly Listed[]> {
  let from: Position | undefined = {};
  while (from !== undefined) {
    const page: Page =
      listing.versions === true ? await versionsPage(calls, listing, from) : await page2(calls, listing, from);
    yield page.listed;
    from = page.next;
  }
}

interface Position {
  readonly token?: string | undefined;
  readonly keyMarker?: string | undefined;
  readonly versionMarker?: string | undefined;
}

interface Page {
  readonly listed: readonly Listed[];
  readonly next: Position | undefined;
}

async function page2(calls: S3Calls, { bucket, prefix }: Listing, from: Position): Promise<Page> {
  const command = new ListObjectsV2Command({
    Bucket: bucket,
    Prefix: prefix,
    EncodingType: 'url',
    ContinuationToken: from.token,
  });
  return await calls.run('ListObjectsV2', async (abortSignal) => {
    const answer = await calls.client.send(command, { abortSignal });
    const encoded = answer.EncodingType === 'url';
    const listed = (answer.Contents ?? []).map((entry) => listedOf(entry, encoded));
    if (answer.IsTruncated !== true) return { listed, next: undefined };
    const token = answer.NextContinuationToken;
    if (token === undefined || token === from.token) throw new SpoiltAnswer('a page that does not say what follows');
    return { listed, next: { token } };
  });
}

async function versionsPage(calls: S3Calls, { bucket, prefix }: Listing, from: Position): Promise<Page> {
  const command = new ListObjectVersionsCommand({
    Bucket: bucket,
    Prefix: prefix,
    EncodingType: 'url',
    KeyMarker: from.keyMarker,
    VersionIdMarker: from.versionMarker,
  });
  return await calls.run('ListObjectVersions', async (abortSignal) => {
    const answer = await calls.client.send(command, { abortSignal });
    const encoded = answer.EncodingType === 'url';
    const listed = (answer.Versions ?? []).map((entry) => listedOf(entry, encoded));
    if (answer.IsTruncated !== true) return { listed, next: undefined };
    const keyMarker = answer.NextKeyMarker === undefined ? undefined : decoded(answer.NextKeyMarker, encoded);
    const versionMarker = answer.NextVersionIdMarker;
    if (keyMarker === undefined || (keyMarker === from.keyMarker && versionMarker === from.versionMarker)) {
      throw new SpoiltAnswer('a page that does not say what follows');
    }
    return { listed, next: { keyMarker, versionMarker } };
  });
}

function listedOf(
  entry: {
    readonly Key?: string | undefined;
    readonly ETag?: string | undefined;
    readonly Size?: number | undefined;
    readonly LastModified?: Date | undefined;
    readonly VersionId?: string | undefined;
  },
  encoded: boolean,
): Listed {
  const { Key, ETag, Size, LastModified, VersionId } = entry;
  if (Key === undefined || ETag === undefined || Size === undefined || LastModified === undefined) {
    throw new SpoiltAnswer('an entry without key, ETag, size or time');
  }
  return {
    key: decoded(Key, encoded),
    etag: unquoted(ETag),
    version: VersionId === 'null' ? undefined : VersionId,
    bytes: Size,
    modifiedMs: secondOf(LastModified.getTime()),
  };
}

function decoded(key: string, encoded: boolean): string {
  return encoded ? (decodeKey(key) ?? key) : key;
}

/** A key as notifications and listings write it: UTF-8 in percent signs, a blank as `+`. `undefined` where it is none. */
export function decodeKey(written: string): string | undefined {
  try {
    return decodeURIComponent(written.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
