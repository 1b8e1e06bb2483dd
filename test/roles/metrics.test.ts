/** What events are worth as metrics, how few their dimensions are, and that nothing of it reaches the engine. */
import { describe, expect, it } from 'vitest';
import type { TelemetryEvent } from '../../src/core/telemetry.ts';
import type { MetricPoint, Metrics } from '../../src/io/ports/metrics.ts';
import { measureInto, OTHER_CLIENTS } from '../../src/roles/metrics.ts';
import { FakeClock } from '../contract/support.ts';
import { fileOf } from '../support/files.ts';
import { TINY, World } from '../support/world.ts';

class Collected implements Metrics {
  readonly dropped = 0;
  readonly points: MetricPoint[] = [];

  add(points: readonly MetricPoint[]): void {
    this.points.push(...points);
  }

  async close(): Promise<void> {}

  /** `name{dimension=value,…} value` of each point, in order. */
  get texts(): string[] {
    return this.points.map(({ name, dimensions, value }) => {
      const labels = Object.entries(dimensions).map(([key, text]) => `${key}=${text}`);
      return `${name}{${labels.join(',')}} ${value}`;
    });
  }
}

function measured(clientsMax = 10, drivers: readonly Metrics[] = []) {
  const collected = new Collected();
  const log: TelemetryEvent[] = [];
  const sink = measureInto(
    [...drivers, collected],
    { clientsMax },
    {
      clock: new FakeClock(),
      log: { emit: (event) => void log.push(event) },
    },
  );
  const emit = (name: string, fields: TelemetryEvent['fields'], rejectedBy?: Readonly<Record<string, number>>): void =>
    sink.emit({ name, level: 'debug', fields, ...(rejectedBy === undefined ? {} : { rejectedBy }) });
  return { emit, sink, collected, log };
}

describe('events as metrics', () => {
  it('tell the lines of a client, the rejections by code and the pace of a staged range', () => {
    const { emit, collected } = measured();
    emit(
      'range.staged',
      { batch: 'b-1', client: 'acme', range: 3, records: 900, rejected: 7, bytes: 5000, ms: 300 },
      {
        CPF_FORMAT: 4,
        REQUIRED: 3,
      },
    );
    expect(collected.texts).toEqual([
      'lines{client=acme} 900',
      'read{stage=intermediate} 5000',
      'rejections{code=CPF_FORMAT} 4',
      'rejections{code=REQUIRED} 3',
      'stage_time{stage=intermediate} 300',
      'stage_lines{stage=intermediate} 3000',
    ]);
  });

  it('tell the debts of each run of registering by outcome, but none of a preview', () => {
    const { emit, collected } = measured();
    const outcomes = { created: 5, updated: 1, unchanged: 0, duplicate: 2, rejected: 0 };
    emit('shard.registered', { client: 'acme', shard: 1, mode: 'apply', records: 8, ms: 0, ...outcomes }, {});
    expect(collected.texts).toEqual([
      'debts{outcome=created} 5',
      'debts{outcome=updated} 1',
      'debts{outcome=unchanged} 0',
      'debts{outcome=duplicate} 2',
      'debts{outcome=rejected} 0',
      'stage_time{stage=registering} 0',
    ]);
    expect(collected.points[0]).toMatchObject({ kind: 'spread', unit: 'count' });
    collected.points.length = 0;
    emit(
      'shard.registered',
      { client: 'acme', shard: 1, mode: 'preview', records: 8, ms: 4, ...outcomes },
      { LENGTH: 1 },
    );
    expect(collected.texts.filter((text) => text.startsWith('debts'))).toEqual([]);
    expect(collected.texts).toContain('rejections{code=LENGTH} 1');
  });

  it.each([
    ['b-1/range/7', 'intermediate'],
    ['b-1/shard/2/apply', 'registering'],
    ['b-1/pick', 'pick'],
    ['b-1/finish', 'finish'],
  ])('tell the failure of %s by stage and code', (work, stage) => {
    const { emit, collected } = measured();
    emit('work.failed', { batch: 'b-1', work, code: 'STORE_IO', verdict: 'retried', error: 'secret' });
    expect(collected.texts).toEqual([`failures{stage=${stage},code=STORE_IO} 1`]);
  });

  it('tell how many batches reach each state, how long after acceptance, and why they end', () => {
    const { emit, collected } = measured();
    emit('batch.completed', { batch: 'b-1', client: 'acme', state: 'completed', code: undefined, ageMs: 1200 });
    emit('batch.failed', { batch: 'b-2', client: 'acme', state: 'failed', code: 'EMPTY', ageMs: 5 });
    expect(collected.texts).toEqual([
      'batches{state=completed} 1',
      'batch_age{state=completed} 1200',
      'batches{state=failed} 1',
      'batch_age{state=failed} 5',
      'batches_ended{state=failed,code=EMPTY} 1',
    ]);
  });

  it('tell depth and age of queues, and the use of the threads', () => {
    const { emit, collected } = measured();
    emit('queue.depth', { queue: 'picker', waiting: 3, leased: 2, dead: 1, oldestMs: 4000 });
    emit('pool.use', { threads: 4, running: 3, queued: 9 });
    expect(collected.points.every(({ kind }) => kind === 'level')).toBe(true);
    expect(collected.texts).toEqual([
      'queue_messages{queue=picker,state=waiting} 3',
      'queue_messages{queue=picker,state=leased} 2',
      'queue_messages{queue=picker,state=dead} 1',
      'queue_oldest{queue=picker} 4000',
      'pool_threads{state=all} 4',
      'pool_threads{state=running} 3',
      'pool_queued{} 9',
    ]);
  });

  it('tell what was served by route, method and class of status', () => {
    const { sink, collected } = measured();
    const route = { route: '/v1/submissions/:id/lines', method: 'POST' };
    const took = [
      { ms: 1.5, times: 40 },
      { ms: 9, times: 2 },
    ];
    sink.emit({ name: 'http.served', level: 'debug', fields: { ...route, status: '2xx', requests: 42 }, took });
    sink.emit({ name: 'http.use', level: 'debug', fields: { ...route, inFlight: 3, bytes: 5000 } });
    const labels = 'route=/v1/submissions/:id/lines,method=POST';
    expect(collected.texts).toEqual([
      `http_requests{${labels},status=2xx} 42`,
      `http_time{${labels},status=2xx} 1.5`,
      `http_time{${labels},status=2xx} 9`,
      `http_in_flight{${labels}} 3`,
      `http_received{${labels}} 5000`,
    ]);
    expect(collected.points.slice(1, 3).map(({ times }) => times)).toEqual([40, 2]);
  });

  it('count further clients together, whoever they are', () => {
    const { emit, collected } = measured(2);
    for (const client of ['a', 'b', 'c', 'd', 'a']) emit('range.staged', { client, records: 1, bytes: 1, ms: 1 });
    const clients = collected.points.flatMap(({ name, dimensions }) =>
      name === 'lines' ? [dimensions['client']] : [],
    );
    expect(clients).toEqual(['a', 'b', OTHER_CLIENTS, OTHER_CLIENTS, 'a']);
  });

  it('hold no CPF, and only what every driver can take', () => {
    const { emit, collected } = measured();
    emit('range.staged', { client: 'loja-52998224725', records: 1, bytes: 1, ms: 1 });
    emit('work.failed', { work: `b/${'x'.repeat(500)}`, code: 'não\n' });
    const text = JSON.stringify(collected.points);
    expect(text).not.toContain('52998224725');
    for (const { dimensions } of collected.points) {
      for (const value of Object.values(dimensions)) expect(value).toMatch(/^[\x20-\x7e]{1,200}$/);
    }
  });

  it('make no point of what is no number, and none of other events', () => {
    const { emit, collected } = measured();
    emit('queue.depth', { queue: 'picker', waiting: 'many' });
    emit('engine.started', { threads: 2 });
    emit('constructor', {});
    expect(collected.points).toEqual([]);
  });

  it('reach the other drivers and harm nobody where one driver throws; that is told once', () => {
    const broken: Metrics = {
      dropped: 0,
      add() {
        throw new Error('out of order');
      },
      close: async () => {},
    };
    const { emit, collected, log } = measured(10, [broken]);
    for (let i = 0; i < 3; i++) emit('consumer.lease_lost', { queue: 'picker' });
    expect(collected.points.length).toBe(3);
    expect(log.map(({ name }) => name)).toEqual(['metrics.failed']);
  });
});

describe('the metrics of a batch', () => {
  const rows = Array.from({ length: 60 }, (_, i) => {
    if (i % 10 === 3) return { ref: `ref-${i}`, cpf: '529.982.247-24' };
    if (i % 10 === 7) return { ref: `ref-${i}`, due: '2026-12-10' };
    return { ref: i % 10 === 9 ? `ref-${i - 1}` : `ref-${i}` };
  });

  it.each([
    ['large', TINY],
    ['small', {}],
  ] as const)('agree with the receipt of a %s one that nothing disturbed', async (_size, options) => {
    const { sink, collected } = measured();
    const world = new World(options);
    const process = world.process();
    const batch = await world.accept(process, fileOf(...rows));
    await world.drain(process);
    for (const event of world.events) sink.emit(event);
    const receipt = world.receiptOf(batch);
    const sumOf = (name: string, key: string, value: string): number =>
      collected.points
        .filter((point) => point.name === name && point.dimensions[key] === value)
        .reduce((sum, point) => sum + point.value, 0);
    expect(sumOf('lines', 'client', 'acme')).toBe(60);
    expect(receipt.lines).toMatchObject({ created: 42, duplicate: 6, rejected: 12 });
    for (const outcome of ['created', 'updated', 'unchanged', 'duplicate'] as const) {
      expect(sumOf('debts', 'outcome', outcome)).toBe(receipt.lines[outcome]);
    }
    for (const [code, records] of Object.entries(receipt.rejectedBy)) {
      expect(sumOf('rejections', 'code', code)).toBe(records);
    }
    expect(sumOf('batches', 'state', 'completed')).toBe(1);
    expect(sumOf('failures', 'stage', 'pick')).toBe(0);
    expect(JSON.stringify(collected.points)).not.toMatch(/529|982/);
  });
});
