import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/io/ports/registry.ts';
import { batchRecord, clientRecord, TestWorld } from './world.ts';

const RECEIPT = JSON.stringify({
  batch: 'b-2',
  client: 'acme',
  file: '52998224725.csv',
  status: 'completed',
  reason: null,
  dryRun: false,
  bytes: 1234,
  ranges: 3,
  shards: 2,
  lines: { total: 10, created: 7, updated: 0, unchanged: 0, duplicate: 1, rejected: 2 },
  cents: { total: 0, created: 123_456, updated: 0, unchanged: 0, duplicate: 5, rejected: 6 },
  rejectedBy: { CPF_CHECK_DIGITS: 2 },
  warnedBy: { CPF_PADDED: 1 },
  acceptedAt: '2026-08-01T12:00:00.000Z',
  businessDate: '2026-08-01',
  finishedAt: '2026-08-01T12:00:02.000Z',
  seconds: 2,
  linesPerSecond: 5,
}).replace('"total":0', '"total":123456789012345678901');

function completed(given: Partial<Batch> = {}): Batch {
  return batchRecord({
    id: 'b-2',
    file: '52998224725.csv',
    state: 'completed',
    inLine: false,
    turn: 9,
    receipt: RECEIPT,
    ...given,
  });
}

function worldWith(...batches: Batch[]): TestWorld {
  const world = new TestWorld();
  world.held.batches.push(...batches);
  world.held.clients.push(clientRecord());
  return world;
}

describe('batches', () => {
  const failed = batchRecord({
    id: 'b-3',
    client: 'other',
    state: 'failed',
    failure: { code: 'COLUMN_UNKNOWN', message: 'COLUMN_UNKNOWN: column 52998224725', line: 1 },
  });

  it('is a table, with outcomes in few words and no CPF', async () => {
    const world = worldWith(batchRecord(), completed(), failed, completed({ id: 'b-4', dryRun: true }));
    const { code, out, err } = await world.run('batches');
    expect({ code, err, opened: world.opened, closed: world.closed }).toEqual({
      code: 0,
      err: '',
      opened: ['read'],
      closed: 1,
    });
    expect(out.split('\n').map((line) => line.replace(/ {2,}/g, ' | '))).toEqual([
      'id | client | file | state | records | accepted at | outcomes',
      'b-1 | acme | july.csv | processing | 10 | 2026-08-01T12:00:00.000Z',
      'b-2 | acme | ***.csv | completed | 10 | 2026-08-01T12:00:00.000Z | 7 created, 1 duplicate, 2 rejected',
      'b-3 | other | july.csv | failed | 10 | 2026-08-01T12:00:00.000Z | COLUMN_UNKNOWN',
      'b-4 | acme | ***.csv | completed | 10 | 2026-08-01T12:00:00.000Z | 7 created, 1 duplicate, 2 rejected (dry run)',
      '',
    ]);
  });

  it('is JSON whose integers are exact', async () => {
    const { out } = await worldWith(completed(), failed).run('batches', '--json');
    expect(out).toContain('"total": 123456789012345678901');
    expect(out).not.toContain('52998224725');
    const [first, second] = JSON.parse(out);
    expect(first).toMatchObject({ id: 'b-2', file: '***.csv', receipt: { file: '***.csv', lines: { created: 7 } } });
    expect(second).toMatchObject({ failure: { code: 'COLUMN_UNKNOWN', line: 1 }, receipt: null });
  });

  it('hands the filters on', async () => {
    const world = worldWith(batchRecord(), completed(), failed, batchRecord({ id: 'b-5' }));
    const ids = async (...argv: string[]): Promise<string[]> =>
      (JSON.parse((await world.run('batches', '--json', ...argv)).out) as { id: string }[]).map(({ id }) => id);
    expect(await ids('--client', 'acme')).toEqual(['b-1', 'b-2', 'b-5']);
    expect(await ids('--state', 'processing', '--limit', '1')).toEqual(['b-1']);
    expect(await ids('--limit', '2')).toEqual(['b-1', 'b-2']);
    expect((await world.run('batches', '--client', 'nobody')).code).toBe(2);
  });

  it('prints nothing on stdout where there is none, and an empty array as JSON', async () => {
    expect(await worldWith().run('batches')).toEqual({ code: 0, out: '', err: 'no batches\n' });
    expect(await worldWith().run('batches', '--json')).toEqual({ code: 0, out: '[]\n', err: '' });
  });
});

describe('batch', () => {
  it('shows how far a batch is', async () => {
    const world = worldWith(batchRecord());
    world.held.results.push({ batch: 'b-1', kind: 'range', count: 2 }, { batch: 'b-1', kind: 'shard', count: 0 });
    const { code, out } = await world.run('batch', 'b-1');
    expect(code).toBe(0);
    expect(out).toMatch(/^state +processing$/m);
    expect(out).toMatch(/^ranges done +2 of 3$/m);
    expect(out).toMatch(/^shards done +0 of 2$/m);
    expect(out).toMatch(/^place in line +4$/m);
    expect(out).not.toContain('receipt');
  });

  it('counts what a dry run previews', async () => {
    const world = worldWith(batchRecord({ dryRun: true }));
    world.held.results.push({ batch: 'b-1', kind: 'preview', count: 1 });
    const { out } = await world.run('batch', 'b-1');
    expect(out).toMatch(/^state +processing \(dry run\)$/m);
    expect(out).toMatch(/^shards done +1 of 2$/m);
  });

  it('shows the receipt with exact money and no CPF', async () => {
    const { out } = await worldWith(completed()).run('batch', 'b-2');
    expect(out).toMatch(/^ {2}total +10 {2}\(1234567890123456789\.01\)$/m);
    expect(out).toMatch(/^ {2}created +7 {2}\(1234\.56\)$/m);
    expect(out).toMatch(/^ {2}rejected by CPF_CHECK_DIGITS +2$/m);
    expect(out).toMatch(/^ {2}warned by CPF_PADDED +1$/m);
    expect(out).toMatch(/^ {2}linesPerSecond +5$/m);
    expect(out).not.toContain('ranges done');
    expect(out).not.toContain('52998224725');
  });

  it('shows why one failed', async () => {
    const failure = { code: 'QUOTE_UNCLOSED', message: 'QUOTE_UNCLOSED: a quoted field is never closed (line 7)' };
    const { code, out } = await worldWith(batchRecord({ state: 'failed', failure })).run('batch', 'b-1');
    expect(code).toBe(0);
    expect(out).toMatch(/^failure +QUOTE_UNCLOSED: .*\(line 7\)$/m);
  });

  it('is one JSON object', async () => {
    const world = worldWith(batchRecord());
    world.held.results.push({ batch: 'b-1', kind: 'range', count: 2 });
    expect(JSON.parse((await world.run('batch', 'b-1', '--json')).out)).toEqual({
      id: 'b-1',
      client: 'acme',
      file: 'july.csv',
      state: 'processing',
      dryRun: false,
      bytes: 1234,
      records: 10,
      ranges: 3,
      shards: 2,
      businessDate: '2026-08-01',
      acceptedAt: '2026-08-01T12:00:00.000Z',
      updatedAt: '2026-08-01T12:01:00.000Z',
      approval: null,
      failure: null,
      profile: 'default',
      profileSource: null,
      warnings: [],
      module: null,
      number: 4,
      inLine: true,
      small: false,
      turn: null,
      seconds: { accepted: 60 },
      progress: { ranges: { done: 2, total: 3 }, shards: { done: 0, total: 2 } },
      preview: null,
      receipt: null,
    });
    const out = (await worldWith(completed()).run('batch', 'b-2', '--json')).out;
    expect(out).toContain('"total": 123456789012345678901');
    expect(JSON.parse(out)).toMatchObject({ progress: null, turn: 9, receipt: { status: 'completed' } });
  });
});
