/**
 * What happens in one simulated history, drawn from its seed: the files, what is asked for, and how unkind the world is.
 * Plain data, so that a failing history can be made smaller and kept. Times are virtual milliseconds from the beginning.
 */
import { DUPLICATES_POLICIES, type DuplicatesPolicy } from '../../src/kernel/plan.ts';
import { Random } from '../oracle/random.ts';
import type { LineValues } from '../support/files.ts';
import { type Asking, askingOf } from './approvals.ts';

export interface SimFile {
  readonly client: string;
  readonly lines: readonly LineValues[];
  readonly dryRun: boolean;
  readonly duplicates: DuplicatesPolicy;
  /** A file that no batch can be made of. */
  readonly broken: 'header' | 'quote' | null;
  readonly atMs: number;
  /** When it is announced once more; when somebody asks to cancel it. */
  readonly againAtMs: number | null;
  readonly cancelAtMs: number | null;
  /** Where its profile asks for approval. */
  readonly asking: Asking | null;
}

export type Mishap = 'fail' | 'lose' | 'delay' | 'twice' | 'crash' | 'stop' | 'worker' | 'clock';

export const MISHAPS: readonly Mishap[] = ['fail', 'lose', 'delay', 'twice', 'crash', 'stop', 'worker', 'clock'];

export interface History {
  readonly seed: number;
  readonly files: readonly SimFile[];
  readonly processes: number;
  /** At most so many records go the small way. */
  readonly smallRecordsMax: number;
  readonly takesTwice: boolean;
  readonly doubleShare: number;
  readonly shuffledShare: number;
  /** Of all calls to a store. */
  readonly mishapShare: number;
  readonly mishaps: readonly Mishap[];
  readonly mishapsMax: number;
  /** Mishaps, by number, that do not happen after all: how a history is made smaller. */
  readonly spared: readonly number[];
  /** Whether ends of batches are told, as events. */
  readonly notified: boolean;
}

const CLIENTS = ['acme', 'beta'] as const;
const REFS = ['r-1', 'r-2', 'r-3', 'r-4', 'r-5', 'r-6', 'r-7'] as const;

/** A CPF whose check digits are wrong, and a day that has not come at the business date. */
export const BAD_CPF = '52998224726';
const FUTURE = '2026-09-01';

export function historyOf(seed: number): History {
  const random = new Random(seed);
  const count = random.integer(1, 5);
  // A stream of its own: what else is drawn is what was drawn before there were approvals.
  const approvals = new Random(seed ^ 0x1b873593);
  const files = Array.from({ length: count }, () => ({ ...fileOf(random), asking: askingOf(approvals) }));
  const history = {
    seed,
    processes: random.integer(1, 3),
    smallRecordsMax: random.pick([0, 3, 3, 20]),
    takesTwice: random.chance(0.4),
    doubleShare: random.pick([0, 0, 0.05, 0.2]),
    shuffledShare: random.pick([0, 0.3, 1]),
    mishapShare: random.pick([0, 0.005, 0.02, 0.05]),
    mishaps: MISHAPS.filter(() => random.chance(0.6)),
    mishapsMax: random.integer(1, 25),
    spared: [],
    notified: random.chance(0.4),
  };
  // Drawn last, so that all before is drawn as it was.
  const policies: readonly DuplicatesPolicy[] = random.chance(0.7) ? ['first'] : DUPLICATES_POLICIES;
  return {
    ...history,
    files: files.map((file) => ({ ...file, duplicates: random.pick(policies) })),
  };
}

function fileOf(random: Random): Omit<SimFile, 'asking' | 'duplicates'> {
  const lines = Array.from({ length: random.chance(0.5) ? random.integer(1, 4) : random.integer(4, 12) }, () =>
    lineOf(random),
  );
  const atMs = random.chance(0.6) ? random.integer(0, 200) : random.integer(0, 60_000);
  return {
    client: random.chance(0.75) ? CLIENTS[0] : CLIENTS[1],
    lines,
    dryRun: random.chance(0.1),
    broken: random.chance(0.06) ? random.pick(['header', 'quote']) : null,
    atMs,
    againAtMs: random.chance(0.15) ? atMs + random.integer(0, 30_000) : null,
    cancelAtMs: random.chance(0.2) ? atMs + random.integer(0, random.pick([50, 2000, 60_000])) : null,
  };
}

function lineOf(random: Random): LineValues {
  return {
    ref: random.pick(REFS),
    amount: `${random.integer(1, 5)}.00`,
    ...(random.chance(0.08) ? { cpf: BAD_CPF } : {}),
    ...(random.chance(0.08) ? { due: FUTURE } : {}),
  };
}
