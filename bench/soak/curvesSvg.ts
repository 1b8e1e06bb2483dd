/** The curves of a soak as SVG: one panel a curve over the same time, with the ends of processes and the judged half. */
import { colorOf, fixed, INK, line, PALE, text } from '../plot.ts';
import { type Flatness, JUDGED_CURVES, type JudgedCurve, type Sample } from './curves.ts';

const WIDTH = 860;
const LEFT = 90;
const RIGHT = WIDTH - 24;
const TITLE_HEIGHT = 40;
const PANEL_HEIGHT = 130;
const MIB = 1024 * 1024;

type Curve = keyof Sample;
const PANELS: readonly { readonly curve: Curve; readonly title: string; readonly show: (value: number) => string }[] = [
  { curve: 'linesDone', title: 'lines of finished files', show: (value) => Math.round(value).toLocaleString('en') },
  { curve: 'filesOpen', title: 'files under way', show: (value) => String(Math.round(value)) },
  { curve: 'rssBytes', title: 'resident memory', show: (value) => `${Math.round(value / MIB)} MiB` },
  { curve: 'descriptors', title: 'open descriptors', show: (value) => String(Math.round(value)) },
  { curve: 'sockets', title: 'sockets', show: (value) => String(Math.round(value)) },
  { curve: 'folderBytes', title: 'data folder', show: (value) => `${Math.round(value / MIB)} MiB` },
];

export interface Drawn {
  readonly title: string;
  readonly samples: readonly Sample[];
  /** When the last file was sent. */
  readonly loadSeconds: number;
  readonly flat: Readonly<Record<JudgedCurve, Flatness>>;
}

export function soakSvg({ title, samples, loadSeconds, flat }: Drawn): string {
  const secondsMax = Math.max(1, ...samples.map(({ seconds }) => seconds));
  const x = (seconds: number): number => LEFT + (seconds / secondsMax) * (RIGHT - LEFT);
  const height = TITLE_HEIGHT + PANELS.length * PANEL_HEIGHT + 24;
  const panels = PANELS.map(({ curve, title: name, show }, index) => {
    const top = TITLE_HEIGHT + index * PANEL_HEIGHT + 24;
    const bottom = top + PANEL_HEIGHT - 40;
    const most = Math.max(1, ...samples.map((sample) => sample[curve]));
    const y = (value: number): number => bottom - (value / most) * (bottom - top);
    const lives = [...Map.groupBy(samples, ({ life }) => life).values()];
    const drawn = lives.map((life) => {
      const points = life.map((sample) => `${fixed(x(sample.seconds))},${fixed(y(sample[curve]))}`).join(' ');
      return `<polyline points="${points}" fill="none" stroke="${colorOf(index)}" stroke-width="1.5"/>`;
    });
    const ends = lives
      .slice(1)
      .map((life) => line(x(life[0]?.seconds ?? 0), top, x(life[0]?.seconds ?? 0), bottom, '#ddd'));
    const judged = JUDGED_CURVES.find((one) => one === curve);
    const says = judged === undefined ? '' : `: ${flatText(flat[judged], show)}`;
    return [
      `<rect x="${fixed(x(loadSeconds / 2))}" y="${top}" width="${fixed(x(loadSeconds) - x(loadSeconds / 2))}" height="${bottom - top}" fill="#f4f6f8"/>`,
      ...ends,
      line(LEFT, bottom, RIGHT, bottom, PALE),
      line(LEFT, top, LEFT, bottom, PALE),
      text(LEFT, top - 6, `${name}${says}`, { color: INK }),
      text(8, top + 10, show(most), { color: PALE }),
      text(8, bottom, '0', { color: PALE }),
      ...drawn,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${text(16, 22, title, { bold: true })}
${panels.join('\n')}
${text(LEFT, height - 8, '0 s', { color: PALE })}
${text(RIGHT - 30, height - 8, `${Math.round(secondsMax)} s`, { color: PALE })}
</svg>
`;
}

export function flatText({ mean, rise, riseMax, flat }: Flatness, show: (value: number) => string): string {
  if (flat === undefined) return 'too short to tell';
  const sign = rise < 0 ? '−' : '+';
  return `${flat ? 'flat' : 'NOT FLAT'}, ${sign}${show(Math.abs(rise))} over the second half (mean ${show(mean)}, at most +${show(riseMax)})`;
}
