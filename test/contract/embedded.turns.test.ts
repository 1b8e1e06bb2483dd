/** Turns in `control.db`: an item of a build that kept the names of batches in place of their places in line. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ControlDb } from '../../src/io/embedded/control/db.ts';
import { runAlone } from '../../src/io/embedded/control/ops.ts';
import { makeDataDir, removeDataDir } from './embeddedFixtures.ts';

it('goes on from the last turn of a build that kept the names of batches', async () => {
  const dataDir = await makeDataDir();
  try {
    const db = new ControlDb(join(dataDir, 'control.db'), 'write');
    const body = JSON.stringify({ turn: 7, holders: [{ batch: 'b-1', turn: 7 }], takenAtMs: 5 });
    db.transaction('write', () => db.change('INSERT INTO turns (client, turn, body) VALUES (?, 7, ?)', 'acme', body));
    expect(runAlone(db, 'registry.turnOf', 'acme')).toEqual({ turn: 7, spans: [], takenAtMs: 5 });
    const next = { turn: 8, spans: [{ number: 3, turn: 8, batches: 1 }], takenAtMs: 6 };
    expect(runAlone(db, 'registry.takeTurns', { client: 'acme', expectedTurn: 7, next })).toBe(true);
    expect(runAlone(db, 'registry.turnOf', 'acme')).toEqual(next);
    db.close();
  } finally {
    await removeDataDir(dataDir);
  }
});
