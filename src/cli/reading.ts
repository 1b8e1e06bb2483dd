/** What the commands that read the stores have in common. */
import { Fault } from '../core/faults.ts';
import { isLanguage, LANGUAGES, type Language } from '../core/language.ts';
import { CLIENT_ID, type ClientRecord } from '../io/ports/clients.ts';
import type { Batch } from '../io/ports/registry.ts';
import type { CliContext, Stores } from './context.ts';

/** Opens the stores, and closes them whatever happens. */
export async function withStores<Result>(
  context: CliContext,
  mode: 'read' | 'write',
  use: (stores: Stores) => Promise<Result>,
): Promise<Result> {
  const stores = await context.openStores(mode);
  try {
    return await use(stores);
  } finally {
    await stores.close();
  }
}

/** Faults: `BATCH_UNKNOWN`. */
export async function batchOf(stores: Stores, id: string): Promise<Batch> {
  const batch = await stores.registry.get(id);
  if (batch === undefined) throw new Fault('BATCH_UNKNOWN');
  return batch;
}

/** Faults: `USAGE` where the id cannot be one, `CLIENT_UNKNOWN`. */
export async function clientOf(stores: Stores, id: string): Promise<ClientRecord> {
  const client = await stores.clients.get(checkedClientId(id));
  if (client === undefined) throw new Fault('CLIENT_UNKNOWN', `client ${id}`);
  return client;
}

/** Faults: `USAGE`. */
export function checkedClientId(id: string): string {
  if (CLIENT_ID.test(id)) return id;
  throw new Fault('USAGE', 'a client id has 1 to 40 characters of a-z, 0-9 and -, and begins with no -');
}

/** Faults: `USAGE`. */
export function readLanguage(written: string): Language {
  if (isLanguage(written)) return written;
  throw new Fault('USAGE', `--language takes ${LANGUAGES.join(' or ')}`);
}

/** Eleven digits. Faults: `USAGE`, whose message must not repeat what was written: it may be most of a CPF. */
export function readCpf(written: string): string {
  const digits = /^(?:\d{11}|\d{3}\.\d{3}\.\d{3}-\d{2})$/.test(written) ? written.replace(/\D/g, '') : '';
  if (digits === '') throw new Fault('USAGE', '--cpf takes 11 digits, bare or as 000.000.000-00');
  return digits;
}
