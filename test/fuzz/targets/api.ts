/**
 * Requests of the API, byte by byte over a socket: every route, with heads and bodies that are right, changed or cut: JSON,
 * forms, gzip. Each is answered; never with 5xx, never with what was sent where that could hold a CPF.
 */
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ApiContext } from '../../../src/api/context.ts';
import { type Api, csv, line, openApi, openSubmission } from '../../api/harness.ts';
import { byteString, bytesOf } from '../../oracle/grammar.ts';
import type { Random } from '../../oracle/random.ts';
import { targetSource } from '../fuzz.ts';
import { jsonText, mutatedJson, mutatedText } from '../mutate.ts';

interface Sent {
  readonly method: string;
  readonly path: string;
  /** Besides `host`, `authorization` and what tells the body's length. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly key: 'acme' | 'operator' | 'none';
  readonly body: string;
  /** How long it says it is: as it is, in chunks, longer than it is, or not a word. */
  readonly length: 'right' | 'chunks' | 'longer' | 'none';
  /** Whether the head itself was changed afterwards, so that it may be no HTTP any more. */
  readonly raw?: string;
}

/** A canary: a CPF that stands in every place of what is sent, and may not come back in a refusal. */
const CPF = '39053344705';
const PATHS = [
  '/v1/submissions',
  '/v1/submissions/ID',
  '/v1/submissions/ID/lines',
  '/v1/submissions/ID/submit',
  '/v1/batches',
  '/v1/batches/b-1',
  '/v1/batches/b-1/rejects',
  '/v1/batches/b-1/resubmit',
  '/v1/batches/b-1/retorno',
  '/v1/batches/b-1/cancel',
  '/v1/batches/b-1/deliveries',
  '/v1/debts',
  '/v1/debts/search',
  '/v1/files',
  '/openapi.json',
  '/docs',
  '/healthz',
  '/metrics',
  '/',
];
const QUERIES = [
  '',
  '',
  '?limit=1',
  '?limit=0',
  '?cursor=x',
  '?file=a.csv',
  `?file=${CPF}.csv`,
  '?dryRun=true',
  '?asOf=2026-01-01',
  '?external_ref=R-1',
  '?state=failed',
  '?__proto__=1',
  '?limit=1&limit=2',
  '?%',
  '?a=%ff',
];
const NAMES: readonly (readonly [string, readonly string[]])[] = [
  [
    'content-type',
    [
      'application/json',
      'application/json; charset=utf-8',
      'application/json;charset=latin1',
      'text/csv',
      'application/gzip',
      'multipart/form-data; boundary=XX',
      'multipart/form-data',
      'text/plain',
      '',
      'application/x-ndjson',
    ],
  ],
  ['content-encoding', ['gzip', 'identity', 'br', 'gzip, gzip', '']],
  ['idempotency-key', ['k1', 'k2', '', 'x'.repeat(300), `${CPF}`]],
  ['x-remessa-client', ['acme', 'beta', '../x', CPF, '']],
  ['content-digest', ['sha-256=:AAAA:', 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:', 'x']],
  ['x-checksum-sha256', ['0'.repeat(64), 'zz']],
  ['x-checksum-crc32', ['00000000', '-1']],
  ['accept-encoding', ['gzip', '*']],
  ['range', ['bytes=0-1', 'bytes=-']],
  ['last-event-id', ['1', 'x']],
  ['origin', ['https://evil.example']],
  ['cookie', [`cpf=${CPF}`]],
];

function jsonBody(random: Random): string {
  const good = line(`R-${random.integer(0, 9)}`, random.chance(0.5) ? { cpf: CPF } : {});
  const value = random.pick<unknown>([
    good,
    { lines: [good, good] },
    { file: `${CPF}.csv`, columns: ['external_ref', 'debtor_name', 'cpf', 'amount', 'due_date'] },
    { cpf: CPF },
    { [CPF]: CPF },
    {},
  ]);
  return jsonText(random, random.chance(0.6) ? mutatedJson(random, value) : value);
}

function formBody(random: Random): string {
  const part = (head: string, content: string): string => `--XX\r\n${head}\r\n\r\n${content}\r\n`;
  const file = part('Content-Disposition: form-data; name="file"; filename="a.csv"', csv('R-1', 'R-2'));
  const field = part('Content-Disposition: form-data; name="note"', CPF);
  const form = `${random.pick(['', field])}${file}${random.pick(['', field, file])}--XX--\r\n`;
  return random.chance(0.6) ? mutatedText(random, form) : form;
}

function fileBody(random: Random): string {
  const text = random.chance(0.5) ? csv('R-1', 'R-2') : mutatedText(random, csv('R-1', 'R-2'));
  const bytes = random.chance(0.4) ? byteString(gzipSync(bytesOf(text))) : text;
  return random.chance(0.3) ? mutatedText(random, bytes) : bytes;
}

function made(random: Random): Sent {
  const headers: (readonly [string, string])[] = [];
  for (const [name, values] of NAMES) if (random.chance(0.15)) headers.push([name, random.pick(values)]);
  const kind = random.integer(0, 3);
  const body = kind === 0 ? '' : kind === 1 ? jsonBody(random) : kind === 2 ? formBody(random) : fileBody(random);
  if (random.chance(0.8)) {
    const type = ['text/csv', 'application/json', 'multipart/form-data; boundary=XX', 'text/csv'][kind] as string;
    headers.push(['content-type', type]);
  }
  const path = `${random.pick(PATHS)}${random.pick(QUERIES)}`;
  const sent: Sent = {
    method: random.pick(['GET', 'GET', 'POST', 'POST', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'QUERY']),
    path: random.chance(0.15) ? `/${mutatedText(random, path.slice(1), 2).replaceAll(/[ \r\n\0]/g, '_')}` : path,
    headers,
    key: random.pick(['acme', 'acme', 'acme', 'operator', 'none']),
    body,
    length: random.pick(['right', 'right', 'right', 'chunks', 'longer', 'none']),
  };
  return random.chance(0.05) ? { ...sent, raw: mutatedText(random, headOf(sent, 'TOKEN', 'ID'), 3) } : sent;
}

function headOf({ method, path, headers, body, length, key }: Sent, token: string, id: string): string {
  const lengths = {
    right: [`content-length: ${body.length}`],
    chunks: ['transfer-encoding: chunked'],
    longer: [`content-length: ${body.length + 10}`],
    none: [],
  }[length];
  return [
    `${method} ${path.replace('ID', id)} HTTP/1.1`,
    'host: x',
    'connection: close',
    ...(key === 'none' ? [] : [`authorization: Bearer ${token}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...lengths,
    '',
    '',
  ].join('\r\n');
}

function bodyOf({ body, length }: Sent): string {
  if (length !== 'chunks') return body;
  const half = body.length >> 1;
  const chunk = (text: string): string => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);
  return `${chunk(body.slice(0, half))}${chunk(body.slice(half))}0\r\n\r\n`;
}

/** All that comes back on a socket of its own, until the server closes it; `cut` ends it after the last byte sent. */
function exchanged(url: string, bytes: Uint8Array, cut: boolean): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((done) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const blocks: Buffer[] = [];
    socket.on('data', (block: Buffer) => blocks.push(block));
    // A server that refuses early may end the connection while this end still sends.
    socket.on('error', () => {});
    socket.on('end', () => socket.destroy());
    socket.on('close', () => done(Buffer.concat(blocks).toString('latin1')));
    if (cut) socket.end(bytes);
    else socket.write(bytes);
  });
}

/** A body that is shorter than it says is cut, and so may be what a changed head announces: nobody waits for an answer. */
function isCut({ length, raw }: Sent): boolean {
  return length === 'longer' || raw !== undefined;
}

function judged(sent: Sent, answer: string): string | undefined {
  if (answer === '') return isCut(sent) ? undefined : 'no answer';
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  const status = Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(head)?.[1] ?? 0);
  if (status < 200 || status >= 500)
    return `answered ${head.split('\r\n', 1)[0]}\n${rest.join('\r\n\r\n').slice(0, 300)}`;
  if (status < 400) return undefined;
  const text = rest.join('\r\n\r\n');
  // What is no HTTP has no method either.
  if (sent.method === 'HEAD' && !text.includes('it is no HTTP/1.1 request')) {
    return text === '' ? undefined : `HEAD with a body: ${text}`;
  }
  // Node itself refuses what names no host, with a status alone.
  if (sent.raw !== undefined && status === 400 && !/content-type/i.test(head)) return undefined;
  if (!/content-type: application\/problem\+json/i.test(head)) return `a refusal that is no problem: ${head}`;
  const problem = JSON.parse(/\{.*\}/s.exec(text)?.[0] ?? 'null') as { status?: number; code?: string } | null;
  if (problem?.status !== status || !/^[A-Z_]+$/.test(problem.code ?? ''))
    return `a problem of another status: ${text}`;
  return answer.includes(CPF) ? `a CPF comes back: ${text}` : undefined;
}

/** Plants: a route with a bug in it, and refusals that repeat what they refuse. */
const WRAPS: Readonly<Record<string, (context: ApiContext) => ApiContext>> = {
  'a bug in a route': (context) => ({
    ...context,
    submissions: new Proxy(context.submissions, {
      get(target, name) {
        if (name === 'get') return async (_client: string, id: string) => (id.length > 3 ? undefined!['x'] : undefined);
        const member = Reflect.get(target, name) as unknown;
        return typeof member === 'function' ? member.bind(target) : member;
      },
    }),
  }),
};

/** After so many the folder is made anew: every file that was taken lies in it. */
const INPUTS_A_FOLDER = 3000;

export const API = targetSource<Sent>({
  name: 'api',
  plants: Object.keys(WRAPS),
  async open(plant) {
    const wrap = plant === undefined ? undefined : WRAPS[plant];
    const settings = { httpBodyBytesMax: 20_000, httpClientRate: 1e6, httpClientBurst: 1e6, submissionsOpenMax: 1e5 };
    let api: Api | undefined;
    let id = '';
    let inputs = 0;
    const close = async (): Promise<void> => {
      await api?.close(0);
      if (api !== undefined) rmSync(api.root, { recursive: true, force: true });
      api = undefined;
    };
    const opened = async (): Promise<Api> => {
      if (inputs++ % INPUTS_A_FOLDER === 0) await close();
      api ??= await openApi({ settings, ...(wrap === undefined ? {} : { wrap }) });
      return api;
    };
    return {
      make: made,
      async judge(sent) {
        const on = await opened();
        if (id === '' || inputs % 50 === 0) id = plant === undefined ? await openSubmission(on) : 's-planted';
        const token = on.tokens[sent.key === 'operator' ? 'operator' : 'acme'];
        const head = sent.raw?.replace('TOKEN', token).replace('ID', id) ?? headOf(sent, token, id);
        const before = on.world.events.length;
        const says = judged(sent, await exchanged(on.url, bytesOf(head + bodyOf(sent)), isCut(sent)));
        const told = on.world.events
          .splice(before)
          .find(({ name, fields }) => name === 'http.failed' && fields['code'] === 'INTERNAL');
        return says ?? (told === undefined ? undefined : `a bug: ${JSON.stringify(told.fields)}`);
      },
      close,
    };
  },
});
