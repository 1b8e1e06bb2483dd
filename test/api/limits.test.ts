/** Keys that do not count, slow and large requests, rates, and what a refusal looks like. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type Api, closesApis, csv, line, openApi, openSubmission, VALID_CPF } from './harness.ts';

closesApis();

/** Writes on a socket of its own and answers all that came back, once the server closed it. */
async function raw(api: Api, text: string, more: (write: (text: string) => void) => void = () => {}): Promise<string> {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(text);
  more((added) => void (socket.writable && socket.write(added)));
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}

function problemIn(answer: string) {
  const [head = '', body = '{}'] = answer.split('\r\n\r\n');
  expect(head).toMatch(/content-type: application\/problem\+json/i);
  return { status: Number(head.split(' ')[1]), code: JSON.parse(body).code };
}

describe('a key', () => {
  // threat 6
  it('that is missing, made up, revoked or ended is refused, and all look alike', async () => {
    const api = await openApi();
    const { keys } = api.world.plane;
    const ask = (key: string | null, headers = {}) => api.call('GET', '/v1/batches', { key, headers });
    const [listed] = await keys.list('acme');
    const id = listed?.id as string;
    const secret = api.tokens.acme.slice(-43);
    const last = secret.at(-1) === 'A' ? 'E' : 'A';
    const wrong = [null, 'x', `rk_${id}`, `rk_${id}_${secret.slice(0, -1)}${last}`, `rk_0000000000_${secret}`];
    const refusals = [];
    for (const key of wrong) refusals.push(await ask(key));
    expect((await ask(api.tokens.acme)).status).toBe(200);
    expect((await ask(null, { 'x-api-key': api.tokens.acme })).status).toBe(200);
    await keys.end(id, api.context.clock.nowMs());
    refusals.push(await ask(api.tokens.acme));
    for (const refusal of refusals) {
      expect(refusal.status).toBe(401);
      expect(refusal.text).toBe(refusals[0]?.text);
      expect(refusal.headers['www-authenticate']).toBe('Bearer');
    }
    expect(JSON.stringify(await keys.list())).not.toContain(secret);
  });

  it('of an operator reaches every client that it names', async () => {
    const api = await openApi();
    const id = await openSubmission(api);
    const as = (client?: string) =>
      api.call('GET', `/v1/submissions/${id}`, {
        key: api.tokens.operator,
        headers: client === undefined ? {} : { 'x-remessa-client': client },
      });
    expect((await as('acme')).json.id).toBe(id);
    expect((await as('beta')).problem.code).toBe('SUBMISSION_UNKNOWN');
    expect((await as('nobody')).problem.code).toBe('CLIENT_UNKNOWN');
    expect((await as('../x')).problem.code).toBe('CLIENT_UNKNOWN');
    expect((await as()).problem.code).toBe('CLIENT_NOT_NAMED');
  });

  it('is asked for on every route below /v1, those that do not exist too', async () => {
    const api = await openApi();
    const paths = ['/v1/batches', '/v1/submissions/s-1', '/v1/debts', '/v1/none', '/v1/batches/b-1/events'];
    for (const path of paths) expect((await api.call('GET', path, { key: null })).status).not.toBe(200);
    expect((await api.call('POST', '/v1/files', { key: null, body: 'x' })).status).toBe(401);
    expect(await api.call('GET', '/v1/none')).toMatchObject({ status: 404, json: { code: 'ROUTE_UNKNOWN' } });
    // Nobody is told more without a key than that.
    expect(await api.call('PUT', '/v1/batches', { key: null, body: '{"' })).toMatchObject({
      status: 405,
      headers: { allow: 'GET' },
      json: { code: 'METHOD_NOT_ALLOWED' },
    });
    const submission = await api.call('POST', '/v1/submissions/s-1');
    expect(submission).toMatchObject({ status: 405, headers: { allow: 'DELETE, GET' } });
  });
});

describe('a client', () => {
  // threat 8
  it('that asks too often is told when to come again; another one is not hindered', async () => {
    const api = await openApi({ settings: { httpClientRate: 1, httpClientBurst: 3 } });
    const answers = [];
    // More than come back while they are asked, on a slow machine too.
    for (let i = 0; i < 20; i++) answers.push(await api.call('GET', '/v1/batches'));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(answers.slice(0, 3).map(({ status }) => status)).toEqual([200, 200, 200]);
    for (const { problem, headers } of refused) {
      expect(problem.code).toBe('RATE_LIMITED');
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
    }
    expect((await api.call('GET', '/v1/batches', { key: api.tokens.beta })).status).toBe(200);
  });
});

describe('a request', () => {
  // threat 8
  it('whose headers drip is ended', async () => {
    const api = await openApi({ settings: { httpHeaderMs: 300 } });
    let timer: NodeJS.Timeout | undefined;
    const answer = await raw(api, 'GET /v1/batches HTTP/1.1\r\nhost: x\r\n', (write) => {
      timer = setInterval(() => write('x-a: b\r\n'), 50);
    });
    clearInterval(timer);
    expect(problemIn(answer)).toEqual({ status: 408, code: 'BODY_TOO_SLOW' });
  });

  // threat 8
  it('whose JSON drips is ended', async () => {
    const api = await openApi({ settings: { httpBodyMs: 300 } });
    let timer: NodeJS.Timeout | undefined;
    const head = `POST /v1/submissions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.tokens.acme}\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n`;
    const answer = await raw(api, head, (write) => {
      // Not for ever: bytes that reach a closed connection reset it, and may take the answer with them.
      let drips = 0;
      timer = setInterval(() => drips++ < 4 && write(' '), 50);
    });
    clearInterval(timer);
    expect(problemIn(answer)).toEqual({ status: 408, code: 'BODY_TOO_SLOW' });
    expect((await api.call('GET', '/v1/batches')).status).toBe(200);
  });

  // threat 8
  it('with too many bytes of headers is refused', async () => {
    const api = await openApi({ settings: { httpHeaderBytesMax: 4096 } });
    const answer = await raw(api, `GET /v1/batches HTTP/1.1\r\nhost: x\r\nx-a: ${'b'.repeat(9000)}\r\n\r\n`);
    expect(problemIn(answer)).toEqual({ status: 431, code: 'HEADERS_TOO_LARGE' });
  });

  it('that is no HTTP is refused', async () => {
    expect(problemIn(await raw(await openApi(), 'hello there\r\n\r\n')).status).toBe(400);
  });

  // threat 8
  it('with a JSON body over the limit is refused, announced or not', async () => {
    const api = await openApi({ settings: { httpBodyBytesMax: 2000 } });
    const id = await openSubmission(api);
    const path = `/v1/submissions/${id}/lines`;
    const large = JSON.stringify(line('r', { debtor_name: 'x'.repeat(4000) }));
    const headers = { 'content-type': 'application/json' };
    async function* unannounced(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(large.slice(0, 1500));
      yield Buffer.from(large.slice(1500));
    }
    for (const body of [large, unannounced()]) {
      expect(await api.call('POST', path, { body, headers })).toMatchObject({
        status: 413,
        json: { code: 'BODY_TOO_LARGE' },
      });
    }
    expect((await api.call('GET', `/v1/submissions/${id}`)).json.lines).toBe(0);
  });

  // threat 8
  it('is told to come again where the bodies in hand are as many bytes as may be', async () => {
    const api = await openApi({ settings: { httpBodyBytesMax: 10_000, httpBodyMs: 5000 } });
    const { hostname, port } = new URL(api.url);
    const head = `POST /v1/submissions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.tokens.acme}\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n`;
    const sockets = Array.from({ length: 4 }, () => connect(Number(port), hostname));
    for (const socket of sockets) socket.write(head);
    const ask = () => api.call('POST', '/v1/submissions', { json: { file: 'a' } });
    await expect.poll(async () => (await ask()).status).toBe(503);
    const refused = await ask();
    expect(refused.problem.code).toBe('REQUESTS_TOO_MANY');
    expect(refused.headers['retry-after']).toBe('1');
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await ask()).status).toBe(201);
  });

  it('that is left by its sender before the answer gives its place back', async () => {
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    let waiting = 0;
    const api = await openApi({
      settings: { httpBodyBytesMax: 10_000 },
      wrap: (context) => ({
        ...context,
        submissions: {
          ...context.submissions,
          async countOpen(client) {
            waiting += 1;
            await held;
            return await context.submissions.countOpen(client);
          },
        },
      }),
    });
    const { hostname, port } = new URL(api.url);
    const body = `{}${' '.repeat(9000)}`;
    const head = `POST /v1/submissions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.tokens.acme}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const sockets = Array.from({ length: 4 }, () => connect(Number(port), hostname));
    for (const socket of sockets) socket.write(head + body);
    await expect.poll(() => waiting).toBe(4);
    for (const socket of sockets) socket.destroy();
    letGo();
    const headers = { 'content-type': 'application/json' };
    await expect.poll(async () => (await api.call('POST', '/v1/submissions', { body, headers })).status).toBe(201);
  });

  // threat 8
  it('counts no longer once its connection is gone, however it went', async () => {
    const api = await openApi({ settings: { httpBodyBytesMax: 10_000 } });
    const batch = (await api.call('POST', '/v1/files', { body: csv('r'), headers: { 'content-type': 'text/csv' } }))
      .json.id;
    const auth = `host: x\r\nauthorization: Bearer ${api.tokens.acme}\r\n`;
    const chunked = 'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
    // What follows is no HTTP: the connection ends while the request before it, whole as it is, waits for the store.
    const asks = [
      `POST /v1/submissions HTTP/1.1\r\n${auth}${chunked}`,
      `POST /v1/none HTTP/1.1\r\n${auth}${chunked}`,
      `GET /v1/batches/${batch}/events HTTP/1.1\r\n${auth}\r\n`,
    ];
    for (let times = 0; times < 12; times++) for (const ask of asks) await raw(api, `${ask}no HTTP\r\n\r\n`);
    expect((await api.call('POST', '/v1/submissions', { json: { file: 'a' } })).status).toBe(201);
    const head = await new Promise<string>((done) => {
      const { hostname, port } = new URL(api.url);
      const socket = connect(Number(port), hostname, () => socket.write(asks[2] as string));
      socket.once('data', (block) => {
        done(String(block).split('\r\n', 1)[0] as string);
        socket.destroy();
      });
    });
    expect(head).toBe('HTTP/1.1 200 OK');
  });

  // threat 4
  it('whose path cannot be decoded is refused like any other, and not repeated', async () => {
    const api = await openApi();
    const answer = await raw(api, `GET /v1/batches/%zz-${VALID_CPF} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(problemIn(answer)).toEqual({ status: 400, code: 'REQUEST_INVALID' });
    expect(answer).not.toContain(VALID_CPF);
    expect(answer).toMatch(/cache-control: no-store/i);
  });

  it.each<[string, string | Uint8Array, Record<string, string>, number, string]>([
    ['is no JSON', '{"a', {}, 400, 'REQUEST_INVALID'],
    ['is no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {}, 400, 'REQUEST_INVALID'],
    ['holds __proto__', '{"__proto__":{"client":"beta"}}', {}, 400, 'REQUEST_INVALID'],
    ['holds constructor.prototype', '{"constructor":{"prototype":{}}}', {}, 400, 'REQUEST_INVALID'],
    ['is of another type', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'MEDIA_TYPE_UNKNOWN'],
  ])('whose body %s is refused', async (_, body, headers, status, code) => {
    const api = await openApi();
    const sent = { body, headers: { 'content-type': 'application/json', ...headers } };
    expect(await api.call('POST', '/v1/submissions', sent)).toMatchObject({ status, json: { code } });
  });

  // threat 4
  it('that is refused shows no CPF it carried', async () => {
    const api = await openApi();
    const id = await openSubmission(api);
    const cpf = '52998224725';
    const refusals = [
      await api.call('POST', '/v1/debts/search', { json: { cpf: `${cpf}9` } }),
      await api.call('POST', '/v1/debts/search', { json: { [cpf]: cpf } }),
      await api.call('POST', `/v1/submissions/${id}/lines`, { json: { ...line('r'), [cpf]: 'x' } }),
      await api.call('POST', `/v1/submissions/${id}/lines`, { json: { ...line('r'), cpf: Number(cpf) } }),
      await api.call('GET', `/v1/${cpf}`),
      await api.call('GET', `/v1/batches/b-${cpf}`),
      await api.call('GET', `/v1/batches?state=${cpf}`),
    ];
    for (const { status, text } of refusals) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain(cpf);
    }
    expect(JSON.stringify(api.world.events)).not.toContain(cpf);
  });

  it('comes from other origins only where they are named', async () => {
    const closed = await openApi();
    const headers = { origin: 'https://app.example' };
    const asked = { ...headers, 'access-control-request-method': 'POST' };
    const plain = await closed.call('GET', '/v1/batches', { headers });
    expect(plain.headers['access-control-allow-origin']).toBeUndefined();
    const api = await openApi({ settings: { httpCorsOrigins: 'https://app.example,https://b.example' } });
    const preflight = await api.call('OPTIONS', '/v1/files', { key: null, headers: asked });
    expect(preflight).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': 'https://app.example' } });
    expect((await api.call('GET', '/v1/batches', { headers })).headers['access-control-allow-origin']).toBe(
      headers.origin,
    );
    const other = await api.call('GET', '/v1/batches', { headers: { origin: 'https://evil.example' } });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('trouble of the service', () => {
  it('is told as it is: the store’s as 503, a bug as 500 that shows nothing', async () => {
    const { Fault } = await import('../../src/core/faults.ts');
    let failure: Error = new Fault('STORE_FULL');
    const api = await openApi({
      wrap: (context) => ({
        ...context,
        registry: { ...context.registry, list: () => Promise.reject(failure) },
      }),
    });
    const full = await api.call('GET', '/v1/batches');
    expect(full).toMatchObject({ status: 503, json: { code: 'STORE_FULL' } });
    expect(full.headers['retry-after']).toBeDefined();
    failure = new Error('secret detail');
    const bug = await api.call('GET', '/v1/batches');
    expect(bug).toMatchObject({ status: 500, json: { code: 'INTERNAL' } });
    expect(bug.text).not.toContain('secret');
    const told = api.world.events.filter(({ name }) => name === 'http.failed');
    expect(told.map(({ fields }) => [fields['route'], fields['code'], fields['error']])).toEqual([
      ['/v1/batches', 'STORE_FULL', expect.any(String)],
      ['/v1/batches', 'INTERNAL', expect.stringMatching(/secret detail[\s\S]*limits\.test/)],
    ]);
  });
});
