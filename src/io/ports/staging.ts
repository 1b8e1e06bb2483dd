/**
 * Port: the staging store, where pages wait between intermediate and registering. Data plane: used in worker threads.
 *
 * Contract
 * - A writer belongs to one attempt at one range. Pages of a shard are numbered from 0 in the order they were written.
 *   Once `commit` has returned, all of them survive a loss of power; before it, none need exist.
 * - Attempts never see each other's pages.
 * - `read` yields the first `pages` pages that the attempt wrote for the shard, in order; where one is missing it throws
 *   `STAGED_PAGES_SHORT`. Each page's bytes stay valid until the next is asked for.
 * - `free` removes all pages of a batch; freeing what is not there succeeds.
 */

export interface StagingWriter {
  /** The bytes may be reused once the promise has settled. */
  write(shard: number, page: Uint8Array): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

export interface StagedRange {
  readonly range: number;
  readonly attempt: string;
  /** How many pages of the shard this attempt wrote. */
  readonly pages: number;
}

export interface StagingStore {
  open(batch: string, range: number, attempt: string): Promise<StagingWriter>;
  read(batch: string, shard: number, from: StagedRange): AsyncIterable<Uint8Array>;
  free(batch: string): Promise<void>;
}
