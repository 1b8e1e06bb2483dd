/** The script that installs the other test servers says what this machine lacks, and touches nothing then. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = resolve(import.meta.dirname, '../../../scripts/aws-servers.ts');
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remessa-path-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** On a machine whose only programs are those in `folder`. */
async function run(): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [SCRIPT], { env: { PATH: folder }, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (block: Buffer) => {
    stderr += block.toString('utf8');
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stderr };
}

async function program(name: string, says: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/sh\necho '${says}' >&2\n`);
  await chmod(join(folder, name), 0o755);
}

describe('npm run aws-servers', () => {
  it('says that Java is missing', async () => {
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toContain('`java` cannot be run. DynamoDB Local needs Java 17 or later');
  });

  it('says that what is there is too old', async () => {
    await program('java', 'openjdk version "11.0.2" 2019-01-15');
    await program('python3', 'Python 3.8.1');
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toMatch(/needs Java 17 or later; found 11/);
  });
});
