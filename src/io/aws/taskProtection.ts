/**
 * Scale-in protection of an ECS task (port: protection), asked of the agent that stands beside every container.
 *
 * `PUT $ECS_AGENT_URI/task-protection/v1/state` with `ProtectionEnabled` and `ExpiresInMinutes` (1 to 2,880); the answer holds
 * one of `protection`, `failure` (a reason of UpdateTaskProtection) or `error` (a code). Source: «Task scale-in protection
 * endpoint» and «API failure reasons» of the Amazon ECS developer guide. The agent is asked in clear and unsigned, so it must
 * be on this machine: an address that is neither loopback nor link-local is refused.
 *
 * Promises: one exchange at a time, `waitMs` at most, nothing retried here; an answer above 64 KiB is a failure.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { Pool } from 'undici';
import { Fault } from '../../core/faults.ts';
import type { ProtectionAnswer, ScaleInProtection } from '../ports/protection.ts';

export interface TaskProtectionOptions {
  /** `ECS_AGENT_URI` as the agent gives it. */
  readonly agentUrl: string;
  /** The longest that one exchange may take. */
  readonly waitMs: number;
}

const PATH = '/task-protection/v1/state';
const MINUTE_MS = 60_000;
const MINUTES_MAX = 2880;
const ANSWER_BYTES_MAX = 64 * 1024;
/** Codes of the service are plain words; anything else is not repeated in a log. */
const CODE = /^[A-Za-z][A-Za-z0-9_.]{0,79}$/;

/** Faults: `CONFIG_INVALID` where the address is no agent of this machine. Nothing is asked yet. */
export function openTaskProtection(options: TaskProtectionOptions): ScaleInProtection {
  return new EcsTaskProtection(agentOf(options.agentUrl), options.waitMs);
}

class EcsTaskProtection implements ScaleInProtection {
  readonly #path: string;
  readonly #waitMs: number;
  readonly #pool: Pool;

  constructor(agent: URL, waitMs: number) {
    this.#path = `${agent.pathname.replace(/\/+$/, '')}${PATH}`;
    this.#waitMs = waitMs;
    this.#pool = new Pool(agent.origin, {
      connections: 1,
      pipelining: 1,
      connectTimeout: waitMs,
      maxResponseSize: ANSWER_BYTES_MAX,
    });
  }

  protect(forMs: number): Promise<ProtectionAnswer> {
    const minutes = Math.min(MINUTES_MAX, Math.max(1, Math.ceil(forMs / MINUTE_MS)));
    return this.#put({ ProtectionEnabled: true, ExpiresInMinutes: minutes }, true);
  }

  release(): Promise<ProtectionAnswer> {
    return this.#put({ ProtectionEnabled: false }, false);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #put(asked: object, enabled: boolean): Promise<ProtectionAnswer> {
    try {
      const { statusCode, body } = await this.#pool.request({
        method: 'PUT',
        path: this.#path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(asked),
        signal: AbortSignal.timeout(this.#waitMs),
      });
      return answerOf(statusCode, await body.text(), enabled);
    } catch (error) {
      return { kind: 'failed', reason: codeOf(error) };
    }
  }
}

function agentOf(written: string): URL {
  const agent = URL.canParse(written) ? new URL(written) : undefined;
  if (agent === undefined || !/^https?:$/.test(agent.protocol) || agent.username !== '' || agent.password !== '') {
    throw new Fault('CONFIG_INVALID', 'ECS_AGENT_URI is no plain http address');
  }
  if (!isOfThisMachine(agent.hostname.replace(/^\[|\]$/g, ''))) {
    throw new Fault('CONFIG_INVALID', 'ECS_AGENT_URI is neither a loopback nor a link-local address');
  }
  return agent;
}

/** Names are refused: where they lead is decided elsewhere. */
function isOfThisMachine(host: string): boolean {
  if (isIPv4(host)) return host.startsWith('127.') || host.startsWith('169.254.');
  // Of IPv6, URL has written the shortest form, in lower case; fe80::/10 is link-local.
  return isIPv6(host) && (host === '::1' || /^fe[89ab][0-9a-f]:/.test(host));
}

interface AgentAnswer {
  readonly protection?: { readonly ProtectionEnabled?: unknown } | null;
  readonly failure?: { readonly Reason?: unknown } | null;
  readonly error?: { readonly Code?: unknown } | null;
}

/** Judges by the body: a failure comes with status 200 too. */
function answerOf(status: number, text: string, enabled: boolean): ProtectionAnswer {
  let answer: AgentAnswer | null;
  try {
    answer = JSON.parse(text) as AgentAnswer | null;
  } catch {
    return { kind: 'failed', reason: `HTTP ${status}, no JSON` };
  }
  const reason = word(answer?.failure?.Reason) ?? word(answer?.error?.Code);
  if (reason === 'DEPLOYMENT_BLOCKED') return { kind: 'blocked' };
  if (reason === 'TASK_NOT_VALID') return { kind: 'never', reason };
  if (reason !== undefined) return { kind: 'failed', reason };
  if (status === 200 && answer?.protection?.ProtectionEnabled === enabled) return { kind: 'done' };
  return { kind: 'failed', reason: `HTTP ${status}, not as asked` };
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && CODE.test(value) ? value : undefined;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
