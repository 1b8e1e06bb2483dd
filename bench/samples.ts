/** Runs a case in a process of its own, so that its memory and its compiled code are its alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { FOLDER } from './input.ts';
import type { CaseTask, Sample } from './runCase.ts';

const ENTRY = join(import.meta.dirname, 'runCase.ts');

/** A case that cannot be measured here: its tool is missing, or its output is not what it must be. */
export class CaseFailed extends Error {}

/** One run. Rejects with `CaseFailed`, telling why. */
export async function takeSample(task: Omit<CaseTask, 'workFolder'>): Promise<Sample> {
  mkdirSync(FOLDER, { recursive: true });
  const workFolder = mkdtempSync(join(FOLDER, 'run-'));
  try {
    const child = spawn(process.execPath, [ENTRY, JSON.stringify({ ...task, workFolder })], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (code !== 0) throw new CaseFailed(stderr.trim() || `it ended with ${code ?? signal}`);
    return JSON.parse(stdout) as Sample;
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}
