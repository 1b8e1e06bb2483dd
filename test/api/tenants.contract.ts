/**
 * Two clients over every route of the description: no byte of one's data reaches the other, whatever is asked in whatever
 * order, by a key of its own or by an operator's that names it.
 *
 * A route that is added without a case here fails the suite.
 */
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import type { ApiDriver } from './drivers.ts';
import { type Api, askForApproval, describedRoutes, HEADER, line, openApi, type Reply, type Sent } from './harness.ts';

type Who = 'acme' | 'beta';

const OTHER: Readonly<Record<Who, Who>> = { acme: 'beta', beta: 'acme' };
/** What each client's data carries, in every field and name, so that it can be told wherever it turns up. */
const CANARY: Readonly<Record<Who, string>> = { acme: 'CANARYACME', beta: 'CANARYBETA' };
const CPF: Readonly<Record<Who, string>> = { acme: '52998224725', beta: '11144477735' };
const BAD_CPF: Readonly<Record<Who, string>> = { acme: '39053344700', beta: '28001238900' };

/** What was made so far, whoever made it: the other client asks for it too. */
interface Made {
  readonly submissions: Map<string, Who>;
  readonly batches: Map<string, Who>;
  readonly cursors: string[];
}

/** Choices of the generator: which of what there is. */
interface Turn {
  readonly who: Who;
  /** Numbers the turns: names of what is sent are unique. */
  readonly n: number;
  readonly made: Made;
  readonly choices: readonly [number, number];
}

interface Ask extends Sent {
  readonly path: string;
}

const dotted = (cpf: string): string => cpf.replace(/(...)(...)(...)(..)/, '$1.$2.$3-$4');
const markOf = ({ who, n }: Turn): string => `${CANARY[who]}-${n}`;
/** One that both clients use: they must not meet in it. */
const keyOf = ({ n }: Turn, kind: string) => ({ 'idempotency-key': `${kind}-${n % 3}` });

/** One of the latest: what was made long ago has ended. */
const LATEST = 6;

function pick(from: Iterable<string>, choice: number, none: string): string {
  const latest = [...from].slice(-LATEST);
  return latest[choice % Math.max(1, latest.length)] ?? none;
}

const submission = ({ made, choices }: Turn): string => pick(made.submissions.keys(), choices[0], 's-none');
const batch = ({ made, choices }: Turn): string => pick(made.batches.keys(), choices[0], 'b-none');

function valuesOf(turn: Turn, ref: string) {
  const { who } = turn;
  const email = `${CANARY[who].toLowerCase()}@x.example`;
  return line(ref, {
    debtor_name: CANARY[who],
    cpf: dotted(CPF[who]),
    debtor_email: email,
    creditor_name: CANARY[who],
  });
}

/** One good row and one that is rejected, whose bytes come back in the answers. */
function fileOf(turn: Turn, ref: string): string {
  const { who } = turn;
  const rows = [CPF[who], BAD_CPF[who]].map((cpf, i) => `${ref}${i},${CANARY[who]},${cpf},123.45,2026-03-10\n`);
  return HEADER + rows.join('');
}

const list =
  (path: string) =>
  (turn: Turn): Ask => {
    const { n, made, choices } = turn;
    const cursor = n % 2 === 0 ? '' : pick(made.cursors, choices[1], '');
    return { path: `${path}?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}` };
  };

const post =
  (suffix: string, id: (turn: Turn) => string, more: (turn: Turn) => Sent = () => ({})) =>
  (turn: Turn): Ask => ({ path: `${suffix.replace('{id}', id(turn))}`, ...more(turn) });

/** The cases of each route, by its name in the description. */
const CASES: Readonly<Record<string, readonly ((turn: Turn) => Ask)[]>> = {
  'POST /v1/submissions': [
    (turn) => ({ path: '/v1/submissions', json: { file: `${markOf(turn)}.csv` } }),
    (turn) => ({ path: '/v1/submissions', json: { file: `${CANARY[turn.who]}.csv` }, headers: keyOf(turn, 'open') }),
  ],
  'GET /v1/submissions': [list('/v1/submissions')],
  'GET /v1/submissions/{id}': [(turn) => ({ path: `/v1/submissions/${submission(turn)}` })],
  'DELETE /v1/submissions/{id}': [(turn) => ({ path: `/v1/submissions/${submission(turn)}` })],
  'POST /v1/submissions/{id}/lines': [
    post('/v1/submissions/{id}/lines', submission, (turn) => ({ json: valuesOf(turn, markOf(turn)) })),
    post('/v1/submissions/{id}/lines', submission, (turn) => ({
      json: { lines: [valuesOf(turn, `${markOf(turn)}a`), valuesOf(turn, `${markOf(turn)}b`)] },
      headers: keyOf(turn, 'append'),
    })),
  ],
  'GET /v1/submissions/{id}/lines': [
    (turn) => ({ path: `/v1/submissions/${submission(turn)}/lines` }),
    (turn) => list(`/v1/submissions/${submission(turn)}/lines`)(turn),
  ],
  'POST /v1/submissions/{id}/submit': [
    post('/v1/submissions/{id}/submit', submission),
    post('/v1/submissions/{id}/submit', submission, (turn) => ({ headers: keyOf(turn, 'submit') })),
  ],
  'POST /v1/files': [
    (turn) => ({
      path: `/v1/files?file=${markOf(turn)}.csv`,
      body: fileOf(turn, markOf(turn)),
      headers: { 'content-type': 'text/csv' },
    }),
    (turn) => ({
      path: '/v1/files',
      body: fileOf(turn, markOf(turn)),
      headers: { 'content-type': 'text/csv', ...keyOf(turn, 'file') },
    }),
  ],
  'GET /v1/batches': [
    list('/v1/batches'),
    () => ({ path: '/v1/batches?state=completed' }),
    ({ who }) => ({ path: '/v1/batches', headers: { 'x-remessa-client': OTHER[who] } }),
  ],
  'GET /v1/batches/{id}': [
    (turn) => ({ path: `/v1/batches/${batch(turn)}` }),
    (turn) => ({ path: `/v1/batches/${batch(turn)}`, headers: { 'x-remessa-client': OTHER[turn.who] } }),
  ],
  'GET /v1/batches/{id}/events': [(turn) => ({ path: `/v1/batches/${batch(turn)}/events` })],
  'GET /v1/batches/{id}/rejects': [(turn) => ({ path: `/v1/batches/${batch(turn)}/rejects` })],
  'GET /v1/batches/{id}/resubmit': [
    (turn) => ({ path: `/v1/batches/${batch(turn)}/resubmit`, headers: { 'accept-encoding': 'gzip' } }),
  ],
  'GET /v1/batches/{id}/retorno': [(turn) => ({ path: `/v1/batches/${batch(turn)}/retorno` })],
  'POST /v1/batches/{id}/cancel': [
    post('/v1/batches/{id}/cancel', batch),
    post('/v1/batches/{id}/cancel', batch, (turn) => ({ headers: keyOf(turn, 'cancel') })),
  ],
  'GET /v1/batches/{id}/ranges': [(turn) => list(`/v1/batches/${batch(turn)}/ranges`)(turn)],
  'GET /v1/batches/{id}/shards': [(turn) => list(`/v1/batches/${batch(turn)}/shards`)(turn)],
  'GET /v1/batches/{id}/preview': [(turn) => ({ path: `/v1/batches/${batch(turn)}/preview` })],
  'POST /v1/batches/{id}/approve': [
    post('/v1/batches/{id}/approve', batch),
    post('/v1/batches/{id}/approve', batch, (turn) => ({ headers: keyOf(turn, 'approve') })),
  ],
  'POST /v1/batches/{id}/discard': [
    post('/v1/batches/{id}/discard', batch, (turn) => ({ json: { why: markOf(turn) } })),
  ],
  'POST /v1/batches/{id}/redrive': [post('/v1/batches/{id}/redrive', batch)],
  'GET /v1/debts': [
    list('/v1/debts'),
    ({ who, n, choices }) => ({ path: `/v1/debts?external_ref=${CANARY[OTHER[who]]}-${choices[0] % (n + 1)}0` }),
  ],
  'POST /v1/debts/search': [
    ({ who }) => ({ path: '/v1/debts/search', json: { cpf: CPF[who] } }),
    (turn) => ({ path: '/v1/debts/search', json: { cpf: CPF[OTHER[turn.who]] }, headers: keyOf(turn, 'search') }),
  ],
};

const ALL = Object.entries(CASES).flatMap(([route, cases]) =>
  cases.map((ask) => ({ method: route.split(' ', 1)[0] as string, route, ask })),
);

/** Each case once, with what the asker has made and with what the other has. */
export function describeOwners(driver: ApiDriver): void {
  describe(`two clients on each route, over ${driver.name}`, () => {
    it('have a case for every route', async () => {
      const api = await openApi({ driver });
      const routes = await describedRoutes(api);
      expect(Object.keys(CASES).sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
    });

    // threat 5
    it('are answered what is their own, on each route, and refused what is the other’s', async () => {
      const api = await openApi({ driver });
      const wrong: string[] = [];
      let n = 0;
      for (const { method, route, ask } of ALL) {
        for (const owner of ['acme', 'beta'] as const) {
          const made = await madeBy(api, owner, (n += 10), route);
          for (const who of [OTHER[owner], owner]) {
            const { path, ...sent } = ask({ who, n: n++, made, choices: [0, 0] });
            // The other asks without a key of its own for the request: it would be known by what it asked before.
            const headers = Object.entries(sent.headers ?? {}).filter(([name]) => name !== 'idempotency-key');
            const own = { ...sent, headers: Object.fromEntries(headers), key: api.tokens[who] };
            const reply = await answerOf(api, method, path, own);
            expectNothingOf(OTHER[who], made, reply, `${who}: ${method} ${path}`);
            const named = route.includes('{id}');
            const namesOther = 'x-remessa-client' in own.headers;
            const refused = [403, 404].includes(reply.status);
            const wanted =
              namesOther || route.endsWith('/redrive')
                ? refused
                : named && who !== owner
                  ? refused
                  : reply.status < 300;
            if (!wanted)
              wrong.push(`${who} on ${owner}’s: ${method} ${path} → ${reply.status} ${reply.text.slice(0, 200)}`);
          }
        }
      }
      expect(wrong).toEqual([]);
    });
  });
}

/** `runs`: histories of 20 to 60 requests. */
export function describeTenants(driver: ApiDriver, runs: number): void {
  describe(`two clients, over ${driver.name}`, () => {
    // threat 5
    it('see nothing of each other over any route', async () => {
      const api = await openApi({ driver });
      const made: Made = { submissions: new Map(), batches: new Map(), cursors: [] };
      let n = 0;
      const step = fc.record({
        who: fc.constantFrom<Who>('acme', 'beta'),
        // An operator that names a client sees what that client does.
        asOperator: fc.nat(7).map((chance) => chance === 0),
        at: fc.nat(ALL.length - 1),
        choices: fc.tuple(fc.nat(), fc.nat()),
        work: fc.nat(7),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
          for (const { who, asOperator, at, choices, work } of steps) {
            n += 1;
            const { method, route, ask } = ALL[at] as (typeof ALL)[number];
            const { path, ...sent } = ask({ who, n, made, choices });
            const own = { key: asOperator ? api.tokens.operator : api.tokens[who] };
            const named = asOperator ? { headers: { ...sent.headers, 'x-remessa-client': who } } : {};
            const reply = await answerOf(api, method, path, { ...sent, ...own, ...named });
            expect(reply.status, route).toBeLessThan(500);
            expectNothingOf(OTHER[who], made, reply, `${who}: ${method} ${path}`);
            remember(made, who, method, path, reply);
            if (work === 0) await api.world.runDry();
            if (work === 1) await askForApproval(api, who, n % 2 === 0);
          }
        }),
        { numRuns: runs, seed: 11, endOnFailure: true },
      );
      await noneCrossed(api, made);
    });
  });
}

/** A submission with a line and a batch of one client: completed, but where it is to be cancelled or decided about. */
async function madeBy(api: Api, who: Who, n: number, route: string): Promise<Made> {
  const key = api.tokens[who];
  const turn: Turn = { who, n, choices: [0, 0], made: { submissions: new Map(), batches: new Map(), cursors: [] } };
  const opened = await api.call('POST', '/v1/submissions', { key, json: { file: `${markOf(turn)}.csv` } });
  await api.call('POST', `/v1/submissions/${opened.json.id}/lines`, { key, json: valuesOf(turn, `${markOf(turn)}s`) });
  const headers = { 'content-type': 'text/csv' };
  await askForApproval(api, who, /\/(?:approve|discard|preview)$/.test(route));
  const sent = await api.call('POST', '/v1/files', { key, body: fileOf(turn, markOf(turn)), headers });
  if (!route.endsWith('/cancel')) await api.world.runDry();
  turn.made.submissions.set(opened.json.id, who);
  turn.made.batches.set(sent.json.id, who);
  return turn.made;
}

/** What came back, unpacked; of a stream of events what comes before the first is whole. */
async function answerOf(api: Api, method: string, path: string, sent: Sent): Promise<Reply> {
  if (!path.endsWith('/events')) {
    const reply: Reply = await api.call(method, path, sent);
    return reply.headers['content-encoding'] === 'gzip'
      ? { ...reply, text: gunzipSync(reply.bytes).toString() }
      : reply;
  }
  const { statusCode, headers, body } = await request(`${api.url}${path}`, {
    headers: { authorization: `Bearer ${sent.key}`, ...sent.headers },
  });
  let text = '';
  for await (const chunk of body) {
    text += chunk;
    if (/^data: .*\n\n/m.test(text)) break;
  }
  return { status: statusCode, headers, text, bytes: Buffer.from(text), json: undefined, problem: undefined as never };
}

function expectNothingOf(other: Who, made: Made, reply: Reply, asked: string): void {
  const all = JSON.stringify(reply.headers) + reply.text;
  const idsOf = (of: ReadonlyMap<string, Who>) => [...of].filter(([, who]) => who === other).map(([id]) => id);
  const theirs = [
    CANARY[other],
    CANARY[other].toLowerCase(),
    CPF[other],
    dotted(CPF[other]),
    BAD_CPF[other],
    `"client":"${other}"`,
    ...idsOf(made.submissions),
    ...idsOf(made.batches),
  ];
  expect({ asked, shown: theirs.filter((text) => all.includes(text)) }).toEqual({ asked, shown: [] });
}

function remember(made: Made, who: Who, method: string, path: string, { status, json }: Reply): void {
  if (status >= 300) return;
  const ended = path.endsWith('/submit') || method === 'DELETE';
  if (ended) made.submissions.delete(path.split('/')[3] as string);
  const { id, next } = (json ?? {}) as { readonly id?: string; readonly next?: string | null };
  if (typeof next === 'string' && !made.cursors.includes(next)) made.cursors.push(next);
  if (id === undefined || method !== 'POST') return;
  (id.startsWith('s-') ? made.submissions : made.batches).set(id, who);
}

/** In the stores, each client's debts, files and submissions are those it sent. */
async function noneCrossed(api: Api, made: Made): Promise<void> {
  await api.world.runDry();
  const whole = async (key: string): Promise<string> =>
    Buffer.from((await api.context.objects.get(key)) ?? []).toString('utf8');
  for (const who of ['acme', 'beta'] as const) {
    let debts = 0;
    for await (const debt of api.context.debts.list(who, {})) {
      debts += 1;
      expect(debt.externalRef).toContain(CANARY[who]);
    }
    expect(debts).toBeGreaterThan(0);
    for await (const { key } of api.context.objects.list(`raw/${who}/`)) {
      expect(await whole(key)).not.toContain(CANARY[OTHER[who]]);
    }
    for (const [id, owner] of made.submissions) {
      const found = await api.context.submissions.get(who, id);
      if (owner !== who) expect(found).toBeUndefined();
      const lines = await api.context.submissions.read(who, id, { after: 0, max: 1000 });
      expect(JSON.stringify(lines)).not.toContain(CANARY[OTHER[who]]);
    }
    for (const { id } of await api.context.registry.list({ client: who, limit: 1000 })) {
      expect(made.batches.get(id)).toBe(who);
    }
  }
}
