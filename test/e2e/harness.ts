/**
 * Runs the program as its users do: a process of its own on a data folder of its own, judged by what it prints, by its
 * exit code and by what it leaves behind.
 *
 * Promises: each test has a fresh folder, removed afterwards; processes that a test left running are killed, by their own
 * handles. No setting of the surroundings reaches the program: `REMESSA_*` comes from the test alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/main.ts');
/** What Node compiled once: a process of the program then starts in a third of the time. */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/e2e');

/**
 * How long something that must come about may take on a busy machine; nothing is expected to be this slow. Longer than all
 * that a kill may leave behind by the settings' defaults: a lease (30 s), a retry (30 s), the claim of a delivery (a minute).
 */
const PATIENCE_MS = 120_000;

export interface Ran {
  /** `null` where a signal ended it. */
  readonly code: number | null;
  readonly out: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array | string;
}

/** A process of the program. */
export class Program {
  readonly ended: Promise<Ran>;
  readonly #child: ChildProcess;
  readonly #out: Buffer[] = [];
  #stderr = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>>, stdin: Uint8Array | string | undefined) {
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdout.on('data', (block: Buffer) => this.#out.push(block));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    // A program that has ended does not read on.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    this.ended = new Promise((done, failed) => {
      child.on('error', failed);
      child.on('close', (code) => {
        const out = Buffer.concat(this.#out);
        done({ code, out, stdout: out.toString('utf8'), stderr: this.#stderr });
      });
    });
  }

  /** What it has written to stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): Promise<Ran> {
    this.#child.kill(signal);
    return this.ended;
  }
}

/** The folder of one test: a data folder, and room for the files it gives to the program. */
export class Sandbox {
  readonly root: string;
  readonly dataDir: string;
  readonly #programs: Program[] = [];

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), 'remessa-e2e-'));
    this.dataDir = join(this.root, 'data');
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** A place in the data folder. */
  data(...parts: string[]): string {
    return join(this.dataDir, ...parts);
  }

  write(name: string, content: Uint8Array | string): string {
    const path = this.path(name);
    writeFileSync(path, content);
    return path;
  }

  /** Starts the program and leaves it running. */
  start(args: readonly string[], options: RunOptions = {}): Program {
    const inherited = Object.entries(process.env).filter(([key]) => !key.startsWith('REMESSA_'));
    const env = Object.fromEntries(inherited.map(([key, value]) => [key, value ?? '']));
    // Daemons of several tests run side by side: each takes a free port.
    const own = { NODE_COMPILE_CACHE: COMPILE_CACHE, REMESSA_DATA_DIR: this.dataDir, REMESSA_HTTP_PORT: '0' };
    const program = new Program(args, { ...env, ...own, ...options.env }, options.stdin);
    this.#programs.push(program);
    return program;
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return this.start(args, options).ended;
  }

  /** Starts the daemon and waits until it works. */
  async serve(env: Readonly<Record<string, string>> = {}): Promise<Program> {
    const daemon = this.start(['serve'], { env: { ...QUICK, ...env } });
    await eventually(`the daemon to start; it wrote: ${daemon.stderr}`, () => {
      if (!daemon.running) throw new Error(`the daemon ended: ${daemon.stderr}`);
      return daemon.stderr.includes('engine.started');
    });
    return daemon;
  }

  async close(): Promise<void> {
    const left = this.#programs.filter((program) => program.running);
    await Promise.all(left.map((program) => program.kill('SIGKILL')));
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Waits that suit a test: idle consumers and the inbox are looked at often. */
export const QUICK = {
  REMESSA_POLL_MS_MAX: '20',
  REMESSA_INBOX_SCAN_MS: '20',
  REMESSA_INBOX_QUIET_MS: '150',
} as const;

/** A sandbox for each test of the file. */
export function sandboxes(): { readonly box: Sandbox } {
  let box: Sandbox | undefined;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(async () => {
    await box?.close();
    box = undefined;
  });
  return {
    get box() {
      if (box === undefined) throw new Error('a sandbox exists only inside a test');
      return box;
    },
  };
}

/** Looks again and again until the answer is neither `undefined` nor `false`. */
export async function eventually<Answer>(
  what: string,
  look: () => Answer | Promise<Answer>,
): Promise<Exclude<Answer, undefined | false>> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await look();
    if (answer !== undefined && answer !== false) return answer as Exclude<Answer, undefined | false>;
    if (Date.now() > until) throw new Error(`waited in vain for ${what}`);
    await delay(15);
  }
}

/** Puts a file into a client's inbox the way a careful sender does: written aside, then renamed into place. */
export function inboxFolder(box: Sandbox, client: string): string {
  const folder = box.data('inbox', client);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  return folder;
}

/** What `batches --json` and `batch --json` show of a batch. */
export interface BatchView {
  readonly id: string;
  readonly client: string;
  readonly file: string;
  readonly state: string;
  readonly bytes: number;
  readonly records: number;
  readonly ranges: number;
  readonly shards: number;
  readonly acceptedAt: string;
  readonly failure: { readonly code: string; readonly message: string; readonly line?: number } | null;
}

/** All batches, oldest acceptance first. */
export async function batchesOf(box: Sandbox): Promise<BatchView[]> {
  const listed = await box.run(['batches', '--json', '--limit', '10000']);
  if (listed.code !== 0) throw new Error(`batches: ${listed.stderr}`);
  return (JSON.parse(listed.stdout) as BatchView[]).reverse();
}

const FINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/** Waits until there are so many batches and all of them are final; oldest acceptance first. */
export function finalBatches(box: Sandbox, count: number): Promise<BatchView[]> {
  return eventually(`${count} final batches`, async () => {
    const batches = await batchesOf(box);
    return batches.length >= count && batches.every((batch) => FINAL.has(batch.state)) ? batches : undefined;
  });
}
