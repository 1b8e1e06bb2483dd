/** The servers that are compared: the daemon, with nothing but its input role where no others are asked for, and a bare one in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { peakBytesOf } from '../meter.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const START_MS_MAX = 20_000;

export interface Server {
  readonly url: string;
  readonly token: string;
  readonly dataDir: string;
  /** The most memory the process held so far; 0 where that cannot be seen. */
  peakBytes(): number;
  /** Processor time of all its threads so far; 0 where that cannot be seen. */
  cpuMs(): number;
  /** What the process has handed to the disk so far; zeros where that cannot be seen. */
  written(): { readonly bytes: number; readonly calls: number };
  stop(): Promise<void>;
}

const CLIENT = 'bench';

/** The program as its users run it, on a folder of its own. */
export async function startDaemon(dataDir: string, roles: readonly string[] = ['--roles', 'input']): Promise<Server> {
  mkdirSync(dataDir, { recursive: true });
  const env = { ...plainEnvironment(), REMESSA_DATA_DIR: dataDir, REMESSA_HTTP_PORT: '0', REMESSA_LOG_LEVEL: 'info' };
  await printed(spawn(process.execPath, [MAIN, 'clients', 'add', CLIENT, '--name', CLIENT], { env }));
  const token = await printed(spawn(process.execPath, [MAIN, 'keys', 'issue', '--client', CLIENT], { env }));
  const child = spawn(process.execPath, [MAIN, 'serve', ...roles], { env });
  return await listening(child, child.stderr, token.trim(), dataDir);
}

/** An entry of this folder that prints `{"url": …}` once it listens. */
export async function startBare(entry: string, dataDir: string): Promise<Server> {
  mkdirSync(dataDir, { recursive: true });
  const child = spawn(process.execPath, [entry, dataDir], { env: plainEnvironment() });
  return await listening(child, child.stdout, 'none', dataDir);
}

function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('REMESSA_')));
}

async function printed(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk) => (text += chunk));
  const code = await new Promise((done) => child.once('close', done));
  if (code !== 0) throw new Error(`a command of the program ended with ${code}`);
  return text;
}

async function listening(
  child: ChildProcess,
  output: NodeJS.ReadableStream,
  token: string,
  dataDir: string,
): Promise<Server> {
  const url = await new Promise<string>((found, failed) => {
    let text = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      failed(new Error(`it does not listen: ${text}`));
    }, START_MS_MAX);
    output.on('data', (chunk) => {
      text += chunk;
      const [, told] = /"url":"(http:[^"]+)"/.exec(text) ?? [];
      if (told === undefined) return;
      clearTimeout(timer);
      found(told);
    });
    child.once('close', (code) => failed(new Error(`it ended with ${code}: ${text}`)));
  });
  return {
    url,
    token,
    dataDir,
    peakBytes: () => peakBytesOf(child.pid as number) ?? 0,
    cpuMs: () => cpuMsOf(child.pid as number),
    written: () => writtenOf(child.pid as number),
    async stop() {
      const ended = new Promise((done) => child.once('close', done));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function writtenOf(pid: number): { readonly bytes: number; readonly calls: number } {
  try {
    const text = readFileSync(`/proc/${pid}/io`, 'latin1');
    const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
    return { bytes: field('write_bytes'), calls: field('syscw') };
  } catch {
    return { bytes: 0, calls: 0 };
  }
}

/** Ticks of `/proc/<pid>/stat` are hundredths of a second on every Linux of today. */
function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}
