/** Keys of what a batch leaves in the object store. All are made by the engine; a client's file name is never part of one. */

export const RAW_BUCKET = 'raw';

export function rawKey(client: string, id: string): string {
  return `raw/${client}/${id}`;
}

/** What a gzip file inflates to. */
export function workPrefix(batch: string): string {
  return `work/${batch}/`;
}

export function workKey(batch: string, attempt: string): string {
  return `${workPrefix(batch)}${attempt}`;
}

export function manifestKey(batch: string, attempt: string): string {
  return `manifests/${batch}/${attempt}`;
}

/** Everything below it is freed once the batch is final. */
export function partsPrefix(batch: string): string {
  return `parts/${batch}/`;
}

export function stagedTableKey(batch: string, attempt: string): string {
  return `${partsPrefix(batch)}staged-${attempt}`;
}

export function rejectsPartKey(batch: string, range: number, attempt: string): string {
  return `${partsPrefix(batch)}rejects/${range}-${attempt}`;
}

export function outcomesPartKey(batch: string, mode: string, shard: number, attempt: string): string {
  return `${partsPrefix(batch)}outcomes/${mode}-${shard}-${attempt}`;
}

export function answerKey(batch: string, kind: string, piece: number, attempt: string): string {
  return `answers/${batch}/${piece}-${attempt}/${kind}.csv`;
}

/** All answers of a batch. */
export function answersPrefix(batch: string): string {
  return `answers/${batch}/`;
}

/** Manifests of all attempts. */
export function manifestPrefix(batch: string): string {
  return `manifests/${batch}/`;
}
