/**
 * A daemon over AWS that is told to end while it is at work: it takes nothing new, ends with 0 within the time it is given,
 * and leaves no message held, so that whoever comes next waits for no lease.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { businessDay } from '../../src/core/clock.ts';
import { dynamoServers, type ServerKind, serviceServers } from '../support/aws/servers.ts';
import { AwsWorld } from './awsWorld.ts';
import { madeFile } from './files.ts';
import { eventually } from './harness.ts';
import { acceptedDebts, expectTruth, receiptOfBatch } from './judge.ts';

const STOP_MS = 12_000;
/** Leases far longer than the test may take: what is left held would show. */
const ENV = {
  REMESSA_LEASE_MS: '600000',
  REMESSA_HEARTBEAT_MS: '5000',
  REMESSA_DRAIN_MS: '4000',
  REMESSA_RANGE_BYTES: '131072',
  REMESSA_SHARD_RECORDS: '1500',
};

const pairs = serviceServers().map((services, index) => ({ services, tables: dynamoServers()[index] as ServerKind }));

describe.each(pairs)('a daemon over $services.name and $tables.name that is told to end', ({ services, tables }) => {
  let world: AwsWorld | undefined;
  afterEach(async () => {
    await world?.close();
  });

  // fault 29
  it('ends in time, holds nothing, and the next one goes on at once', { timeout: 180_000 }, async () => {
    const here = await AwsWorld.open({ services, tables, env: ENV });
    world = here;
    const made = madeFile({ lines: 8000, seed: 31, asOf: businessDay(Date.now()) });
    const roles = 'input,picker,intermediate,registering,batch';
    await here.send('acme', 'made.csv', made.bytes);
    // Three times: as soon as the first message is in hand, and then further on the way.
    for (const reached of ['accepted', 'processing', 'registering']) {
      const daemon = await here.daemon(roles);
      await eventually(`the batch to be ${reached}`, async () => {
        const [batch] = await here.batches();
        return batch !== undefined && WAY.indexOf(batch.state) >= WAY.indexOf(reached);
      });
      const toldMs = performance.now();
      const ended = await daemon.kill('SIGTERM');
      expect(ended.code, ended.stderr).toBe(0);
      expect(performance.now() - toldMs).toBeLessThan(STOP_MS);
      const held = Object.entries(await here.depths()).filter(([, depth]) => depth.held > 0);
      expect(held).toEqual([]);
    }
    const last = await here.daemon(roles);
    const batch = await eventually('the batch to complete', async () => {
      const [found] = await here.batches();
      return found?.state === 'completed' && found;
    });
    expect((await last.kill('SIGTERM')).code).toBe(0);
    const receipt = receiptOfBatch(await here.box.run(['batch', batch.id, '--json']));
    await expectTruth(here.box, { file: made.bytes, truth: made.truth, receipt }, { stored: false, folder: false });
    expect(await here.debts('acme')).toEqual(acceptedDebts(made.truth));
  });
});

const WAY = ['accepted', 'picking', 'processing', 'staged', 'registering', 'completed'];
