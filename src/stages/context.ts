/**
 * What the stages work with on the main thread: the control path. It decides and records, and touches no record.
 */
import type { Limits } from '../config/limits.ts';
import type { Settings } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { RandomBytes } from '../core/ids.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { Credits } from '../engine/credits.ts';
import type { WorkerPool } from '../engine/pool.ts';
import type { ClientStore } from '../io/ports/clients.ts';
import type { DeliveryStore } from '../io/ports/deliveries.ts';
import type { ObjectStore } from '../io/ports/objects.ts';
import type { PrivacyStore } from '../io/ports/privacy.ts';
import type { WorkQueue } from '../io/ports/queue.ts';
import type { Registry } from '../io/ports/registry.ts';
import type { Rulings } from './picking/rulings.ts';
import type { TaskTable } from './tasks.ts';

export interface StageContext {
  readonly settings: Settings;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
  readonly registry: Registry;
  readonly queue: WorkQueue;
  readonly objects: ObjectStore;
  readonly clients: ClientStore;
  readonly deliveries: DeliveryStore;
  /** Where files are removed in time: what holds them back. */
  readonly privacy?: Pick<PrivacyStore, 'list'>;
  readonly pool: WorkerPool<TaskTable>;
  /** Pieces that may be with the pool at once, over all batches: a giant's scan leaves room for everyone's. */
  readonly scanCredits: Credits;
  /** Where there is a rules service. */
  readonly rulings?: Rulings;
}
