/** What every case is: how it is opened for a file, and one pass of it over that file. */
import type { Facts } from '../facts.ts';
import type { Spent } from '../meter.ts';

export interface CaseInput {
  readonly path: string;
  readonly bytes: number;
  readonly threads: number;
  /** An empty folder of this run alone. */
  readonly workFolder: string;
  /** What must become of each record; `undefined` for a file that was not made here. */
  readonly truth: string | undefined;
  /** Share of its processor time that a case burns on top: a planted slowdown. Cases whose `apart` is false need not look. */
  readonly burn: number;
}

export interface Pass {
  /** What the pass found, as far as it can know it: compared with what is true of the file. */
  readonly found: Partial<Facts>;
  /** Where another process did the work: what that took. Otherwise this process is measured. */
  readonly spent?: Spent;
  readonly peakBytes?: number;
  /** Seconds the batch spent in each of its states. */
  readonly stateSeconds?: Readonly<Record<string, number>>;
}

export interface OpenCase {
  /** The measured work, once over the whole file. */
  pass(): Promise<Pass>;
  /** What is only known afterwards is looked up, and what a pass left is removed. Not measured. */
  after?(): Promise<Partial<Facts>>;
  close(): Promise<void>;
}

export interface Case {
  /** Whether its passes run in processes of their own: then none is needed to warm this one up. */
  readonly apart: boolean;
  /** Everything that is not measured. */
  open(input: CaseInput): Promise<OpenCase>;
}
