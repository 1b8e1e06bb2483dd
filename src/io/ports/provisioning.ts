/**
 * Port: making and checking what the drivers need to be there (tables, queues, buckets), for `provision`.
 *
 * Contract
 * - Running it again changes nothing where all is as wanted. What is there is never removed, and what others have added
 *   beside what is wanted stays.
 * - With `check` nothing is changed.
 * - Nothing is thrown for one thing that fails: it is told as `failed`, and the rest goes on.
 */

export type ProvisionState =
  /** It was as wanted. */
  | 'as wanted'
  /** It was missing, and was made. */
  | 'made'
  /** It was otherwise, and was changed. */
  | 'changed'
  /** `check`: it is not there. */
  | 'missing'
  /** `check`: it is otherwise. */
  | 'differs'
  /** The endpoint, which is none of AWS's, does not have this feature. */
  | 'not offered'
  | 'failed';

export interface ProvisionItem {
  /** Such as `queue remessa-picker`. */
  readonly resource: string;
  /** Such as `dead letters`; `itself` for its being there. */
  readonly aspect: string;
  readonly state: ProvisionState;
  /** What differs or why it failed; empty where there is nothing to say. */
  readonly says: string;
}

export interface Provisioning {
  /** Items in the order in which they were looked at; `onItem` sees each as soon as it is settled. */
  run(options: { readonly check: boolean }, onItem: (item: ProvisionItem) => void): Promise<void>;
  close(): Promise<void>;
}
