/**
 * `remessa profile check FILE --profile P`: a dry run of a file under a profile, by the same engine at full speed, with the
 * errors that are most, masked examples of each, and guesses why, each with its proof.
 *
 * Promises: nothing stays (the engine has a data folder of its own, removed at the end; stored debts are neither asked nor
 * changed, so every good record counts as created); no CPF and no name is shown. Exit 0 the file can be read, 1 it cannot, 3
 * under `--strict` where records were rejected.
 */
import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { businessDay } from '../core/clock.ts';
import { RECORD_CODES, type RecordCodeName, recordCodeSays } from '../core/codes.ts';
import { Fault } from '../core/faults.ts';
import { silentTelemetry } from '../core/telemetry.ts';
import { fileHints } from '../engine/check/fileHints.ts';
import { columnText, type Hint, hintsOf, hintText } from '../engine/check/hints.ts';
import { maskedRecord, maskedValue } from '../engine/check/masked.ts';
import { recordValue } from '../engine/check/recordValue.ts';
import { decoded } from '../engine/infer/encoding.ts';
import { sampleFile } from '../engine/infer/file.ts';
import { infer } from '../engine/infer/infer.ts';
import type { FileSample } from '../engine/infer/sample.ts';
import { planOf, type Rejected, rulesOf, tryRuns } from '../engine/infer/trial.ts';
import { DEFAULT_PROFILE, readPin, readProfile } from '../engine/profiles.ts';
import type { ClientRecord } from '../io/ports/clients.ts';
import type { Batch } from '../io/ports/registry.ts';
import { readOpening } from '../kernel/opening.ts';
import type { BusinessRules, RecordPlan } from '../kernel/plan.ts';
import type { CompiledProfile, ProfileDocument } from '../kernel/profile.ts';
import { acceptObject } from '../stages/accept.ts';
import { type AnswerKind, renderAnswer } from '../stages/answers/answers.ts';
import { RAW_BUCKET, rawKey } from '../stages/batch/keys.ts';
import { receiptView } from '../stages/batch/views.ts';
import type { CliContext, EngineStores } from './context.ts';
import { followBatch } from './follow.ts';
import { exactJsonText, printable } from './format.ts';
import { clientOf, day, withStores } from './reading.ts';
import { troubleWatch } from './through.ts';

interface CheckOptions {
  readonly profile: string;
  readonly client?: string;
  readonly asOf?: string;
  readonly strict?: true;
  readonly json?: true;
}

const ROLES = ['picker', 'intermediate', 'registering', 'batch'] as const;
/** Of the rejected records, so many bytes are looked at. */
const LOOKED_BYTES_MAX = 16 * 1024 * 1024;
const EXAMPLES_MAX = 3;
const EXIT_REJECTS = 3;
/** Whose file it is in the engine's own folder, where nobody is named. */
const NOBODY = 'check';

export function addCheckCommand(profiles: Command, context: CliContext, exit: (code: number) => void): void {
  profiles
    .command('check')
    .summary('try a profile on a file: a dry run that leaves nothing')
    .description(
      'Runs a whole file through the engine under a profile, and tells what would be rejected and, by trial, why.',
    )
    .argument('<file>', 'the file, plain or gzip')
    .requiredOption('--profile <profile>', 'a name, name@version, or a document: a file that ends in .json')
    .option('--client <id>', 'whose bounds of amounts hold')
    .option('--as-of <day>', 'the business date, YYYY-MM-DD (default: today in São Paulo)', day)
    .option('--strict', 'exit 3 when records would be rejected')
    .option('--json', 'print what was found as JSON')
    .action(async (file: string, options: CheckOptions) => {
      exit(await checkProfile(context, file, options));
    });
}

/** The document that is tried, and whose bounds hold. */
interface Wanted {
  readonly name: string;
  readonly document: ProfileDocument;
  readonly compiled: CompiledProfile;
  readonly client: ClientRecord | undefined;
  readonly businessDate: string;
}

async function checkProfile(context: CliContext, file: string, options: CheckOptions): Promise<number> {
  const wanted = await wantedOf(context, options);
  const sample = await sampleFile(file, context.settings, context.signal);
  const trouble = troubleWatch('then run the same command again');
  const engine = await context.startScratchEngine(ROLES, { log: 'error', observe: trouble.telemetry });
  try {
    const batch = await run(context, engine.stores, file, wanted, trouble);
    const report = await reportOf(engine.stores, batch, wanted, sample);
    await context.stdout.write(options.json === true ? `${exactJsonText(report, 2)}\n` : reportText(report));
    if (report.status !== 'completed') return 1;
    return options.strict === true && report.rejected > 0 ? EXIT_REJECTS : 0;
  } finally {
    await engine.stop();
  }
}

async function wantedOf(context: CliContext, options: CheckOptions): Promise<Wanted> {
  const { profile } = options;
  const businessDate = options.asOf ?? businessDay(context.clock.nowMs());
  const asksStores = !profile.endsWith('.json') && profile !== DEFAULT_PROFILE;
  if (!asksStores && options.client === undefined) {
    return { name: profile, ...(await documentOf(profile)), client: undefined, businessDate };
  }
  return await withStores(context, 'read', async (stores) => {
    const client = options.client === undefined ? undefined : await clientOf(stores, options.client);
    if (!asksStores) return { name: profile, ...(await documentOf(profile)), client, businessDate };
    const pin = readPin(profile);
    const stored = await stores.clients.getProfile(pin?.name ?? profile, pin?.version);
    if (stored === undefined) throw new Fault('PROFILE_UNKNOWN', printable(profile));
    return { name: `${stored.name}@${stored.version}`, ...(await readProfile(stored.document)), client, businessDate };
  });
}

async function documentOf(profile: string): ReturnType<typeof readProfile> {
  if (profile === DEFAULT_PROFILE) return await readProfile('{"format":1}');
  try {
    return await readProfile(await readFile(profile, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Fault('INPUT_MISSING', printable(profile), {}, error);
  }
}

/** The file as a batch of the engine's own folder, followed to its end. */
async function run(
  context: CliContext,
  stores: EngineStores,
  file: string,
  wanted: Wanted,
  trouble: ReturnType<typeof troubleWatch>,
): Promise<Batch> {
  const { client, document, businessDate } = wanted;
  const bounds = {
    amountCentsMin: client?.amountCentsMin ?? 1,
    amountCentsMax: client?.amountCentsMax ?? 999_999_999_999_999,
  };
  const createdAtMs = context.clock.nowMs();
  await stores.clients.add({ id: NOBODY, name: NOBODY, profile: DEFAULT_PROFILE, ...bounds, createdAtMs });
  await stores.clients.addProfile({ name: NOBODY, version: 1, document: JSON.stringify(document), createdAtMs });
  const { key, etag, bytes } = await stores.intake.copyIn(file, rawKey(NOBODY, 'file'));
  const settings = { ...context.settings, rulesUrl: '', events: 'none', clientsOpen: 'yes' } as const;
  const accepting = { ...stores, clock: context.clock, settings, telemetry: silentTelemetry };
  const batch = await acceptObject(accepting, {
    client: NOBODY,
    file: 'file',
    bucket: RAW_BUCKET,
    key,
    version: '1',
    etag,
    bytes,
    profile: NOBODY,
    asOf: businessDate,
    dryRun: true,
  });
  return await followBatch(context, stores, batch.id, {
    trouble: trouble.fault,
    scanned: trouble.scanned,
    idle: async () => {},
  }).catch((error: unknown) => {
    // Nothing is there to be resumed.
    context.signal.throwIfAborted();
    throw error;
  });
}

interface Report {
  readonly profile: string;
  readonly status: string;
  readonly reason: string | null;
  readonly records: number;
  readonly pass: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly errors: readonly ErrorReport[];
  readonly lookedAt: number;
  readonly warnedBy: Readonly<Record<string, number>>;
  readonly hints: readonly (Hint | ReturnType<typeof fileHints>[number])[];
}

interface ErrorReport {
  readonly code: string;
  readonly says: string;
  readonly records: number;
  readonly examples: readonly { readonly line: number; readonly column: string; readonly value: string }[];
}

async function reportOf(stores: EngineStores, batch: Batch, wanted: Wanted, sample: FileSample): Promise<Report> {
  const receipt = receiptView(batch) ?? {};
  const lines = (receipt['lines'] ?? {}) as Readonly<Record<string, number>>;
  const rejectedBy = (receipt['rejectedBy'] ?? {}) as Readonly<Record<string, number>>;
  const warnedBy = (receipt['warnedBy'] ?? {}) as Readonly<Record<string, number>>;
  const completed = batch.state === 'completed';
  const failing = completed && (lines['rejected'] ?? 0) > 0 ? await failingOf(stores, batch, wanted) : undefined;
  const proposal = await infer(sample, { today: wanted.businessDate });
  const total = lines['total'] ?? 0;
  const [duplicate, rejected] = [lines['duplicate'] ?? 0, lines['rejected'] ?? 0];
  return {
    profile: wanted.name,
    status: batch.state,
    reason:
      typeof receipt['reason'] === 'string'
        ? receipt['reason'].replace(/; batch b-[0-9a-z]+|batch b-[0-9a-z]+/, '')
        : null,
    records: total,
    pass: total - rejected - duplicate,
    rejected,
    duplicates: duplicate,
    errors: errorsOf(rejectedBy, failing),
    lookedAt: failing?.rejected.length ?? 0,
    warnedBy,
    hints: [
      ...(failing === undefined ? [] : hintsOf(failing)),
      ...countedHints(warnedBy, duplicate, total),
      ...fileHints(wanted.document, sample, proposal, !completed),
    ],
  };
}

interface LookedAt {
  readonly document: ProfileDocument;
  readonly plan: RecordPlan;
  readonly rules: BusinessRules;
  readonly rejected: readonly (Rejected & { readonly fileLine: number })[];
}

/** The rejected records, read once more by themselves: byte for byte as they came, with the lines where they stood. */
async function failingOf(stores: EngineStores, batch: Batch, wanted: Wanted): Promise<LookedAt | undefined> {
  const { compiled, document, client, businessDate } = wanted;
  const [rejects, resubmit] = [await answer(stores, batch.id, 'rejects'), await answer(stores, batch.id, 'resubmit')];
  const whole = resubmit.length < LOOKED_BYTES_MAX;
  const opening = readOpening(resubmit, resubmit.length, whole, compiled);
  if (opening.kind !== 'header') return undefined;
  const plan = planOf(compiled, opening);
  const own = rulesOf(compiled, businessDate);
  const rules = {
    ...own,
    amountCentsMin: Math.max(own.amountCentsMin, client?.amountCentsMin ?? 1),
    amountCentsMax: Math.min(own.amountCentsMax, client?.amountCentsMax ?? own.amountCentsMax),
  };
  const body = resubmit.subarray(opening.end);
  const found: Rejected[] = [];
  tryRuns(plan, rules, [whole ? body : body.subarray(0, body.lastIndexOf(0x0a) + 1)], (one) => found.push(one));
  const fileLines = linesOf(rejects);
  const rejected = found
    .sort((a, b) => a.line - b.line)
    .map((one, index) => ({ ...one, fileLine: fileLines[index] ?? 0 }));
  return { document, plan, rules, rejected };
}

/** The beginning of an answer. */
async function answer(stores: EngineStores, batch: string, kind: AnswerKind): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  let bytes = 0;
  for await (const block of renderAnswer(stores, batch, kind)) {
    blocks.push(block.slice());
    bytes += block.length;
    if (bytes >= LOOKED_BYTES_MAX) break;
  }
  return Buffer.concat(blocks).subarray(0, LOOKED_BYTES_MAX);
}

/** The line of each row of the rejects; a row begins where the one before ended, outside of quotes. */
function linesOf(rejects: Buffer): number[] {
  const lines: number[] = [];
  let quoted = false;
  let start = rejects.indexOf(0x0a) + 1;
  for (let at = start; at < rejects.length; at++) {
    if (rejects[at] === 0x22) quoted = !quoted;
    else if (rejects[at] === 0x0a && !quoted) {
      lines.push(Number(rejects.toString('latin1', start, rejects.indexOf(0x2c, start))));
      start = at + 1;
    }
  }
  return lines;
}

function errorsOf(rejectedBy: Readonly<Record<string, number>>, failing: LookedAt | undefined): ErrorReport[] {
  return Object.entries(rejectedBy)
    .sort(([, a], [, b]) => b - a)
    .map(([code, records]) => ({
      code,
      says: code in RECORD_CODES ? recordCodeSays(RECORD_CODES[code as RecordCodeName].id) : '',
      records,
      examples: failing === undefined ? [] : examplesOf(code, failing),
    }));
}

function examplesOf(code: string, { plan, rejected }: LookedAt): ErrorReport['examples'] {
  const encoding = plan.reading?.encoding ?? 'utf-8';
  return rejected
    .filter((one) => one.code === code)
    .slice(0, EXAMPLES_MAX)
    .map(({ raw, column, fileLine }) => {
      const value = recordValue(raw, plan, column);
      const shown = value === undefined ? maskedRecord(decoded(raw, encoding)) : maskedValue(value, column);
      return { line: fileLine, column: columnText(column), value: shown };
    });
}

/** A share of records above which repeated references are worth a word. */
const DUPLICATES_SHARE = 0.02;

function countedHints(
  warnedBy: Readonly<Record<string, number>>,
  duplicates: number,
  total: number,
): ReturnType<typeof fileHints> {
  const padded = warnedBy['CPF_PADDED'] ?? 0;
  return [
    ...(padded === 0
      ? []
      : [
          {
            hint: 'LEADING_ZEROS',
            says: 'leading zeros lost?',
            change: `${padded} documents were short of one or two and were filled up; ask for the column as text`,
          },
        ]),
    ...(duplicates < total * DUPLICATES_SHARE || duplicates === 0
      ? []
      : [
          {
            hint: 'REFERENCES_REPEAT',
            says: 'is the reference a reference?',
            change: `${duplicates} of ${total} records repeat one of the file, and the first alone counts`,
          },
        ]),
  ];
}

function reportText(report: Report): string {
  const { records, pass, rejected, duplicates, errors, hints } = report;
  const out = [`profile ${report.profile}: ${report.status}`];
  if (report.reason !== null) out.push(report.reason);
  else out.push(`${pass} of ${records} records pass, ${rejected} would be rejected, ${duplicates} repeat a reference`);
  for (const { code, says, records: count, examples } of errors) {
    out.push('', `${count} ${code}: ${says}`);
    for (const { line, column, value } of examples)
      out.push(`  line ${line}${column === '' ? '' : `, ${column}`}: ${printable(value)}`);
  }
  if (hints.length > 0) out.push('', 'hints:');
  for (const hint of hints) out.push('passes' in hint ? `  ${hintText(hint)}` : `  ${hint.says} ${hint.change}`);
  return `${out.join('\n')}\n`;
}
