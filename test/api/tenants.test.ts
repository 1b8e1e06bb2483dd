/** Two clients over every route: no byte of one's data reaches the other, whatever is asked in whatever order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Api, closesApis, csv, line, openApi, type Sent } from './harness.ts';

closesApis();

type Who = 'acme' | 'beta';

/** What each client's data carries, so that it can be told wherever it turns up. */
const CANARY: Readonly<Record<Who, string>> = { acme: 'CANARYACME', beta: 'CANARYBETA' };
const CPF = '52998224725';

/** What was made so far, whoever made it: the other client asks for it too. */
interface Made {
  readonly submissions: string[];
  readonly batches: string[];
  readonly cursors: string[];
}

type Ask = (made: Made, pick: (from: readonly string[]) => string) => { method: string; path: string } & Sent;

const text = (body: string): Sent => ({ body, headers: { 'content-type': 'text/csv' } });

/** Every route of /v1; `who` marks what is sent. */
function asksOf(who: Who, n: number): readonly Ask[] {
  const mark = `${CANARY[who]}-${n}`;
  const on =
    (method: string, suffix: string, sent: Sent = {}): Ask =>
    (made, pick) => ({
      method,
      path: `/v1/submissions/${pick(made.submissions)}${suffix}`,
      ...sent,
    });
  const batch =
    (method: string, suffix: string): Ask =>
    (made, pick) => ({
      method,
      path: `/v1/batches/${pick(made.batches)}${suffix}`,
    });
  const list =
    (path: string): Ask =>
    (made, pick) => ({
      method: 'GET',
      path:
        n % 2 === 0 || made.cursors.length === 0 ? `${path}?limit=1` : `${path}?limit=1&cursor=${pick(made.cursors)}`,
    });
  return [
    () => ({
      method: 'POST',
      path: '/v1/submissions',
      json: { file: `${mark}.csv` },
      headers: { 'idempotency-key': `k${n % 3}` },
    }),
    on('POST', '/lines', { json: line(mark) }),
    on('POST', '/lines', {
      json: { lines: [line(`${mark}a`), line(`${mark}b`)] },
      headers: { 'idempotency-key': `l${n % 3}` },
    }),
    on('POST', '/submit'),
    on('GET', ''),
    on('GET', '/lines'),
    on('DELETE', ''),
    list('/v1/submissions'),
    list('/v1/batches'),
    list('/v1/debts'),
    () => ({ method: 'POST', path: `/v1/files?file=${mark}.csv`, ...text(csv(mark)) }),
    () => ({
      method: 'POST',
      path: '/v1/files',
      body: csv(mark),
      headers: { 'content-type': 'text/csv', 'idempotency-key': `f${n % 3}` },
    }),
    () => ({ method: 'GET', path: `/v1/debts?external_ref=${CANARY[who === 'acme' ? 'beta' : 'acme']}-${n}` }),
    () => ({ method: 'POST', path: '/v1/debts/search', json: { cpf: CPF } }),
    batch('GET', ''),
    batch('GET', '/rejects'),
    batch('GET', '/resubmit'),
    batch('GET', '/retorno'),
    batch('POST', '/cancel'),
    batch('POST', '/redrive'),
    () => ({ method: 'GET', path: '/v1/batches', headers: { 'x-remessa-client': who === 'acme' ? 'beta' : 'acme' } }),
  ];
}

const ASKS = asksOf('acme', 0).length;

describe('two clients', () => {
  it('see nothing of each other over any route', async () => {
    const api = await openApi();
    const made: Made = { submissions: [], batches: [], cursors: [] };
    let n = 0;
    const seen = { own: 0, refused: 0 };
    const step = fc.tuple(
      fc.constantFrom<Who>('acme', 'beta'),
      fc.nat(ASKS - 1),
      fc.nat(),
      fc.integer({ min: 0, max: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
        for (const [who, ask, choice, work] of steps) {
          n += 1;
          const pick = (from: readonly string[]): string => from[choice % Math.max(1, from.length)] ?? 's-none';
          const { method, path, ...sent } = (asksOf(who, n)[ask] as Ask)(made, pick);
          const reply = await api.call(method, path, { ...sent, key: api.tokens[who] });
          expect(reply.status).toBeLessThan(500);
          const other = who === 'acme' ? 'beta' : 'acme';
          // What was asked for is the asker's own text; nothing else may carry the other's mark.
          expect(JSON.stringify(reply.headers) + reply.text).not.toContain(CANARY[other]);
          expect(reply.text).not.toContain(`"client":"${other}"`);
          remember(made, path, reply.json);
          if (reply.text.includes(CANARY[who])) seen.own += 1;
          if (reply.status === 404 || reply.status === 403) seen.refused += 1;
          if (work === 0) await api.world.runDry();
        }
      }),
      { numRuns: 12, seed: 11 },
    );
    expect(seen.own).toBeGreaterThan(20);
    expect(seen.refused).toBeGreaterThan(20);
    await noneCrossed(api);
  });

  it('are told apart by their keys, never by what they name', async () => {
    const api = await openApi();
    const sent = await api.call('POST', '/v1/files', text(csv('a')));
    const named = { 'x-remessa-client': 'acme' };
    const other = await api.call('GET', `/v1/batches/${sent.json.id}`, { key: api.tokens.beta, headers: named });
    expect(other).toMatchObject({ status: 403, json: { code: 'FORBIDDEN' } });
    const unknown = await api.call('GET', `/v1/batches/${sent.json.id}`, { key: api.tokens.beta });
    const none = await api.call('GET', '/v1/batches/b-0000000000000000', { key: api.tokens.beta });
    expect({ ...unknown.json }).toEqual({ ...none.json });
    expect(unknown.status).toBe(404);
  });
});

function remember(made: Made, path: string, json: unknown): void {
  const { id, next, state } = (json ?? {}) as { id?: string; next?: string | null; state?: string };
  if (typeof next === 'string') made.cursors.push(next);
  if (id === undefined || state === undefined) return;
  const list = id.startsWith('s-') ? made.submissions : made.batches;
  if (!list.includes(id)) list.push(id);
  if (path.endsWith('/submit')) made.batches.push(id);
}

/** In the stores, each client's debts are those it sent. */
async function noneCrossed(api: Api): Promise<void> {
  await api.world.runDry();
  for (const who of ['acme', 'beta'] as const) {
    for await (const debt of api.context.debts.list(who, {})) expect(debt.externalRef).toContain(CANARY[who]);
  }
}
