/** What the commands that read the stores have in common. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { type DocumentKind, documentForm, readDocument } from '../core/documents.ts';
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

/** What the options that name a person by document say. */
export interface DocumentOptions {
  readonly cpf?: string;
  readonly cnpj?: string;
}

/** Registers them on a command; `only` says what is meant. */
export function addDocumentOptions(command: Command, only: string): Command {
  return command
    .option('--cpf <cpf>', `${only}, ${documentForm('cpf')}`)
    .option('--cnpj <cnpj>', `${only}, ${documentForm('cnpj')}`);
}

/** The document asked for, as it is stored. Faults: `USAGE`, whose message must not repeat what was written. */
export function documentOf({ cpf, cnpj }: DocumentOptions): string | undefined {
  if (cpf !== undefined && cnpj !== undefined) throw new Fault('USAGE', 'give one of --cpf and --cnpj');
  if (cpf !== undefined) return readOption('cpf', cpf);
  return cnpj === undefined ? undefined : readOption('cnpj', cnpj);
}

function readOption(kind: DocumentKind, written: string): string {
  const document = readDocument(kind, written);
  if (document === undefined) throw new Fault('USAGE', `--${kind} takes ${documentForm(kind)}`);
  return document;
}

/** A day that exists, as an argument of an option. */
export function day(value: string): string {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value);
  const time = match === null ? Number.NaN : Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== value) {
    throw new InvalidArgumentError('A day is written YYYY-MM-DD and exists.');
  }
  return value;
}
