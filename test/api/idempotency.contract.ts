/** Idempotency-Key on every POST: one effect, equal answers; running, another body, and processes that died in between. */
import { describe, expect, it } from 'vitest';
import type { ApiContext } from '../../src/api/context.ts';
import { Fault } from '../../src/core/faults.ts';
import type { PageAnswer, SubmissionAnswer } from './answers.ts';
import type { ApiDriver } from './drivers.ts';
import {
  type Api,
  type ApiOptions,
  csv,
  describedRoutes,
  line,
  openApi,
  openSubmission,
  type Reply,
  rawObjects,
  type Sent,
  VALID_CPF,
  waitingBatch,
} from './harness.ts';

const FILE = csv('r-1', 'r-2');

interface Route {
  /** The path as the description has it. */
  readonly route: string;
  readonly settings?: ApiOptions['settings'];
  /** Makes what the request needs; answers its path. */
  prepare(api: Api): Promise<string>;
  readonly body: Sent;
  readonly other: Sent;
  /** How many effects there are. */
  count(api: Api, path: string): Promise<number>;
  readonly status: number;
}

const file = (body: string): Sent => ({ body, headers: { 'content-type': 'text/csv' } });
const sentFile = async (api: Api): Promise<string> => (await api.call('POST', '/v1/files', file(FILE))).json.id;
const batchesIn = async (api: Api, query = ''): Promise<number> =>
  (await api.call('GET', `/v1/batches?${query}`)).json.items.length;
const NOTHING: Pick<Route, 'body' | 'other'> = { body: {}, other: { json: { extra: 1 } } };

/** One for every POST of the description. */
const ROUTES: readonly Route[] = [
  {
    route: '/v1/submissions',
    prepare: async () => '/v1/submissions',
    body: { json: { file: 'a' } },
    other: { json: { file: 'b' } },
    count: async (api) => (await api.call('GET', '/v1/submissions')).json.items.length,
    status: 201,
  },
  {
    route: '/v1/submissions/{id}/lines',
    prepare: async (api) => `/v1/submissions/${await openSubmission(api)}/lines`,
    body: { json: line('a') },
    other: { json: line('b') },
    count: async (api, path) => ((await api.call('GET', path)).json as PageAnswer<unknown>).items.length,
    status: 201,
  },
  {
    route: '/v1/submissions/{id}/submit',
    async prepare(api) {
      const id = await openSubmission(api);
      await api.call('POST', `/v1/submissions/${id}/lines`, { json: line('a') });
      return `/v1/submissions/${id}/submit`;
    },
    ...NOTHING,
    count: (api) => batchesIn(api),
    status: 202,
  },
  {
    route: '/v1/files',
    prepare: async () => '/v1/files',
    body: file(FILE),
    other: file(csv('other')),
    count: (api) => batchesIn(api),
    status: 202,
  },
  {
    route: '/v1/batches/{id}/cancel',
    prepare: async (api) => `/v1/batches/${await sentFile(api)}/cancel`,
    ...NOTHING,
    count: (api) => batchesIn(api, 'state=cancelled'),
    status: 200,
  },
  {
    route: '/v1/batches/{id}/approve',
    prepare: async (api) => `/v1/batches/${await waitingBatch(api)}/approve`,
    ...NOTHING,
    // Each approval gives another place in line.
    async count(api, path) {
      const { number, acceptedNumber } = await api.world.batch(path.split('/')[3] as string);
      return number - acceptedNumber;
    },
    status: 200,
  },
  {
    route: '/v1/batches/{id}/discard',
    prepare: async (api) => `/v1/batches/${await waitingBatch(api)}/discard`,
    body: { json: { why: 'the old one' } },
    other: { json: { why: 'another' } },
    count: (api) => batchesIn(api, 'state=cancelled'),
    status: 200,
  },
  {
    route: '/v1/batches/{id}/redrive',
    settings: { smallRecordsMax: 0, failuresMax: 1 },
    async prepare(api) {
      const id = await sentFile(api);
      api.world.hook = (task, _args, run) => (task === 'register' ? Promise.reject(new Fault('WORKER_DIED')) : run());
      await api.world.runDry();
      if ((await api.world.batch(id)).state !== 'stalled') throw new Error('it did not stall');
      api.world.hook = (_task, _args, run) => run();
      return `/v1/batches/${id}/redrive`;
    },
    body: { key: 'operator' },
    other: { key: 'operator', json: { extra: 1 } },
    count: async (api) => api.world.events.filter(({ name }) => name === 'batch.redriven').length,
    status: 200,
  },
  {
    route: '/v1/debts/search',
    async prepare(api) {
      await sentFile(api);
      await api.world.runDry();
      return '/v1/debts/search';
    },
    body: { json: { cpf: VALID_CPF } },
    other: { json: { cpf: '11144477735' } },
    // It changes nothing: what it finds is still there.
    count: async (api) => (await api.call('GET', '/v1/debts')).json.items.length / 2,
    status: 200,
  },
];

const send = (api: Api, path: string, what: Sent, idempotencyKey: string): Promise<Reply> =>
  api.call('POST', path, {
    ...what,
    key: what.key === 'operator' ? api.tokens.operator : what.key,
    headers: { ...what.headers, 'idempotency-key': idempotencyKey },
  });

/** Whoever waits for another's answer waits as long as it takes: this machine may be slow. */
const patient = (context: ApiContext): ApiContext => ({
  ...context,
  clock: { ...context.clock, monotonicMs: () => 0 },
});

/** The same key and body ten times at once, on every route that the description names, over a driver. */
export function describeRepeatedPosts(driver: ApiDriver): void {
  describe(`a repeated POST, over ${driver.name}`, () => {
    it.each(
      ROUTES,
    )('$route ten times at once has one effect and ten equal answers; another body is refused', async (route) => {
      const api = await openApi({
        driver,
        wrap: patient,
        ...(route.settings === undefined ? {} : { settings: route.settings }),
      });
      const path = await route.prepare(api);
      const answers = await Promise.all(Array.from({ length: 10 }, () => send(api, path, route.body, 'once')));
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(route.status));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
      expect(new Set(answers.map(({ headers }) => headers['location'])).size).toBe(1);
      expect(await route.count(api, path)).toBe(1);
      const other = await send(api, path, route.other, 'once');
      expect(other).toMatchObject({ status: 422, json: { code: 'IDEMPOTENCY_KEY_REUSED' } });
      await api.restart();
      const later = await send(api, path, route.body, 'once');
      expect({ status: later.status, text: later.text }).toEqual({ status: route.status, text: answers[0]?.text });
      if (route.route !== '/v1/batches/{id}/redrive') expect(await route.count(api, path)).toBe(1);
    });
  });
}

/** What a key is, and what becomes of it when processes die: judged once, for the store's contract is kept by every driver. */
export function describeKeys(): void {
  it('of every POST has a case here', async () => {
    const api = await openApi();
    const posts = (await describedRoutes(api)).filter(({ method }) => method === 'POST');
    expect(ROUTES.map(({ route }) => route).sort()).toEqual(posts.map(({ path }) => path).sort());
  });

  describe('a key', () => {
    // threat 9
    it('is its client’s alone, and of one route', async () => {
      const api = await openApi();
      const first = await send(api, '/v1/submissions', { json: {} }, 'k');
      const headers = { 'idempotency-key': 'k' };
      const second = await api.call('POST', '/v1/submissions', { json: {}, headers, key: api.tokens.beta });
      expect(second.status).toBe(201);
      expect(second.json.id).not.toBe((first.json as SubmissionAnswer).id);
      const id = await openSubmission(api);
      const elsewhere = await send(api, `/v1/submissions/${id}/lines`, { json: line('a') }, 'k');
      expect(elsewhere).toMatchObject({ status: 422, json: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    });

    it('may be used again after a refusal', async () => {
      const api = await openApi();
      const id = await openSubmission(api);
      const path = `/v1/submissions/${id}/submit`;
      expect((await send(api, path, {}, 'k')).problem.code).toBe('SUBMISSION_EMPTY');
      await api.call('POST', `/v1/submissions/${id}/lines`, { json: line('a') });
      expect((await send(api, path, {}, 'k')).status).toBe(202);
    });

    it.each(['', 'x'.repeat(256), 'a b'])('of a wrong form is refused: %j', async (key) => {
      const api = await openApi();
      expect(await send(api, '/v1/submissions', { json: {} }, key)).toMatchObject({
        status: 400,
        json: { code: 'REQUEST_INVALID' },
      });
    });

    // threat 9
    it('whose request still runs is refused after a little while', async () => {
      const claimed = Promise.withResolvers<void>();
      const api = await openApi({
        wrap: (context) => ({
          ...context,
          idempotency: {
            ...context.idempotency,
            async begin(claim) {
              const begun = await context.idempotency.begin(claim);
              claimed.resolve();
              return begun;
            },
          },
        }),
      });
      const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield Buffer.from(FILE);
        await held;
      }
      const headers = { 'content-type': 'text/csv', 'idempotency-key': 'k' };
      const first = api.call('POST', '/v1/files', { body: slow(), headers });
      await claimed.promise;
      const second = await send(api, '/v1/files', file(FILE), 'k');
      expect(second).toMatchObject({ status: 409, json: { code: 'IDEMPOTENCY_KEY_RUNNING' } });
      expect(second.headers['retry-after']).toBe('1');
      letGo();
      const done = await first;
      expect(done.status).toBe(202);
      expect((await send(api, '/v1/files', file(FILE), 'k')).text).toBe(done.text);
    });
  });

  describe('a process that died', () => {
    /** The clock goes ahead of the leases that a dead process left. */
    const ahead =
      (offset: { ms: number }) =>
      (context: ApiContext): ApiContext => ({
        ...context,
        clock: {
          nowMs: () => context.clock.nowMs() + offset.ms,
          monotonicMs: () => context.clock.monotonicMs(),
          sleep: (ms, signal) => context.clock.sleep(ms, signal),
        },
      });

    it('after its effect and before its answer: the effect is taken up, not made twice', async () => {
      const offset = { ms: 0 };
      let broken = true;
      const api = await openApi({
        wrap: (context) => ({
          ...ahead(offset)(context),
          idempotency: {
            ...context.idempotency,
            // The answer is never recorded, as if the process had ended just before.
            finish: (claim, print, answer) =>
              broken ? Promise.reject(new Error('killed')) : context.idempotency.finish(claim, print, answer),
          },
        }),
      });
      const id = await openSubmission(api);
      const requests: readonly [string, Sent][] = [
        ['/v1/submissions', { json: { file: 'x' } }],
        [`/v1/submissions/${id}/lines`, { json: line('a') }],
        ['/v1/files', file(FILE)],
      ];
      for (const [path, body] of requests)
        expect((await send(api, path, body, `k ${path}`.replace(' ', '-'))).status).toBe(500);
      const counts = async () => [
        (await api.call('GET', '/v1/submissions')).json.items.length,
        (await api.call('GET', `/v1/submissions/${id}/lines`)).json.items.length,
        (await api.call('GET', '/v1/batches')).json.items.length,
        (await rawObjects(api)).length,
      ];
      expect(await counts()).toEqual([2, 1, 1, 1]);
      broken = false;
      offset.ms = 31_000;
      const wrong = await send(api, '/v1/files', file(csv('other')), 'k-/v1/files');
      expect(wrong).toMatchObject({ status: 422, json: { code: 'IDEMPOTENCY_KEY_REUSED' } });
      offset.ms = 62_001;
      for (const [path, body] of requests) {
        expect((await send(api, path, body, `k-${path}`)).status).toBeLessThan(300);
      }
      expect(await counts()).toEqual([2, 1, 1, 1]);
    });
  });
}
