/** A kept process answers, ends when asked, and never outlives whoever started it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startKept } from './keptProcess.ts';

const SERVER =
  "require('node:http').createServer((_, to) => to.end('here')).listen(Number(process.argv[1]), '127.0.0.1')";

async function answer(port: number): Promise<string> {
  try {
    return await (await fetch(`http://127.0.0.1:${port}/`)).text();
  } catch {
    return 'gone';
  }
}

async function gone(port: number): Promise<void> {
  while ((await answer(port)) !== 'gone') await new Promise((next) => setTimeout(next, 20));
}

describe('a kept process', () => {
  it('answers once it is there and is gone once it is closed', async () => {
    const command = (port: number) => ({ file: process.execPath, args: ['-e', SERVER, String(port)] });
    const kept = await startKept('listener', command);
    expect(await answer(kept.port)).toBe('here');
    await kept.close();
    expect(await answer(kept.port)).toBe('gone');
  });

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('ends with its starter, which %s ends', async (signal) => {
    const starter = spawn(process.execPath, [join(import.meta.dirname, 'starter.child.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(starter.stdout, 'data')) as [Buffer];
    const port = Number(line.toString('utf8'));
    expect(await answer(port)).toBe('here');
    starter.kill(signal);
    await once(starter, 'exit');
    await gone(port);
  });

  it('says what the program said when it does not start', async () => {
    const command = () => ({ file: process.execPath, args: ['-e', "console.error('no such thing'); process.exit(3)"] });
    await expect(startKept('broken', command)).rejects.toThrow(/broken did not start[\s\S]*no such thing/);
  });
});
