/**
 * Mail of one machine: each mail a file `outbox/<id>.eml` that any mail program opens. Nothing is sent by network.
 *
 * A mail appears whole or not at all, and survives a loss of power once `send` has settled. A mail sent again under the
 * same id takes the place of the file. Only the owner of the folder may read it.
 *
 * Faults: `NOTICE_REFUSED`, `STORE_FULL`, `STORE_IO`.
 */
import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../core/assert.ts';
import type { Clock } from '../../core/clock.ts';
import type { RandomBytes } from '../../core/ids.ts';
import { checkMail, isAddress, type MailSender } from '../ports/mail.ts';
import { emlOf } from './eml.ts';
import { discard, syncFolder } from './files/objectFolder.ts';
import { storeFault } from './osFaults.ts';

export interface FolderMailOptions {
  readonly folder: string;
  /** The sender's address. */
  readonly from: string;
}

export function openFolderMail(
  options: FolderMailOptions,
  deps: { readonly clock: Clock; readonly random: RandomBytes },
): MailSender {
  const { folder, from } = options;
  assert(isAddress(from), 'the sender of mails is an address');
  return {
    async send(mail) {
      checkMail(mail);
      const temporary = join(folder, `.${Buffer.from(deps.random(10)).toString('hex')}`);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(emlOf(mail, from, deps.clock.nowMs()));
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, join(folder, `${mail.id}.eml`));
        await syncFolder(folder);
      } catch (error) {
        await discard(temporary).catch(() => {});
        throw storeFault(error);
      }
    },
    async close() {},
  };
}
