/**
 * What a piece of work took: wall time, processor time of the whole process (all threads: compiling and collecting garbage
 * count), peak memory.
 *
 * Peak memory is the process's own high-water mark (`VmHWM`): the `maxRSS` of getrusage would begin with that of the
 * process that started it. Where there is no /proc, `maxRSS` has to do.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';

export interface Spent {
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
}

/** Starts a stopwatch; what it answers is called to stop it. */
export function startMeter(): () => Spent {
  const cpu = process.cpuUsage();
  const startNs = process.hrtime.bigint();
  return () => {
    const wallMs = Number(process.hrtime.bigint() - startNs) / 1e6;
    const { user, system } = process.cpuUsage(cpu);
    return { wallMs, userMs: user / 1000, systemMs: system / 1000 };
  };
}

export function addSpent(a: Spent, b: Spent): Spent {
  return { wallMs: a.wallMs + b.wallMs, userMs: a.userMs + b.userMs, systemMs: a.systemMs + b.systemMs };
}

export const NOTHING_SPENT: Spent = { wallMs: 0, userMs: 0, systemMs: 0 };

/** Of this process. */
export function peakBytes(): number {
  return peakBytesOf('self') ?? process.resourceUsage().maxRSS * 1024;
}

/** Of a process that runs; `undefined` where that cannot be seen. */
export function peakBytesOf(pid: number | 'self'): number | undefined {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

/** Clock ticks of /proc, a second: what Linux shows to programs on every architecture that Node runs on. */
const TICKS_A_SECOND = 100;

/** Processor time of this process's ended children, in steps of 10 ms; `undefined` where that cannot be seen. */
export function childrenSpent(): { readonly userMs: number; readonly systemMs: number } | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // The second field, the program's name, may hold anything; fields are counted after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ms = (field: number): number => (Number(fields[field - 3]) * 1000) / TICKS_A_SECOND;
    return { userMs: ms(16), systemMs: ms(17) };
  } catch {
    return undefined;
  }
}

/** Some tenths of a millisecond of arithmetic: asking how much was used is the system's time, and must not be most of it. */
const BURN_STEPS = 200_000;

/** Keeps the processor busy until this process has used so much more of it: how a slowdown is planted. */
export function burn(cpuMs: number): void {
  const from = process.cpuUsage();
  let state = 1;
  for (let spentMs = 0; spentMs < cpuMs; ) {
    for (let i = 0; i < BURN_STEPS; i++) state = (Math.imul(state, 0x41c64e6d) + 12_345) | 0;
    const { user, system } = process.cpuUsage(from);
    // The state is looked at, or the loop would not be run.
    spentMs = (user + system) / 1000 + (state === 0 ? Number.MIN_VALUE : 0);
  }
}
