/**
 * Taking in a file of this machine, for `ingest` (port: arrivals, `FileIntake`): it is uploaded to a key.
 *
 *   new S3Intake(objects: Pick<ObjectStore, 'create'>): FileIntake
 *   S3_INTAKE_BYTES     what a copy holds besides the object's writer
 *
 * What is stored is one state of the file: its inode, size and times were the same before its first byte was read and after the
 * last, or nothing is stored and the fault is `INPUT_CHANGED`. Other faults: `INPUT_…`, and those of the object store.
 */
import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import { Fault } from '../../../core/faults.ts';
import { identifyInput, identityOf, openInput, regular, throwInputFault } from '../../files/input.ts';
import { inputFault } from '../../files/osFaults.ts';
import type { FileIntake } from '../../ports/arrivals.ts';
import type { ObjectInfo, ObjectStore, ObjectWriter } from '../../ports/objects.ts';

export const S3_INTAKE_BYTES = 1024 * 1024;

export class S3Intake implements FileIntake {
  readonly #objects: Pick<ObjectStore, 'create'>;

  constructor(objects: Pick<ObjectStore, 'create'>) {
    this.#objects = objects;
  }

  identify(path: string): Promise<{ readonly identity: string; readonly bytes: number }> {
    return identifyInput(path);
  }

  async copyIn(path: string, key: string): Promise<ObjectInfo> {
    const file = await openInput(path, 0);
    try {
      const before = await regular(file);
      const writer = await this.#objects.create(key);
      try {
        const bytes = await upload(file, writer);
        const after = [await file.stat({ bigint: true }), await stat(path, { bigint: true }).catch(throwInputFault)];
        const same = after.every((stats) => identityOf(stats) === identityOf(before));
        if (!same || BigInt(bytes) !== before.size) throw new Fault('INPUT_CHANGED');
        return await writer.commit();
      } finally {
        await writer.abort();
      }
    } finally {
      await file.close();
    }
  }
}

/** Answers how many bytes there were. */
async function upload(file: FileHandle, writer: ObjectWriter): Promise<number> {
  const buffer = Buffer.allocUnsafe(S3_INTAKE_BYTES);
  let at = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at).catch((error: unknown) => {
      throw inputFault(error);
    });
    if (bytesRead === 0) return at;
    await writer.write(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}
