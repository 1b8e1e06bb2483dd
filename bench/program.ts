/** Runs the program as its users do, and other commands, and says what they took. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ROOT } from './input.ts';
import { childrenSpent, peakBytesOf, type Spent } from './meter.ts';
import { USAGE_BURN_KEY, USAGE_FILE_KEY, type Usage } from './usageAtExit.ts';

const MAIN = join(ROOT, 'src/main.ts');
/** What Node compiled once: a user's second run has it too. */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/bench');
const HOOK = new URL('./usageAtExit.ts', import.meta.url).href;

export interface ProgramRun {
  readonly stdout: string;
  readonly spent: Spent;
  readonly peakBytes: number;
}

export interface ProgramOptions {
  readonly dataDir: string;
  readonly threads: number;
  /** Share of the processor time to be burnt on top: a planted slowdown. */
  readonly burn?: number;
  /** Standard output goes here instead of into `stdout`. */
  readonly outFile?: string;
}

/** Runs `remessa` with the settings of the bench alone; rejects where it does not exit 0. */
export function runProgram(args: readonly string[], options: ProgramOptions): Promise<ProgramRun> {
  const { dataDir, threads, burn, outFile } = options;
  const env = { REMESSA_DATA_DIR: dataDir, REMESSA_THREADS: String(threads) };
  return runEntry(MAIN, args, { usageFile: `${dataDir}.usage`, env, burn, outFile });
}

export interface EntryOptions {
  /** Where the process notes what it took; removed again. */
  readonly usageFile: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly burn?: number | undefined;
  readonly outFile?: string | undefined;
}

/** Runs a module in a process of its own, exactly measured; rejects where it does not exit 0. */
export async function runEntry(entry: string, args: readonly string[], options: EntryOptions): Promise<ProgramRun> {
  const { usageFile, burn, outFile } = options;
  const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('REMESSA_'));
  const env = {
    ...Object.fromEntries(inherited),
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...options.env,
    [USAGE_FILE_KEY]: usageFile,
    [USAGE_BURN_KEY]: String(burn ?? 0),
  };
  const ran = await run(process.execPath, ['--import', HOOK, entry, ...args], { env, outFile });
  const usage = JSON.parse(readFileSync(usageFile, 'utf8')) as Usage;
  rmSync(usageFile);
  const { userMs, systemMs, peakBytes } = usage;
  return { stdout: ran.stdout, spent: { wallMs: ran.wallMs, userMs, systemMs }, peakBytes };
}

export interface CommandRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly spent: Spent;
  /** 0 where it cannot be seen. */
  readonly peakBytes: number;
}

const PEAK_LOOK_MS = 20;

/** Runs a command of the machine; processor time in steps of 10 ms. Rejects where it cannot be started. */
export async function runCommand(command: string, args: readonly string[], stdin = ''): Promise<CommandRun> {
  const before = childrenSpent();
  const ran = await run(command, args, { env: process.env, stdin, exitsAny: true });
  const after = childrenSpent();
  const ms = (name: 'userMs' | 'systemMs'): number => (after?.[name] ?? Number.NaN) - (before?.[name] ?? Number.NaN);
  const { stdout, stderr, wallMs, peakBytes } = ran;
  return { stdout, stderr, spent: { wallMs, userMs: ms('userMs'), systemMs: ms('systemMs') }, peakBytes };
}

interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin?: string;
  readonly outFile?: string | undefined;
  readonly exitsAny?: true;
}

async function run(command: string, args: readonly string[], options: RunOptions) {
  const outFd = options.outFile === undefined ? undefined : openSync(options.outFile, 'w');
  const startNs = process.hrtime.bigint();
  const child = spawn(command, args, { env: options.env, stdio: ['pipe', outFd ?? 'pipe', 'pipe'] });
  if (child.stdin === null || child.stderr === null) throw new Error('the pipes that were asked for are there');
  let stdout = '';
  let stderr = '';
  let peakBytes = 0;
  const look = setInterval(() => {
    peakBytes = (child.pid === undefined ? undefined : peakBytesOf(child.pid)) ?? peakBytes;
  }, PEAK_LOOK_MS);
  try {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    const wallMs = Number(process.hrtime.bigint() - startNs) / 1e6;
    if (code !== 0 && options.exitsAny !== true) {
      throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}: ${stderr.trim()}`);
    }
    return { stdout, stderr, wallMs, peakBytes };
  } finally {
    clearInterval(look);
    if (outFd !== undefined) closeSync(outFd);
  }
}
