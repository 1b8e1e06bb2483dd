/**
 * Which cases a run of the bench measures, in which sizes, and which of them are compared.
 */
import type { CaseName } from './cases/index.ts';
import { WrongUsage } from './options.ts';

export const GROUPS = ['stages', 'peers', 'scaling'] as const;
export type Group = (typeof GROUPS)[number];

export interface Measurement {
  readonly group: Group;
  readonly name: CaseName;
  readonly threads: number;
  /** Which of the made files; `scaling` measures `main` at several sizes. */
  readonly file: 'main' | 'peers';
  /** Share of `--lines`. */
  readonly share: number;
}

/** Ours and the peer at the same work; the same threads on both sides where the peer can use them. */
export interface Comparison {
  readonly ours: Measurement;
  readonly peer: Measurement;
}

export interface BenchPlan {
  readonly measurements: readonly Measurement[];
  readonly comparisons: readonly Comparison[];
}

export function labelOf({ name, threads }: Pick<Measurement, 'name' | 'threads'>): string {
  return `${name}/${threads}`;
}

/** `only` empty: stages and peers. Throws `WrongUsage` where a name is unknown. */
export function planOf(only: readonly string[], threads: number): BenchPlan {
  const wanted = only.length === 0 ? ['stages', 'peers'] : only;
  const all = [...stages(threads), ...peers(threads).map(({ peer }) => peer), ...scaling(threads)];
  const isNamed = (one: Measurement, name: string): boolean =>
    one.group === name || ((one.name === name || labelOf(one) === name) && one.group !== 'scaling');
  for (const name of wanted) {
    if (all.some((one) => isNamed(one, name))) continue;
    const names = [...new Set(all.map((one) => one.name))].join(', ');
    throw new WrongUsage(`--only ${name}: there are the groups ${GROUPS.join(', ')} and the cases ${names}`);
  }
  const chosen = all.filter((one) => wanted.some((name) => isNamed(one, name)));
  const comparisons = peers(threads).filter(({ peer }) => chosen.some((one) => labelOf(one) === labelOf(peer)));
  const isPeer = (one: Measurement): boolean => one.group === 'peers';
  // A peer brings what it is compared with, beside it.
  return {
    measurements: [...chosen.filter((one) => !isPeer(one)), ...comparisons.flatMap(({ ours, peer }) => [ours, peer])],
    comparisons,
  };
}

function stages(threads: number): Measurement[] {
  const of = (name: CaseName, count: number): Measurement => ({
    group: 'stages',
    name,
    threads: count,
    file: 'main',
    share: 1,
  });
  return [
    of('scan', 1),
    of('scan', threads),
    of('records', 1),
    of('records', threads),
    of('staging', threads),
    of('ingest', threads),
  ];
}

function peers(threads: number): Comparison[] {
  const of = (name: CaseName, count: number): Measurement => ({
    group: 'peers',
    name,
    threads: count,
    file: 'peers',
    share: 1,
  });
  return [
    { ours: of('records', 1), peer: of('csv-parser', 1) },
    { ours: of('records', threads), peer: of('duckdb', threads) },
    { ours: of('scan', threads), peer: of('wc', 1) },
    { ours: of('ingest', threads), peer: of('sqlite-import', 1) },
  ];
}

/** Shares of `--lines`, ×1, ×3 and ×10 of the smallest. */
export const SCALING_SHARES = [0.1, 0.3, 1] as const;

function scaling(threads: number): Measurement[] {
  return (['records', 'ingest'] as const).flatMap((name) =>
    [1, threads].flatMap((count) =>
      SCALING_SHARES.map((share) => ({
        group: 'scaling' as const,
        name,
        threads: count,
        file: 'main' as const,
        share,
      })),
    ),
  );
}
