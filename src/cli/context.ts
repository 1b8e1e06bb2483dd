/**
 * What a command may use of the world. `main` makes one; a command never touches the process, the clock or a driver
 * by itself, so every command can be run from a test.
 */
import type { Settings } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { RandomBytes } from '../core/ids.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { FileIntake } from '../io/ports/arrivals.ts';
import type { ClientStore } from '../io/ports/clients.ts';
import type { DebtStore } from '../io/ports/debts.ts';
import type { DeliveryStore } from '../io/ports/deliveries.ts';
import type { IdempotencyStore } from '../io/ports/idempotency.ts';
import type { KeyStore } from '../io/ports/keys.ts';
import type { ObjectStore } from '../io/ports/objects.ts';
import type { ObjectEraser, PrivacyStore } from '../io/ports/privacy.ts';
import type { Provisioning } from '../io/ports/provisioning.ts';
import type { WorkQueue } from '../io/ports/queue.ts';
import type { Registry } from '../io/ports/registry.ts';
import type { StagingStore } from '../io/ports/staging.ts';
import type { SubmissionStore } from '../io/ports/submissions.ts';

/** A text or byte stream of the process; the promise settles when more may be written. */
export interface Output {
  write(text: string | Uint8Array): Promise<void>;
  readonly isTerminal: boolean;
  /** Characters a line of the terminal holds; 80 where unknown. */
  readonly columns: number;
}

/** What an engine shares with the command that started it. */
export interface EngineStores {
  readonly registry: Registry;
  readonly clients: ClientStore;
  readonly deliveries: DeliveryStore;
  readonly objects: ObjectStore;
  readonly queue: WorkQueue;
  readonly intake: FileIntake;
}

export interface Stores extends EngineStores {
  readonly debts: DebtStore;
  readonly keys: KeyStore;
  readonly submissions: SubmissionStore;
  readonly idempotency: IdempotencyStore;
  readonly privacy: PrivacyStore;
  readonly eraser: ObjectEraser;
  readonly staging?: Pick<StagingStore, 'free'>;
  close(): Promise<void>;
}

/** A running engine: the roles that were asked for, on the stores of this process. */
export interface Engine {
  readonly stores: EngineStores;
  /** Where the API listens, where it does. */
  readonly url?: string;
  /** Finishes or releases the work in hand, then closes everything; later calls wait for the first. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** The least level of event that is logged to stderr. */
  readonly log: Settings['logLevel'];
  /** Sees every event too. */
  readonly observe?: Telemetry;
  /** Whether the role `input` listens for HTTP. */
  readonly listen?: boolean;
}

export interface CliContext {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts when the process is asked to end (SIGINT, SIGTERM). */
  readonly signal: AbortSignal;
  /**
   * Opens the stores without becoming the engine. `read` never writes and needs an existing folder; `write` uses
   * short transactions and makes the folder where there is none.
   */
  openStores(mode: 'read' | 'write'): Promise<Stores>;
  /** Becomes the engine of the data folder; `undefined` where another process already is. */
  startEngine(roles: readonly string[], options: EngineOptions): Promise<Engine | undefined>;
  /** Becomes the engine of a data folder of its own that is removed when it stops: what it does leaves nothing behind. */
  startScratchEngine(roles: readonly string[], options: EngineOptions): Promise<Engine>;
  /** What makes what the driver needs; `undefined` where the driver does that by itself. */
  openProvisioning(): Promise<Provisioning | undefined>;
}
