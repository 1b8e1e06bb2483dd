/**
 * Entry of the control thread: the one connection through which an engine writes its control database.
 *
 * It takes all calls that wait, runs them as one group (one commit, one sync), answers them all, and takes the next.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../../../core/assert.ts';
import { isFault } from '../../../core/faults.ts';
import type { ToControlThread } from './control.ts';
import { ControlDb } from './db.ts';
import { type Call, runGroup } from './ops.ts';

/** Bounds what one transaction holds; those left over go with the next. */
const GROUP_CALLS_MAX = 512;

function serve(port: MessagePort, db: ControlDb): void {
  const waiting: Call[] = [];
  let closing = false;
  const take = (message: ToControlThread): void => {
    if (message === 'close') closing = true;
    else for (const call of message) waiting.push(call);
  };
  port.on('message', (message: ToControlThread) => {
    take(message);
    do {
      for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
        take(more.message as ToControlThread);
      }
      const group = waiting.splice(0, GROUP_CALLS_MAX);
      if (group.length > 0) port.postMessage(runGroup(db, group));
    } while (waiting.length > 0);
    if (closing) {
      db.close();
      port.close();
    }
  });
}

function start(port: MessagePort | null): void {
  assert(port !== null, 'the control thread is started as a worker');
  try {
    const db = new ControlDb((workerData as { readonly path: string }).path, 'write');
    port.postMessage({ ready: true });
    serve(port, db);
  } catch (error) {
    if (!isFault(error)) throw error;
    port.postMessage({ fault: error.toJSON() });
    port.close();
  }
}

start(parentPort);
