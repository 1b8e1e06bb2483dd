/**
 * /healthz, /readyz and /metrics, asked without a key.
 *
 * - alive: this process answers, and its store gave an answer to a small question within the time allowed
 * - ready: alive, not ending, and the store took a small write just now; whoever balances load sends requests only then
 *
 * /metrics tells what Prometheus fetches; series that name a client only to an operator's key.
 *
 * What was found holds for a second, so that asking often costs nothing. No answer tells more than what is wrong.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { isFault } from '../../core/faults.ts';
import { attemptId } from '../../core/ids.ts';
import { keyOfToken } from '../../stages/intake/apiKeys.ts';
import { tokenOf } from '../auth.ts';
import type { ApiContext } from '../context.ts';
import type { Meter } from '../meter.ts';

const ANSWER_MS_MAX = 2000;
const HOLDS_MS = 1000;

interface Finding {
  readonly ok: boolean;
  readonly reason: string;
}

export function healthRoutes(app: FastifyInstance, context: ApiContext, meter: Meter, ending: AbortSignal): void {
  const { registry, idempotency, clock } = context;
  const alive = remembered(clock, async () => {
    await registry.hashSeed();
  });
  const writes = remembered(clock, async () => {
    const claim = { scope: '~probe', key: attemptId(context.random), owner: 'probe' };
    const nowMs = clock.nowMs();
    await idempotency.begin({ ...claim, fingerprint: null, nowMs, leaseMs: 0, keepAfterMs: nowMs });
    await idempotency.abandon(claim);
  });
  const tell = (reply: FastifyReply, { ok, reason }: Finding): FastifyReply =>
    reply.code(ok ? 200 : 503).send({ status: ok ? 'ok' : 'unavailable', ...(ok ? {} : { reason }) });

  app.get('/healthz', { schema: { hide: true } }, async (_request, reply) => tell(reply, await alive()));
  app.get('/readyz', { schema: { hide: true } }, async (_request, reply) => {
    if (ending.aborted) return tell(reply, { ok: false, reason: 'ENDING' });
    return tell(reply, await writes());
  });
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    const token = tokenOf(request);
    const key = token === undefined ? undefined : await keyOfToken(context.keys, token, clock.nowMs());
    meter.tell();
    const page = await context.metrics.render();
    const shown = key?.scope === 'operator' ? page : page.replaceAll(/^[^#\n]*[{,]client="[^\n]*\n/gm, '');
    return reply.type(context.metrics.contentType).send(shown);
  });
}

function remembered(clock: ApiContext['clock'], probe: () => Promise<void>): () => Promise<Finding> {
  let atMs = Number.NEGATIVE_INFINITY;
  let finding: Promise<Finding> | undefined;
  return async () => {
    const nowMs = clock.monotonicMs();
    if (finding === undefined || nowMs - atMs > HOLDS_MS) {
      atMs = nowMs;
      finding = inTime(probe);
    }
    return await finding;
  };
}

async function inTime(probe: () => Promise<void>): Promise<Finding> {
  const { promise: late, resolve } = Promise.withResolvers<Finding>();
  const timer = setTimeout(() => resolve({ ok: false, reason: 'the store does not answer' }), ANSWER_MS_MAX);
  const found = probe().then(
    () => ({ ok: true, reason: '' }),
    (error: unknown) => ({ ok: false, reason: isFault(error) ? error.code : 'INTERNAL' }),
  );
  try {
    return await Promise.race([found, late]);
  } finally {
    clearTimeout(timer);
  }
}
