/**
 * Four daemons of split roles that compete over AWS, and everything goes wrong at once: one of them is killed every few
 * seconds and started again, calls fail, replies are lost, messages come twice. What becomes of every line is what one clean
 * run would have made of it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { businessDay } from '../../src/core/clock.ts';
import { dynamoServers, type ServerKind, serviceServers } from '../support/aws/servers.ts';
import { AwsWorld } from './awsWorld.ts';
import { again, type MadeFile, madeFile } from './files.ts';
import type { BatchView, Program } from './harness.ts';
import { acceptedDebts, expectTruth, receiptOfBatch } from './judge.ts';

const ALL = process.env['REMESSA_TEST_AWS'] === '1';
const LINES = ALL ? 200_000 : 20_000;
const PATIENCE_MS = ALL ? 900_000 : 150_000;
const SEED = 20_261;
/** In a short run so few calls send messages that one in fifty of them might be none. */
const FAULTS = { shares: { failed: 0.01, replyLost: 0.01, sentTwice: ALL ? 0.02 : 0.2 }, seed: SEED };
const ROLES = ['input,picker', 'intermediate', 'registering', 'batch'] as const;
const KILL_EVERY_MS = ALL ? 5000 : 1500;
/** As many lines a range that each file has some, and work for several at once. */
const ENV = {
  REMESSA_RANGE_BYTES: String(ALL ? 4_194_304 : 524_288),
  REMESSA_SHARD_RECORDS: String(ALL ? 30_000 : 4000),
  REMESSA_LOG_LEVEL: 'info',
};

const pairs = serviceServers().map((services, index) => ({ services, tables: dynamoServers()[index] as ServerKind }));

describe.each(pairs)('daemons that compete over $services.name and $tables.name', ({ services, tables }) => {
  let world: AwsWorld | undefined;
  afterEach(async () => {
    await world?.close();
  });

  // faults 15, 16
  it(`account for ${LINES} lines while one is killed every few seconds`, { timeout: 4 * PATIENCE_MS }, async () => {
    const here = await AwsWorld.open({ services, tables, env: ENV, faults: FAULTS });
    world = here;
    // What comes by itself is judged on the day on which it comes.
    const asOf = businessDay(Date.now());
    const made = madeFile({ lines: LINES, seed: SEED, asOf });
    const other = madeFile({ lines: 900, seed: SEED + 1, asOf, refPrefix: 'O' });
    // Any call of the client's own succeeds: it is the engine that is tried.
    const daemons: Program[] = await Promise.all(ROLES.map((roles) => here.daemon(roles)));
    await here.send('giant', 'made file+1.csv', made.bytes, 2);
    await here.send('small', 'other.csv', other.bytes, 2);
    // The same file again, as another object: whatever happens, it is registered after the first.
    await here.send('giant', 'made again.csv', made.bytes);

    let untilMs = Date.now() + PATIENCE_MS;
    let seen = '';
    let kills = 0;
    let killAtMs = Date.now() + KILL_EVERY_MS;
    for (;;) {
      await new Promise((next) => setTimeout(next, 250));
      let restartedMs: number | undefined;
      if (Date.now() >= killAtMs) {
        restartedMs = Date.now();
        await daemons[kills++ % ROLES.length]?.kill('SIGKILL');
      }
      // A daemon whose start met a fault ends, as a killed one does: another is started in its place.
      for (const [i, daemon] of daemons.entries()) {
        if (!daemon.running) daemons[i] = await here.daemon(ROLES[i] as string);
      }
      // On a machine that is so busy that starting takes long, working does too: between kills there is time for both.
      if (restartedMs !== undefined) killAtMs = Date.now() + Math.max(KILL_EVERY_MS, Date.now() - restartedMs);
      const batches = await here.batches();
      const done = batches.length === 3 && batches.every(({ state }) => FINAL.has(state));
      if (done && kills >= ROLES.length) break;
      // As long as something comes of it, it is slow and no more.
      const now = JSON.stringify(batches);
      if (now !== seen) untilMs = Date.now() + PATIENCE_MS;
      seen = now;
      expect(Date.now(), `in time: ${now}`).toBeLessThan(untilMs);
    }
    expect(here.faults.failed).toBeGreaterThan(3);
    expect(here.faults.repliesLost).toBeGreaterThan(3);
    expect(here.faults.sentTwice).toBeGreaterThan(0);

    const batches = await here.batches();
    const [first, second] = batches.filter(({ client }) => client === 'giant');
    await expectMade(here, first, made.truth, made);
    await expectMade(here, second, again(made.truth), made);
    await expectMade(
      here,
      batches.find(({ client }) => client === 'small'),
      other.truth,
      other,
    );
    expect(await here.debts('giant')).toEqual(acceptedDebts(made.truth));
    expect(await here.debts('small')).toEqual(acceptedDebts(other.truth));

    // Under load no more, all of them end when they are told to, and hold nothing.
    const ended = await Promise.all(daemons.map((daemon) => daemon.kill('SIGTERM')));
    expect(
      ended.map(({ code }) => code),
      ended.map(({ stderr }) => stderr.slice(-2000)).join('\n'),
    ).toEqual([0, 0, 0, 0]);
  });
});

const FINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

async function expectMade(
  world: AwsWorld,
  batch: BatchView | undefined,
  truth: MadeFile['truth'],
  file: MadeFile,
): Promise<void> {
  expect(batch?.state, JSON.stringify(batch)).toBe('completed');
  const shown = await world.box.run(['batch', batch?.id ?? '', '--json']);
  const receipt = receiptOfBatch(shown);
  await expectTruth(world.box, { file: file.bytes, truth, receipt }, { stored: false, folder: false });
}
