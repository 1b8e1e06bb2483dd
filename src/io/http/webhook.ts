/**
 * Webhooks by HTTP (port: webhook), over undici with a lookup of its own.
 *
 * - The address is judged at the moment it is connected to: a name is resolved once for each connection, every answer must
 *   be allowed, and the connection goes to one of those very answers, so a name that changes between the check and the call
 *   gains nothing. Addresses written in the url are judged the same way.
 * - Redirects count as failures. At most 64 KiB of headers are read, and nothing of the body.
 * - Signed after «Standard Webhooks»: `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature`, in which each secret
 *   gives one `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body`.
 */
import { createHmac } from 'node:crypto';
import { type LookupAddress, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import type { Clock } from '../../core/clock.ts';
import { Fault, isFault } from '../../core/faults.ts';
import { type WebhookPost, type WebhookSender, webhookUrlProblem } from '../ports/webhook.ts';
import { mayCall, type Targets } from './addresses.ts';

export interface WebhookOptions {
  readonly targets: Targets;
  /** For a whole post: connecting, sending, and the head of the answer. */
  readonly answerMs: number;
  readonly userAgent: string;
}

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

export interface WebhookDeps {
  readonly clock: Clock;
  readonly resolve?: Resolve;
}

const HEADERS_BYTES_MAX = 64 * 1024;
const GONE = 410;

export function openWebhooks(options: WebhookOptions, deps: WebhookDeps): WebhookSender {
  const agent = new Agent({
    connect: checkedConnector(options, deps.resolve ?? resolveAll),
    connections: 4,
    pipelining: 1,
    keepAliveTimeout: 1000,
    keepAliveMaxTimeout: 5000,
    headersTimeout: options.answerMs,
    bodyTimeout: options.answerMs,
    maxHeaderSize: HEADERS_BYTES_MAX,
  });
  return {
    post: (post, signal) => send(post, signal, options, deps.clock, agent),
    async close() {
      await agent.destroy();
    },
  };
}

async function send(
  post: WebhookPost,
  signal: AbortSignal,
  options: WebhookOptions,
  clock: Clock,
  agent: Dispatcher,
): Promise<void> {
  const problem = webhookUrlProblem(post.url, schemesOf(options.targets));
  if (problem !== undefined) throw new Fault('NOTICE_REFUSED', `the url of the webhook: ${problem}`);
  const seconds = String(Math.floor(clock.nowMs() / 1000));
  const deadline = AbortSignal.timeout(options.answerMs);
  let status: number;
  try {
    const answer = await request(post.url, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': options.userAgent,
        'webhook-id': post.id,
        'webhook-timestamp': seconds,
        'webhook-signature': signaturesOf(post, seconds),
      },
      body: post.body,
      signal: AbortSignal.any([signal, deadline]),
    });
    status = answer.statusCode;
    // What it says besides is nobody's business here; it may be without end.
    answer.body.on('error', () => {}).destroy();
  } catch (error) {
    const fault = faultIn(error);
    if (fault !== undefined) throw fault;
    if (signal.aborted) throw new Fault('WEBHOOK_FAILED', 'the notifier was stopped');
    if (deadline.aborted) throw new Fault('WEBHOOK_FAILED', `no answer within ${options.answerMs} ms`);
    throw new Fault('WEBHOOK_FAILED', codeOf(error));
  }
  if (status >= 200 && status < 300) return;
  if (status === GONE) throw new Fault('NOTICE_REFUSED', 'the receiver answered 410: it is gone');
  if (status >= 300 && status < 400) throw new Fault('WEBHOOK_FAILED', `status ${status}; redirects are not followed`);
  throw new Fault('WEBHOOK_FAILED', `status ${status}`);
}

/** Without TLS anyone on the way reads along: only where the way is one's own. */
export function schemesOf(targets: Targets): readonly string[] {
  return targets === 'public' ? ['https:'] : ['https:', 'http:'];
}

/** Secrets are base64 after their prefix. */
export function signaturesOf({ id, body, secrets }: Omit<WebhookPost, 'url'>, seconds: string): string {
  return secrets
    .map((secret) => Buffer.from(secret.slice('whsec_'.length), 'base64'))
    .map((key) => `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`)
    .join(' ');
}

function checkedConnector(options: WebhookOptions, resolve: Resolve): buildConnector.connector {
  const forbidden = (): Fault => new Fault('WEBHOOK_FORBIDDEN');
  const checkedLookup: LookupFunction = (name, wishes, answer) => {
    resolve(name).then(
      (addresses) => {
        if (addresses.length === 0 || !addresses.every(({ address }) => mayCall(address, options.targets))) {
          answer(forbidden(), '', 0);
          return;
        }
        const first = addresses[0] as LookupAddress;
        if (wishes.all === true) answer(null, [...addresses]);
        else answer(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => answer(error, '', 0),
    );
  };
  const connect = buildConnector({ timeout: options.answerMs, lookup: checkedLookup });
  return (target, callback) => {
    // An address in the url is connected to without a lookup.
    const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
    if (isIP(host) !== 0 && !mayCall(host, options.targets)) {
      callback(forbidden(), null);
      return;
    }
    connect(target, callback);
  };
}

function resolveAll(name: string): Promise<readonly LookupAddress[]> {
  return new Promise((done, failed) => {
    lookup(name, { all: true }, (error, addresses) => (error === null ? done(addresses) : failed(error)));
  });
}

/** The fault that a connector gave, however deep it was wrapped. */
function faultIn(error: unknown): Fault | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    if (isFault(at)) return at;
  }
  return undefined;
}

/** A name such as `ECONNREFUSED`: messages hold addresses. */
function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no connection';
}
