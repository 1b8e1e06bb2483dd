/**
 * The lock that gives the data folder its one engine.
 *
 * It is an exclusive transaction on an SQLite file, open for the life of the process: the kernel frees it whatever way
 * the process ends, so a lock is never left behind. `engine.json` only tells people who holds it.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { pid } from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { isFault } from '../../core/faults.ts';
import { layoutOf, makeFolders } from './layout.ts';
import { sqliteFault } from './sqlite.ts';

const CONTEST_MS = 250;

export interface EngineLock {
  release(): void;
}

export interface EngineInfo {
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
}

/** Takes the lock, or answers `undefined` where another engine has it. Faults: `STORE_IO`, `STORE_FULL`. */
export function acquireEngineLock(dataDir: string, nowMs: number): EngineLock | undefined {
  const layout = layoutOf(dataDir);
  makeFolders(layout);
  const db = lockFile(layout.engineLock);
  if (db === undefined) return undefined;
  const info: EngineInfo = { pid, startedAt: new Date(nowMs).toISOString() };
  const temporary = `${layout.engineInfo}.${pid}`;
  writeFileSync(temporary, `${JSON.stringify(info)}\n`);
  renameSync(temporary, layout.engineInfo);
  return {
    release() {
      if (!db.isOpen) return;
      rmSync(layout.engineInfo, { force: true });
      db.close();
    },
  };
}

/** Who keeps the folder, for a message to people; `undefined` where nobody says. */
export function engineInfo(dataDir: string): EngineInfo | undefined {
  try {
    const info: unknown = JSON.parse(readFileSync(layoutOf(dataDir).engineInfo, 'utf8'));
    if (typeof info !== 'object' || info === null || !('pid' in info) || !('startedAt' in info)) return undefined;
    const { pid: holder, startedAt } = info;
    return typeof holder === 'number' && typeof startedAt === 'string' ? { pid: holder, startedAt } : undefined;
  } catch {
    // It is a courtesy: a missing or half-written file says nothing about the lock.
    return undefined;
  }
}

function lockFile(path: string): DatabaseSync | undefined {
  let db: DatabaseSync | undefined;
  try {
    // Two that start at once may each find the other in the way for a moment: a short wait lets one of them win.
    db = new DatabaseSync(path, { timeout: CONTEST_MS });
    db.exec('BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db?.close();
    const fault = sqliteFault(error);
    if (isFault(fault) && fault.code === 'STORE_BUSY') return undefined;
    throw fault;
  }
}
