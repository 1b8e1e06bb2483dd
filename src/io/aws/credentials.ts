/**
 * Credentials as the data plane uses them: kept, renewed before they expire, renewed at once when the service refuses them.
 *
 * Promises: one renewal at a time, whoever waits for it; while the old credentials still hold, a renewal neither delays
 * a request nor, when it fails, fails one. Times in milliseconds of wall time, because expiry is an instant of the world.
 */
import type { Clock } from '../../core/clock.ts';
import { Fault } from '../../core/faults.ts';
import type { AwsCredentials } from './sigv4.ts';

export interface ExpiringCredentials extends AwsCredentials {
  readonly expiration?: Date;
}

/** As the SDK's provider chain has it; `forceRefresh` passes by what the chain remembers. */
export type CredentialProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<ExpiringCredentials>;

/** Renewed this long before they expire; providers hand out new ones from about then on. */
const RENEW_BEFORE_MS = 5 * 60_000;
/** Between two tries to renew credentials that still hold. */
const RENEW_PAUSE_MS = 15_000;

export class CredentialSource {
  readonly #provider: CredentialProvider;
  readonly #clock: Clock;
  #held: ExpiringCredentials | undefined;
  #renewing: Promise<ExpiringCredentials> | undefined;
  #renewFromMs = 0;
  #force = false;

  constructor(provider: CredentialProvider, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  /** Credentials that hold now. Throws `SERVICE_DENIED` where there are none. */
  async current(): Promise<AwsCredentials> {
    const held = this.#held;
    const nowMs = this.#clock.nowMs();
    const expiresMs = held?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    if (held === undefined || expiresMs <= nowMs) return await this.#renew();
    if (expiresMs - RENEW_BEFORE_MS <= nowMs && this.#renewFromMs <= nowMs) {
      this.#renewFromMs = nowMs + RENEW_PAUSE_MS;
      // What it says is heard when the held ones no longer hold.
      this.#renew().catch(() => {});
    }
    return held;
  }

  /** The service says that these have expired: they are not used again. */
  refused(credentials: AwsCredentials): void {
    if (this.#held !== credentials) return;
    this.#held = undefined;
    this.#force = true;
  }

  #renew(): Promise<ExpiringCredentials> {
    this.#renewing ??= this.#ask().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #ask(): Promise<ExpiringCredentials> {
    try {
      const forceRefresh = this.#force || this.#held !== undefined;
      this.#held = await this.#provider(forceRefresh ? { forceRefresh } : {});
      this.#force = false;
      return this.#held;
    } catch (error) {
      // A provider's message may quote its answer; its name is enough to look for it.
      throw new Fault('SERVICE_DENIED', `no AWS credentials: ${error instanceof Error ? error.name : 'unknown error'}`);
    }
  }
}
