/**
 * What the API does by itself, now and then: submissions that were left alone expire, those whose submitter died become
 * their batch, old answers are forgotten.
 */
import { finishSubmissions } from '../stages/intake/submit.ts';
import type { ApiContext } from './context.ts';

/** A submitter that lives is through with any submission by then. */
const UNFINISHED_AGE_MS = 60_000;
/** Headers of submissions that ended are kept for as long, so that whoever asks learns their batch. */
const HEADERS_KEEP_MS = 30 * 86_400_000;
const ROWS_A_STEP = 1000;
const FINISH_MAX = 16;

/** One round; each step is bounded, so that requests go on in between. */
export async function tidyApi(context: ApiContext, signal: AbortSignal): Promise<void> {
  const { submissions, idempotency, clock, settings, telemetry } = context;
  await finishSubmissions(context, UNFINISHED_AGE_MS, FINISH_MAX);
  const nowMs = clock.nowMs();
  let expired = 0;
  for (let more = true; more && !signal.aborted; ) {
    const swept = await submissions.sweep({
      idleBeforeMs: nowMs - settings.submissionIdleMs,
      keepBeforeMs: nowMs - HEADERS_KEEP_MS,
      nowMs,
      max: ROWS_A_STEP,
    });
    expired += swept.expired;
    more = swept.more;
  }
  if (expired > 0) telemetry.emit({ name: 'submissions.expired', level: 'info', fields: { expired } });
  for (let gone = ROWS_A_STEP; gone === ROWS_A_STEP && !signal.aborted; ) {
    gone = await idempotency.sweep(nowMs - settings.idempotencyKeepMs, ROWS_A_STEP);
  }
}

/** Rounds until it is told to end; what goes wrong in one is told, and the next tries again. */
export async function keepTidy(context: ApiContext, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await tidyApi(context, signal);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      context.telemetry.emit({ name: 'api.tidy_failed', level: 'error', fields: { error: text } });
    }
    await context.clock.sleep(everyMs, signal);
  }
}
