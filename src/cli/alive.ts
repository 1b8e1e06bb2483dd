/**
 * The sign of life of a daemon: a file whose time is renewed as long as the process goes through its event loop. Whoever
 * watches (a container's health check, `bin/alive.js`) takes one that has grown old for a process that hangs.
 *
 * Promises: the file is there before the daemon says that it has started, and gone once it has ended in order. That it cannot
 * be made is a fault at the start; that it can no longer be renewed is told once, and then tells by itself.
 */
import { rm, utimes, writeFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/faults.ts';

/** Several times within the age that a watcher allows. */
const RENEW_MS = 5000;

export interface SignOfLife {
  stop(): Promise<void>;
}

/** `tell` hears why it cannot be renewed. Faults: `STORE_IO`. */
export async function giveSignOfLife(path: string, clock: Clock, tell: (text: string) => void): Promise<SignOfLife> {
  try {
    await writeFile(path, '');
  } catch (error) {
    throw new Fault('STORE_IO', `the file that shows that the daemon lives cannot be written: ${codeOf(error)}`);
  }
  const ending = new AbortController();
  const renewing = (async () => {
    let told = false;
    for (;;) {
      await clock.sleep(RENEW_MS, ending.signal);
      if (ending.signal.aborted) return;
      try {
        const nowS = clock.nowMs() / 1000;
        await utimes(path, nowS, nowS);
      } catch (error) {
        if (!told) tell(`remessa: the sign of life cannot be renewed: ${codeOf(error)}\n`);
        told = true;
      }
    }
  })();
  return {
    async stop() {
      ending.abort();
      await renewing;
      await rm(path, { force: true });
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
