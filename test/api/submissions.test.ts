/** Submissions over HTTP: every route, the CSV they become, races, restarts and expiry. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tidyApi } from '../../src/api/upkeep.ts';
import { LINE_COLUMNS } from '../../src/stages/intake/lines.ts';
import { finishSubmissions } from '../../src/stages/intake/submit.ts';
import { csvRows } from '../e2e/csv.ts';
import { type Api, closesApis, HEADER, line, openApi, openSubmission, rawObjects, rawOf } from './harness.ts';

closesApis();

const append = (api: Api, id: string, json: unknown) => api.call('POST', `/v1/submissions/${id}/lines`, { json });
const submit = (api: Api, id: string) => api.call('POST', `/v1/submissions/${id}/submit`);

describe('a submission', () => {
  it('is opened, filled, read back, submitted and registered', async () => {
    const api = await openApi();
    const made = await api.call('POST', '/v1/submissions', { json: { file: 'março.csv' } });
    expect(made).toMatchObject({ status: 201, json: { state: 'open', lines: 0, file: 'março.csv', batch: null } });
    const { id } = made.json;
    expect(made.headers['location']).toBe(`/v1/submissions/${id}`);
    expect((await append(api, id, line('r-1'))).json).toEqual({ submission: id, accepted: 1, lines: [{ number: 1 }] });
    const many = await append(api, id, { lines: [line('r-2'), line('r-3', { cpf: '52998224726' })] });
    expect(many).toMatchObject({ status: 201, json: { accepted: 2, lines: [{ number: 2 }, { number: 3 }] } });
    const back = await api.call('GET', `/v1/submissions/${id}/lines?limit=2`);
    expect(back.json.items).toEqual([
      { number: 1, line: line('r-1') },
      { number: 2, line: line('r-2') },
    ]);
    const rest = await api.call('GET', `/v1/submissions/${id}/lines?limit=2&cursor=${back.json.next}`);
    expect(rest.json).toEqual({ items: [{ number: 3, line: line('r-3', { cpf: '52998224726' }) }], next: null });
    const submitted = await submit(api, id);
    expect(submitted).toMatchObject({ status: 202, json: { state: 'accepted', file: 'março.csv' } });
    await api.world.runDry();
    const batch = await api.call('GET', `/v1/batches/${submitted.json.id}`);
    expect(batch.json).toMatchObject({
      state: 'completed',
      receipt: { lines: { total: 3, created: 2, rejected: 1 } },
      topErrors: [{ code: 'CPF_CHECK_DIGITS', records: 1 }],
    });
    const after = await api.call('GET', `/v1/submissions/${id}`);
    expect(after.json).toMatchObject({ state: 'submitted', batch: submitted.json.id, lines: 3 });
    expect((await submit(api, id)).json.id).toBe(submitted.json.id);
    expect(await append(api, id, line('r-4'))).toMatchObject({ status: 409, json: { code: 'SUBMISSION_CLOSED' } });
    expect((await rawObjects(api)).length).toBe(1);
  });

  it('is listed newest first, page by page', async () => {
    const api = await openApi();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift(await openSubmission(api));
    const found: string[] = [];
    let cursor = '';
    do {
      const page = await api.call('GET', `/v1/submissions?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      found.push(...page.json.items.map((item: { id: string }) => item.id));
      cursor = page.json.next ?? '';
    } while (cursor !== '');
    expect([...found].sort()).toEqual([...ids].sort());
    expect(new Set(found).size).toBe(5);
    const wrong = await api.call('GET', '/v1/submissions?cursor=abc');
    expect(wrong).toMatchObject({ status: 400, json: { code: 'CURSOR_INVALID' } });
  });

  it('is discarded while it is open', async () => {
    const api = await openApi();
    const id = await openSubmission(api);
    await append(api, id, line('r'));
    expect((await api.call('DELETE', `/v1/submissions/${id}`)).status).toBe(204);
    expect((await api.call('GET', `/v1/submissions/${id}`)).problem.code).toBe('SUBMISSION_UNKNOWN');
    const other = await openSubmission(api);
    await append(api, other, line('r'));
    await submit(api, other);
    expect((await api.call('DELETE', `/v1/submissions/${other}`)).problem.code).toBe('SUBMISSION_CLOSED');
    expect((await api.call('DELETE', '/v1/submissions/s-none')).status).toBe(404);
  });

  it.each([
    { kind: 'cnab-240' },
    { dialect: { delimiter: ';' }, encoding: 'windows-1252', locale: { decimal: ',', date: 'DD/MM/YYYY' } },
  ])('is in the default format whatever the files of its client are, under the rules of its profile: %j', async (how) => {
    const api = await openApi();
    const { clients } = api.context;
    const document = JSON.stringify({ format: 1, ...how, rules: { amountMin: '100' }, language: 'pt-BR' });
    await clients.addProfile({ name: 'files', version: 1, document, createdAtMs: 0 });
    const known = await clients.get('acme');
    if (known === undefined) throw new Error('acme is a client');
    await clients.update({ ...known, profile: 'files' });
    const id = await openSubmission(api);
    await append(api, id, { lines: [line('r-1'), line('r-2', { amount: '99.99', debtor_name: 'José' })] });
    const submitted = await submit(api, id);
    await api.world.runDry();
    const { json } = await api.call('GET', `/v1/batches/${submitted.json.id}`);
    expect(json).toMatchObject({ state: 'completed', receipt: { lines: { created: 1, rejected: 1 } } });
    expect(json.topErrors).toMatchObject([{ code: 'AMOUNT_BELOW_MINIMUM' }]);
  });

  it.each<[string, unknown, RegExp]>([
    ['a number where text is asked', { ...line('r'), amount: 12.5 }, /amount must be string/],
    ['a column that is none', { ...line('r'), nome: 'x' }, /additional/],
    ['a required column that is missing', { external_ref: 'r' }, /required/],
    ['a required column that is null', { ...line('r'), cpf: null }, /cpf must be string/],
    ['no lines', { lines: [] }, /fewer than 1/],
    ['lines and a line at once', { lines: [line('r')], external_ref: 'r' }, /additional/],
    ['half a surrogate pair', { lines: [line('r'), line('\ud800')] }, /line 2/],
    ['nothing', undefined, /object/],
    ['an array', [line('r')], /object/],
  ])('refuses %s as a whole, with the place', async (_, json, says) => {
    const api = await openApi();
    const id = await openSubmission(api);
    const refused = await append(api, id, json);
    expect(refused).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID', status: 400 } });
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(refused.problem.detail).toMatch(says);
    expect((await api.call('GET', `/v1/submissions/${id}`)).json.lines).toBe(0);
  });

  it('has the columns it was opened with, and no others', async () => {
    const api = await openApi();
    const columns = ['cpf', 'external_ref', 'due_date', 'amount', 'debtor_name', 'debtor_email'];
    const id = await openSubmission(api, { columns });
    await append(api, id, line('r-1'));
    await append(api, id, line('r-2', { debtor_email: 'a@b.example', debtor_phone: null }));
    const extra = await append(api, id, line('r-3', { debtor_phone: '11999990000' }));
    expect(extra).toMatchObject({ status: 400, json: { code: 'REQUEST_INVALID' } });
    const { json } = await submit(api, id);
    expect(await rawOf(api, json.id)).toBe(
      `${columns.join(',')}\n52998224725,r-1,2026-03-10,123.45,Maria Silva,\n52998224725,r-2,2026-03-10,123.45,Maria Silva,a@b.example\n`,
    );
    const short = await api.call('POST', '/v1/submissions', { json: { columns: ['cpf'] } });
    expect(short.status).toBe(400);
  });

  it('without columns has those that some line names', async () => {
    const api = await openApi();
    const id = await openSubmission(api);
    await append(api, id, line('r-1'));
    await append(api, id, line('r-2', { installment: '1/3', debtor_phone: '' }));
    const { json } = await submit(api, id);
    expect(await rawOf(api, json.id)).toBe(
      `${HEADER.trim()},debtor_phone,installment\nr-1,Maria Silva,52998224725,123.45,2026-03-10,,\nr-2,Maria Silva,52998224725,123.45,2026-03-10,,1/3\n`,
    );
  });

  it('becomes a file that holds every value exactly', async () => {
    const api = await openApi();
    const tricky = fc.constantFrom(
      '=1+1',
      '+55',
      '-2',
      '@a',
      '\t',
      '\r',
      '\n',
      '\r\n',
      '"',
      '""',
      ',',
      ' x ',
      '',
      "'",
      '\u0000',
      '＝1',
      '😀',
      '\ufeff',
    );
    const value = fc.oneof(
      tricky,
      fc.array(tricky, { maxLength: 4 }).map((parts) => parts.join('')),
      fc.string({ unit: 'grapheme', maxLength: 12 }),
    );
    const record = fc.record(Object.fromEntries(LINE_COLUMNS.map((name) => [name, value])));
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 8 }), fc.boolean(), async (lines, together) => {
        const id = await openSubmission(api);
        if (together) expect((await append(api, id, { lines })).status).toBe(201);
        else for (const one of lines) expect((await append(api, id, one)).status).toBe(201);
        const back = await api.call('GET', `/v1/submissions/${id}/lines`);
        expect(back.json.items.map((item: { line: unknown }) => item.line)).toEqual(lines);
        const { json } = await submit(api, id);
        const rows = csvRows(Buffer.from(await rawOf(api, json.id)));
        expect(rows[0]).toEqual(LINE_COLUMNS);
        expect(rows.slice(1)).toEqual(
          lines.map((one) => LINE_COLUMNS.map((name) => (one as Record<string, string>)[name])),
        );
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  it('holds no more than it may', async () => {
    const api = await openApi({ settings: { submissionLinesMax: 3, submissionsOpenMax: 2 } });
    const id = await openSubmission(api);
    expect((await append(api, id, { lines: [line('1'), line('2')] })).status).toBe(201);
    expect(await append(api, id, { lines: [line('3'), line('4')] })).toMatchObject({
      status: 413,
      json: { code: 'SUBMISSION_FULL' },
    });
    expect((await append(api, id, line('3'))).json.lines).toEqual([{ number: 3 }]);
    await openSubmission(api);
    const third = await api.call('POST', '/v1/submissions');
    expect(third).toMatchObject({ status: 429, json: { code: 'SUBMISSIONS_TOO_MANY' } });
    expect(third.headers['retry-after']).toBeDefined();
    await openSubmission(api, {}, api.tokens.beta);
    expect(await submit(api, await openSubmission(api, {}, api.tokens.beta))).toMatchObject({ status: 404 });
  });

  it('is not submitted without lines', async () => {
    const api = await openApi();
    expect(await submit(api, await openSubmission(api))).toMatchObject({
      status: 409,
      json: { code: 'SUBMISSION_EMPTY' },
    });
  });
});

// fault 36
describe('appends that race with a submit', () => {
  it('are in the batch where they were acknowledged, and only there', async () => {
    const api = await openApi();
    for (let round = 0; round < 8; round++) {
      const id = await openSubmission(api);
      await append(api, id, line('first'));
      const appends = Array.from({ length: 24 }, (_, i) => append(api, id, line(`r-${round}-${i}`)));
      const submits = [submit(api, id), submit(api, id)];
      const answered = await Promise.all(appends);
      const [one, two] = await Promise.all(submits);
      expect([one?.status, two?.status]).toEqual([202, 202]);
      expect(two?.json.id).toBe(one?.json.id);
      const refs = csvRows(Buffer.from(await rawOf(api, one?.json.id)))
        .slice(1)
        .map((row) => row[0]);
      const acknowledged = answered.flatMap(({ status }, i) => (status === 201 ? [`r-${round}-${i}`] : []));
      expect(refs.sort()).toEqual(['first', ...acknowledged].sort());
      for (const { status, problem } of answered) if (status !== 201) expect(problem.code).toBe('SUBMISSION_CLOSED');
    }
  });
});

describe('a restart', () => {
  it('in the middle of a submission loses no line', async () => {
    const api = await openApi();
    const id = await openSubmission(api);
    await append(api, id, { lines: [line('r-1'), line('r-2')] });
    await api.restart();
    expect((await append(api, id, line('r-3'))).json.lines).toEqual([{ number: 3 }]);
    const { json } = await submit(api, id);
    expect(
      csvRows(Buffer.from(await rawOf(api, json.id)))
        .slice(1)
        .map((row) => row[0]),
    ).toEqual(['r-1', 'r-2', 'r-3']);
  });

  it('between closing and accepting still makes the batch, once', async () => {
    const api = await openApi();
    const id = await openSubmission(api);
    await append(api, id, line('r-1'));
    await api.context.submissions.close('acme', id, api.context.clock.nowMs(), 60_000);
    await api.restart();
    await new Promise((next) => setTimeout(next, 5));
    expect(await finishSubmissions(api.context, 0, 10)).toBe(1);
    expect(await finishSubmissions(api.context, 0, 10)).toBe(0);
    const { json } = await api.call('GET', `/v1/submissions/${id}`);
    expect(json).toMatchObject({ state: 'submitted' });
    expect((await submit(api, id)).json.id).toBe(json.batch);
    expect(await rawOf(api, json.batch ?? '')).toBe(`${HEADER}r-1,Maria Silva,52998224725,123.45,2026-03-10\n`);
  });
});

describe('an abandoned submission', () => {
  it('expires with its lines; one that is touched does not', async () => {
    let aheadMs = 0;
    const api = await openApi({
      settings: { submissionIdleMs: 60_000 },
      wrap: (context) => ({
        ...context,
        clock: {
          nowMs: () => context.clock.nowMs() + aheadMs,
          monotonicMs: () => context.clock.monotonicMs(),
          sleep: (ms, signal) => context.clock.sleep(ms, signal),
        },
      }),
    });
    const [left, kept] = [await openSubmission(api), await openSubmission(api)];
    await append(api, left, line('r-1'));
    aheadMs = 50_000;
    await append(api, kept, line('r-1'));
    aheadMs = 61_000;
    expect(await append(api, left, line('r-2'))).toMatchObject({ status: 410, json: { code: 'SUBMISSION_EXPIRED' } });
    await tidyApi(api.context, new AbortController().signal);
    expect((await api.call('GET', `/v1/submissions/${left}`)).json).toMatchObject({
      state: 'expired',
      expiresAt: null,
    });
    expect((await api.call('GET', `/v1/submissions/${left}/lines`)).json.items).toEqual([]);
    expect((await submit(api, left)).problem.code).toBe('SUBMISSION_EXPIRED');
    expect((await append(api, kept, line('r-2'))).status).toBe(201);
  });
});
