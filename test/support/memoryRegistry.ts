/**
 * The registry in memory (port: registry). Several registries over one state are several processes at one store.
 *
 * Promises: each call acts at one instant, between two pauses; what goes in and out is copied, so that nobody shares an
 * object with the store.
 */
import {
  acceptedBatch,
  type Batch,
  type BatchDraft,
  type BatchFilter,
  FINAL_STATES,
  type OpenPage,
  type Registry,
  type ResultKind,
  type ResultPage,
  type TurnItem,
  type WorkFailures,
  type WorkResult,
} from '../../src/io/ports/registry.ts';
import { briefly, type Pause } from './pause.ts';

export class RegistryState {
  readonly installation: { hashSeed?: number } = {};
  /** In the order of acceptance. */
  readonly batches = new Map<string, Batch>();
  readonly lastNumbers = new Map<string, number>();
  /** Batch → `kind/work` → body. */
  readonly results = new Map<string, Map<string, string>>();
  /** Batch → work → attempt → what it said. */
  readonly failures = new Map<string, Map<string, Map<string, string>>>();
  readonly turns = new Map<string, TurnItem>();
  /** Every state that was ever stored, in order. */
  readonly history: { readonly batch: string; readonly state: Batch['state']; readonly turn: number | null }[] = [];
}

export class MemoryRegistry implements Registry {
  readonly state: RegistryState;
  readonly #pause: Pause;

  constructor(state = new RegistryState(), pause: Pause = briefly) {
    this.state = state;
    this.#pause = pause;
  }

  installation(proposal: { readonly hashSeed: number }): Promise<{ readonly hashSeed: number }> {
    return this.#act(({ installation }) => {
      installation.hashSeed ??= proposal.hashSeed;
      return { hashSeed: installation.hashSeed };
    });
  }

  hashSeed(): Promise<number | undefined> {
    return this.#act(({ installation }) => installation.hashSeed);
  }

  accept(draft: BatchDraft): Promise<{ readonly batch: Batch; readonly created: boolean }> {
    return this.#act(({ batches }) => {
      const stored = batches.get(draft.id);
      if (stored !== undefined) return { batch: stored, created: false };
      const batch = acceptedBatch(draft, this.#nextNumber(draft.client));
      this.#keep(batch);
      return { batch, created: true };
    });
  }

  get(id: string): Promise<Batch | undefined> {
    return this.#act(({ batches }) => batches.get(id));
  }

  replace(batch: Batch, expectedRevision: number): Promise<boolean> {
    const given = structuredClone(batch);
    return this.#act(() => this.#swap(given, expectedRevision) !== undefined);
  }

  requeue(batch: Batch, expectedRevision: number): Promise<Batch | undefined> {
    const given = structuredClone(batch);
    return this.#act(({ batches }) => {
      if (batches.get(given.id)?.revision !== expectedRevision) return undefined;
      return this.#swap({ ...given, number: this.#nextNumber(given.client) }, expectedRevision);
    });
  }

  list(filter: BatchFilter): Promise<Batch[]> {
    return this.#act(({ batches }) =>
      [...batches.values()]
        .reverse()
        .filter((batch) => filter.client === undefined || batch.client === filter.client)
        .filter((batch) => filter.states === undefined || filter.states.includes(batch.state))
        .filter((batch) => filter.before === undefined || batch.acceptedNumber < filter.before)
        .slice(0, filter.limit),
    );
  }

  /** Pages go on after a batch, which is known by its position among all that were ever accepted. */
  open({ max, after = '0' }: { readonly max: number; readonly after?: string }): Promise<OpenPage> {
    return this.#act(({ batches }) => {
      const found = [...batches.values()]
        .map((batch, index) => ({ batch, position: index + 1 }))
        .filter(({ position }) => position > Number(after))
        .filter(({ batch }) => !FINAL_STATES.has(batch.state) || batch.owed.length > 0)
        .slice(0, max);
      const last = found.length < max ? undefined : found.at(-1);
      return {
        batches: found.map(({ batch }) => batch),
        ...(last === undefined ? {} : { next: String(last.position) }),
      };
    });
  }

  lineHead(client: string, max: number, after = 0): Promise<Batch[]> {
    return this.#act(({ batches }) =>
      [...batches.values()]
        .filter((batch) => batch.client === client && batch.inLine && batch.number > after)
        .sort((a, b) => a.number - b.number)
        .slice(0, max),
    );
  }

  putResult(batch: string, kind: ResultKind, work: number, body: string): Promise<WorkResult> {
    return this.#act(({ results }) => {
      const ofBatch = results.get(batch) ?? new Map<string, string>();
      results.set(batch, ofBatch);
      const key = `${kind}/${work}`;
      if (!ofBatch.has(key)) ofBatch.set(key, body);
      return { work, body: ofBatch.get(key) as string };
    });
  }

  getResult(batch: string, kind: ResultKind, work: number): Promise<WorkResult | undefined> {
    return this.#act(() => this.#resultsOf(batch, kind).find((result) => result.work === work));
  }

  countResults(batch: string, kind: ResultKind): Promise<number> {
    return this.#act(() => this.#resultsOf(batch, kind).length);
  }

  listResults(batch: string, kind: ResultKind, page?: ResultPage): Promise<WorkResult[]> {
    return this.#act(() => {
      const results = this.#resultsOf(batch, kind);
      return page === undefined ? results : results.filter(({ work }) => work > page.after).slice(0, page.max);
    });
  }

  listWorks(batch: string, kind: ResultKind): Promise<number[]> {
    return this.#act(() => this.#resultsOf(batch, kind).map(({ work }) => work));
  }

  dropResults(batch: string, kinds: readonly ResultKind[]): Promise<void> {
    return this.#act(({ results }) => {
      for (const kind of kinds) {
        for (const { work } of this.#resultsOf(batch, kind)) results.get(batch)?.delete(`${kind}/${work}`);
      }
    });
  }

  recordFailure(batch: string, work: string, attempt: string, says: string): Promise<number> {
    return this.#act(({ failures }) => {
      const ofBatch = failures.get(batch) ?? new Map<string, Map<string, string>>();
      failures.set(batch, ofBatch);
      const attempts = (ofBatch.get(work) ?? new Map<string, string>()).set(attempt, says);
      ofBatch.set(work, attempts);
      return attempts.size;
    });
  }

  failuresOf(batch: string, works: readonly string[]): Promise<WorkFailures[]> {
    return this.#act(({ failures }) =>
      [...(failures.get(batch) ?? [])]
        .filter(([work]) => works.includes(work))
        .map(([work, attempts]) => ({ work, attempts: attempts.size, says: [...attempts.values()].at(-1) ?? '' })),
    );
  }

  clearFailures(batch: string): Promise<void> {
    return this.#act(({ failures }) => {
      failures.delete(batch);
    });
  }

  turnOf(client: string): Promise<TurnItem> {
    return this.#act(({ turns }) => turns.get(client) ?? { turn: 0, spans: [], takenAtMs: 0 });
  }

  takeTurns(client: string, expectedTurn: number, next: TurnItem): Promise<boolean> {
    const given = structuredClone(next);
    return this.#act(({ turns }) => {
      if ((turns.get(client)?.turn ?? 0) !== expectedTurn) return false;
      turns.set(client, given);
      return true;
    });
  }

  async #act<T>(change: (state: RegistryState) => T): Promise<T> {
    await this.#pause();
    const answer = structuredClone(change(this.state));
    await this.#pause();
    return answer;
  }

  #swap(batch: Batch, expectedRevision: number): Batch | undefined {
    if (this.state.batches.get(batch.id)?.revision !== expectedRevision) return undefined;
    const stored = { ...batch, revision: expectedRevision + 1 };
    this.#keep(stored);
    return stored;
  }

  #keep(batch: Batch): void {
    const before = this.state.batches.get(batch.id)?.state;
    this.state.batches.set(batch.id, batch);
    if (before !== batch.state) this.state.history.push({ batch: batch.id, state: batch.state, turn: batch.turn });
  }

  #nextNumber(client: string): number {
    const number = (this.state.lastNumbers.get(client) ?? 0) + 1;
    this.state.lastNumbers.set(client, number);
    return number;
  }

  #resultsOf(batch: string, kind: ResultKind): WorkResult[] {
    const prefix = `${kind}/`;
    return [...(this.state.results.get(batch) ?? [])]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, body]) => ({ work: Number(key.slice(prefix.length)), body }))
      .sort((a, b) => a.work - b.work);
  }
}
