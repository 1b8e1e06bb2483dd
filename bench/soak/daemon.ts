/**
 * The daemon as a process that is killed and started again, and what the system tells of it.
 *
 * Promise: it ends with this process, however this one ends. Signals of the terminal do not reach it: a guard, which waits for
 * its input to end, kills it then.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const START_MS_MAX = 60_000;
const TAIL_CHARS = 16_384;
const GUARD = 'read -r _; kill -KILL "$1"';
/** Becomes the daemon once it is told to, which is when its guard is there: whoever dies before that leaves nothing. */
const WAITING = 'read -r _ && exec "$@" </dev/null';

export interface Usage {
  readonly rssBytes: number;
  readonly descriptors: number;
  readonly sockets: number;
}

export class Daemon {
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess;
  #tail = '';
  #line = '';
  #started = false;
  /** Events of level `error`, by name. */
  readonly errors = new Map<string, number>();

  private constructor(settings: Readonly<Record<string, string>>) {
    const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('REMESSA_'));
    const env = { ...Object.fromEntries(inherited), REMESSA_HTTP_PORT: '0', ...settings };
    const child = spawn('/bin/sh', ['-c', WAITING, 'waiting', process.execPath, MAIN, 'serve'], {
      env,
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
    });
    this.#child = child;
    this.#guard = spawn('/bin/sh', ['-c', GUARD, 'guard', String(child.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#guard.stdin?.on('error', () => {});
    child.stdin?.on('error', () => {});
    child.stdin?.end('go\n');
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#heard(text));
    this.ended = new Promise((done, failed) => {
      child.once('error', failed);
      child.once('close', (code) => {
        // Before its number may be another process's.
        this.#guard.kill('SIGKILL');
        done(code);
      });
    });
  }

  /** Starts it and waits until it works, or has ended instead. */
  static async start(settings: Readonly<Record<string, string>>): Promise<Daemon> {
    const daemon = new Daemon(settings);
    const untilMs = performance.now() + START_MS_MAX;
    while (daemon.running && !daemon.#started) {
      if (performance.now() > untilMs) {
        await daemon.kill('SIGKILL');
        throw new Error(`the daemon did not start: ${daemon.says}`);
      }
      await delay(10);
    }
    return daemon;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it wrote last. */
  get says(): string {
    return this.#tail;
  }

  kill(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended;
  }

  /** `undefined` where it has ended. */
  usage(): Usage | undefined {
    const folder = `/proc/${this.#child.pid}`;
    try {
      const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(join(folder, 'status'), 'utf8'))?.[1];
      if (rss === undefined) return undefined;
      const descriptors = readdirSync(join(folder, 'fd'));
      return {
        rssBytes: Number(rss) * 1024,
        descriptors: descriptors.length,
        sockets: descriptors.filter((name) => targetOf(join(folder, 'fd', name)).startsWith('socket:')).length,
      };
    } catch {
      return undefined;
    }
  }

  #heard(text: string): void {
    this.#tail = (this.#tail + text).slice(-TAIL_CHARS);
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) {
      if (line.includes('"engine.started"')) this.#started = true;
      if (!line.includes('"level":50') && !line.includes('"level":"error"')) continue;
      const name = /"msg":"([^"]*)"/.exec(line)?.[1] ?? 'without a name';
      this.errors.set(name, (this.errors.get(name) ?? 0) + 1);
    }
  }
}

/** A descriptor may be closed between the look at the folder and the look at it. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
