/**
 * Calls that carry several entries and are answered for each one (SQS and SNS batches): entries that the service did not take
 * are asked for again with jitter between, up to `triesMax`; those that it refuses because of what they are, are told.
 *
 * The call as a whole is repeated by the SDK's client (`maxAttempts`), and not here as well.
 */
import type { Clock } from '../../core/clock.ts';
import type { RandomBytes } from '../../core/ids.ts';
import { type CallSite, refusedEntry } from './serviceFaults.ts';

export interface EntryTries {
  /** Tries of an entry, the first included. */
  readonly triesMax: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

/** What became of one entry: `refused` for good (the sender's fault), `failed` for now. */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'refused' | 'failed'; readonly code: string };

/** Of SQS and SNS: entries of one call. */
export const ENTRIES_MAX = 10;

export interface BatchAnswer {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?:
    | readonly {
        readonly Id?: string | undefined;
        readonly Code?: string | undefined;
        readonly SenderFault?: boolean | undefined;
      }[]
    | undefined;
}

/** By place, which is the entry's id. An entry that the answer does not mention was not taken, as far as anyone knows. */
export function outcomesOf(count: number, answer: BatchAnswer): Outcome[] {
  const all: Outcome[] = Array.from({ length: count }, () => ({ kind: 'failed', code: 'NoAnswer' }));
  for (const { Id } of answer.Successful ?? []) all[Number(Id)] = { kind: 'done' };
  for (const { Id, Code, SenderFault } of answer.Failed ?? [])
    all[Number(Id)] = { kind: SenderFault === true ? 'refused' : 'failed', code: Code ?? '' };
  return all.slice(0, count);
}

/**
 * Asks until everything is done or refused for good; `ask` gets what is left and answers in that order. Answers the codes of
 * what was refused, or `undefined`, in the order of the entries. Throws `SERVICE_IO` once entries have failed `triesMax` times.
 */
export async function settleEntries<Entry>(
  where: CallSite,
  tries: EntryTries,
  deps: { readonly clock: Clock; readonly random: RandomBytes },
  entries: readonly Entry[],
  ask: (left: readonly Entry[]) => Promise<readonly Outcome[]>,
): Promise<(string | undefined)[]> {
  const refused: (string | undefined)[] = entries.map(() => undefined);
  let left = entries.map((_, i) => i);
  for (let tried = 1; ; tried++) {
    const answers = await ask(left.map((i) => entries[i] as Entry));
    let last = '';
    left = left.filter((i, at) => {
      const outcome = answers[at] as Outcome;
      if (outcome.kind === 'refused') refused[i] = outcome.code;
      if (outcome.kind === 'failed') last = outcome.code;
      return outcome.kind === 'failed';
    });
    if (left.length === 0) return refused;
    if (tried >= tries.triesMax) throw refusedEntry(where, last, left.length, tried);
    await deps.clock.sleep(delayMs(tries, tried, deps.random));
  }
}

/** Exponential with full jitter. */
function delayMs({ retryMsMin, retryMsMax }: EntryTries, tried: number, random: RandomBytes): number {
  const ceilingMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(tried, 30));
  const share = Buffer.from(random(4)).readUInt32LE() / 2 ** 32;
  return Math.round(retryMsMin + share * Math.max(0, ceilingMs - retryMsMin));
}
