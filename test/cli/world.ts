/** A world for commands: outputs in memory, stores that hold plain lists, and a context that counts what it opens. */
import type { CliContext, Output, Stores } from '../../src/cli/context.ts';
import type { ProgramWorld } from '../../src/cli/program.ts';
import { runProgram } from '../../src/cli/program.ts';
import { resolveSettings } from '../../src/config/load.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { ClientRecord, ProfileRecord } from '../../src/io/ports/clients.ts';
import type { DebtFilter, StoredDebt } from '../../src/io/ports/debts.ts';
import type { Batch, BatchFilter, ResultKind } from '../../src/io/ports/registry.ts';
import { hashRef } from '../../src/kernel/hash.ts';

export const VALID_CPF = '52998224725';
export const VALID_CNPJ = '12ABC34501DE35';
const HASH_SEED = 0x5eed;

export class MemoryOutput implements Output {
  text = '';
  /** Writes that were taken, and all that were tried. */
  writes = 0;
  tried = 0;
  readonly isTerminal: boolean;
  readonly columns = 80;
  /** Writes fail with EPIPE once so many have been taken. */
  readonly #writesMax: number;

  constructor(options: { readonly isTerminal?: boolean; readonly writesMax?: number } = {}) {
    this.isTerminal = options.isTerminal ?? false;
    this.#writesMax = options.writesMax ?? Number.POSITIVE_INFINITY;
  }

  async write(text: string | Uint8Array): Promise<void> {
    this.tried += 1;
    if (this.writes >= this.#writesMax)
      throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' });
    this.writes += 1;
    this.text += typeof text === 'string' ? text : new TextDecoder().decode(text);
  }
}

/** A clock that stands still until it is moved. */
export class HandClock implements Clock {
  atMs = 1_000_000;
  nowMs(): number {
    return Date.UTC(2026, 7, 1) + this.atMs;
  }
  monotonicMs(): number {
    return this.atMs;
  }
  async sleep(ms: number): Promise<void> {
    this.atMs += ms;
  }
}

export interface Held {
  batches: Batch[];
  clients: ClientRecord[];
  profiles: ProfileRecord[];
  debts: StoredDebt[];
  results: { batch: string; kind: ResultKind; count: number }[];
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class TestWorld {
  readonly held: Held = { batches: [], clients: [], profiles: [], debts: [], results: [] };
  readonly clock = new HandClock();
  readonly abort = new AbortController();
  stdout = new MemoryOutput();
  stderr = new MemoryOutput();
  environment: Record<string, string> = {};
  contexts = 0;
  opened: ('read' | 'write')[] = [];
  closed = 0;

  async run(...argv: string[]): Promise<Ran> {
    this.stdout = new MemoryOutput();
    this.stderr = new MemoryOutput();
    return this.runOn(this.stdout, this.stderr, argv);
  }

  async runOn(stdout: MemoryOutput, stderr: MemoryOutput, argv: readonly string[]): Promise<Ran> {
    this.stdout = stdout;
    this.stderr = stderr;
    const code = await runProgram(argv, this.world());
    return { code, out: stdout.text, err: stderr.text };
  }

  world(): ProgramWorld {
    return {
      version: '1.2.3',
      stdout: this.stdout,
      stderr: this.stderr,
      makeContext: async ({ configFile }) => {
        this.contexts += 1;
        const file = configFile === undefined ? undefined : { text: configFile };
        const { settings, sources } = resolveSettings(this.environment, file, 2);
        return { context: this.context(settings), sources };
      },
    };
  }

  context(settings: CliContext['settings']): CliContext {
    return {
      settings,
      clock: this.clock,
      random: (size) => new Uint8Array(size).fill(7),
      stdin: nothing(),
      stdout: this.stdout,
      stderr: this.stderr,
      signal: this.abort.signal,
      openStores: async (mode) => {
        this.opened.push(mode);
        return this.stores();
      },
      startEngine: async () => undefined,
      startScratchEngine: async () => {
        throw new Error('no engine here');
      },
      openProvisioning: async () => undefined,
    };
  }

  /** Only what reading commands may use; anything else fails the test. */
  stores(): Stores {
    const { held } = this;
    const stores = {
      registry: {
        hashSeed: async () => HASH_SEED,
        get: async (id: string) => held.batches.find((batch) => batch.id === id),
        list: async (filter: BatchFilter) =>
          held.batches
            .filter((batch) => filter.client === undefined || batch.client === filter.client)
            .filter((batch) => filter.states === undefined || filter.states.includes(batch.state))
            .slice(0, filter.limit),
        countResults: async (batch: string, kind: ResultKind) =>
          held.results.find((result) => result.batch === batch && result.kind === kind)?.count ?? 0,
      },
      clients: {
        get: async (id: string) => held.clients.find((client) => client.id === id),
        list: async () => held.clients,
        add: async (client: ClientRecord) => {
          if (held.clients.some((known) => known.id === client.id)) return false;
          held.clients.push(client);
          return true;
        },
        update: async (client: ClientRecord) => {
          const at = held.clients.findIndex((known) => known.id === client.id);
          if (at >= 0) held.clients[at] = client;
          return at >= 0;
        },
        addProfile: async (profile: ProfileRecord) => {
          if (held.profiles.some(({ name, version }) => name === profile.name && version === profile.version))
            return false;
          held.profiles.push(profile);
          return true;
        },
        getProfile: async (name: string, version?: number) =>
          held.profiles.findLast((one) => one.name === name && (version ?? one.version) === one.version),
        listProfiles: async () => held.profiles,
      },
      debts: {
        list: async function* (client: string, filter: DebtFilter) {
          for (const debt of held.debts) {
            if (debt.client !== client) continue;
            if (filter.document !== undefined && debt.document !== filter.document) continue;
            // As a store that looks up by the hash: without the right one nothing is found.
            if (filter.externalRef !== undefined && debt.refHash !== filter.refHash) continue;
            yield debt;
          }
        },
      },
      close: async () => {
        this.closed += 1;
      },
    };
    return stores as unknown as Stores;
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}

export function clientRecord(given: Partial<ClientRecord> = {}): ClientRecord {
  return {
    id: 'acme',
    name: 'Acme Ltda',
    profile: 'default',
    amountCentsMin: 1,
    amountCentsMax: 999_999_999_999_999,
    createdAtMs: Date.UTC(2026, 0, 2),
    ...given,
  };
}

export function batchRecord(given: Partial<Batch> = {}): Batch {
  return {
    id: 'b-1',
    client: 'acme',
    file: 'july.csv',
    bucket: 'local',
    key: 'raw/acme/1',
    version: '1',
    etag: 'e1',
    bytes: 1234,
    profile: 'default',
    amountCentsMin: 1,
    amountCentsMax: 999_999_999_999_999,
    businessDate: '2026-08-01',
    dryRun: false,
    acceptedAtMs: Date.UTC(2026, 7, 1, 12),
    number: 4,
    acceptedNumber: 4,
    inLine: true,
    state: 'processing',
    revision: 3,
    owed: [],
    manifestKey: null,
    manifest: null,
    small: false,
    records: 10,
    ranges: 3,
    shards: 2,
    turn: null,
    turnAtMs: null,
    failure: null,
    receipt: null,
    updatedAtMs: Date.UTC(2026, 7, 1, 12, 1),
    enteredMs: { accepted: Date.UTC(2026, 7, 1, 12), processing: Date.UTC(2026, 7, 1, 12, 1) },
    ...given,
  };
}

export function storedDebt(given: Partial<StoredDebt> = {}): StoredDebt {
  const ref = new TextEncoder().encode(given.externalRef ?? 'R-1');
  return {
    client: 'acme',
    refHash: hashRef(ref, 0, ref.length, HASH_SEED),
    externalRef: 'R-1',
    debtorName: 'Maria da Silva',
    document: VALID_CPF,
    amountCents: 123_456,
    dueDate: '2025-01-31',
    debtorEmail: null,
    debtorPhone: null,
    creditorName: null,
    accountType: null,
    installment: '3/12',
    createdBatch: 'b-1',
    createdLine: 2,
    changedBatch: 'b-2',
    changedLine: 7,
    turn: 5,
    createdAtMs: 1,
    changedAtMs: 2,
    erased: false,
    ...given,
  };
}
