/** The figures as tables for people, and the whole run as JSON. */
import type { AllFigures, Figures, RatioFigures, ScalingFigures, StateFigures } from './figures.ts';
import type { BenchRun } from './harness.ts';
import { isBusy, type Machine, machineText } from './machine.ts';
import type { Spread } from './statistics.ts';

export function reportText(run: BenchRun, all: AllFigures, machine: Machine): string {
  const sections = [`${run.title}\n${machineText(machine)}\n`];
  if (isBusy(machine)) sections.push('The machine was busy with other work: the figures are too low.\n');
  for (const group of ['stages', 'peers']) {
    const figures = all.figures.filter((one) => one.group === group);
    if (figures.length === 0) continue;
    sections.push(figuresTable(group === 'stages' ? 'stage/threads' : 'peers/threads', figures));
    if (group === 'stages' && all.states.length > 0) sections.push(statesTable(all.states));
  }
  for (const { measurement, failed } of run.measured) {
    if (failed !== undefined) sections.push(`${measurement.name} is not measured: ${failed}\n`);
  }
  if (all.ratios.length > 0) sections.push(ratiosTable(all.ratios));
  if (all.scaling.length > 0) sections.push(scalingTable(all.scaling));
  sections.push('medians of the runs, with the least and the greatest\n');
  return sections.join('\n');
}

function figuresTable(title: string, figures: readonly Figures[]): string {
  const header = [title, 'lines/s', '', 'MB/s', 'CPU s', 'peak MB', 'wall s', 'runs'];
  const rows = figures.map((one) => [
    one.label,
    rate(one.linesPerSecond.median),
    around(one.linesPerSecond, rate),
    one.megabytesPerSecond.median.toFixed(1),
    seconds(one.cpuSeconds.median),
    megabytes(one.peakBytes.median),
    seconds(one.wallSeconds.median),
    String(one.runs),
  ]);
  return table([header, ...rows]);
}

/** States that last next to nothing are waits between two messages. */
const STATE_SHOWN_SECONDS = 0.005;

function statesTable(states: readonly StateFigures[]): string {
  const shown = states.filter((one) => one.seconds.median >= STATE_SHOWN_SECONDS);
  const rows = shown.map((one) => [
    `${one.label} ${one.state}`,
    rate(one.linesPerSecond.median),
    around(one.linesPerSecond, rate),
    seconds(one.seconds.median),
  ]);
  return table([['state of a whole ingest', 'lines/s', '', 'wall s'], ...rows]);
}

function ratiosTable(ratios: readonly RatioFigures[]): string {
  const rows = ratios.map((one) => [
    `${one.ours} : ${one.peer}`,
    times(one.speed.median),
    around(one.speed, times),
    times(one.cpu.median),
    around(one.cpu, times),
  ]);
  return table([['ours : peer', 'as fast', '', 'less CPU', ''], ...rows]);
}

function scalingTable(scaling: readonly ScalingFigures[]): string {
  const rows = scaling.map((one) => [
    `${one.name}/${one.threads}`,
    String(one.lines),
    rate(one.linesPerSecond.median),
    around(one.linesPerSecond, rate),
    one.userMicrosPerLine.toFixed(2),
    times(one.userRatio),
    times(one.speedUp),
  ]);
  const header = ['scaling', 'lines', 'lines/s', '', 'user µs/line', 'to the smallest', 'to one thread'];
  return table([header, ...rows]);
}

export function rate(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(value >= 1e5 ? 0 : 1)} k` : value.toFixed(0);
}

function seconds(value: number): string {
  return Number.isFinite(value) ? value.toFixed(value < 10 ? 3 : 1) : '–';
}

function megabytes(bytes: number): string {
  return bytes > 0 ? (bytes / 1e6).toFixed(0) : '–';
}

function times(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)}×` : '–';
}

function around({ min, max }: Spread, text: (value: number) => string): string {
  return Number.isFinite(min) && Number.isFinite(max) ? `(${text(min)}–${text(max)})` : '';
}

/** Columns as wide as they need be: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  const [header = [], ...rest] = rows;
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return `${[line(header), rule, ...rest.map(line)].map((text) => text.trimEnd()).join('\n')}\n`;
}

/** Every run with what it took, and the figures made of them. */
export function reportJson(run: BenchRun, all: AllFigures, machine: Machine, atMs: number): string {
  const runs = run.measured.map(({ measurement, ...rest }) => ({ ...measurement, ...rest }));
  // NaN stands for what cannot be seen here; JSON writes it as null.
  return JSON.stringify({ at: new Date(atMs).toISOString(), input: run.title, machine, ...all, runs }, null, 2);
}
