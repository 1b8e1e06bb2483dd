/**
 * `remessa ingest FILE`: one file through the whole engine, in this process; beside a running daemon the file is handed
 * to it and followed.
 *
 * Promises
 * - The input is copied (or reflinked) before acceptance. Its batch is named after the file's state and the options, so
 *   the same command run again after a crash finds its unfinished batch and resumes it; once that batch has ended, the
 *   same command makes a new one.
 * - A batch that waits for approval ends the command (through.ts); the same command run again finds that very batch.
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { attemptId, batchIdOf, derivedId } from '../core/ids.ts';
import { silentTelemetry } from '../core/telemetry.ts';
import { CLIENT_ID } from '../io/ports/clients.ts';
import type { ObjectPin } from '../io/ports/objects.ts';
import { type Batch, FINAL_STATES } from '../io/ports/registry.ts';
import { acceptObject, clientOf } from '../stages/accept.ts';
import { RAW_BUCKET, rawKey } from '../stages/batch/keys.ts';
import type { CliContext, EngineStores } from './context.ts';
import { day } from './reading.ts';
import { EXIT_CODES_HELP, seeThrough, type TellOptions } from './through.ts';

interface IngestOptions extends TellOptions {
  readonly client: string;
  readonly profile?: string;
  readonly asOf?: string;
  readonly dryRun?: true;
}

export function addIngestCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('ingest')
    .description('take in one file and follow it to its receipt; `-` reads standard input')
    .argument('<file>', 'the file, plain or gzip')
    .requiredOption('--client <id>', 'whose debts they are', clientId)
    .option('--profile <name>', "how the file is read (default: the client's)")
    .option('--as-of <day>', 'the business date, YYYY-MM-DD (default: today in São Paulo)', day)
    .option('--dry-run', 'run every check and write no debts')
    .option('--strict', 'exit 3 when lines were rejected')
    .option('--json', 'print the receipt as JSON')
    .addHelpText('after', EXIT_CODES_HELP)
    .action(async (file: string, options: IngestOptions) => {
      exit(await seeThrough(context, options, (stores) => acceptFile(context, stores, file, options)));
    });
}

/** The batch of this state of the file: the unfinished one of an earlier run, or a new one. */
async function acceptFile(
  context: CliContext,
  stores: EngineStores,
  file: string,
  options: IngestOptions,
): Promise<Batch> {
  const input = file === '-' ? await spooled(context, stores) : await named(stores, file);
  const wishes = [options.profile ?? '', options.asOf ?? '', options.dryRun === true ? 'dry' : ''];
  const accepting = { ...stores, clock: context.clock, settings: context.settings, telemetry: silentTelemetry };
  try {
    // Nothing is copied for a client that would be refused.
    await clientOf(accepting, options.client);
    for (let edition = 0; ; edition++) {
      const folder = rawKey(options.client, `i-${derivedId('ingest', input.identity, ...wishes, String(edition))}`);
      const id = batchIdOf(RAW_BUCKET, folder, '1');
      const known = await stores.registry.get(id);
      if (known !== undefined && FINAL_STATES.has(known.state)) continue;
      if (known !== undefined) {
        await context.stderr.write(`resuming batch ${id}\n`);
        return known;
      }
      // Each run copies to a key of its own: none replaces the copy that another one is having accepted.
      const own = `${folder}/${attemptId(context.random)}`;
      const info = (await earlierCopy(stores, `${folder}/`)) ?? (await input.storeAs(own));
      const batch = await acceptObject(accepting, {
        id,
        client: options.client,
        file: input.name,
        bucket: RAW_BUCKET,
        key: info.key,
        version: '1',
        etag: info.etag,
        bytes: info.bytes,
        ...(options.profile === undefined ? {} : { profile: options.profile }),
        ...(options.asOf === undefined ? {} : { asOf: options.asOf }),
        dryRun: options.dryRun === true,
      });
      if (batch.key !== own) await stores.objects.delete(own);
      return batch;
    }
  } finally {
    await input.release();
  }
}

/** A copy that another run made, or left when it was killed: objects appear under their keys only when they are whole. */
async function earlierCopy(
  stores: EngineStores,
  prefix: string,
): Promise<(ObjectPin & { readonly bytes: number }) | undefined> {
  for await (const copy of stores.objects.list(prefix)) return copy;
  return undefined;
}

interface Input {
  /** Names the state of the file: equal for equal states. */
  readonly identity: string;
  readonly name: string;
  storeAs(key: string): Promise<ObjectPin & { readonly bytes: number }>;
  release(): Promise<void>;
}

async function named(stores: EngineStores, file: string): Promise<Input> {
  const { identity } = await stores.intake.identify(file);
  return {
    identity,
    name: displayName(basename(file)),
    storeAs: (key) => stores.intake.copyIn(file, key),
    release: async () => {},
  };
}

/** Standard input has no state to name, so its content does: it is stored first, and its digest is its identity. */
async function spooled(context: CliContext, stores: EngineStores): Promise<Input> {
  const spoolKey = `spool/${attemptId(context.random)}`;
  const writer = await stores.objects.create(spoolKey);
  const digest = createHash('sha256');
  try {
    for await (const block of context.stdin) {
      digest.update(block);
      await writer.write(block);
    }
    const spool = await writer.commit();
    return {
      identity: `stdin ${digest.digest('hex')} ${spool.bytes}`,
      name: 'stdin',
      storeAs: (key) => copyObject(stores, spool, key),
      release: () => stores.objects.delete(spoolKey),
    };
  } finally {
    await writer.abort();
  }
}

async function copyObject(stores: EngineStores, from: ObjectPin & { readonly bytes: number }, key: string) {
  const reader = await stores.objects.openRange(from, 0, from.bytes);
  const writer = await stores.objects.create(key);
  const block = new Uint8Array(1024 * 1024);
  try {
    for (let got = await reader.read(block); got > 0; got = await reader.read(block)) {
      await writer.write(block.subarray(0, got));
    }
    return await writer.commit();
  } finally {
    await reader.close();
    await writer.abort();
  }
}

/** A file name is metadata: it is shown, so it holds no control characters and has a bounded length. */
function displayName(name: string): string {
  return [...name.replaceAll(/[\p{Cc}\p{Cf}]/gu, '')].slice(0, 255).join('');
}

function clientId(value: string): string {
  if (!CLIENT_ID.test(value)) {
    throw new InvalidArgumentError('A client id is 1 to 40 lower-case letters, digits and hyphens.');
  }
  return value;
}
