/** Batches and debts over HTTP: lists, live events, downloads, cancelling; health; the description of the API. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { takesGzip } from '../../src/api/routes/batches.ts';
import type { BatchAnswer, DebtAnswer, PageAnswer } from './answers.ts';
import { type Api, closesApis, csv, incomingFiles, line, openApi, openSubmission, type Reply } from './harness.ts';

closesApis();

const send = (api: Api, body: string, key = api.tokens.acme) =>
  api.call('POST', '/v1/files', { body, key, headers: { 'content-type': 'text/csv' } });

interface Lists {
  readonly '/v1/batches': BatchAnswer;
  readonly '/v1/debts': DebtAnswer;
}

/** Every page of a list. */
async function all<Path extends keyof Lists>(api: Api, path: Path, query = ''): Promise<Lists[Path][]> {
  const items: Lists[Path][] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Reply = await api.call('GET', `${path}?limit=2${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(page.status).toBe(200);
    const { items: found, next } = page.json as PageAnswer<Lists[Path]>;
    items.push(...found);
    cursor = next;
  }
  return items;
}

describe('lists', () => {
  it('give every batch once, newest first, and those of one state', async () => {
    const api = await openApi();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await send(api, csv(`r-${i}`))).json.id);
    await send(api, csv('beta'), api.tokens.beta);
    expect((await all(api, '/v1/batches')).map(({ id }) => id)).toEqual(ids);
    await api.call('POST', `/v1/batches/${ids[1]}/cancel`);
    expect((await all(api, '/v1/batches', '&state=cancelled')).map(({ id }) => id)).toEqual([ids[1]]);
    expect((await all(api, '/v1/batches', '&state=accepted')).length).toBe(4);
    for (const wrong of ['limit=0', 'limit=501', 'limit=x', 'state=none', 'other=1']) {
      expect((await api.call('GET', `/v1/batches?${wrong}`)).status).toBe(400);
    }
  });

  it('give debts: all, one by its reference, those of a document', async () => {
    const api = await openApi();
    const refs = Array.from({ length: 7 }, (_, i) => `r ${i}/é`);
    const other = csv('other').replace('52998224725', '11144477735');
    await send(api, csv(...refs) + other.slice(other.indexOf('\n') + 1));
    await send(api, csv('r 0/é'), api.tokens.beta);
    expect((await api.call('GET', '/v1/debts?external_ref=x')).json.items).toEqual([]);
    await api.world.runDry();
    const found = await all(api, '/v1/debts');
    expect(found.map((debt) => debt.external_ref).sort()).toEqual([...refs, 'other'].sort());
    const one = await api.call('GET', `/v1/debts?external_ref=${encodeURIComponent('r 3/é')}`);
    expect(one.json.items).toMatchObject([
      { client: 'acme', external_ref: 'r 3/é', cpf: '52998224725', amount: '123.45', due_date: '2026-03-10' },
    ]);
    const search = (json: unknown) => api.call('POST', '/v1/debts/search', { json });
    const cpfs: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await search({ cpf: '529.982.247-25', limit: 3, ...(cursor === undefined ? {} : { cursor }) });
      cpfs.push(...page.json.items.map((debt: { external_ref: string }) => debt.external_ref));
      cursor = page.json.next;
    }
    expect(cpfs.sort()).toEqual([...refs].sort());
    expect((await search({ cpf: '11144477735' })).json.items).toMatchObject([{ external_ref: 'other' }]);
    expect((await search({ cpf: '39053344705' })).json.items).toEqual([]);
    expect((await search({ cpf: '123' })).status).toBe(400);
    const next = (await search({ cpf: '52998224725', limit: 1 })).json.next;
    expect((await api.call('GET', `/v1/debts?cursor=${next}`)).problem.code).toBe('CURSOR_INVALID');
    for (const place of [-1, 1.5, 2 ** 53, null, '1']) {
      const forged = Buffer.from(JSON.stringify(['batches', place])).toString('base64url');
      expect((await api.call('GET', `/v1/batches?cursor=${forged}`)).problem.code).toBe('CURSOR_INVALID');
    }
  });
});

describe('a batch', () => {
  it('tells its progress stage by stage', async () => {
    const api = await openApi({ settings: { smallRecordsMax: 0, rangeBytes: 65_536 } });
    const { json } = await send(api, csv(...Array.from({ length: 6000 }, (_, i) => `r-${i}`)));
    const stages = async () => {
      const { progress } = (await api.call('GET', `/v1/batches/${json.id}`)).json;
      return progress.stages.map(({ state }: { state: string }) => state).join(' ');
    };
    expect(await stages()).toBe('waiting waiting waiting waiting');
    await api.world.runDry(['picker']);
    expect(await stages()).toBe('done running waiting waiting');
    await api.world.deliver('intermediate');
    const half = (await api.call('GET', `/v1/batches/${json.id}`)).json.progress;
    expect(half.stages[1]).toMatchObject({ stage: 'intermediate', done: 1, total: expect.any(Number) });
    expect(half.recordsPerSecond).toBeGreaterThan(0);
    expect(half.secondsLeft).toBeGreaterThan(0);
    await api.world.runDry();
    expect(await stages()).toBe('done done done done');
    const done = (await api.call('GET', `/v1/batches/${json.id}`)).json;
    expect(done).toMatchObject({ state: 'completed', receipt: { lines: { created: 6000 } } });
    expect(done.progress).toMatchObject({ recordsPerSecond: null, secondsLeft: null });
  });

  it('keeps every cent in its receipt', async () => {
    const api = await openApi();
    const rows = Array.from({ length: 12 }, (_, i) => `r-${i},Ana Lima,52998224725,9999999999999.99,2026-03-10\n`);
    const { json } = await send(api, `external_ref,debtor_name,cpf,amount,due_date\n${rows.join('')}`);
    await api.world.runDry();
    const { text } = await api.call('GET', `/v1/batches/${json.id}`);
    expect(text).toContain('"cents":{"total":11999999999999988,');
  });

  it('is cancelled until its registering begins, and not after', async () => {
    const api = await openApi();
    const [one, two] = [await send(api, csv('a')), await send(api, csv('b'))];
    const cancel = (id: string) => api.call('POST', `/v1/batches/${id}/cancel`);
    expect(await cancel(one.json.id)).toMatchObject({ status: 200, json: { state: 'cancelled' } });
    expect(await cancel(one.json.id)).toMatchObject({ status: 200, json: { state: 'cancelled' } });
    await api.world.runDry();
    expect(await cancel(two.json.id)).toMatchObject({ status: 409, json: { code: 'NOT_IN_THIS_STATE' } });
    expect((await all(api, '/v1/debts')).map((debt) => debt.external_ref)).toEqual(['b']);
    expect((await cancel('b-none')).problem.code).toBe('BATCH_UNKNOWN');
    const redrive = (key: string) => api.call('POST', `/v1/batches/${two.json.id}/redrive`, { key });
    expect((await redrive(api.tokens.acme)).status).toBe(403);
    expect((await redrive(api.tokens.operator)).problem.code).toBe('NOT_IN_THIS_STATE');
  });

  it.each([
    0, 1000,
  ])('gives a CNAB resubmit file that it takes again (small batches up to %i)', async (smallRecordsMax) => {
    const api = await openApi({ settings: { smallRecordsMax } });
    const { clients } = api.context;
    const document = JSON.stringify({ format: 1, kind: 'cnab-240' });
    await clients.addProfile({ name: 'cnab', version: 1, document, createdAtMs: 0 });
    const known = await clients.get('acme');
    if (known === undefined) throw new Error('acme is a client');
    await clients.update({ ...known, profile: 'cnab' });
    const file = readFileSync(join(import.meta.dirname, '../../fixtures/profiles/cnab-240.rem'));
    const posted = async (body: Uint8Array) => {
      const sent = await api.call('POST', '/v1/files', { body, headers: { 'content-type': 'text/plain' } });
      await api.world.runDry();
      const { receipt } = (await api.call('GET', `/v1/batches/${sent.json.id}`)).json;
      return { id: sent.json.id, lines: receipt?.lines };
    };
    const first = await posted(file);
    expect(first.lines?.rejected).toBeGreaterThan(5);
    const { bytes } = await api.call('GET', `/v1/batches/${first.id}/resubmit`);
    expect(bytes.subarray(-242).toString('latin1')).toMatch(/^\d{3}99999 {9}000001\d{6}000000 {205}\r\n$/);
    const again = await posted(bytes);
    expect(again.lines).toMatchObject({ total: first.lines?.rejected, rejected: first.lines?.rejected });
    expect((await api.call('GET', `/v1/batches/${again.id}/resubmit`)).bytes.equals(bytes)).toBe(true);
  });

  it.each([
    ['cnab', { format: 1, kind: 'cnab-240' }, 'cnab-240.rem', 'text/plain; charset=windows-1252', 'rem'],
    [
      'json',
      { format: 1, kind: 'json-lines' },
      '{"external_ref":"a","debtor_name":"Ana"}\n',
      'application/x-ndjson',
      'jsonl',
    ],
    [
      'latin',
      { format: 1, encoding: 'windows-1252' },
      'external_ref,debtor_name,cpf,amount,due_date\na,Jo\u00e3o,1,2,3\n',
      'text/csv; charset=windows-1252',
      'csv',
    ],
  ] as const)('names a resubmit file by what it is: %s', async (name, profile, file, mediaType, extension) => {
    const api = await openApi();
    const { clients } = api.context;
    await clients.addProfile({ name, version: 1, document: JSON.stringify(profile), createdAtMs: 0 });
    const known = await clients.get('acme');
    if (known === undefined) throw new Error('acme is a client');
    await clients.update({ ...known, profile: name });
    const body = file.includes('\n')
      ? Buffer.from(file, 'latin1')
      : readFileSync(join(import.meta.dirname, '../../fixtures/profiles', file));
    const sent = await api.call('POST', '/v1/files', { body, headers: { 'content-type': 'text/plain' } });
    await api.world.runDry();
    const { headers, bytes } = await api.call('GET', `/v1/batches/${sent.json.id}/resubmit`);
    expect(headers).toMatchObject({
      'content-type': mediaType,
      'content-disposition': `attachment; filename="${sent.json.id}-resubmit.${extension}"`,
    });
    if (name !== 'cnab') expect(bytes.equals(body)).toBe(true);
    const { headers: rejects } = await api.call('GET', `/v1/batches/${sent.json.id}/rejects`);
    expect(rejects['content-type']).toBe('text/csv; charset=utf-8');
  });

  it('is shown with the codes of its module though what they say is gone with its files', async () => {
    const api = await openApi();
    const { json } = await send(api, csv('a'));
    await api.world.runDry();
    const batch = await api.world.batch(json.id);
    const receipt = JSON.parse(batch.receipt ?? '{}') as object;
    const rejectedBy = { CONTRACT_PAID: 3, CPF_CHECK_DIGITS: 1 };
    const gone = {
      ...batch,
      manifest: null,
      manifestKey: 'manifests/gone',
      receipt: JSON.stringify({ ...receipt, rejectedBy }),
    };
    await api.context.registry.replace(gone, batch.revision);
    const seen = await api.call('GET', `/v1/batches/${json.id}`);
    expect([seen.status, seen.json]).toMatchObject([
      200,
      {
        topErrors: [
          { code: 'CONTRACT_PAID', says: '', records: 3 },
          { code: 'CPF_CHECK_DIGITS', says: expect.stringContaining('check digits'), records: 1 },
        ],
      },
    ]);
  });

  it.each([0, 1000])('gives its answers, plain and gzip (small batches up to %i records)', async (smallRecordsMax) => {
    const api = await openApi({ settings: { smallRecordsMax } });
    const { json } = await send(api, `${csv('a')}b,Ana,52998224726,=1,2026-03-10\n`);
    const early = await api.call('GET', `/v1/batches/${json.id}/rejects`);
    expect(early).toMatchObject({ status: 409, json: { code: 'OUTPUT_NOT_READY' } });
    await api.world.runDry();
    const wanted = {
      rejects:
        'line,column,code,message,raw\n3,cpf,CPF_CHECK_DIGITS,the check digits of the CPF do not match,"b,Ana,52998224726,=1,2026-03-10"\n',
      resubmit: 'external_ref,debtor_name,cpf,amount,due_date\nb,Ana,52998224726,=1,2026-03-10\n',
      retorno:
        'line,external_ref,outcome,code,message\n2,a,created,,\n3,b,rejected,CPF_CHECK_DIGITS,the check digits of the CPF do not match\n',
    };
    for (const [kind, text] of Object.entries(wanted)) {
      const plain = await api.call('GET', `/v1/batches/${json.id}/${kind}`);
      expect(plain.text).toBe(text);
      expect(plain.headers).toMatchObject({
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': `attachment; filename="${json.id}-${kind}.csv"`,
      });
      const headers = { 'accept-encoding': 'br, gzip;q=0.5' };
      const packed = await api.call('GET', `/v1/batches/${json.id}/${kind}`, { headers });
      expect(packed.headers['content-encoding']).toBe('gzip');
      expect(gunzipSync(packed.bytes).toString()).toBe(text);
    }
  });

  it.each([
    ['gzip', true],
    ['br, gzip;q=0', false],
    ['*', true],
    ['identity', false],
    [undefined, false],
    ['GZIP ; q=0.1', true],
  ])('is packed for Accept-Encoding %s: %s', (written, takes) => {
    expect(takesGzip({ headers: written === undefined ? {} : { 'accept-encoding': written } })).toBe(takes);
  });
});

interface Event {
  readonly name: string;
  readonly data: { readonly state: string };
}

async function follow(api: Api, id: string, onEvent: (event: Event) => void): Promise<void> {
  const { body, statusCode, headers } = await request(`${api.url}/v1/batches/${id}/events`, {
    headers: { authorization: `Bearer ${api.tokens.acme}` },
  });
  expect(statusCode).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/event-stream/);
  let held = '';
  for await (const chunk of body) {
    held += chunk;
    for (let end = held.indexOf('\n\n'); end >= 0; end = held.indexOf('\n\n')) {
      const [, name] = /^event: (\w+)$/m.exec(held.slice(0, end)) ?? [];
      const [, data] = /^data: (.*)$/m.exec(held.slice(0, end)) ?? [];
      held = held.slice(end + 2);
      if (name !== undefined) onEvent({ name, data: JSON.parse(data ?? '{}') });
    }
  }
}

describe('live events', () => {
  it('tell each change and end with the batch', async () => {
    const api = await openApi();
    const { json } = await send(api, csv('a'));
    const events: Event[] = [];
    await follow(api, json.id, (event) => {
      events.push(event);
      if (events.length === 1) void api.world.runDry();
    });
    expect(events[0]).toMatchObject({ name: 'batch', data: { state: 'accepted' } });
    expect(events.at(-1)).toMatchObject({
      name: 'end',
      data: { state: 'completed', receipt: { lines: { created: 1 } } },
    });
    expect(events.filter(({ name }) => name === 'end')).toHaveLength(1);
  });

  it('end when the service does, which waits for requests in flight and takes no more', async () => {
    const api = await openApi();
    const { json } = await send(api, csv('a'));
    const events: Event[] = [];
    const following = follow(api, json.id, (event) => events.push(event));
    await expect.poll(() => events.length).toBe(1);
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(csv('b'));
      await held;
    }
    const upload = api.call('POST', '/v1/files', { body: slow(), headers: { 'content-type': 'text/csv' } });
    await expect.poll(() => incomingFiles(api)).toHaveLength(1);
    const closing = api.close(10_000);
    await following;
    letGo();
    expect((await upload).status).toBe(202);
    await closing;
    await expect(request(`${api.url}/healthz`)).rejects.toThrow();
  });

  it('are refused where too many are open, and free their place when they end', async () => {
    const api = await openApi();
    const { json } = await send(api, csv('a'));
    const open = () =>
      request(`${api.url}/v1/batches/${json.id}/events`, { headers: { authorization: `Bearer ${api.tokens.acme}` } });
    const streams = await Promise.all(Array.from({ length: 32 }, open));
    expect(streams.map(({ statusCode }) => statusCode)).toEqual(Array(32).fill(200));
    const refused = await open();
    expect(refused.statusCode).toBe(429);
    expect(await refused.body.json()).toMatchObject({ code: 'STREAMS_TOO_MANY' });
    for (const { body } of streams) body.on('error', () => {}).destroy();
    await expect
      .poll(async () => {
        const again = await open();
        again.body.on('error', () => {}).destroy();
        return again.statusCode;
      })
      .toBe(200);
  });
});

describe('health', () => {
  it('tells the truth about the store', async () => {
    const { Fault } = await import('../../src/core/faults.ts');
    const trouble: { fault: Error | undefined } = { fault: undefined };
    const api = await openApi({
      wrap: (context) => ({
        ...context,
        idempotency: {
          ...context.idempotency,
          begin: (claim) =>
            trouble.fault === undefined ? context.idempotency.begin(claim) : Promise.reject(trouble.fault),
        },
      }),
    });
    const ask = (path: string) => api.call('GET', path, { key: null });
    expect(await ask('/healthz')).toMatchObject({ status: 200, json: { status: 'ok' } });
    expect(await ask('/readyz')).toMatchObject({ status: 200, json: { status: 'ok' } });
    trouble.fault = new Fault('STORE_FULL');
    await new Promise((next) => setTimeout(next, 1100));
    expect(await ask('/readyz')).toMatchObject({ status: 503, json: { status: 'unavailable', reason: 'STORE_FULL' } });
    expect((await ask('/healthz')).status).toBe(200);
  });

  it('shows series of clients to operators alone', async () => {
    const api = await openApi();
    const open = await api.call('GET', '/metrics', { key: null });
    expect(open.text).toContain('remessa_pool_queued 0');
    expect(open.text).not.toMatch(/acme|beta/);
    expect((await api.call('GET', '/metrics')).text).not.toMatch(/acme|beta/);
    expect((await api.call('GET', '/metrics', { key: api.tokens.operator })).text).toContain('client="beta"');
  });
});

describe('the description', () => {
  it('is OpenAPI 3.1 and has every route, with its errors and headers', async () => {
    const api = await openApi();
    const { json } = await api.call('GET', '/openapi.json', { key: null });
    expect(json.openapi).toBe('3.1.0');
    const routes = Object.entries(
      json.paths as Record<string, Record<string, { responses: object; parameters: unknown[] }>>,
    ).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
    expect(routes.sort()).toEqual([
      'delete /v1/submissions/{id}',
      'get /v1/batches',
      'get /v1/batches/{id}',
      'get /v1/batches/{id}/events',
      'get /v1/batches/{id}/preview',
      'get /v1/batches/{id}/ranges',
      'get /v1/batches/{id}/rejects',
      'get /v1/batches/{id}/resubmit',
      'get /v1/batches/{id}/retorno',
      'get /v1/batches/{id}/shards',
      'get /v1/debts',
      'get /v1/submissions',
      'get /v1/submissions/{id}',
      'get /v1/submissions/{id}/lines',
      'post /v1/batches/{id}/approve',
      'post /v1/batches/{id}/cancel',
      'post /v1/batches/{id}/discard',
      'post /v1/batches/{id}/redrive',
      'post /v1/debts/search',
      'post /v1/files',
      'post /v1/submissions',
      'post /v1/submissions/{id}/lines',
      'post /v1/submissions/{id}/submit',
    ]);
    for (const methods of Object.values(json.paths)) {
      for (const operation of Object.values(methods as Record<string, { responses: object }>)) {
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['4XX', '5XX']));
      }
    }
    const { parameters } = json.paths['/v1/files'].post;
    expect(JSON.stringify(parameters)).toContain('idempotencyKey');
    expect((await api.call('GET', '/openapi.json', { key: null })).json).toEqual(json);
  });

  it('checks what it describes: its own example is taken', async () => {
    const api = await openApi();
    const { json } = await api.call('GET', '/openapi.json', { key: null });
    const { schema } = json.paths['/v1/submissions/{id}/lines']!['post']!.requestBody!.content['application/json']!;
    const id = await openSubmission(api);
    for (const example of schema.else.examples) {
      expect((await api.call('POST', `/v1/submissions/${id}/lines`, { json: example })).status).toBe(201);
    }
    expect(Object.keys(schema.else.properties)).toEqual(expect.arrayContaining(Object.keys(line('r'))));
  });

  it('has a page for people that loads nothing from elsewhere', async () => {
    const api = await openApi();
    const page = await api.call('GET', '/docs/', { key: null });
    expect(page.status).toBe(200);
    const linked = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url as string);
    expect(linked.length).toBeGreaterThan(3);
    for (const url of linked) {
      expect(url).not.toMatch(/^(https?:)?\/\//);
      expect((await api.call('GET', new URL(url, 'http://x/docs/').pathname, { key: null })).status).toBe(200);
    }
    expect(page.headers['content-security-policy']).toMatch(/default-src/);
  });
});
