/** Where figures were taken: they mean nothing without it. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import process from 'node:process';
import { ROOT } from './input.ts';

export interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Runnable processes over the last minute, when the run began. */
  readonly load: number;
  /** The commit that was measured; `+` where the checkout differs from it. */
  readonly commit: string;
}

export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    commit: commitOf(ROOT),
  };
}

function commitOf(folder: string): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'package-lock.json') !== '';
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '');
  } catch {
    return 'unknown';
  }
}

/** One line for people. */
export function machineText(machine: Machine): string {
  const { processor, processors, memoryBytes, system, node, load, commit } = machine;
  const memory = `${Math.round(memoryBytes / 2 ** 30)} GiB`;
  return `${processors} × ${processor}, ${memory}, ${system}, Node ${node}, commit ${commit}, load ${load}`;
}

/** Whether others use so much of the machine that the figures are too low. */
export function isBusy(machine: Machine): boolean {
  return machine.load > machine.processors * 0.5;
}
