/** What the API tells of the requests it serves: true counts, times and bytes, and nothing that was sent. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { TelemetryEvent } from '../../src/core/telemetry.ts';
import { type Api, closesApis, csv, line, openApi, openSubmission } from './harness.ts';

closesApis();

/** The sum of a field over what was told of a route, once it was told all. */
async function told(api: Api, name: string, field: string, wanted: TelemetryEvent['fields']): Promise<number> {
  await api.call('GET', '/metrics', { key: null });
  return api.world.events
    .filter((event) => event.name === name)
    .filter(({ fields }) => Object.entries(wanted).every(([key, value]) => fields[key] === value))
    .reduce((sum, { fields }) => sum + Number(fields[field]), 0);
}

const inFlight = async (api: Api, route: string): Promise<number> => {
  await api.call('GET', '/metrics', { key: null });
  return Number(
    api.world.events.findLast(({ name, fields }) => name === 'http.use' && fields['route'] === route)?.fields[
      'inFlight'
    ],
  );
};

describe('what is told of requests', () => {
  it('counts each once, by template, method and class of status, with how long it took', async () => {
    const api = await openApi();
    const id = await openSubmission(api);
    const path = `/v1/submissions/${id}/lines` as const;
    const began = performance.now();
    for (let i = 0; i < 7; i++) await api.call('POST', path, { json: line(`r-${i}`) });
    const ms = performance.now() - began;
    await api.call('POST', path, { json: {} });
    await api.call('GET', `${path}?limit=2`);
    await api.call('GET', '/v1/batches', { key: null });
    const route = '/v1/submissions/:id/lines';
    const requests = (status: string, method = 'POST', of = route) =>
      told(api, 'http.served', 'requests', { route: of, method, status });
    expect(await requests('2xx')).toBe(7);
    expect(await requests('4xx')).toBe(1);
    expect(await requests('2xx', 'GET')).toBe(1);
    expect(await requests('4xx', 'GET', '/v1/batches')).toBe(1);
    const took = api.world.events
      .filter(({ name, fields }) => name === 'http.served' && fields['route'] === route && fields['status'] === '2xx')
      .filter(({ fields }) => fields['method'] === 'POST')
      .flatMap((event) => event.took ?? []);
    expect(took.reduce((sum, { times }) => sum + times, 0)).toBe(7);
    const sumMs = took.reduce((sum, one) => sum + one.ms * one.times, 0);
    expect(sumMs).toBeGreaterThan(0);
    expect(sumMs).toBeLessThanOrEqual(ms);
  });

  it('counts the bytes that came in, of a long upload while it comes', async () => {
    const api = await openApi();
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const half = Buffer.from(csv('a').padEnd(300_000, '\n'));
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield half;
      await held;
      yield half;
    }
    const upload = api.call('POST', '/v1/files', { body: slow(), headers: { 'content-type': 'text/csv' } });
    const bytes = () => told(api, 'http.use', 'bytes', { route: '/v1/files', method: 'POST' });
    await expect.poll(bytes).toBeGreaterThan(half.length);
    expect(await bytes()).toBeLessThan(half.length + 2000);
    expect(await inFlight(api, '/v1/files')).toBe(1);
    letGo();
    expect((await upload).status).toBe(202);
    expect(await bytes()).toBeGreaterThan(2 * half.length);
    expect(await inFlight(api, '/v1/files')).toBe(0);
  });

  it('tells those that were cut, and what never became a request', async () => {
    const api = await openApi();
    const sent = await api.call('POST', '/v1/files', { body: csv('a'), headers: { 'content-type': 'text/csv' } });
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET /v1/batches/${sent.json.id}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.tokens.acme}\r\n\r\n`,
    );
    const route = '/v1/batches/:id/events';
    await expect.poll(() => inFlight(api, route)).toBe(1);
    socket.destroy();
    await expect.poll(() => told(api, 'http.served', 'requests', { route, status: 'aborted' })).toBe(1);
    expect(await inFlight(api, route)).toBe(0);
    const other = connect(Number(port), hostname);
    other.on('error', () => {}).end('hello there\r\n\r\n');
    await expect.poll(() => told(api, 'http.served', 'requests', { route: '(none)', status: '4xx' })).toBe(1);
  });

  it('holds nothing that was sent, however strange, and stays few', async () => {
    const api = await openApi();
    const cpf = '52998224725';
    for (let i = 0; i < 20; i++) {
      await api.call('GET', `/v1/${cpf}-${i}`);
      await api.call('GET', `/v1/batches/b-${cpf}${i}?state=${cpf}`);
      await api.call('DELETE', `/${cpf}/${i}`, { key: null });
    }
    await api.call('GET', '/metrics', { key: null });
    const events = api.world.events.filter(({ name }) => name === 'http.use' || name === 'http.served');
    expect(events.length).toBeGreaterThan(0);
    expect(JSON.stringify(events)).not.toContain(cpf);
    const routes = new Set(events.map(({ fields }) => `${fields['method']} ${fields['route']}`));
    expect([...routes].filter((route) => route !== 'GET /metrics').sort()).toEqual([
      'DELETE (none)',
      'GET (none)',
      'GET /v1/batches/:id',
    ]);
  });
});
