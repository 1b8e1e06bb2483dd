/**
 * The composition root: arguments → settings → drivers → roles. The only file that reads the process and the only one
 * that names a driver.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ApiContext } from './api/context.ts';
import type { RunningApi } from './api/server.ts';
import type { CliContext, Engine, EngineOptions, EngineStores, Output, Stores } from './cli/context.ts';
import { runProgram } from './cli/program.ts';
import { deriveLimits } from './config/limits.ts';
import { loadSettings } from './config/load.ts';
import { RULES_CONNECTIONS } from './config/rulesSettings.ts';
import type { Settings } from './config/schema.ts';
import { assert } from './core/assert.ts';
import { type Clock, systemClock } from './core/clock.ts';
import { attemptId, type RandomBytes } from './core/ids.ts';
import { fanOut, silentTelemetry, type Telemetry } from './core/telemetry.ts';
import { Credits } from './engine/credits.ts';
import { loadKernelModule } from './engine/kernelModule.ts';
import { WorkerPool } from './engine/pool.ts';
import type { PrometheusMetrics } from './io/embedded/prometheus.ts';
import type { Arrivals } from './io/ports/arrivals.ts';
import type { Metrics } from './io/ports/metrics.ts';
import type { ScaleInProtection } from './io/ports/protection.ts';
import type { Provisioning } from './io/ports/provisioning.ts';
import type { RulesService } from './io/ports/rules.ts';
import { createLog } from './roles/log.ts';
import { measureInto } from './roles/metrics.ts';
import { GUARD_TIMING, type ScaleInGuard, startScaleInGuard } from './roles/protection.ts';
import { isRole, type Role, type RunningRoles, startRoles } from './roles/roles.ts';
import { listenToWorkers, type WorkerSetup } from './roles/worker.ts';
import type { StageContext } from './stages/context.ts';
import type { Channels } from './stages/notices/deliver.ts';
import { SHORT_TASKS } from './stages/shortTasks.ts';
import type { TaskTable } from './stages/tasks.ts';

/** A worker's heap holds code, messages and rows on their way; its buffers lie outside of it. */
const WORKER_HEAP_MIB = 256;
/** Indexes of staged ranges that a worker remembers while it reads shard after shard. */
const STAGING_INDEX_BYTES = 4 * 1024 * 1024;
/** Series of metrics beside those of single clients: products of short tables. */
const METRIC_SERIES_MAX = 2000;
/** The agent of an ECS task stands on the same machine and asks its service by network. */
const AGENT_WAIT_MS = 4000;

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
  const random = (size: number): Uint8Array => randomBytes(size);
  const deps = { clock: systemClock, random };
  const driver = (): Promise<Driver> => DRIVERS[settings.driver](settings, deps);
  return {
    settings,
    clock: systemClock,
    random,
    stdin: process.stdin,
    ...world,
    openStores: async (mode) => (await driver()).openDirect(mode),
    startEngine: async (roles, options) => startEngine(settings, world.stderr, deps, await driver(), roles, options),
    openProvisioning: async () => (await driver()).openProvisioning?.(),
    startScratchEngine: (roles, options) => startScratchEngine(settings, world.stderr, deps, roles, options),
  };
}

interface Deps {
  readonly clock: Clock;
  readonly random: RandomBytes;
}

interface ControlPlane extends EngineStores, Pick<ApiContext, 'keys' | 'submissions' | 'idempotency' | 'debts'> {
  readonly arrivals: Arrivals;
  close(): Promise<void>;
}

/** A driver on its settings. */
interface Driver {
  openControlPlane(telemetry: Telemetry): Promise<ControlPlane | undefined>;
  openDirect(mode: 'read' | 'write'): Promise<Stores>;
  /** What a worker thread opens its data plane with: the driver's module and plain data for it. */
  readonly dataPlane: { readonly url: string; readonly options: unknown };
  openProvisioning?(): Promise<Provisioning>;
}

/** A driver is loaded once it is chosen, and a command is about to use it. */
const DRIVERS: Readonly<Record<Settings['driver'], (settings: Settings, deps: Deps) => Promise<Driver>>> = {
  async embedded(settings, deps) {
    const embedded = await import('./io/embedded/driver.ts');
    const options: import('./io/embedded/driver.ts').DataPlaneOptions = {
      dataDir: settings.dataDir,
      debtsCacheBytes: Math.floor(settings.debtsCacheBytes / settings.threads),
      stagingBufferBytes: settings.stagingBufferBytes,
      stagingIndexBytes: STAGING_INDEX_BYTES,
      writeTurn: embedded.createWriteTurn(),
    };
    return {
      openControlPlane: () => embedded.openControlPlane(settings, deps),
      openDirect: (mode) => embedded.openDirect(settings, mode, deps),
      dataPlane: { url: new URL('./io/embedded/driver.ts', import.meta.url).href, options },
    };
  },
  async aws(settings, deps) {
    const aws = await import('./io/aws/driver.ts');
    const options = aws.awsOptionsOf(settings);
    return {
      openControlPlane: (telemetry) => aws.openControlPlane(options, { ...deps, telemetry }),
      openDirect: () => aws.openDirect(options, { ...deps, telemetry: silentTelemetry }),
      dataPlane: { url: new URL('./io/aws/threadPlane.ts', import.meta.url).href, options },
      openProvisioning: async () => aws.openProvisioning(options, deps),
    };
  },
};

/**
 * An engine on a data folder of its own, which goes with it: on this machine whatever the driver is, without the rules
 * service, and telling nobody anything.
 */
async function startScratchEngine(
  settings: Settings,
  stderr: Output,
  deps: Deps,
  roles: readonly string[],
  options: EngineOptions,
): Promise<Engine> {
  const { openScratchFolder } = await import('./io/embedded/scratch.ts');
  const folder = await openScratchFolder(settings.dataDir, deps.random, deps.clock.nowMs());
  const quiet = { driver: 'embedded', dataDir: folder.path, rulesUrl: '', events: 'none', metrics: 'none' } as const;
  const own: Settings = { ...settings, ...quiet, clientsOpen: 'yes', fileKeepMs: 0 };
  try {
    const engine = await startEngine(own, stderr, deps, await DRIVERS.embedded(own, deps), roles, options);
    assert(engine !== undefined, 'nobody else has a folder that was just made');
    return {
      stores: engine.stores,
      async stop() {
        await engine.stop();
        await folder.remove();
      },
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

async function startEngine(
  settings: Settings,
  stderr: Output,
  deps: Deps,
  driver: Driver,
  roleNames: readonly string[],
  options: EngineOptions,
): Promise<Engine | undefined> {
  const limits = deriveLimits(settings);
  const protection = await openProtection();
  const roles = new Set<Role>(roleNames.filter(isRole));
  const writeLine = (line: string): void => void stderr.write(line).catch(() => {});
  const log = createLog(options.log, writeLine);
  const listens = options.listen === true && roles.has('input');
  const metrics = await openMetrics(settings, listens, log, writeLine, deps);
  const telemetry = fanOut(log, metrics.telemetry, ...(options.observe === undefined ? [] : [options.observe]));
  const plane = await driver.openControlPlane(telemetry);
  if (plane === undefined) {
    await metrics.close();
    return undefined;
  }
  const kernel = await loadKernelModule();
  if (kernel.module === undefined) {
    telemetry.emit({ name: 'kernel.plain', level: 'warn', fields: { reason: kernel.problem } });
  }
  const setup: WorkerSetup = {
    settings,
    kernel: kernel.module,
    driverUrl: driver.dataPlane.url,
    driverOptions: driver.dataPlane.options,
    telemetryChannel: `remessa-workers-${attemptId(deps.random)}`,
  };
  const hearing = listenToWorkers(setup.telemetryChannel, telemetry);
  const pool = new WorkerPool<TaskTable>({
    workerUrl: new URL('./roles/worker.ts', import.meta.url),
    workerData: setup,
    threads: settings.threads,
    shortTasks: SHORT_TASKS,
    heapMiB: WORKER_HEAP_MIB,
    onIdleDeath: (reason) => telemetry.emit({ name: 'pool.thread_died', level: 'error', fields: { reason } }),
  });
  const scanCredits = new Credits(settings.threads + 1);
  const rules = settings.rulesUrl === '' || !roles.has('picker') ? undefined : await openRules(settings);
  const rulings =
    rules && new rules.Rulings({ settings, ...deps, service: rules.service, clients: plane.clients, telemetry });
  const context: StageContext = {
    ...plane,
    settings,
    limits,
    ...deps,
    telemetry,
    pool,
    scanCredits,
    ...(rulings === undefined ? {} : { rulings }),
  };
  const channels = roles.has('notifier') ? await openChannels(settings, deps) : undefined;
  const running = startRoles(context, roles, plane.arrivals, channels);
  const guard = protection && guardFromScaleIn(protection, running, telemetry, deps);
  const api =
    metrics.page !== undefined
      ? await openApi({ ...plane, ...context, metrics: metrics.page }).catch(async (error: unknown) => {
          await stopEngine();
          throw error;
        })
      : undefined;
  telemetry.emit({
    name: 'engine.started',
    level: 'info',
    fields: { roles: [...roles].join(','), threads: settings.threads, memoryBytes: limits.memoryBytes },
  });
  async function stopEngine(): Promise<void> {
    await running.stop();
    await guard?.stop();
    await closeChannels(channels);
    await rules?.service.close();
    await pool.close();
    hearing.close();
    telemetry.emit({ name: 'engine.stopped', level: 'info', fields: {} });
    await plane?.close();
    await metrics.close();
  }
  let stopped: Promise<void> | undefined;
  return {
    stores: plane,
    ...(api === undefined ? {} : { url: api.url }),
    stop() {
      stopped ??= (async () => {
        // Requests and work in hand end side by side, or both would take their time one after the other. What is closed
        // after that may still be needed by either.
        await Promise.all([api?.close(settings.drainMs), running.stop()]);
        await stopEngine();
      })();
      return stopped;
    },
  };
}

/** Loaded only by a process that listens. */
async function openApi(context: ApiContext): Promise<RunningApi> {
  const { startApi } = await import('./api/server.ts');
  return await startApi(context);
}

/** The ways by which clients are told; each is loaded where it may be used. */
async function openChannels(settings: Settings, deps: Deps): Promise<Channels> {
  const { openWebhooks } = await import('./io/http/webhook.ts');
  const webhooks = openWebhooks(
    { targets: settings.webhookTargets, answerMs: settings.webhookMs, userAgent: 'remessa' },
    deps,
  );
  const aws =
    settings.mail === 'ses' || settings.events !== 'none' ? await import('./io/aws/notices/driver.ts') : undefined;
  const events = aws?.openAwsEvents(settings, deps) ?? [];
  if (settings.mail === 'ses' && aws !== undefined) return { webhooks, mail: aws.openAwsMail(settings), events };
  const { openFolderMail } = await import('./io/embedded/mail.ts');
  return {
    webhooks,
    mail: openFolderMail({ folder: join(settings.dataDir, 'outbox'), from: settings.mailFrom }, deps),
    events,
  };
}

async function closeChannels(channels: Channels | undefined): Promise<void> {
  if (channels === undefined) return;
  await Promise.all([channels.webhooks.close(), channels.mail.close(), ...channels.events.map((one) => one.close())]);
}

/** Loaded only by a process that picks and has a rules service. */
async function openRules(
  settings: Settings,
): Promise<{ readonly service: RulesService; readonly Rulings: typeof import('./stages/picking/rulings.ts').Rulings }> {
  const [{ openRulesService }, { Rulings }] = await Promise.all([
    import('./io/http/rules.ts'),
    import('./stages/picking/rulings.ts'),
  ]);
  const { rulesUrl, rulesHeader, rulesToken, rulesMs, rulesBytesMax } = settings;
  const service = openRulesService({
    template: rulesUrl,
    header: rulesHeader,
    token: rulesToken,
    answerMs: rulesMs,
    bytesMax: rulesBytesMax,
    connections: RULES_CONNECTIONS,
    userAgent: 'remessa',
  });
  return { service, Rulings };
}

interface OpenMetrics {
  readonly telemetry: Telemetry;
  /** Where this process listens. */
  readonly page: ApiContext['metrics'] | undefined;
  close(): Promise<void>;
}

/**
 * Prometheus may fetch from a process that listens; what goes to AWS goes besides. Either is loaded only where it is wanted:
 * 17 MB and 40 ms for Prometheus alone, which a command over one file would pay for nothing.
 */
async function openMetrics(
  settings: Settings,
  listens: boolean,
  log: Telemetry,
  write: (line: string) => void,
  { clock, random }: Deps,
): Promise<OpenMetrics> {
  const drivers: Metrics[] = [];
  let page: PrometheusMetrics | undefined;
  if (listens) {
    const { openPrometheusMetrics } = await import('./io/embedded/prometheus.ts');
    const seriesMax = settings.metricsClientsMax + METRIC_SERIES_MAX;
    page = openPrometheusMetrics({ seriesMax, processMetrics: true }, { telemetry: log });
    drivers.push(page);
  }
  if (settings.metrics !== 'none') {
    const aws = await import('./io/aws/metrics/driver.ts');
    const sent = aws.openMetrics(settings, { clock, telemetry: log, write, writer: attemptId(random) });
    if (sent !== undefined) drivers.push(sent);
  }
  return {
    telemetry: measureInto(drivers, { clientsMax: settings.metricsClientsMax }, { clock, log }),
    page,
    async close() {
      await Promise.all(drivers.map((driver) => driver.close()));
    },
  };
}

/** As a task of an ECS service, this process is not scaled in while it holds work; elsewhere there is nobody to ask. */
async function openProtection(): Promise<ScaleInProtection | undefined> {
  const agentUrl = process.env['ECS_AGENT_URI'] ?? '';
  if (agentUrl === '') return undefined;
  const { openTaskProtection } = await import('./io/aws/taskProtection.ts');
  return openTaskProtection({ agentUrl, waitMs: AGENT_WAIT_MS });
}

function guardFromScaleIn(
  protection: ScaleInProtection,
  running: RunningRoles,
  telemetry: Telemetry,
  { clock, random }: Deps,
): ScaleInGuard {
  const randomUnit = (): number => Buffer.from(random(4)).readUInt32LE(0) / 2 ** 32;
  return startScaleInGuard(GUARD_TIMING, { protection, busy: () => running.busy, clock, telemetry, randomUnit });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await start();
