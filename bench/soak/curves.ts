/**
 * What is measured while a soak runs, and whether it is flat.
 *
 * Flat: the straight line that fits the second half of the load best (least squares) rises over that half by no more than
 * `RISE_SHARE_MAX` of the mean, or by no more than what is told beside each curve where that is more. Each process of the
 * daemon has a line of its own, all with one slope: what changes from one process to the next, and the first seconds of each,
 * do not count. Where kills let no process live that long, the line goes through the highest value of each life instead:
 * what every new process begins with must not rise either. Where there are too few lives for that too, nothing is said.
 */

export interface Sample {
  /** Since files are sent. */
  readonly seconds: number;
  /** Counts the processes of the daemon. */
  readonly life: number;
  readonly rssBytes: number;
  readonly descriptors: number;
  /** Of those descriptors. */
  readonly sockets: number;
  /** In the data folder; the last that was measured, as that takes its time. */
  readonly folderBytes: number;
  /** Files that were sent and are not final. */
  readonly filesOpen: number;
  /** Of files that are final. */
  readonly linesDone: number;
}

export const RISE_SHARE_MAX = 0.1;
/** A process that has just begun opens what it needs, compiles what it runs, and touches each of its buffers once. */
const WARM_UP_SECONDS = 30;
/** Connections are opened and closed with the work: over less time that looks like growth. */
const SPAN_SECONDS_MIN = 60;
/** Lives whose highest values make a line. */
const LIVES_MIN = 5;

/** What is judged, and what rise is no rise, whatever the mean. */
const JUDGED = {
  rssBytes: 16 * 1024 * 1024,
  descriptors: 3,
  sockets: 3,
} as const;
export type JudgedCurve = keyof typeof JUDGED;
export const JUDGED_CURVES = Object.keys(JUDGED) as readonly JudgedCurve[];

export interface Flatness {
  readonly mean: number;
  /** Over the second half. */
  readonly rise: number;
  readonly riseMax: number;
  /** `undefined` where it was too short to tell. */
  readonly flat: boolean | undefined;
}

/** `untilSeconds`: when the last file was sent; what comes later is not judged. */
export function flatness(samples: readonly Sample[], curve: JudgedCurve, untilSeconds: number): Flatness {
  const fromSeconds = untilSeconds / 2;
  const lives = Map.groupBy(samples, ({ life }) => life);
  const groups: Point[][] = [];
  for (const life of lives.values()) {
    const warmSeconds = (life[0]?.seconds ?? 0) + WARM_UP_SECONDS;
    const points = life
      .filter(({ seconds }) => seconds >= fromSeconds && seconds >= warmSeconds && seconds <= untilSeconds)
      .map((sample) => ({ x: sample.seconds, y: sample[curve] }));
    if (spanOf(points) >= SPAN_SECONDS_MIN) groups.push(points);
  }
  if (groups.length === 0) {
    const peaks = peaksOf([...lives.values()], curve, fromSeconds, untilSeconds);
    if (peaks.length >= LIVES_MIN && spanOf(peaks) >= SPAN_SECONDS_MIN) groups.push(peaks);
  }
  const all = groups.flat();
  const mean = meanOf(all.map(({ y }) => y));
  const riseMax = Math.max(RISE_SHARE_MAX * mean, JUDGED[curve]);
  if (all.length === 0) return { mean, rise: 0, riseMax, flat: undefined };
  const rise = slopeOf(groups) * (untilSeconds - fromSeconds);
  return { mean, rise, riseMax, flat: rise <= riseMax };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function spanOf(points: readonly Point[]): number {
  return (points.at(-1)?.x ?? 0) - (points[0]?.x ?? 0);
}

/** Of each life that began and was ended between the two (the last one was not), its highest value, at its end. */
function peaksOf(
  lives: readonly (readonly Sample[])[],
  curve: JudgedCurve,
  fromSeconds: number,
  untilSeconds: number,
): Point[] {
  return lives.slice(0, -1).flatMap((life) => {
    const begin = life[0]?.seconds ?? 0;
    const end = life.at(-1)?.seconds ?? 0;
    if (begin < fromSeconds || end > untilSeconds) return [];
    return [{ x: end, y: Math.max(...life.map((sample) => sample[curve])) }];
  });
}

/** Of parallel lines, one through each group: the least-squares slope within the groups. */
function slopeOf(groups: readonly (readonly Point[])[]): number {
  let xy = 0;
  let xx = 0;
  for (const points of groups) {
    const xMean = meanOf(points.map(({ x }) => x));
    const yMean = meanOf(points.map(({ y }) => y));
    for (const { x, y } of points) {
      xy += (x - xMean) * (y - yMean);
      xx += (x - xMean) ** 2;
    }
  }
  return xx === 0 ? 0 : xy / xx;
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
