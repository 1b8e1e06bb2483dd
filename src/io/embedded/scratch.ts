/**
 * Data folders for one use: an engine over files that must leave nothing behind.
 *
 * They stand in `scratch/` of the data folder, on the same disk. What a killed process left is removed by the next one that
 * opens another: a folder that no engine holds, and that nobody made just now.
 */
import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { attemptId, type RandomBytes } from '../../core/ids.ts';
import { acquireEngineLock } from './lock.ts';
import { storeFault } from './osFaults.ts';

/** Between making the folder and locking it, whoever makes one has so long. */
const YOUNG_MS = 60_000;

export interface ScratchFolder {
  readonly path: string;
  /** With all that is in it; its engine has ended. */
  remove(): Promise<void>;
}

export async function openScratchFolder(dataDir: string, random: RandomBytes, nowMs: number): Promise<ScratchFolder> {
  const parent = join(dataDir, 'scratch');
  const path = join(parent, attemptId(random));
  let made: string | undefined;
  try {
    made = await mkdir(path, { recursive: true, mode: 0o700 });
    for (const name of await readdir(parent)) await removeLeft(join(parent, name), path, nowMs);
  } catch (error) {
    throw storeFault(error);
  }
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true });
      // Another one may stand beside it. A data folder that was not there before goes too, unless somebody uses it by now.
      await rmdir(parent).catch(() => {});
      if (made !== undefined && !made.startsWith(parent)) await rmdir(dataDir).catch(() => {});
    },
  };
}

async function removeLeft(path: string, own: string, nowMs: number): Promise<void> {
  if (path === own) return;
  const made = await stat(path).catch(() => undefined);
  if (made === undefined || nowMs - made.mtimeMs < YOUNG_MS) return;
  const lock = acquireEngineLock(path, nowMs);
  if (lock === undefined) return;
  lock.release();
  await rm(path, { recursive: true, force: true });
}
