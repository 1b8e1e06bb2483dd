/**
 * Port: the clients and what is known of each.
 *
 * Contract
 * - An id is `[a-z0-9][a-z0-9-]{0,39}`; adding one that exists changes nothing and answers `false`.
 * - Reads see every write that was answered.
 */

export interface ClientRecord {
  readonly id: string;
  readonly name: string;
  /** The profile its files are read with; `default` is the only one that needs no document. */
  readonly profile: string;
  /** The client's bounds for the amount of a debt, in cents, both inclusive. */
  readonly amountCentsMin: number;
  readonly amountCentsMax: number;
  readonly createdAtMs: number;
}

export interface ClientStore {
  add(client: ClientRecord): Promise<boolean>;
  /** Replaces what is known of a client; `false` where it does not exist. */
  update(client: ClientRecord): Promise<boolean>;
  get(id: string): Promise<ClientRecord | undefined>;
  list(): Promise<ClientRecord[]>;
}

export const CLIENT_ID = /^[a-z0-9][a-z0-9-]{0,39}$/;
