/**
 * `remessa clients notify ID`: how a client is told of the ends of its batches; without options it shows what is set.
 *
 * Promises: a secret comes from a file or standard input, never from the arguments, and is never printed. What is changed
 * holds for batches accepted from then on; where a delivery goes is decided by what is set when it is attempted.
 */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Fault } from '../core/faults.ts';
import { LANGUAGES } from '../core/language.ts';
import { type ClientNotify, type ClientRecord, NOTICE_KINDS, type NoticeKind } from '../io/ports/clients.ts';
import { isAddress, RECIPIENTS_MAX } from '../io/ports/mail.ts';
import { WEBHOOK_SECRET, webhookUrlProblem } from '../io/ports/webhook.ts';
import type { CliContext } from './context.ts';
import { clientOf, readLanguage, withStores } from './reading.ts';

interface NotifyOptions {
  /** `false` for `--no-webhook`. */
  readonly webhook?: string | false;
  readonly secretFile?: string;
  readonly keepSecret?: true;
  readonly mail?: string | false;
  /** `false` for `--no-language`. */
  readonly language?: string | false;
  readonly kinds?: string;
}

const SECRETS_MAX = 2;
const SECRET_BYTES_MAX = 1024;

export function addNotifyCommand(clients: Command, context: CliContext, exit: (code: number) => void): void {
  clients
    .command('notify')
    .description('show or set how a client is told of the ends of its batches')
    .argument('<id>', 'the client')
    .option('--webhook <url>', 'where events are posted to')
    .option('--no-webhook', 'post no events')
    .option('--secret-file <file>', 'what signs them: whsec_ and 24 to 64 bytes in base64; `-` reads standard input')
    .option('--keep-secret', 'the secret used until now signs too, until the next change of secrets')
    .option('--mail <addresses>', 'mail addresses, separated by commas')
    .option('--no-mail', 'send no mail')
    .option('--language <language>', `of mail: ${LANGUAGES.join(' or ')}`)
    .option('--no-language', "write mail in the language of each batch's answers")
    .option('--kinds <kinds>', `which ends, separated by commas: ${NOTICE_KINDS.join(', ')}`)
    .action(async (id: string, options: NotifyOptions) => {
      const changes = Object.values(options).some((value) => value !== undefined);
      const secret = options.secretFile === undefined ? undefined : await readSecret(context, options.secretFile);
      const client = await withStores(context, changes ? 'write' : 'read', async (stores) => {
        const known = await clientOf(stores, id);
        if (!changes) return known;
        const next = changed(known, options, secret, context.settings.webhookTargets === 'public');
        if (!(await stores.clients.update(next))) throw new Fault('CLIENT_UNKNOWN', `client ${id}`);
        return next;
      });
      await context.stdout.write(`${JSON.stringify(notifyView(client.notify), null, 2)}\n`);
      exit(0);
    });
}

/** Without secrets. */
export function notifyView(notify: ClientNotify | undefined) {
  return {
    kinds: notify?.kinds ?? [],
    webhook: notify?.webhook === undefined ? null : { url: notify.webhook.url, secrets: notify.webhook.secrets.length },
    mail: notify?.mail ?? null,
  };
}

/** Faults: `USAGE`. */
function changed(
  client: ClientRecord,
  options: NotifyOptions,
  secret: string | undefined,
  publicOnly: boolean,
): ClientRecord {
  const { notify: before, ...rest } = client;
  const webhook = changedWebhook(before, options, secret, publicOnly);
  const mail = changedMail(before, options);
  if (webhook === undefined && mail === undefined) return rest;
  const kinds = options.kinds === undefined ? (before?.kinds ?? NOTICE_KINDS) : readKinds(options.kinds);
  return {
    ...rest,
    notify: { kinds, ...(webhook === undefined ? {} : { webhook }), ...(mail === undefined ? {} : { mail }) },
  };
}

function changedWebhook(
  before: ClientNotify | undefined,
  options: NotifyOptions,
  secret: string | undefined,
  publicOnly: boolean,
): ClientNotify['webhook'] {
  if (options.webhook === false) return undefined;
  const url = options.webhook ?? before?.webhook?.url;
  if (url === undefined) {
    if (secret !== undefined) throw new Fault('USAGE', '--secret-file goes with --webhook');
    return undefined;
  }
  const problem = webhookUrlProblem(url, publicOnly ? ['https:'] : ['https:', 'http:']);
  if (problem !== undefined) throw new Fault('USAGE', `--webhook: ${problem}`);
  const known = before?.webhook?.secrets ?? [];
  if (secret === undefined) {
    if (known.length === 0) throw new Fault('USAGE', 'a webhook needs a secret: name it with --secret-file');
    return { url, secrets: known };
  }
  const kept = options.keepSecret === true ? known.filter((one) => one !== secret) : [];
  return { url, secrets: [secret, ...kept].slice(0, SECRETS_MAX) };
}

function changedMail(before: ClientNotify | undefined, options: NotifyOptions): ClientNotify['mail'] {
  if (options.mail === false) return undefined;
  const to = options.mail === undefined ? before?.mail?.to : readAddresses(options.mail);
  if (to === undefined) {
    if (options.language !== undefined) throw new Fault('USAGE', '--language goes with --mail');
    return undefined;
  }
  const language = options.language ?? before?.mail?.language ?? false;
  if (language === false) return { to };
  return { to, language: language === 'pt' ? 'pt-BR' : readLanguage(language) };
}

function readAddresses(written: string): string[] {
  const addresses = written.split(',').map((address) => address.trim());
  if (addresses.length > RECIPIENTS_MAX || !addresses.every(isAddress)) {
    throw new Fault('USAGE', `--mail takes 1 to ${RECIPIENTS_MAX} mail addresses, separated by commas`);
  }
  return addresses;
}

function readKinds(written: string): NoticeKind[] {
  const names = written.split(',').map((name) => name.trim());
  const kinds = NOTICE_KINDS.filter((kind) => names.includes(kind));
  if (kinds.length !== new Set(names).size) throw new Fault('USAGE', `--kinds takes ${NOTICE_KINDS.join(', ')}`);
  return kinds;
}

/** Faults: `USAGE`, which never shows what was read. */
async function readSecret(context: CliContext, file: string): Promise<string> {
  let text: string;
  try {
    text = file === '-' ? await readAll(context.stdin) : await readFile(file, 'utf8');
  } catch {
    throw new Fault('USAGE', '--secret-file names no file that can be read');
  }
  const secret = text.trim();
  if (!WEBHOOK_SECRET.test(secret)) {
    throw new Fault('USAGE', 'a secret is whsec_ and 24 to 64 random bytes in base64');
  }
  return secret;
}

async function readAll(input: AsyncIterable<Uint8Array>): Promise<string> {
  const blocks: Uint8Array[] = [];
  let bytes = 0;
  for await (const block of input) {
    blocks.push(block);
    bytes += block.length;
    if (bytes > SECRET_BYTES_MAX) break;
  }
  return Buffer.concat(blocks).toString('utf8');
}
