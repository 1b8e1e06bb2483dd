/**
 * Idempotency-Key: of any number of requests with the same key of the same client, one has its effect and all get its
 * answer, byte for byte.
 *
 * - While one runs, the others wait a little for its answer and are then refused (409); another body is refused (422).
 * - Only answers of success are kept; a request that was refused may be made again under the same key.
 * - The answer to a question that changes nothing is made anew each time: what it tells of people is not kept. Its key still
 *   stands for that question and no other.
 * - One that died is taken up when its lease has run out. The effects under a key have derived names (see `effectId`), so
 *   that taking up repeats none.
 *
 * The fingerprint is a SHA-256 over method, route, query and body, keyed with the secret by which documents are looked up where
 * the stores have one: a body may be a CPF and little else. Where the body is a stream it is known only in the end.
 */
import { createHmac } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Fault } from '../../core/faults.ts';
import { attemptId, derivedId } from '../../core/ids.ts';
import type { IdempotencyClaim, IdempotencyNote } from '../../io/ports/idempotency.ts';
import type { ApiContext } from '../context.ts';

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body: string;
}

const LEASE_MS = 30_000;
const EXTEND_EVERY_MS = 10_000;
const WAIT_MS = 2000;
const LOOK_MS_MIN = 10;
const LOOK_MS_MAX = 200;
const KEY = /^[\x21-\x7e]{1,255}$/;

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, of JSON requests that carry an Idempotency-Key. */
    rawBody: Uint8Array | null;
  }
}

/** What a running request may do with its claim. */
export interface Claim {
  readonly noted: IdempotencyNote | null;
  note(note: IdempotencyNote): Promise<void>;
}

export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new Fault('REQUEST_INVALID', 'Idempotency-Key takes 1 to 255 printable ASCII characters');
  }
  return key;
}

/** The id of what a request makes: derived from its Idempotency-Key, so that a repeated one makes the same; else random. */
export function effectId(context: ApiContext, request: FastifyRequest, client: string): string {
  const key = idempotencyKeyOf(request);
  return key === undefined ? attemptId(context.random) + attemptId(context.random) : derivedId('effect', client, key);
}

/** Runs the work of a JSON request, once a key, and sends its answer. */
export async function answerOnce(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<Answer>,
): Promise<FastifyReply> {
  return send(reply, await once(context, request, work));
}

async function once(context: ApiContext, request: FastifyRequest, work: () => Promise<Answer>): Promise<Answer> {
  const key = idempotencyKeyOf(request);
  if (key === undefined) return await work();
  const fingerprint = fingerprintOf(context, request)
    .update(request.rawBody ?? '')
    .digest('hex');
  const claim = claimOf(context, request, key);
  const begun = await begin(context, claim, fingerprint);
  if ('answer' in begun) {
    if (begun.fingerprint !== fingerprint) throw new Fault('IDEMPOTENCY_KEY_REUSED');
    return begun.answer;
  }
  if (begun.noted !== null && begun.noted.fingerprint !== fingerprint) throw await reused(context, claim);
  return await hold(context, claim, fingerprint, work);
}

/** The same for a question that changes nothing: the key is kept with the request's fingerprint, the answer is not. */
export async function answerAnew(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<Answer>,
): Promise<FastifyReply> {
  let made: Answer | undefined;
  if (idempotencyKeyOf(request) !== undefined) {
    const standing: Answer = { status: 200, body: '' };
    await once(context, request, async () => {
      made = await work();
      return standing;
    });
  }
  return send(reply, made ?? (await work()));
}

/**
 * The same as `answerOnce` for a body that is a stream. `work` reads it and answers with its digest; `digest` only reads it, where the
 * answer is known already and the body has to be compared.
 */
export async function answerStreamOnce(
  context: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (claim: Claim) => Promise<Answer & { readonly digest: string }>,
  digest: () => Promise<string>,
): Promise<FastifyReply> {
  const key = idempotencyKeyOf(request);
  if (key === undefined) return send(reply, await work({ noted: null, note: async () => {} }));
  const claim = claimOf(context, request, key);
  const printOf = (bodyDigest: string): string => fingerprintOf(context, request).update(bodyDigest).digest('hex');
  const begun = await begin(context, claim, null);
  if ('answer' in begun) {
    if (printOf(await digest()) !== begun.fingerprint) throw new Fault('IDEMPOTENCY_KEY_REUSED');
    return send(reply, begun.answer);
  }
  const { noted } = begun;
  if (noted !== null && printOf(await digest()) !== noted.fingerprint) throw await reused(context, claim);
  let fingerprint = noted?.fingerprint ?? '';
  const answer = await hold(
    context,
    claim,
    () => fingerprint,
    async () => {
      const made = await work({
        noted,
        async note(note) {
          fingerprint = printOf(note.fingerprint);
          await context.idempotency.note(claim, { fingerprint, effect: note.effect });
        },
      });
      fingerprint = noted?.fingerprint ?? printOf(made.digest);
      return made;
    },
  );
  return send(reply, answer);
}

export function send(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  if (headers !== undefined) reply.headers(headers);
  return reply.code(status).header('content-type', 'application/json; charset=utf-8').send(body);
}

type Begun = { readonly noted: IdempotencyNote | null } | { readonly answer: Answer; readonly fingerprint: string };

/** Claims the key, or waits a little for the answer of who has it. */
async function begin(context: ApiContext, claim: IdempotencyClaim, fingerprint: string | null): Promise<Begun> {
  const { clock, idempotency, settings } = context;
  const untilMs = clock.monotonicMs() + WAIT_MS;
  for (let lookMs = LOOK_MS_MIN; ; lookMs = Math.min(LOOK_MS_MAX, lookMs * 2)) {
    const nowMs = clock.nowMs();
    const keepAfterMs = nowMs - settings.idempotencyKeepMs;
    const begun = await idempotency.begin({ ...claim, fingerprint, nowMs, leaseMs: LEASE_MS, keepAfterMs });
    if (begun.kind === 'begun') return begun;
    if (begun.kind === 'done') {
      return { fingerprint: begun.fingerprint, answer: JSON.parse(begun.answer) as Answer };
    }
    if (fingerprint !== null && begun.fingerprint !== null && begun.fingerprint !== fingerprint) {
      throw new Fault('IDEMPOTENCY_KEY_REUSED');
    }
    if (clock.monotonicMs() >= untilMs) throw new Fault('IDEMPOTENCY_KEY_RUNNING');
    await clock.sleep(lookMs);
  }
}

/** Runs the work under the claim: renewed while it runs, kept with its answer, given up where there is none to keep. */
async function hold<A extends Answer>(
  context: ApiContext,
  claim: IdempotencyClaim,
  fingerprint: string | (() => string),
  work: () => Promise<A>,
): Promise<Answer> {
  const { idempotency, clock } = context;
  const ended = new AbortController();
  void (async () => {
    for (;;) {
      await clock.sleep(EXTEND_EVERY_MS, ended.signal);
      if (ended.signal.aborted) return;
      await idempotency.extend(claim, clock.nowMs() + LEASE_MS).catch(() => false);
    }
  })();
  try {
    const { status, headers, body } = await work().catch(async (error: unknown) => {
      // The refusal tells more than a store that is in trouble too; the lease runs out by itself.
      await idempotency.abandon(claim).catch(() => false);
      throw error;
    });
    const answer: Answer = { status, ...(headers === undefined ? {} : { headers }), body };
    const print = typeof fingerprint === 'string' ? fingerprint : fingerprint();
    // Where this fails the effect is there: the claim and what was noted stay, for the next one to take up.
    await idempotency.finish(claim, print, JSON.stringify(answer));
    return answer;
  } finally {
    ended.abort();
  }
}

async function reused(context: ApiContext, claim: IdempotencyClaim): Promise<Fault> {
  // What was noted stays for whoever comes with the right body: only the lease is let go.
  await context.idempotency.extend(claim, context.clock.nowMs());
  return new Fault('IDEMPOTENCY_KEY_REUSED');
}

function claimOf(context: ApiContext, request: FastifyRequest, key: string): IdempotencyClaim {
  const scope = request.caller?.client ?? `key ${request.caller?.key ?? ''}`;
  return { scope, key, owner: attemptId(context.random) };
}

function fingerprintOf({ settings }: ApiContext, request: FastifyRequest) {
  return createHmac('sha256', settings.awsDocumentSecret).update(`${request.method} ${request.url}\n`);
}
