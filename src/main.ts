/**
 * The composition root: arguments → settings → drivers → roles. The only file that reads the process and the only one
 * that names a driver.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { CliContext, Engine, EngineOptions, Output, Stores } from './cli/context.ts';
import { runProgram } from './cli/program.ts';
import { deriveLimits } from './config/limits.ts';
import { loadSettings } from './config/load.ts';
import type { Settings } from './config/schema.ts';
import { systemClock } from './core/clock.ts';
import { fanOut } from './core/telemetry.ts';
import { Credits } from './engine/credits.ts';
import { WorkerPool } from './engine/pool.ts';
import * as embedded from './io/embedded/driver.ts';
import { createLog } from './roles/log.ts';
import { isRole, type Role, startRoles } from './roles/roles.ts';
import type { WorkerSetup } from './roles/worker.ts';
import type { StageContext } from './stages/context.ts';
import type { TaskTable } from './stages/tasks.ts';

/** A worker's heap holds code, messages and rows on their way; its buffers lie outside of it. */
const WORKER_HEAP_MIB = 256;

/** Runs the program on this process and sets its exit code. */
export async function start(): Promise<void> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    readonly version: string;
  };
  const ending = endingSignal();
  const stdout = outputOf(process.stdout);
  const stderr = outputOf(process.stderr);
  process.exitCode = await runProgram(process.argv.slice(2), {
    version,
    stdout,
    stderr,
    async makeContext({ configFile }) {
      const { settings, sources } = await loadSettings({
        environment: process.env,
        configFile,
        parallelism: availableParallelism(),
      });
      return { context: contextOf(settings, { stdout, stderr, signal: ending }), sources };
    },
  });
}

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once. */
function endingSignal(): AbortSignal {
  const ending = new AbortController();
  const end = (signal: NodeJS.Signals): void => {
    if (ending.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    ending.abort();
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  return ending.signal;
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // A closed pipe is told to whoever writes; without a listener it would end the process.
  stream.on('error', () => {});
  return {
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
    write(text) {
      return new Promise((done, failed) => {
        stream.write(text, (error) => (error == null ? done() : failed(error)));
      });
    },
  };
}

function contextOf(
  settings: Settings,
  world: { readonly stdout: Output; readonly stderr: Output; readonly signal: AbortSignal },
): CliContext {
  const options = embedded.embeddedOptions(settings);
  const random = (size: number): Uint8Array => randomBytes(size);
  return {
    settings,
    clock: systemClock,
    random,
    stdin: process.stdin,
    ...world,
    openStores: (mode) => embedded.openDirect({ ...options, clock: systemClock, random }, mode),
    startEngine: (roles, engineOptions) => startEngine(settings, world.stderr, options, random, roles, engineOptions),
  };
}

async function startEngine(
  settings: Settings,
  stderr: Output,
  options: embedded.EmbeddedOptions,
  random: (size: number) => Uint8Array,
  roleNames: readonly string[],
  engineOptions: EngineOptions,
): Promise<Engine | undefined> {
  const limits = deriveLimits(settings);
  const roles = new Set<Role>(roleNames.filter(isRole));
  const log = createLog(engineOptions.log, (line) => void stderr.write(line).catch(() => {}));
  const telemetry = engineOptions.observe === undefined ? log : fanOut(log, engineOptions.observe);
  const plane = await embedded.openEngine({ ...options, clock: systemClock, random });
  if (plane === undefined) return undefined;
  const setup: WorkerSetup = {
    settings,
    driverUrl: new URL('./io/embedded/driver.ts', import.meta.url).href,
    driverOptions: options,
  };
  const pool = new WorkerPool<TaskTable>({
    workerUrl: new URL('./roles/worker.ts', import.meta.url),
    workerData: setup,
    threads: settings.threads,
    heapMiB: WORKER_HEAP_MIB,
  });
  const scanCredits = new Credits(settings.threads + 1);
  const context: StageContext = {
    ...plane.stores,
    settings,
    limits,
    clock: systemClock,
    random,
    telemetry,
    pool,
    scanCredits,
  };
  const running = startRoles(context, roles, plane.arrivals);
  telemetry.emit({
    name: 'engine.started',
    level: 'info',
    fields: { roles: [...roles].join(','), threads: settings.threads, memoryBytes: limits.memoryBytes },
  });
  let stopped: Promise<void> | undefined;
  const stores: Stores = plane.stores;
  return {
    stores,
    stop() {
      stopped ??= (async () => {
        await running.stop();
        await pool.close();
        telemetry.emit({ name: 'engine.stopped', level: 'info', fields: {} });
        await plane.close();
      })();
      return stopped;
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await start();
