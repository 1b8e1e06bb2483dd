/**
 * A file that somebody else owns, as every driver takes it in: opened without harm, and one state of it told from another.
 *
 * - Nothing but a regular file is read; a pipe or a device is refused before it could block.
 * - A state is named by inode, size and times: equal names before and after a copy say that one state was copied.
 *
 * Faults: `INPUT_…`. None of them names the path.
 */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Fault } from '../../core/faults.ts';
import { inputFault } from './osFaults.ts';

/** `flags` besides those for reading. */
export async function openInput(path: string, flags: number): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK a pipe that nobody writes would hold the thread for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (error) {
    throw inputFault(error);
  }
}

export async function regular(file: FileHandle): Promise<BigIntStats> {
  const stats = await file.stat({ bigint: true });
  if (stats.isDirectory()) throw new Fault('INPUT_IS_DIRECTORY');
  if (!stats.isFile()) throw new Fault('INPUT_NOT_A_FILE');
  return stats;
}

/** The time of the last change of the inode joins: it moves even where somebody sets the time of the contents back. */
export function identityOf(stats: BigIntStats): string {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].map((part) => part.toString(36)).join('-');
}

/** Names the present state of a file. The path may be a link, since its user named it. */
export async function identifyInput(path: string): Promise<{ readonly identity: string; readonly bytes: number }> {
  const file = await openInput(path, 0);
  try {
    const stats = await regular(file);
    return { identity: identityOf(stats), bytes: Number(stats.size) };
  } finally {
    await file.close();
  }
}

export function throwInputFault(error: unknown): never {
  throw inputFault(error);
}
