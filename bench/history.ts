/** The history of figures: a row a recorded run in docs/bench-history.md, appended, never rewritten. */
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import type { AllFigures } from './figures.ts';
import { type Machine, machineText } from './machine.ts';
import { rate } from './report.ts';

const HEADER = `# Figures over time

Medians of runs that somebody recorded (\`npm run bench -- --record\`): lines a second; for peers, how many times as fast
as the peer ours was in the same run. Only rows of one machine can be compared.

| day | input | machine | lines/s | against peers |
|---|---|---|---|---|
`;

export function historyRow(title: string, all: AllFigures, machine: Machine, atMs: number): string {
  const speeds = all.figures
    .filter((one) => one.group === 'stages')
    .map((one) => `${one.label} ${rate(one.linesPerSecond.median)}`);
  const ratios = all.ratios.map((one) => `${one.ours} : ${one.peer} ${one.speed.median.toFixed(2)}×`);
  const day = new Date(atMs).toISOString().slice(0, 10);
  const cells = [day, title, machineText(machine), speeds.join(', '), ratios.join(', ')];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

export function appendHistory(path: string, row: string): void {
  if (!existsSync(path)) writeFileSync(path, HEADER);
  appendFileSync(path, row);
}
