/** A soak on one machine: a data folder of its own, whose stores are also read from here. */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../../src/core/clock.ts';
import { type DirectStores, openDirect } from '../../src/io/embedded/driver.ts';
import { renderAnswer } from '../../src/stages/answers/answers.ts';
import { openBatches } from '../../src/stages/batch/batches.ts';
import { QUEUES } from '../../src/stages/batch/messages.ts';
import type { SoakWorld } from './world.ts';

/** Where a finished batch must have left nothing. */
const EMPTY_FOLDERS = ['staging', 'objects/parts', 'objects/work', 'objects/.incoming', 'inbox'];

export async function openEmbeddedWorld(): Promise<SoakWorld> {
  const root = mkdtempSync(join(tmpdir(), 'remessa-soak-'));
  const dataDir = join(root, 'data');
  mkdirSync(join(root, 'aside'));
  let stores: DirectStores;
  try {
    stores = await openDirect(
      { dataDir, receivesMax: 5000, pollMsMax: 50, debtsCacheBytes: 8 * 1024 * 1024 },
      'write',
      {
        clock: systemClock,
        random: randomBytes,
      },
    );
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
  return {
    daemonSettings: {
      REMESSA_DATA_DIR: dataDir,
      REMESSA_INBOX_SCAN_MS: '50',
      REMESSA_INBOX_QUIET_MS: '100',
      REMESSA_POLL_MS_MAX: '50',
    },
    dataDir,
    faults: undefined,
    async send(client, name, bytes) {
      const aside = join(root, 'aside', name);
      const folder = join(dataDir, 'inbox', client);
      mkdirSync(folder, { recursive: true });
      writeFileSync(aside, bytes);
      renameSync(aside, join(folder, name));
    },
    stores,
    newest: (client, limit) => stores.registry.list({ client, limit }),
    unfinished: async () => (await openBatches(stores)).length + (await messagesOf(stores)).length,
    batches: (client) => stores.registry.list({ client }),
    retorno: (batch) => retornoOf(stores, batch),
    debts: (client) => debtsOf(stores, client),
    async remains() {
      const left = [...(await messagesOf(stores)), ...filesBelow(dataDir), ...unsound(dataDir)];
      for (const { id, state } of await openBatches(stores)) left.push(`batch ${id}, ${state}`);
      return left;
    },
    async close() {
      await stores.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export async function retornoOf(stores: Pick<DirectStores, 'registry' | 'objects'>, batch: string): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  for await (const block of renderAnswer(stores, batch, 'retorno')) blocks.push(block.slice());
  return Buffer.concat(blocks);
}

export async function* debtsOf(
  stores: { readonly debts: Pick<DirectStores['debts'], 'list'> },
  client: string,
): AsyncGenerator<readonly [string, bigint]> {
  for await (const { externalRef, amountCents } of stores.debts.list(client, {})) {
    yield [externalRef, BigInt(amountCents)];
  }
}

/** Queues that are not empty. */
export async function messagesOf(stores: Pick<DirectStores, 'queue'>): Promise<string[]> {
  const depths = await Promise.all(QUEUES.map(async (name) => ({ name, ...(await stores.queue.depth(name)) })));
  return depths
    .filter(({ waiting, leased, dead }) => waiting + leased + dead > 0)
    .map(({ name, waiting, leased, dead }) => `queue ${name}: ${waiting} wait, ${leased} held, ${dead} dead`);
}

function filesBelow(dataDir: string): string[] {
  return EMPTY_FOLDERS.flatMap((name) => {
    try {
      return readdirSync(join(dataDir, name), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(dataDir, join(entry.parentPath, entry.name)));
    } catch {
      return [];
    }
  });
}

function unsound(dataDir: string): string[] {
  return ['control.db', 'debts.db'].flatMap((name) => {
    const db = new DatabaseSync(join(dataDir, name), { readOnly: true, timeout: 5000 });
    try {
      const says = String(db.prepare('PRAGMA integrity_check').get()?.['integrity_check']);
      return says === 'ok' ? [] : [`${name}: ${says}`];
    } finally {
      db.close();
    }
  });
}
