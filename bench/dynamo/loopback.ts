/** Starts the endpoint in a process of its own, and asks it what it was sent. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { KeptItem } from './endpoint.ts';

export class Loopback {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(): Promise<Loopback> {
    const child = fork(fileURLToPath(new URL('./endpoint.ts', import.meta.url)), { stdio: 'inherit' });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new Loopback(child, port);
  }

  /** The items that were sent while `work` ran, in the order of their keys. */
  async itemsOf(work: () => Promise<void>): Promise<KeptItem[]> {
    await this.#ask('keep');
    await work();
    const { items } = (await this.#ask('give')) as { items: KeptItem[] };
    const keyOf = (item: KeptItem): string => item.join('\n');
    return items.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  }

  async close(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  async #ask(what: string): Promise<unknown> {
    const answer = once(this.#child, 'message');
    this.#child.send(what);
    return (await answer)[0];
  }
}
