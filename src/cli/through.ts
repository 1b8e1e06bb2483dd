/**
 * Seeing one batch through: the engine in this process where none keeps the stores, else beside the one that does; the batch
 * is followed to its end, and what came of it is told.
 *
 * Promises
 * - Standard output gets the receipt (of a batch that waits for approval its preview) and nothing else; progress and reasons
 *   go to stderr.
 * - Exit 0 the batch completed, 1 it did not, 3 it completed with rejects under `strict`, 4 it waits for approval.
 */
import { Fault, type FaultCode } from '../core/faults.ts';
import type { Telemetry } from '../core/telemetry.ts';
import { type Batch, FINAL_STATES } from '../io/ports/registry.ts';
import { type PreviewView, previewView } from '../stages/batch/previewView.ts';
import { receiptView } from '../stages/batch/views.ts';
import { receiptText } from './batch.ts';
import type { CliContext, EngineStores, Stores } from './context.ts';
import { maskedMessage } from './faultText.ts';
import { followBatch } from './follow.ts';
import { exactJsonText, fileNameText, printable } from './format.ts';
import { previewText } from './preview.ts';

export interface TellOptions {
  readonly strict?: true;
  readonly json?: true;
}

export const EXIT_FAILED = 1;
export const EXIT_REJECTS = 3;
export const EXIT_WAITS = 4;

export const EXIT_CODES_HELP = `
Exit codes: 0 the batch completed, 1 it did not (the reason is on stderr), 2 wrong usage, 3 it completed with rejects
under --strict, 4 it waits for approval: its preview is on standard output, nothing is registered.`;

/** Every role but the one that takes files from the inbox: it is about one batch. */
const ROLES = ['picker', 'intermediate', 'registering', 'batch'] as const;

/** @param take accepts the batch, or finds it */
export async function seeThrough(
  context: CliContext,
  options: TellOptions,
  take: (stores: EngineStores) => Promise<Batch>,
): Promise<number> {
  const trouble = troubleWatch();
  let engine = await context.startEngine(ROLES, { log: 'error', observe: trouble.telemetry });
  const beside = engine === undefined ? await context.openStores('write') : undefined;
  const stores = engine?.stores ?? (beside as Stores);
  try {
    if (engine === undefined)
      await context.stderr.write('another engine keeps the data folder; the file is handed to it\n');
    const batch = await take(stores);
    const followed = await followBatch(context, stores, batch.id, {
      trouble: trouble.fault,
      scanned: trouble.scanned,
      // The engine the file was handed to may have ended: then this process carries on.
      async idle() {
        if (engine !== undefined) return;
        engine = await context.startEngine(ROLES, { log: 'error', observe: trouble.telemetry });
      },
    });
    const code = await tell(context, stores, followed, options);
    if (engine !== undefined) await untilFreed(context, stores, followed);
    return code;
  } finally {
    await engine?.stop();
    await beside?.close();
  }
}

/** Beyond so many looks (half a minute) it is left to the next engine of the folder. */
const FREED_LOOKS_MAX = 1_500;
const FREED_LOOK_MS = 20;

/** The engine ends with this command: what a final batch no longer needs is freed first. Its results go last. */
async function untilFreed(context: CliContext, stores: EngineStores, batch: Batch): Promise<void> {
  if (!FINAL_STATES.has(batch.state) || batch.small) return;
  for (let look = 0; look < FREED_LOOKS_MAX && !context.signal.aborted; look++) {
    const kinds = ['range', 'preview', 'shard'] as const;
    const left = await Promise.all(kinds.map((kind) => stores.registry.countResults(batch.id, kind)));
    if (left.every((count) => count === 0)) return;
    await context.clock.sleep(FREED_LOOK_MS, context.signal);
  }
}

async function tell(context: CliContext, stores: EngineStores, batch: Batch, options: TellOptions): Promise<number> {
  const title = `batch ${batch.id} of ${batch.client}, ${fileNameText(batch.file)}\n`;
  if (batch.state === 'awaiting_approval') {
    const view = await previewView(stores.registry, batch);
    if (view === undefined) throw new Fault('STORE_CORRUPT', 'the preview is gone', { batch: batch.id });
    await context.stdout.write(options.json === true ? `${exactJsonText(view)}\n` : title + previewText(view));
    await context.stderr.write(waitsText(view));
    return EXIT_WAITS;
  }
  const view = receiptView(batch);
  if (view !== undefined) {
    await context.stdout.write(options.json === true ? `${exactJsonText(view)}\n` : title + receiptText(view));
  }
  if (batch.state !== 'completed' || batch.receipt === null) {
    const { code, message } = batch.failure ?? { code: '', message: `the batch is ${batch.state}` };
    await context.stderr.write(`remessa: ${printable(maskedMessage(code, message))}\n`);
    return EXIT_FAILED;
  }
  const { lines } = JSON.parse(batch.receipt) as { readonly lines: { readonly rejected: number } };
  return options.strict === true && lines.rejected > 0 ? EXIT_REJECTS : 0;
}

function waitsText({ batch, approval }: PreviewView): string {
  return (
    `remessa: ${batch} waits for approval until ${approval?.until ?? 'it is decided'}; nothing is registered\n` +
    `remessa: \`remessa approve ${batch} --follow\` registers it, \`remessa discard ${batch}\` drops it\n`
  );
}

/** Faults of the surroundings are retried without end by the engine; a command tells them and ends instead. */
export function troubleWatch(then = 'then run the same command again: it resumes this file') {
  const ending: ReadonlySet<unknown> = new Set<FaultCode>(['STORE_FULL', 'STORE_IO', 'SERVICE_IO', 'SERVICE_DENIED']);
  let fault: Fault | undefined;
  let scanned = 0;
  const telemetry: Telemetry = {
    emit(event) {
      if (event.name === 'pick.scanned') scanned += Number(event.fields['bytes'] ?? 0);
      if (event.name !== 'work.failed' || !ending.has(event.fields['code'])) return;
      fault ??= new Fault(event.fields['code'] as FaultCode, then);
    },
  };
  return { telemetry, fault: () => fault, scanned: () => scanned };
}
