/** `remessa profile infer | check | test | add | list | show | shipped`: how files are read, as versioned documents. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Fault } from '../core/faults.ts';
import { DEFAULT_PROFILE, readPin, readProfile } from '../engine/profiles.ts';
import { SHIPPED_PROFILES, type ShippedProfile, shippedProfile } from '../engine/shippedProfiles.ts';
import { PROFILE_NAME, type ProfileRecord } from '../io/ports/clients.ts';
import { addCheckCommand } from './checkProfile.ts';
import type { CliContext, Stores } from './context.ts';
import { exactJsonText, instantText, printable, tableText } from './format.ts';
import { addInferCommand } from './inferProfile.ts';
import { withStores } from './reading.ts';
import { addTestProfileCommand } from './testProfile.ts';

const DOCUMENT_BYTES_MAX = 100_000;

export function addProfilesCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  const profiles = program
    .command('profile')
    .alias('profiles')
    .description('propose, check, test, add, list and show profiles: how files are read');

  addInferCommand(profiles, context, exit);
  addCheckCommand(profiles, context, exit);
  addTestProfileCommand(profiles, context, exit);

  profiles
    .command('add')
    .description('store a document as the next version of a profile; batches accepted earlier keep theirs')
    .argument('<name>', '1 to 40 characters of a-z, 0-9 and -')
    .argument('[file]', 'the document, JSON; `-` reads standard input')
    .option('--shipped [profile]', 'take a document that comes with the program, by default the one of that name')
    .action(async (name: string, file: string | undefined, options: { readonly shipped?: string | true }) => {
      await addProfile(context, name, await documentOf(context, name, file, options.shipped));
      exit(0);
    });

  profiles
    .command('shipped')
    .description('list the profiles that come with the program, or print the document of one')
    .argument('[profile]', 'its name')
    .option('--json', 'print a JSON array')
    .action(async (name: string | undefined, options: { readonly json?: true }) => {
      await showShipped(context, name, options.json === true);
      exit(0);
    });

  profiles
    .command('list')
    .description('list all versions of all profiles')
    .option('--json', 'print a JSON array')
    .action(async (options: { readonly json?: true }) => {
      await listProfiles(context, options.json === true);
      exit(0);
    });

  profiles
    .command('show')
    .description('print a document: the newest version of a name, or name@version')
    .argument('<profile>', 'the name, or name@version')
    .action(async (text: string) => {
      const { document } = await withStores(context, 'read', (stores) => profileOf(stores, text));
      await context.stdout.write(`${JSON.stringify(JSON.parse(document), null, 2)}\n`);
      exit(0);
    });
}

/** The text of a file, or of a document that comes with the program. */
async function documentOf(
  context: CliContext,
  name: string,
  file: string | undefined,
  shipped: string | true | undefined,
): Promise<string> {
  if ((file === undefined) === (shipped === undefined)) throw new Fault('USAGE', 'give one of <file> and --shipped');
  if (file !== undefined) return await textOf(context, file);
  return JSON.stringify(mustBeShipped(shipped === true ? name : String(shipped)).document);
}

/** Fault: `PROFILE_UNKNOWN`, with the names that there are. */
function mustBeShipped(name: string): ShippedProfile {
  const profile = shippedProfile(name);
  if (profile !== undefined) return profile;
  throw new Fault('PROFILE_UNKNOWN', `${printable(name)}; shipped are ${Object.keys(SHIPPED_PROFILES).join(', ')}`);
}

async function showShipped(context: CliContext, name: string | undefined, json: boolean): Promise<void> {
  if (name !== undefined) {
    await context.stdout.write(`${JSON.stringify(mustBeShipped(name).document, null, 2)}\n`);
    return;
  }
  const views = Object.entries(SHIPPED_PROFILES).map(([own, { says }]) => ({ name: own, says }));
  if (json) await context.stdout.write(`${exactJsonText(views, 2)}\n`);
  else
    await context.stdout.write(
      tableText(
        ['name', 'reads'],
        views.map((view) => [view.name, view.says]),
      ),
    );
}

async function addProfile(context: CliContext, name: string, text: string): Promise<void> {
  if (!PROFILE_NAME.test(name) || name === DEFAULT_PROFILE) {
    throw new Fault(
      'USAGE',
      `a profile's name has 1 to 40 characters of a-z, 0-9 and -, and is not ${DEFAULT_PROFILE}`,
    );
  }
  const { document } = await readProfile(text);
  const version = await withStores(context, 'write', async (stores) => {
    // Somebody else may add a version at the same moment: the next one is then ours.
    for (;;) {
      const next = ((await stores.clients.getProfile(name))?.version ?? 0) + 1;
      const record = { name, version: next, document: JSON.stringify(document), createdAtMs: context.clock.nowMs() };
      if (await stores.clients.addProfile(record)) return next;
    }
  });
  await context.stderr.write(`profile ${name}@${version} added\n`);
}

async function textOf(context: CliContext, file: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of file === '-' ? context.stdin : [await readFile(file)]) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > DOCUMENT_BYTES_MAX)
        throw new Fault('PROFILE_INVALID', `it has more than ${DOCUMENT_BYTES_MAX} bytes`);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new Fault('INPUT_MISSING', printable(file), {}, error);
    }
    throw error;
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function listProfiles(context: CliContext, json: boolean): Promise<void> {
  const profiles = await withStores(context, 'read', (stores) => stores.clients.listProfiles());
  const views = profiles.map(({ name, version, createdAtMs, source }) => ({
    name,
    version,
    createdAt: instantText(createdAtMs),
    source: source?.url ?? null,
    etag: source?.etag ?? null,
  }));
  if (json) {
    await context.stdout.write(`${exactJsonText(views, 2)}\n`);
    return;
  }
  if (views.length === 0) {
    await context.stderr.write('no profiles but the default format; add one with `remessa profile add`\n');
    return;
  }
  const rows = views.map((view) => [
    view.name,
    String(view.version),
    view.createdAt,
    view.source === null ? 'added here' : printable(`${view.source} ${view.etag ?? ''}`.trimEnd()),
  ]);
  await context.stdout.write(tableText(['name', 'version', 'created at', 'from'], rows));
}

/** By name, or name@version. Fault: `PROFILE_UNKNOWN`. */
async function profileOf(stores: Stores, text: string): Promise<ProfileRecord> {
  const pin = readPin(text);
  const profile = await stores.clients.getProfile(pin?.name ?? text, pin?.version);
  if (profile === undefined) throw new Fault('PROFILE_UNKNOWN', printable(text));
  return profile;
}
