/** Files over HTTP: raw and as a form, plain and gzip, with checksums, cut, slow, too large; nothing is left of what is refused. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { crc32, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Api, closesApis, csv, incomingFiles, openApi, rawObjects, rawOf } from './harness.ts';

closesApis();

const FILE = csv('r-1', 'r-2', 'r-3');
const sha256 = (data: string | Uint8Array, encoding: 'hex' | 'base64' = 'hex'): string =>
  createHash('sha256').update(data).digest(encoding);
const post = (
  api: Api,
  body: string | Uint8Array | AsyncIterable<Uint8Array>,
  headers: Record<string, string> = {},
  query = '',
) => api.call('POST', `/v1/files${query}`, { body, headers: { 'content-type': 'text/csv', ...headers } });

interface Part {
  readonly head: string;
  readonly content: string | Uint8Array;
}

const FILE_HEAD = 'Content-Disposition: form-data; name="file"; filename="dívidas.csv"\r\nContent-Type: text/csv';

function form(parts: readonly Part[]): { readonly body: Buffer; readonly headers: Record<string, string> } {
  const pieces = parts.flatMap(({ head, content }) => [`--xyz\r\n${head}\r\n\r\n`, content, '\r\n']);
  const body = Buffer.concat([...pieces, '--xyz--\r\n'].map((piece) => Buffer.from(piece as string)));
  return { body, headers: { 'content-type': 'multipart/form-data; boundary=xyz' } };
}

async function nothingIsLeft(api: Api): Promise<void> {
  await expect.poll(() => incomingFiles(api)).toEqual([]);
  expect(await rawObjects(api)).toEqual([]);
  expect((await api.call('GET', '/v1/batches')).json.items).toEqual([]);
}

describe('a file', () => {
  it('sent raw becomes a batch, byte for byte', async () => {
    const api = await openApi();
    const sent = await post(api, FILE, {}, '?file=março.csv');
    expect(sent).toMatchObject({
      status: 202,
      json: {
        state: 'accepted',
        file: 'março.csv',
        client: 'acme',
        upload: { bytes: FILE.length, sha256: sha256(FILE) },
      },
    });
    expect(sent.headers['location']).toBe(`/v1/batches/${sent.json.id}`);
    expect(await rawOf(api, sent.json.id)).toBe(FILE);
    await api.world.runDry();
    expect((await api.call('GET', `/v1/batches/${sent.json.id}`)).json.receipt?.lines.created).toBe(3);
  });

  it('sent as a form becomes a batch under the name in the form', async () => {
    const api = await openApi();
    const { body, headers } = form([
      { head: 'Content-Disposition: form-data; name="note"', content: 'hello' },
      { head: FILE_HEAD, content: FILE },
    ]);
    const checks = { 'x-checksum-sha256': sha256(FILE), 'content-digest': `sha-256=:${sha256(body, 'base64')}:` };
    const sent = await post(api, body, { ...headers, ...checks });
    expect(sent).toMatchObject({ status: 202, json: { file: 'dívidas.csv', upload: { bytes: FILE.length } } });
    expect(await rawOf(api, sent.json.id)).toBe(FILE);
  });

  it('sent in pieces of any size, raw or as a form, arrives the same', async () => {
    const api = await openApi();
    const content = Buffer.from(csv(...Array.from({ length: 300 }, (_, i) => `r-${i}`)));
    const wrapped = form([{ head: FILE_HEAD, content }]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (sizes, asForm) => {
          const whole = asForm ? wrapped.body : content;
          async function* pieces(): AsyncGenerator<Uint8Array> {
            for (let at = 0, i = 0; at < whole.length; i++) {
              const end = at + (sizes[i % sizes.length] as number);
              yield whole.subarray(at, end);
              at = end;
            }
          }
          const sent = await post(api, pieces(), asForm ? wrapped.headers : {});
          expect(sent.json.upload).toEqual({ bytes: content.length, sha256: sha256(content) });
          expect(await rawOf(api, sent.json.id)).toBe(content.toString());
        },
      ),
      { numRuns: 20, seed: 3 },
    );
  });

  it('takes JSON Lines under their own type', async () => {
    const api = await openApi();
    const sent = await post(api, Buffer.from('{"external_ref":"A1"}\n'), { 'content-type': 'application/x-ndjson' });
    expect(sent.status).toBe(202);
    expect(await rawOf(api, sent.json.id)).toBe('{"external_ref":"A1"}\n');
  });

  it.each([
    ['as a gzip file', {}, { 'content-type': 'application/gzip' }],
    ['with Content-Encoding: gzip', {}, { 'content-encoding': 'gzip' }],
  ])('compressed %s is stored as it came and read inflated', async (_, __, headers) => {
    const api = await openApi();
    const packed = gzipSync(FILE);
    const sent = await post(api, packed, { ...headers, 'x-checksum-sha256': sha256(packed) });
    expect(sent.json.upload).toEqual({ bytes: packed.length, sha256: sha256(packed) });
    await api.world.runDry();
    expect((await api.call('GET', `/v1/batches/${sent.json.id}`)).json.receipt?.lines.created).toBe(3);
  });

  it('is checked as a dry run without writing a debt, and tells the commonest errors', async () => {
    const api = await openApi();
    const bad = FILE + FILE.split('\n').slice(1).join('\n').replaceAll('52998224725', '52998224726');
    const sent = await post(api, bad, {}, '?dryRun=true');
    expect(sent.json.dryRun).toBe(true);
    await api.world.runDry();
    const { json } = await api.call('GET', `/v1/batches/${sent.json.id}`);
    expect(json).toMatchObject({ state: 'completed', dryRun: true, receipt: { lines: { created: 3, rejected: 3 } } });
    expect(json.topErrors).toEqual([{ code: 'CPF_CHECK_DIGITS', says: expect.any(String), records: 3 }]);
    expect((await api.call('GET', '/v1/debts')).json.items).toEqual([]);
  });

  it('that is empty ends as a failed batch with the reason', async () => {
    const api = await openApi();
    const sent = await post(api, '');
    await api.world.runDry();
    expect((await api.call('GET', `/v1/batches/${sent.json.id}`)).json).toMatchObject({
      state: 'failed',
      failure: { code: 'FILE_EMPTY' },
    });
  });

  it('takes a business date from an operator alone', async () => {
    const api = await openApi();
    expect(await post(api, FILE, {}, '?asOf=2026-01-01')).toMatchObject({ status: 403, json: { code: 'FORBIDDEN' } });
    const as = { authorization: `Bearer ${api.tokens.operator}`, 'x-remessa-client': 'acme' };
    expect((await post(api, FILE, as, '?asOf=2026-01-01')).json.businessDate).toBe('2026-01-01');
    expect((await post(api, FILE, as, '?asOf=2026-02-30')).status).toBe(400);
  });
});

describe('checksums', () => {
  const crc = crc32(FILE).toString(16).padStart(8, '0');
  const sha512 = createHash('sha512').update(FILE).digest('base64');

  it.each([
    ['sha-256 digest', { 'content-digest': `sha-256=:${sha256(FILE, 'base64')}:` }],
    ['sha-512 digest beside an unknown one', { 'content-digest': `md5=:AAAA:, sha-512=:${sha512}:` }],
    ['sha256 in hexadecimal', { 'x-checksum-sha256': sha256(FILE).toUpperCase() }],
    ['sha256 in base64', { 'x-checksum-sha256': sha256(FILE, 'base64') }],
    ['crc32', { 'x-checksum-crc32': crc }],
  ])('agree: %s', async (_, headers) => {
    expect((await post(await openApi(), FILE, headers)).status).toBe(202);
  });

  it.each([
    ['sha-256 digest', { 'content-digest': `sha-256=:${sha256('x', 'base64')}:` }],
    ['sha-512 digest', { 'content-digest': `sha-512=:${createHash('sha512').update('x').digest('base64')}:` }],
    ['sha256', { 'x-checksum-sha256': sha256('x') }],
    ['crc32', { 'x-checksum-crc32': '00000000' }],
  ])('disagree and nothing is stored: %s', async (_, headers) => {
    const api = await openApi();
    expect(await post(api, FILE, headers)).toMatchObject({ status: 422, json: { code: 'CHECKSUM_MISMATCH' } });
    await nothingIsLeft(api);
  });

  it.each([
    ['digest', { 'content-digest': 'sha-256=abc' }],
    ['sha256', { 'x-checksum-sha256': 'abc' }],
    ['crc32', { 'x-checksum-crc32': 'xyz' }],
  ])('that cannot be read are refused: %s', async (_, headers) => {
    expect((await post(await openApi(), FILE, headers)).problem.code).toBe('REQUEST_INVALID');
  });
});

describe('what is refused leaves nothing behind:', () => {
  it.each<[string, Record<string, string>, number, string]>([
    ['JSON', { 'content-type': 'application/json' }, 415, 'MEDIA_TYPE_UNKNOWN'],
    ['another coding', { 'content-encoding': 'br' }, 415, 'MEDIA_TYPE_UNKNOWN'],
    ['a form without a boundary', { 'content-type': 'multipart/form-data' }, 400, 'REQUEST_INVALID'],
    ['a form that is none', { 'content-type': 'multipart/form-data; boundary=zzz' }, 400, 'REQUEST_INVALID'],
    ['an unknown query', { 'x-query': '?nome=x' }, 400, 'REQUEST_INVALID'],
  ])('%s', async (_, { 'x-query': query = '', ...headers }, status, code) => {
    const api = await openApi();
    expect(await post(api, FILE, headers, query)).toMatchObject({ status, json: { code } });
    await nothingIsLeft(api);
  });

  it('a form with two files, with none, or cut', async () => {
    const api = await openApi();
    const part = { head: FILE_HEAD, content: FILE };
    const whole = form([part]);
    const cut = { ...whole, body: whole.body.subarray(0, whole.body.length - 30) };
    const fields = form([{ head: 'Content-Disposition: form-data; name="a"', content: 'b' }]);
    for (const { body, headers } of [form([part, part]), fields, cut]) {
      const refused = await post(api, body, headers);
      expect(refused).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID' } });
    }
    await nothingIsLeft(api);
  });

  it('a file over the limit, announced or not, raw or in a form', async () => {
    const api = await openApi({ settings: { fileBytesMax: 2000 } });
    const large = Buffer.alloc(200_000, 'x');
    async function* unannounced(whole: Buffer): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < whole.length; at += 1000) yield whole.subarray(at, at + 1000);
    }
    const wrapped = form([{ head: FILE_HEAD, content: large }]);
    const answers = [
      await post(api, large),
      await post(api, unannounced(large)),
      await post(api, wrapped.body, wrapped.headers),
      await post(api, unannounced(wrapped.body), wrapped.headers),
    ];
    for (const answer of answers) expect(answer).toMatchObject({ status: 413, json: { code: 'FILE_TOO_LARGE' } });
    const fits = form([{ head: FILE_HEAD, content: Buffer.alloc(2000, 'x') }]);
    expect((await post(api, fits.body, fits.headers)).status).toBe(202);
    expect((await rawObjects(api)).length).toBe(1);
  });

  it('a body that is cut', async () => {
    const api = await openApi();
    const { hostname, port } = new URL(api.url);
    for (const type of ['text/csv', 'multipart/form-data; boundary=xyz']) {
      const socket = connect(Number(port), hostname);
      const part = `--xyz\r\n${FILE_HEAD}\r\n\r\n${FILE}`;
      socket.write(
        `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.tokens.acme}\r\ncontent-type: ${type}\r\ncontent-length: 9999\r\n\r\n${part}`,
      );
      await expect.poll(() => incomingFiles(api)).toHaveLength(1);
      socket.destroy();
      await expect.poll(() => incomingFiles(api)).toEqual([]);
    }
    await nothingIsLeft(api);
    expect(api.world.events.filter(({ name }) => name === 'http.failed')).toEqual([]);
  });

  it('a body that stands still, with the reason', async () => {
    const api = await openApi({ settings: { httpBodyMs: 200 } });
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.tokens.acme}\r\ncontent-type: text/csv\r\ncontent-length: 9999\r\n\r\nabc`,
    );
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(text).toMatch(/"code":"BODY_TOO_SLOW"/);
    await nothingIsLeft(api);
  });

  it('more files at once than may come in', async () => {
    const api = await openApi({ settings: { httpUploadsMax: 1 } });
    const { promise: held, resolve: let_go } = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(FILE);
      await held;
    }
    const first = post(api, slow());
    await expect.poll(() => incomingFiles(api)).toHaveLength(1);
    const second = await post(api, FILE);
    expect(second).toMatchObject({ status: 429, json: { code: 'UPLOADS_TOO_MANY' } });
    expect(second.headers['retry-after']).toBe('1');
    let_go();
    expect((await first).status).toBe(202);
    expect((await post(api, FILE)).status).toBe(202);
  });
});
