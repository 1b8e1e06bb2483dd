/** A picture of the medians as SVG, written by hand: bars of lines a second with their least and greatest, and curves of the scaling series. */
import type { AllFigures, Figures, ScalingFigures } from './figures.ts';
import { rate } from './report.ts';

const WIDTH = 860;
const LABEL_WIDTH = 170;
const VALUE_WIDTH = 190;
const BAR_HEIGHT = 18;
const ROW_HEIGHT = 26;
const TITLE_HEIGHT = 34;
const CURVES_HEIGHT = 300;
const MARGIN = 16;
export const INK = '#222';
export const PALE = '#888';
const COLORS = ['#2b6cb0', '#c05621', '#2f855a', '#97266d', '#5a67d8', '#b7791f'];

interface Panel {
  readonly svg: string;
  readonly height: number;
}

export function plotSvg(title: string, all: AllFigures): string {
  const panels: Panel[] = [];
  for (const group of ['stages', 'peers']) {
    const figures = all.figures.filter((one) => one.group === group);
    if (figures.length > 0) panels.push(bars(`${group}, lines/s`, figures, group === 'stages' ? 0 : 1));
  }
  if (all.scaling.length > 0) panels.push(curves('scaling, lines/s by lines of the file', all.scaling));
  let y = TITLE_HEIGHT;
  const placed = panels.map((panel) => {
    const svg = `<g transform="translate(0 ${y})">${panel.svg}</g>`;
    y += panel.height;
    return svg;
  });
  const height = y + MARGIN;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
${text(MARGIN, 22, title, { bold: true })}
${placed.join('\n')}
</svg>
`;
}

function bars(title: string, figures: readonly Figures[], color: number): Panel {
  const most = Math.max(...figures.map((one) => one.linesPerSecond.max));
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH - 2 * MARGIN;
  const x = (value: number): number => MARGIN + LABEL_WIDTH + (value / most) * room;
  const rows = figures.map((one, index) => {
    const y = TITLE_HEIGHT + index * ROW_HEIGHT;
    const { median, min, max } = one.linesPerSecond;
    const middle = y + BAR_HEIGHT / 2;
    return [
      text(MARGIN, middle + 5, one.label),
      `<rect x="${fixed(x(0))}" y="${y}" width="${fixed(x(median) - x(0))}" height="${BAR_HEIGHT}" fill="${colorOf(color)}"/>`,
      line(x(min), middle, x(max), middle, INK),
      line(x(min), middle - 4, x(min), middle + 4, INK),
      line(x(max), middle - 4, x(max), middle + 4, INK),
      text(x(max) + 8, middle + 5, `${rate(median)} (${rate(min)}–${rate(max)})`, { color: PALE }),
    ].join('');
  });
  return {
    svg: text(MARGIN, 20, title, { color: PALE }) + rows.join('\n'),
    height: TITLE_HEIGHT + figures.length * ROW_HEIGHT + MARGIN,
  };
}

/** Both axes from zero, lines on a logarithmic one: a curve that falls to the right does not scale. */
function curves(title: string, scaling: readonly ScalingFigures[]): Panel {
  const names = [...new Set(scaling.map((one) => `${one.name}/${one.threads}`))];
  const left = MARGIN + 70;
  const right = WIDTH - LABEL_WIDTH - MARGIN;
  const [top, bottom] = [TITLE_HEIGHT, CURVES_HEIGHT - 40];
  const counts = [...new Set(scaling.map((one) => one.lines))].sort((a, b) => a - b);
  const [least = 1, greatest = 1] = [counts[0], counts.at(-1)];
  const span = Math.log(greatest / least) || 1;
  const most = Math.max(...scaling.map((one) => one.linesPerSecond.max));
  const x = (lines: number): number => left + (Math.log(lines / least) / span) * (right - left);
  const y = (value: number): number => bottom - (value / most) * (bottom - top);
  const drawn = names.map((name, index) => {
    const points = scaling.filter((one) => `${one.name}/${one.threads}` === name).sort((a, b) => a.lines - b.lines);
    const path = points.map((one) => `${fixed(x(one.lines))},${fixed(y(one.linesPerSecond.median))}`).join(' ');
    const last = points.at(-1);
    return [
      `<polyline points="${path}" fill="none" stroke="${colorOf(index)}" stroke-width="2"/>`,
      ...points.map((one) => {
        const { min, max } = one.linesPerSecond;
        return line(x(one.lines), y(min), x(one.lines), y(max), colorOf(index));
      }),
      last === undefined
        ? ''
        : text(x(last.lines) + 8, y(last.linesPerSecond.median) + 4, name, { color: colorOf(index) }),
    ].join('');
  });
  const axes = [
    line(left, bottom, right, bottom, PALE),
    line(left, top, left, bottom, PALE),
    text(MARGIN, top + 5, rate(most), { color: PALE }),
    text(MARGIN, bottom + 5, '0', { color: PALE }),
    ...counts.map((lines) => text(x(lines) - 14, bottom + 18, rate(lines), { color: PALE })),
  ];
  return { svg: [text(MARGIN, 20, title, { color: PALE }), ...axes, ...drawn].join('\n'), height: CURVES_HEIGHT };
}

export function colorOf(index: number): string {
  return COLORS[index % COLORS.length] ?? INK;
}

export function line(x1: number, y1: number, x2: number, y2: number, color: string): string {
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" stroke="${color}"/>`;
}

export function text(
  x: number,
  y: number,
  says: string,
  how: { readonly color?: string; readonly bold?: true } = {},
): string {
  const safe = says.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const weight = how.bold === true ? ' font-weight="bold"' : '';
  return `<text x="${fixed(x)}" y="${fixed(y)}" fill="${how.color ?? INK}"${weight}>${safe}</text>`;
}

export function fixed(value: number): string {
  return value.toFixed(1);
}
