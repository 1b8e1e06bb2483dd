/** Approval over HTTP: the preview, who decides and when, what is answered otherwise; and the sub-batches of a batch. */
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/faults.ts';
import { type Api, askForApproval, closesApis, csv, HEADER, openApi, VALID_CPF, waitingBatch } from './harness.ts';

closesApis();

const FULL_HEADER = `${HEADER.trimEnd()},creditor_name\n`;

/** A row of a creditor; `-` names none. */
const row = (ref: string, amount: string, due: string, creditor: string): string =>
  `${ref},Maria Silva,${VALID_CPF},${amount},${due},${creditor === '-' ? '' : creditor}\n`;

const send = (api: Api, body: string) =>
  api.call('POST', '/v1/files', { body, headers: { 'content-type': 'text/csv' } });

async function dateOf(api: Api, id: string, monthsBefore: number): Promise<string> {
  const { businessDate } = await api.world.batch(id);
  const [year, month] = businessDate.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, month - 1 - monthsBefore, 1)).toISOString().slice(0, 10);
}

describe('a batch that is to be approved', () => {
  it('waits with a preview: by outcome, creditor and age, exact, and as of when', async () => {
    const api = await openApi();
    const first = await send(api, FULL_HEADER + row('r-0', '10.00', '2026-03-10', 'Loja A'));
    await api.world.runDry();
    const old = await dateOf(api, first.json.id, 14);
    const young = await dateOf(api, first.json.id, 2);
    const rows = [
      row('r-0', '10.00', '2026-03-10', 'Loja A'),
      row('r-1', '9999999999999.99', old, 'Loja A'),
      row('r-2', '9999999999999.98', young, `Loja ${VALID_CPF}`),
      row('r-3', '0.01', young, '-'),
      row('r-3', '5.00', young, 'Loja A'),
      row('r-4', 'x', young, 'Loja A'),
    ];
    const id = await waitingBatch(api, FULL_HEADER + rows.join(''));
    const seen = await api.call('GET', `/v1/batches/${id}`);
    expect(seen.json).toMatchObject({
      state: 'awaiting_approval',
      approval: { standing: 'required', by: null },
      receipt: null,
      links: { approve: `/v1/batches/${id}/approve`, preview: `/v1/batches/${id}/preview` },
    });
    expect(Date.parse(seen.json.approval?.until ?? '')).toBeGreaterThan(Date.now());
    const preview = await api.call('GET', `/v1/batches/${id}/preview`);
    expect(preview.status).toBe(200);
    expect(preview.json).toMatchObject({
      status: 'awaiting_approval',
      lines: { total: 6, created: 3, updated: 0, unchanged: 1, duplicate: 1, rejected: 1 },
      rejectedBy: { AMOUNT_FORMAT: 1 },
      asOf: { turnsSince: 0 },
      otherCreditors: { creditors: 0, lines: 0, cents: 0 },
    });
    // Beyond 2^53: every digit stands in the text.
    expect(preview.text).toContain('"created":1999999999999998');
    expect(preview.text).toContain(`{"name":"Loja A","lines":2,"cents":1000000000000999}`);
    expect(preview.json.creditors.map(({ name, lines }) => [name, lines])).toEqual([
      ['Loja A', 2],
      ['Loja ***', 1],
      [null, 1],
    ]);
    expect(preview.text).not.toContain(VALID_CPF);
    const ages = preview.json.ages.filter(({ lines }) => lines > 0);
    expect(ages.reduce((sum, { lines }) => sum + lines, 0)).toBe(4);
    expect(ages).toContainEqual({ monthsFrom: 12, monthsBelow: 24, lines: 1, cents: 999_999_999_999_999 });
    // Nothing was written, and another batch that registers meanwhile is told.
    expect((await api.call('GET', '/v1/debts')).json.items.length).toBe(1);
    await send(api, csv('other'));
    await api.world.runDry();
    expect((await api.call('GET', `/v1/batches/${id}/preview`)).json.asOf.turnsSince).toBe(1);
  });

  it('registers once it is approved, against the debts as they are then, and says who approved it', async () => {
    const api = await openApi();
    const id = await waitingBatch(api, csv('r-1', 'r-2'));
    await send(api, csv('r-2'));
    await api.world.runDry();
    const approved = await api.call('POST', `/v1/batches/${id}/approve`);
    expect(approved.status).toBe(200);
    expect(approved.json).toMatchObject({ state: 'staged', approval: { standing: 'approved' } });
    expect(approved.json.approval?.by).toMatch(/^key \S+/);
    expect((await api.call('GET', `/v1/batches/${id}/preview`)).json.lines).toMatchObject({ created: 2 });
    await api.world.runDry();
    const { receipt } = (await api.call('GET', `/v1/batches/${id}`)).json;
    expect(receipt?.lines).toMatchObject({ total: 2, created: 1, unchanged: 1 });
    // Said again after all that, it is answered alike and changes nothing.
    const again = await api.call('POST', `/v1/batches/${id}/approve`);
    expect([again.status, again.json.state]).toEqual([200, 'completed']);
    const late = await api.call('POST', `/v1/batches/${id}/discard`);
    expect([late.status, late.problem.code]).toEqual([409, 'NOT_IN_THIS_STATE']);
  });

  it('is discarded with a reason that its client reads, and frees what was staged', async () => {
    const api = await openApi({ settings: { smallRecordsMax: 0 } });
    const id = await waitingBatch(api);
    const discarded = await api.call('POST', `/v1/batches/${id}/discard`, { json: { why: `not ${VALID_CPF}` } });
    expect(discarded.json).toMatchObject({ state: 'cancelled', failure: { code: 'DISCARDED' } });
    expect(discarded.json.failure?.message).toContain('nothing of it was registered (not ***');
    await api.world.runDry();
    const { receipt } = (await api.call('GET', `/v1/batches/${id}`)).json;
    expect(receipt).toMatchObject({ status: 'cancelled', lines: { total: 0 } });
    expect((await api.call('GET', '/v1/debts')).json.items).toEqual([]);
    expect(await api.world.context.registry.listWorks(id, 'range')).toEqual([]);
    // What was decided about stays to be read.
    expect((await api.call('GET', `/v1/batches/${id}/preview`)).json).toMatchObject({ status: 'cancelled' });
    for (const [path, sent] of [
      ['approve', {}],
      ['cancel', {}],
    ] as const) {
      const answer = await api.call('POST', `/v1/batches/${id}/${path}`, sent);
      expect([path, answer.status]).toEqual([path, path === 'cancel' ? 200 : 409]);
    }
    expect((await api.call('POST', `/v1/batches/${id}/discard`)).status).toBe(200);
  });

  it('is decided by its client or an operator, and by nobody else', async () => {
    const api = await openApi();
    const id = await waitingBatch(api);
    for (const path of ['preview', 'approve', 'discard']) {
      const method = path === 'preview' ? 'GET' : 'POST';
      const theirs = await api.call(method, `/v1/batches/${id}/${path}`, { key: api.tokens.beta });
      expect([path, theirs.status, theirs.problem.code]).toEqual([path, 404, 'BATCH_UNKNOWN']);
    }
    const operator = await api.call('POST', `/v1/batches/${id}/approve`, { key: api.tokens.operator });
    expect(operator.status).toBe(200);
  });

  it('refuses a decision where there is none to take', async () => {
    const api = await openApi();
    const { json } = await send(api, csv('r-1'));
    await askForApproval(api, 'acme', true);
    const waiting = await send(api, csv('r-2'));
    for (const id of [json.id, waiting.json.id]) {
      for (const path of ['approve', 'discard']) {
        const answer = await api.call('POST', `/v1/batches/${id}/${path}`);
        expect([path, answer.status, answer.problem.code]).toEqual([path, 409, 'NOT_IN_THIS_STATE']);
      }
      const preview = await api.call('GET', `/v1/batches/${id}/preview`);
      expect([preview.status, preview.problem.code]).toEqual([409, 'OUTPUT_NOT_READY']);
    }
    for (const json of [{ why: '' }, { why: 'x'.repeat(201) }, { other: 1 }]) {
      expect((await api.call('POST', `/v1/batches/${waiting.json.id}/discard`, { json })).status).toBe(400);
    }
    expect((await api.call('POST', '/v1/batches/b-none/approve')).status).toBe(404);
  });

  it('is shown by the stream of events as it waits and as it goes on', async () => {
    const api = await openApi();
    const id = await waitingBatch(api);
    const { body } = await request(`${api.url}/v1/batches/${id}/events`, {
      headers: { authorization: `Bearer ${api.tokens.acme}` },
    });
    const states: string[] = [];
    let text = '';
    for await (const chunk of body) {
      text += chunk;
      const found = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string));
      states.splice(0, states.length, ...found.map(({ state }) => state));
      if (states.length === 1 && states[0] === 'awaiting_approval') {
        expect(found[0].links.approve).toBe(`/v1/batches/${id}/approve`);
        await api.call('POST', `/v1/batches/${id}/approve`);
        await api.world.runDry();
      }
    }
    expect(states[0]).toBe('awaiting_approval');
    expect(states.at(-1)).toBe('completed');
  });
});

describe('the sub-batches of a batch', () => {
  const SETTINGS = { smallRecordsMax: 0, rangeBytes: 65_536, shardRecords: 500, failuresMax: 3 };
  const FILE = csv(...Array.from({ length: 3000 }, (_, i) => `r-${i}`));

  async function statesOf(api: Api, id: string, kind: 'ranges' | 'shards'): Promise<string[]> {
    const states: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await api.call(
        'GET',
        `/v1/batches/${id}/${kind}?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      expect(page.status).toBe(200);
      const { items, next } = page.json as { items: readonly { state: string }[]; next: string | null };
      expect(items.length).toBeLessThanOrEqual(2);
      states.push(...items.map(({ state }) => state));
      cursor = next;
    }
    return states;
  }

  it('are listed one by one, with how each stands and why it failed', async () => {
    const api = await openApi({ settings: SETTINGS });
    const { json } = await send(api, FILE);
    const { id } = json;
    expect(await statesOf(api, id, 'ranges')).toEqual([]);
    await api.world.runDry(['picker']);
    const { ranges, shards } = await api.world.batch(id);
    expect(ranges).toBeGreaterThan(2);
    expect(await statesOf(api, id, 'ranges')).toEqual(Array(ranges).fill('waiting'));
    let fails = true;
    api.world.hook = (task, args, run) => {
      const { range } = args as { readonly range?: number };
      return fails && task === 'range' && range === 1 ? Promise.reject(new Fault('WORKER_DIED', VALID_CPF)) : run();
    };
    await api.world.deliver('intermediate');
    await api.world.deliver('intermediate');
    const failing = (await api.call('GET', `/v1/batches/${id}/ranges`)).json.items;
    expect(
      failing
        .map(({ state }) => state)
        .sort()
        .slice(0, 2),
    ).toEqual(['done', 'failing']);
    expect(failing.find(({ state }) => state === 'failing')).toMatchObject({ range: 1, failures: 1, staged: null });
    expect(failing.find(({ state }) => state === 'failing')?.says).toMatch(/^WORKER_DIED: .*\*\*\*/);
    fails = false;
    await api.world.runDry();
    expect(await statesOf(api, id, 'ranges')).toEqual(Array(ranges).fill('done'));
    expect(await statesOf(api, id, 'shards')).toEqual(Array(shards).fill('done'));
    const all = (await api.call('GET', `/v1/batches/${id}/ranges`)).json.items;
    expect(all.reduce((sum, { records }) => sum + records, 0)).toBe(3000);
    expect(all[0]).toMatchObject({ start: HEADER.length, firstLine: 2 });
  });

  it('tell of a preview, of registering, and of what ended before', async () => {
    const api = await openApi({ settings: SETTINGS });
    const id = await waitingBatch(api, FILE);
    const shards = (await api.call('GET', `/v1/batches/${id}/shards`)).json.items;
    expect(new Set(shards.map(({ mode, state }) => `${mode} ${state}`))).toEqual(new Set(['preview done']));
    expect(shards.reduce((sum, { lines }) => sum + (lines?.created ?? 0), 0)).toBe(3000);
    await api.call('POST', `/v1/batches/${id}/approve`);
    const applied = (await api.call('GET', `/v1/batches/${id}/shards`)).json.items;
    expect(new Set(applied.map(({ mode, state }) => `${mode} ${state}`))).toEqual(new Set(['apply waiting']));
    const dropped = await send(api, FILE);
    await api.world.runDry(['picker']);
    await api.call('POST', `/v1/batches/${dropped.json.id}/cancel`);
    expect(new Set(await statesOf(api, dropped.json.id, 'ranges'))).toEqual(new Set(['ended']));
    const cursor = (await api.call('GET', `/v1/batches/${id}/ranges?limit=1`)).json.next;
    const elsewhere = await api.call('GET', `/v1/batches/${dropped.json.id}/ranges?cursor=${cursor}`);
    expect(elsewhere.problem.code).toBe('CURSOR_INVALID');
  });

  it('of a small batch are one of each', async () => {
    const api = await openApi();
    const { json } = await send(api, csv('r-1', 'r-2'));
    await api.world.runDry();
    for (const kind of ['ranges', 'shards'] as const) expect(await statesOf(api, json.id, kind)).toEqual(['done']);
  });
});
