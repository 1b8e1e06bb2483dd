/** Where a soak takes place: what it needs of an installation, whatever the driver. */
import type { Stores } from '../../src/cli/context.ts';
import type { Batch } from '../../src/io/ports/registry.ts';
import type { FaultCounts } from '../../test/support/aws/faultProxy.ts';
import type { Evidence } from './judge.ts';

export interface SoakWorld extends Evidence {
  /** `REMESSA_*` and credentials of the daemon. */
  readonly daemonSettings: Readonly<Record<string, string>>;
  /** Measured now and then; of a driver that keeps nothing on the machine, what lies there all the same. */
  readonly dataDir: string;
  send(client: string, name: string, bytes: Uint8Array): Promise<void>;
  /** What clients and their keys are kept in. */
  readonly stores: Pick<Stores, 'clients' | 'keys'>;
  /** The batches that were accepted last, newest first. */
  newest(client: string, count: number): Promise<readonly Batch[]>;
  /** Batches that are not final or still owe messages, and messages that wait or are held. */
  unfinished(): Promise<number>;
  /** What was done to the daemon's calls. */
  readonly faults: FaultCounts | undefined;
  /** Ends and removes everything. */
  close(): Promise<void>;
}
