/**
 * Port: objects that come by themselves (a bucket's notifications; an inbox folder on one machine).
 *
 * Contract
 * - `poll` gives arrivals in the order in which they became whole; the same one may be given again until it is `settle`d.
 * - When an arrival is given, its object is stored, durable and pinned. (bucket, key, version) names that one state of it:
 *   given again, it has the same three.
 * - `settle` says that a batch exists for it, durably; the arrival is not given again.
 * - What can never become an arrival (a folder, a link, a name that breaks the rules) is reported once, with the reason.
 */
import type { ObjectPin } from './objects.ts';

export interface Arrival extends ObjectPin {
  readonly client: string;
  /** The client's name for it: metadata only, and sensitive. */
  readonly file: string;
  readonly bucket: string;
  readonly version: string;
  readonly bytes: number;
  settle(): Promise<void>;
}

export interface ArrivalRefusal {
  readonly client: string;
  readonly reason: string;
}

export interface Arrivals {
  poll(max: number): Promise<{ readonly arrivals: readonly Arrival[]; readonly refusals: readonly ArrivalRefusal[] }>;
}

/** Taking in a file of this machine, for `ingest`. Faults: `INPUT_…`, `STORE_FULL`, `STORE_IO`. */
export interface FileIntake {
  /** Names the present state of a file: equal for equal states, different once it was changed. */
  identify(path: string): Promise<{ readonly identity: string; readonly bytes: number }>;
  /** Copies (or reflinks) the file to the key, whole and durable; `INPUT_CHANGED` where it changed meanwhile. */
  copyIn(path: string, key: string): Promise<ObjectPin & { readonly bytes: number }>;
}
