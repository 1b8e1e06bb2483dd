/**
 * What every worker thread loads: the table of tasks over the data plane of the driver that `main` named.
 *
 * The stores are opened with the first task and live as long as the thread: connections, caches and buffers are its own.
 */
import { randomBytes } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { deriveLimits } from '../config/limits.ts';
import type { Settings } from '../config/schema.ts';
import { assert } from '../core/assert.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { RandomBytes } from '../core/ids.ts';
import type { Telemetry, TelemetryEvent } from '../core/telemetry.ts';
import { openKernel } from '../engine/kernelModule.ts';
import { Modules } from '../engine/modules.ts';
import { answerOf, type TaskAnswer, type TaskCall } from '../engine/pool.ts';
import type { DebtStore } from '../io/ports/debts.ts';
import type { ObjectStore } from '../io/ports/objects.ts';
import type { StagingStore } from '../io/ports/staging.ts';
import type { WasmModule } from '../kernel/wasm/api.ts';
import { createScratch, type TaskContext } from '../stages/taskContext.ts';
import { TASKS } from '../stages/tasks.ts';

/** Plain data that `main` hands to every worker. */
export interface WorkerSetup {
  readonly settings: Settings;
  /** The kernel's module; without one the plain kernel reads. */
  readonly kernel?: WasmModule | undefined;
  /** The driver's module: it exports `openDataPlane(options)`. */
  readonly driverUrl: string;
  readonly driverOptions: unknown;
  /** Names the channel over which this process's workers tell their events. */
  readonly telemetryChannel: string;
}

export interface DataPlane {
  readonly objects: ObjectStore;
  readonly staging: StagingStore;
  readonly debts: DebtStore;
}

interface DriverModule {
  openDataPlane(
    options: unknown,
    deps: { readonly clock: Clock; readonly random: RandomBytes; readonly telemetry: Telemetry },
  ): Promise<DataPlane>;
}

/** Hands the workers' events to the main thread's telemetry until it is closed; on the main thread. */
export function listenToWorkers(channelName: string, telemetry: Telemetry): { close(): void } {
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = (message) => telemetry.emit((message as { readonly data: TelemetryEvent }).data);
  // A process ends when its work does, heard or not.
  channel.unref();
  return channel;
}

function tellMainThread(channelName: string): Telemetry {
  const channel = new BroadcastChannel(channelName);
  channel.unref();
  return { emit: (event) => channel.postMessage(event) };
}

let opened: Promise<TaskContext> | undefined;

export function runTask(call: TaskCall): Promise<TaskAnswer> {
  return answerOf(async () => {
    opened ??= open(Piscina.workerData as WorkerSetup).catch((error: unknown) => {
      // A store that was busy or full when it was opened is opened anew by the next task.
      opened = undefined;
      throw error;
    });
    const context = await opened;
    const tasks = TASKS as unknown as Record<string, (args: unknown, context: TaskContext) => Promise<unknown>>;
    const task = tasks[call.task];
    assert(task !== undefined, `a task is named ${call.task}`);
    return await task(call.args, context);
  });
}

async function open(setup: WorkerSetup): Promise<TaskContext> {
  const driver = (await import(setup.driverUrl)) as DriverModule;
  const plane = await driver.openDataPlane(setup.driverOptions, {
    clock: systemClock,
    random: (size) => randomBytes(size),
    telemetry: tellMainThread(setup.telemetryChannel),
  });
  const limits = deriveLimits(setup.settings);
  const modules = new Modules(setup.settings.codeDir);
  const scratch = createScratch(openKernel(setup.kernel, setup.settings, limits));
  return { ...plane, modules, settings: setup.settings, limits, scratch };
}
