/**
 * The commands over AWS, at the servers of the tests: provisioned by the program, fed by `ingest` and by a client's uploads,
 * judged line by line, and read by every command that reads.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoServers, type ServerKind, serviceServers } from '../support/aws/servers.ts';
import { AwsWorld } from './awsWorld.ts';
import { AS_OF, again, madeFile } from './files.ts';
import { type BatchView, eventually } from './harness.ts';
import { acceptedDebts, expectTruth, ingested, type Receipt } from './judge.ts';

const pairs = serviceServers().map((services, index) => ({ services, tables: dynamoServers()[index] as ServerKind }));

describe.each(pairs)('the program over $services.name and $tables.name', ({ services, tables }) => {
  let world: AwsWorld;

  beforeAll(async () => {
    world = await AwsWorld.open({ services, tables });
  });
  afterAll(async () => {
    await world.close();
  });

  it('ingests a file of many ranges, keeps what it registered, and leaves nothing of its way', async () => {
    const { bytes, truth } = madeFile({ lines: 3000, seed: 11 });
    const file = world.box.write('made.csv', bytes);
    const env = { REMESSA_RANGE_BYTES: '65536', REMESSA_SHARD_RECORDS: '800', REMESSA_THREADS: '2' };
    const receipt = await ingested(world.box, file, 'acme', { env });
    expect(receipt.ranges).toBeGreaterThan(2);
    expect(receipt.shards).toBeGreaterThan(2);
    await expectTruth(world.box, { file: bytes, truth, receipt }, { stored: false, folder: false });
    expect(await world.debts('acme')).toEqual(acceptedDebts(truth));
    for (const prefix of ['parts/', 'work/', 'spool/']) expect(await world.keys(prefix)).toEqual([]);

    const repeated = await ingested(world.box, file, 'acme', { env });
    await expectTruth(
      world.box,
      { file: bytes, truth: again(truth), receipt: repeated },
      { stored: false, folder: false },
    );
  });

  it('ingests a small file from standard input', async () => {
    const { bytes, truth } = madeFile({ lines: 200, seed: 12, refPrefix: 'S' });
    const receipt = await ingested(world.box, '-', 'small', { stdin: bytes });
    await expectTruth(world.box, { file: bytes, truth, receipt }, { stored: false, folder: false });
    expect(await world.debts('small')).toEqual(acceptedDebts(truth));
  });

  it('resumes the file of an ingest that was killed, as soon as its leases have run out', async () => {
    const { bytes, truth } = madeFile({ lines: 2500, seed: 16, refPrefix: 'K' });
    const file = world.box.write('killed.csv', bytes);
    const env = { REMESSA_RANGE_BYTES: '65536', REMESSA_SHARD_RECORDS: '500' };
    const killed = world.box.start(['ingest', file, '--client', 'killed', '--as-of', AS_OF], { env });
    await eventually('its batch', async () => (await world.batches()).some((batch) => batch.client === 'killed'));
    await killed.kill('SIGKILL');
    const receipt = await ingested(world.box, file, 'killed', { env });
    await expectTruth(world.box, { file: bytes, truth, receipt }, { stored: false, folder: false });
    expect(await world.debts('killed')).toEqual(acceptedDebts(truth));
    expect((await world.batches()).filter((batch) => batch.client === 'killed')).toHaveLength(1);
  });

  it('takes what a client puts into its inbox, once, in order, whatever its name', async () => {
    const first = madeFile({ lines: 1500, seed: 13, badShare: 0 });
    const second = madeFile({ lines: 1500, seed: 14, badShare: 0 });
    await world.send('beta', 'a b+c%ç/first.csv', first.bytes, 3);
    const daemon = await world.daemon('input,picker,intermediate,registering,batch');
    await world.send('beta', 'second.csv', second.bytes);
    const completed = await eventually('both batches', async () => {
      const batches = (await world.batches()).filter((batch) => batch.client === 'beta');
      return batches.length === 2 && batches.every((batch) => batch.state === 'completed') && batches;
    });
    expect((completed as BatchView[]).map((batch) => batch.records)).toEqual([first.truth.length, second.truth.length]);
    await eventually('the notifications to be deleted', async () => {
      const { waiting, held } = await world.depth('arrivals');
      return waiting + held === 0;
    });
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code, ended.stderr).toBe(0);
  });

  it('finds a file whose notification never came', async () => {
    const { bytes, truth } = madeFile({ lines: 40, seed: 17, badShare: 0, refPrefix: 'L' });
    await world.send('gamma', 'lost.csv', bytes, 0);
    const env = { REMESSA_AWS_RECONCILE_MS: '1000' };
    const daemon = await world.daemon('input,picker,batch', env);
    const batch = await eventually('its batch', async () =>
      (await world.batches()).find(({ client, state }) => client === 'gamma' && state === 'completed'),
    );
    expect(batch.records).toBe(truth.length);
    expect((await daemon.kill('SIGTERM')).code).toBe(0);
    expect((await world.batches()).filter(({ client }) => client === 'gamma')).toHaveLength(1);
  });

  it('answers every command that reads', async () => {
    const batches = await world.batches();
    const [made] = batches.filter((batch) => batch.client === 'acme');
    const shown = await world.box.run(['batch', made?.id ?? '', '--json']);
    expect(shown.code, shown.stderr).toBe(0);
    expect((JSON.parse(shown.stdout) as { receipt: Receipt }).receipt.status).toBe('completed');
    const queues = await world.box.run(['queues', '--json']);
    expect(queues.code, queues.stderr).toBe(0);
    for (const queue of JSON.parse(queues.stdout) as Record<string, unknown>[]) {
      expect(queue).toMatchObject({ dead: 0 });
    }
    const clients = await world.box.run(['clients', 'list', '--json']);
    expect(clients.code, clients.stderr).toBe(0);
    expect((JSON.parse(clients.stdout) as { id: string }[]).map((client) => client.id).sort()).toEqual([
      'acme',
      'beta',
      'gamma',
      'killed',
      'small',
    ]);
  });

  it('refuses a number of debts buckets, and a secret, other than it began with', async () => {
    const buckets = await world.box.run(['debts', '--client', 'acme'], { env: { REMESSA_AWS_DEBTS_BUCKETS: '9' } });
    expect(buckets.code).toBe(2);
    expect(buckets.stderr).toMatch(/REMESSA_AWS_DEBTS_BUCKETS is 9.*began with 8/);
    const REMESSA_AWS_DOCUMENT_SECRET = 'another secret of the tests, long enough';
    const secret = await world.box.run(['batches'], { env: { REMESSA_AWS_DOCUMENT_SECRET } });
    expect(secret.code).toBe(2);
    expect(secret.stderr).toContain('REMESSA_AWS_DOCUMENT_SECRET');
    expect(secret.stderr).not.toContain('another secret');
  });

  it('says what is missing where nothing was provisioned', async () => {
    const nothing = { REMESSA_AWS_PREFIX: 'nothing' };
    const serve = await world.box.run(['serve'], { env: nothing });
    expect(serve.code).toBe(2);
    expect(serve.stderr).toContain('remessa provision');
    expect((await world.box.run(['provision', '--check'], { env: nothing })).code).toBe(1);
  });

  it('asks with --dry-run and writes no debts', async () => {
    const { bytes, truth } = madeFile({ lines: 1200, seed: 15, refPrefix: 'D' });
    const file = world.box.write('dry.csv', bytes);
    const ran = await ingested(world.box, file, 'acme', { options: ['--dry-run'] });
    expect(ran.dryRun).toBe(true);
    expect(ran.lines['created']).toBe(truth.filter((row) => row.outcome === 'created').length);
    const stored = await world.debts('acme');
    expect([...stored.keys()].some((ref) => ref.startsWith('D'))).toBe(false);
    expect(ran.businessDate).toBe(AS_OF);
  });
});
