/**
 * Which state of which object an announcement or a listing speaks of, and whether it can be taken (docs/decisions/010).
 *
 * - A state is named by (bucket, key, version). Where the bucket keeps no versions, ETag and time of writing stand for the
 *   version: a notification and a listing then name it alike, which the sequencer of an event could not.
 * - A state that was written over, or deleted, before it was read is refused, once; so is one that comes when a later one of
 *   the same key is a batch already: registered after it, the older file would win.
 * - Whatever was a batch before is no news: nothing is refused for a message that came twice.
 */
import { batchIdOf } from '../../../core/ids.ts';
import type { ObjectInfo } from '../../ports/objects.ts';
import type { Registry } from '../../ports/registry.ts';
import { INBOX_PREFIX } from '../names.ts';
import type { CreatedObject } from './events.ts';
import { inboxKey, parsePin } from './pins.ts';

/** One state of an object of the inbox, as it is given. */
export interface InboxState {
  readonly client: string;
  readonly file: string;
  readonly key: string;
  readonly version: string;
  /** The pin's. */
  readonly etag: string;
  readonly bytes: number;
  readonly atMs: number;
  readonly sequencer: string | undefined;
}

export type Verdict =
  | { readonly kind: 'take'; readonly state: InboxState }
  /** It is a batch, or not meant to be one. */
  | { readonly kind: 'done'; readonly why: string }
  | { readonly kind: 'refuse'; readonly client: string; readonly reason: string; readonly once: string };

export interface StateDeps {
  readonly bucket: string;
  readonly registry: Pick<Registry, 'get'>;
  /** What the key holds, or what it held under the version. */
  head(key: string, version?: string): Promise<ObjectInfo | undefined>;
  /** Whether this process has settled the announcement before. */
  isSettled(announced: CreatedObject): boolean;
}

const KNOWN: Verdict = { kind: 'done', why: 'a batch already' };
/** What the time of an event may lie after, and before, the time that its object carries. */
const EVENT_LATE_MS = 3000;
const EVENT_EARLY_MS = 1000;
/** The longest name kept as metadata. */
const NAME_CHARACTERS_MAX = 255;
const ON_ITS_WAY = /(?:^|\/)\.[^/]*$|\.(?:part|tmp|filepart|crdownload)$/i;

/** What stands for the version of a state where the bucket keeps none. */
export function versionOf(version: string | undefined, etag: string, modifiedMs: number): string {
  return version ?? `${etag} ${Math.floor(modifiedMs / 1000)}`;
}

export function stateName(key: string, version: string): string {
  return `${key}\n${version}`;
}

/** Judges by the key alone; `undefined` where it may be a client's file. */
export function judgeKey(key: string): Verdict | undefined {
  if (!key.startsWith(INBOX_PREFIX)) {
    // The engine's own objects: notifications are to be limited to the inbox, and that is told once.
    const place = key.slice(0, Math.max(0, key.indexOf('/')));
    return refuse('', 'an object lies outside of inbox/<client>/', `outside ${place}`);
  }
  const parts = inboxKey(key);
  if (parts === undefined) {
    const rest = key.slice(INBOX_PREFIX.length);
    if (rest === '') return { kind: 'done', why: 'the inbox itself' };
    const reason = rest.includes('/') ? 'the folder’s name is no client id' : 'it lies outside of a client’s folder';
    // `inbox/<client>/` is a folder that a console made.
    if (rest.indexOf('/') === rest.length - 1 && inboxKey(`${key}x`) !== undefined)
      return { kind: 'done', why: 'a folder' };
    return refuse('', reason, key);
  }
  if (parts.file.endsWith('/')) return { kind: 'done', why: 'a folder' };
  if (ON_ITS_WAY.test(parts.file)) return { kind: 'done', why: 'a name of an upload on its way' };
  return undefined;
}

/** `STORE_…` and `SERVICE_…` faults leave it undecided. */
export async function judgeAnnounced(announced: CreatedObject, deps: StateDeps): Promise<Verdict> {
  const { key, bucket, version } = announced;
  if (bucket !== deps.bucket) return refuse('', 'a notification is of another bucket', `bucket ${bucket}`);
  const byKey = judgeKey(key);
  if (byKey !== undefined) return byKey;
  if (deps.isSettled(announced)) return { kind: 'done', why: 'announced again' };
  const present = await deps.head(key);
  const there = present === undefined ? undefined : parsePin(present.etag);
  const take = (info: ObjectInfo): Verdict => ({
    kind: 'take',
    state: stateOf(info, announced.atMs, announced.sequencer),
  });
  if (version === undefined) {
    const same = announced.etag === undefined || announced.etag === there?.etag;
    if (present !== undefined && same) return take(present);
    return (await wasTaken(deps, announced)) ? KNOWN : gone(announced, present !== undefined);
  }
  if (present !== undefined && there?.version === version) return take(present);
  if (await isBatch(deps, key, version)) return KNOWN;
  const older = await deps.head(key, version);
  if (older === undefined) return gone(announced, present !== undefined);
  if (present !== undefined && (await isBatch(deps, key, identityOf(present)))) return late(key, version);
  return take(older);
}

/** What a listing found, judged as if it had been announced. */
export async function judgeListed(
  listed: { readonly key: string; readonly version: string },
  info: ObjectInfo,
  deps: StateDeps,
): Promise<Verdict> {
  const { key, version } = listed;
  if (await isBatch(deps, key, version)) return KNOWN;
  const present = await deps.head(key);
  const { etag, version: kept } = parsePin(info.etag);
  if (kept === undefined && (present === undefined || identityOf(present) !== version)) {
    return gone({ key, version, etag, sequencer: undefined }, present !== undefined);
  }
  if (present !== undefined && identityOf(present) !== version && (await isBatch(deps, key, identityOf(present)))) {
    return late(key, version);
  }
  return { kind: 'take', state: stateOf(info, info.modifiedMs, undefined) };
}

/**
 * Whether a state without a version, which is no more there, was taken when it was. Its name has the second of its writing,
 * which the time of the event is near to.
 */
async function wasTaken(deps: StateDeps, { key, etag, atMs }: CreatedObject): Promise<boolean> {
  if (etag === undefined) return false;
  for (let ms = atMs - EVENT_LATE_MS; ms <= atMs + EVENT_EARLY_MS; ms += 1000) {
    if (await isBatch(deps, key, versionOf(undefined, etag, ms))) return true;
  }
  return false;
}

async function isBatch({ registry, bucket }: StateDeps, key: string, version: string): Promise<boolean> {
  return (await registry.get(batchIdOf(bucket, key, version))) !== undefined;
}

function identityOf(info: ObjectInfo): string {
  const { version, etag } = parsePin(info.etag);
  return versionOf(version, etag, info.modifiedMs);
}

function stateOf(info: ObjectInfo, atMs: number, sequencer: string | undefined): InboxState {
  const { key, etag, bytes } = info;
  const { client, file } = inboxKey(key) as { readonly client: string; readonly file: string };
  return { client, file: shown(file), key, version: identityOf(info), etag, bytes, atMs, sequencer };
}

function gone(
  { key, version, sequencer, etag }: Pick<CreatedObject, 'key' | 'version' | 'sequencer' | 'etag'>,
  replaced: boolean,
): Verdict {
  const reason = replaced
    ? 'a file was written over before it was read; what stands in its place is taken by itself'
    : 'a file was deleted before it was read; send it again';
  return refuse(inboxKey(key)?.client ?? '', reason, stateName(key, version ?? sequencer ?? etag ?? ''));
}

function late(key: string, version: string): Verdict {
  const reason =
    'a file came to be known after a later one of the same name was taken; send it again if it still counts';
  return refuse(inboxKey(key)?.client ?? '', reason, stateName(key, version));
}

function refuse(client: string, reason: string, once: string): Verdict {
  return { kind: 'refuse', client, reason, once };
}

/** A file name as metadata: without control characters, of a bounded length. */
function shown(name: string): string {
  return [...name.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '')].slice(0, NAME_CHARACTERS_MAX).join('');
}
