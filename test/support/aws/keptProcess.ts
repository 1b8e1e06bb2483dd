/**
 * A server in a process of its own that ends with whoever started it.
 *
 * Promise: when `close` is called, or the starter ends in whatever way (its end, an interrupt, a kill), the process is
 * killed. A shell between the two waits for its input to end, which the kernel sees to, and kills the server then.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Command } from './installed.ts';

export interface KeptProcess {
  readonly port: number;
  close(): Promise<void>;
}

const READY_MS_MAX = 30_000;
const ASK_MS = 50;
const STARTS_MAX = 3;
const TAIL_BYTES = 2000;

/** Interrupts are for the starter alone; the server ends when the input does, or by itself, and then the shell does too. */
const KEEPER = `trap '' INT TERM HUP
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
( while read -r _ <&3; do :; done; kill -KILL "$server" ) &
watch=$!
exec 3<&-
wait "$server"
code=$?
kill -KILL "$watch" 2>/dev/null
exit "$code"`;

/** Starts it on a free port and waits until it answers HTTP. A port that was taken meanwhile is tried anew. */
export async function startKept(name: string, commandOn: (port: number) => Command): Promise<KeptProcess> {
  for (let starts = 1; ; starts++) {
    const port = await freePort();
    const { file, args } = commandOn(port);
    const child = spawn('/bin/sh', ['-c', KEEPER, name, file, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((done) => child.once('close', done));
    const said = tailOf(child);
    const ready = await Promise.race([answers(port).then((yes) => (yes ? 'yes' : 'no')), ended.then(() => 'ended')]);
    const close = async (): Promise<void> => {
      child.stdin?.destroy();
      await ended;
    };
    if (ready === 'yes') return { port, close };
    await close();
    if (ready === 'ended' && starts < STARTS_MAX && /in use|failed to bind/i.test(said())) continue;
    throw new Error(`${name} did not start (${file}): ${said().trim() || 'it said nothing'}`);
  }
}

/** Keeps what it says last, and so keeps its pipes empty. */
function tailOf(child: ChildProcess): () => string {
  let tail = '';
  const keep = (chunk: Buffer): void => {
    tail = (tail + chunk.toString('utf8')).slice(-TAIL_BYTES);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => tail;
}

async function answers(port: number): Promise<boolean> {
  const untilMs = performance.now() + READY_MS_MAX;
  while (performance.now() < untilMs) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      await answer.arrayBuffer();
      return true;
    } catch {
      await new Promise((done) => setTimeout(done, ASK_MS));
    }
  }
  return false;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done, fail) => probe.once('error', fail).listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}
