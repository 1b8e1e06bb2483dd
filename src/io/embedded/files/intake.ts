/**
 * Taking in a file that somebody else owns (port: arrivals, `FileIntake`), and linking a file of the inbox to a key.
 *
 * Promises
 * - What is stored is one state of the file: its inode, size and times were the same before and after, or the intake
 *   fails with `INPUT_CHANGED`.
 * - Nothing but a regular file is read; a pipe or a device is refused before it could block.
 *
 * Faults: `INPUT_…`, `STORE_FULL`, `STORE_IO`. None of them names the path.
 */
import { type BigIntStats, constants } from 'node:fs';
import { copyFile, type FileHandle, link, lstat, open, stat } from 'node:fs/promises';
import { Fault } from '../../../core/faults.ts';
import { identifyInput, identityOf, openInput, regular, throwInputFault } from '../../files/input.ts';
import type { FileIntake } from '../../ports/arrivals.ts';
import type { ObjectInfo } from '../../ports/objects.ts';
import { errnoOf, inputFault, storeFault } from '../osFaults.ts';
import { discard, etagOf, infoOf, type ObjectFolder } from './objectFolder.ts';

export class EmbeddedIntake implements FileIntake {
  readonly #folder: ObjectFolder;

  constructor(folder: ObjectFolder) {
    this.#folder = folder;
  }

  identify(path: string): Promise<{ readonly identity: string; readonly bytes: number }> {
    return identifyInput(path);
  }

  async copyIn(path: string, key: string): Promise<ObjectInfo> {
    const file = await openInput(path, 0);
    try {
      return await this.#copy(file, path, key, () => stat(path, { bigint: true }));
    } finally {
      await file.close();
    }
  }

  /**
   * Gives a file of the inbox a second name, the key: no byte is copied, and a later change of the file shows in its
   * etag. Links are not followed: an inbox is written by others. Copies where the file system cannot link, and where the
   * file has further names: what was accepted must not change with them.
   *
   * `etag` is the state the key was derived from: a file in another state is `INPUT_CHANGED`, and an object that is
   * there already holds this state, from an attempt that was killed.
   */
  async linkIn(path: string, key: string, etag: string): Promise<ObjectInfo> {
    const file = await openInput(path, constants.O_NOFOLLOW);
    try {
      const source = await regular(file);
      if (etagOf(source) !== etag) throw new Fault('INPUT_CHANGED');
      const present = await this.#present(key);
      if (present !== undefined) {
        // The attempt may have been killed between the new name and its syncs.
        await file.sync();
        await this.#folder.syncFolderOf(key);
        return present;
      }
      // Somebody keeps a name of their own for it, and may write through that long after the batch was accepted.
      if (source.nlink > 1n) return await this.#copy(file, path, key, () => lstat(path, { bigint: true }));
      const temporary = this.#folder.temporaryPath();
      try {
        await link(path, temporary);
        if (etagOf(await lstat(temporary, { bigint: true })) !== etag) throw new Fault('INPUT_CHANGED');
        await file.sync();
        return await this.#folder.publish(temporary, key);
      } catch (error) {
        if (!CANNOT_LINK.has(errnoOf(error) ?? '')) throw inputFault(error);
        return await this.#copy(file, path, key, () => lstat(path, { bigint: true }));
      } finally {
        await discard(temporary);
      }
    } finally {
      await file.close();
    }
  }

  async #present(key: string): Promise<ObjectInfo | undefined> {
    try {
      return infoOf(key, await lstat(this.#folder.path(key), { bigint: true }));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw storeFault(error);
    }
  }

  /** A reflink where the file system has them; else the kernel copies. */
  async #copy(file: FileHandle, path: string, key: string, again: () => Promise<BigIntStats>): Promise<ObjectInfo> {
    const before = await regular(file);
    const temporary = this.#folder.temporaryPath();
    try {
      await copyFile(path, temporary, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL).catch(throwCopyFault);
      const copy = await open(temporary, 'r+');
      try {
        const same = [await file.stat({ bigint: true }), await again().catch(throwInputFault)].every(
          (after) => identityOf(after) === identityOf(before),
        );
        const copied = await copy.stat({ bigint: true });
        if (!same || copied.size !== before.size) throw new Fault('INPUT_CHANGED');
        // The copy has its source's permissions; the stored file is its owner's alone.
        await copy.chmod(0o600);
        await copy.sync();
      } finally {
        await copy.close();
      }
      return await this.#folder.publish(temporary, key);
    } catch (error) {
      throw storeFault(error);
    } finally {
      await discard(temporary);
    }
  }
}

/** Another device, no support, or a system that lets nobody link files of others. */
const CANNOT_LINK: ReadonlySet<string> = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS']);

/** A copy fails for its source where that is gone or closed to us, and for the store otherwise. */
function throwCopyFault(error: unknown): never {
  const errno = errnoOf(error);
  throw errno === 'ENOENT' || errno === 'EACCES' || errno === 'EPERM' ? inputFault(error) : storeFault(error);
}
