/**
 * The API over AWS, at the servers of the tests, as its users meet it: keys from the command line, a daemon of all roles, files,
 * submissions, repeated requests, live events, downloads and look-ups.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoServers, type ServerKind, serviceServers } from '../support/aws/servers.ts';
import { AwsWorld } from './awsWorld.ts';
import { type BatchView, eventually, type Program } from './harness.ts';

const CSV = `external_ref,debtor_name,cpf,amount,due_date
CT-1,Maria Silva,529.982.247-25,100.00,2026-03-10
CT-2,Ana Lima,52998224726,100.00,2026-03-10
CT-3,"Souza, João",11144477735,0.01,2026-02-10
`;
const pairs = serviceServers().map((services, index) => ({ services, tables: dynamoServers()[index] as ServerKind }));

interface Page<Item> {
  readonly items: readonly Item[];
}

describe.each(pairs)('the API over $services.name and $tables.name', ({ services, tables }) => {
  let world: AwsWorld;
  let daemon: Program;
  let url: string;
  const tokens = new Map<string, string>();

  beforeAll(async () => {
    world = await AwsWorld.open({ services, tables });
    for (const id of ['acme', 'beta']) {
      await world.box.run(['clients', 'add', id, '--name', id]);
      const issued = await world.box.run(['keys', 'issue', '--client', id]);
      tokens.set(id, issued.stdout.trim());
    }
    daemon = await world.daemon('input,picker,intermediate,registering,batch');
    url = /"url":"(http:[^"]+)"/.exec(daemon.stderr)?.[1] ?? '';
  }, 120_000);
  afterAll(async () => {
    await world.close();
  });

  const ask = (method: string, path: string, sent: RequestInit = {}, client = 'acme'): Promise<Response> =>
    fetch(`${url}${path}`, {
      ...sent,
      method,
      headers: { authorization: `Bearer ${tokens.get(client)}`, ...(sent.headers as Record<string, string>) },
    });
  const json = async <Answer>(answer: Response): Promise<Answer> => (await answer.json()) as Answer;
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    ask('POST', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
  const final = (id: string, client = 'acme') =>
    eventually('the batch to end', async () => {
      const batch = await json<BatchView>(await ask('GET', `/v1/batches/${id}`, {}, client));
      return ['completed', 'failed', 'cancelled'].includes(batch.state) && batch;
    });

  it('is ready, and takes a file once however often it is sent', async () => {
    await eventually('the daemon to be ready', async () => (await fetch(`${url}/readyz`)).ok);
    const body = gzipSync(CSV);
    const headers = {
      'content-type': 'application/gzip',
      'idempotency-key': 'file-1',
      'x-checksum-sha256': createHash('sha256').update(body).digest('hex'),
    };
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => ask('POST', '/v1/files?file=a.csv.gz', { body, headers })),
    );
    // Whoever waits too long for the first answer is told to ask again.
    const first = answers.find(({ status }) => status === 202);
    expect(answers.map(({ status }) => status).filter((status) => status !== 202 && status !== 409)).toEqual([]);
    const text = (await first?.text()) ?? '';
    const again = await ask('POST', '/v1/files?file=a.csv.gz', { body, headers });
    expect(await again.text()).toBe(text);
    const other = await ask('POST', '/v1/files?file=a.csv.gz', {
      body: CSV,
      headers: { 'content-type': 'text/csv', 'idempotency-key': 'file-1' },
    });
    expect([other.status, (await json<{ code: string }>(other)).code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    const wrong = await ask('POST', '/v1/files', { body: CSV, headers: { 'x-checksum-crc32': '00000000' } });
    expect((await json<{ code: string }>(wrong)).code).toBe('CHECKSUM_MISMATCH');

    const { id } = JSON.parse(text) as { readonly id: string };
    const events = await (await ask('GET', `/v1/batches/${id}/events`)).text();
    expect(events).toMatch(/event: end\nid: \d+\ndata: \{.*"state":"completed"/);
    expect((await json<Page<BatchView>>(await ask('GET', '/v1/batches'))).items.map((one) => one.id)).toEqual([id]);
    const download = async (kind: string) => await (await ask('GET', `/v1/batches/${id}/${kind}`)).text();
    expect(await download('rejects')).toContain('3,cpf,CPF_CHECK_DIGITS');
    expect(await download('resubmit')).toBe(`${CSV.split('\n')[0]}\n${CSV.split('\n')[2]}\n`);
    expect(
      (await download('retorno'))
        .split('\n')
        .slice(1, 4)
        .map((row) => row.split(',')[2]),
    ).toEqual(['created', 'rejected', 'created']);
    expect((await ask('GET', `/v1/batches/${id}`, {}, 'beta')).status).toBe(404);
  }, 120_000);

  it('collects lines, gives them back, and makes one batch of them', async () => {
    const { id } = await json<{ readonly id: string }>(await post('/v1/submissions', { file: 'linhas.csv' }));
    const line = (ref: string) => ({
      external_ref: ref,
      debtor_name: 'Ana',
      cpf: '12345678909',
      amount: '1.50',
      due_date: '2026-03-10',
    });
    const one = await Promise.all(
      ['L-1', 'L-2', 'L-3'].map((ref) => post(`/v1/submissions/${id}/lines`, line(ref), { 'idempotency-key': ref })),
    );
    expect(one.map(({ status }) => status)).toEqual([201, 201, 201]);
    await post(`/v1/submissions/${id}/lines`, { lines: [line('L-4'), line('L-5')] });
    await post(`/v1/submissions/${id}/lines`, line('L-1'), { 'idempotency-key': 'L-1' });
    const back = await json<Page<{ line: { external_ref: string } }>>(await ask('GET', `/v1/submissions/${id}/lines`));
    const refs = ['L-1', 'L-2', 'L-3', 'L-4', 'L-5'];
    expect(back.items.map((item) => item.line.external_ref).sort()).toEqual(refs);
    const submitted = await Promise.all([1, 2].map(() => ask('POST', `/v1/submissions/${id}/submit`)));
    const batches = await Promise.all(submitted.map((answer) => json<{ readonly id: string }>(answer)));
    expect(new Set(batches.map((batch) => batch.id)).size).toBe(1);
    expect(await final(batches[0]?.id ?? '')).toMatchObject({ state: 'completed', records: 5 });
    const found = await json<Page<{ external_ref: string }>>(await post('/v1/debts/search', { cpf: '123.456.789-09' }));
    expect(found.items.map((debt) => debt.external_ref).sort()).toEqual(refs);
    const byRef = await json<Page<{ amount: string }>>(await ask('GET', '/v1/debts?external_ref=L-4'));
    expect(byRef.items.map(({ amount }) => amount)).toEqual(['1.50']);
    const pages: string[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const query: string = next === '' ? '' : `&cursor=${next}`;
      const page: Page<{ external_ref: string }> & { next: string | null } = await json(
        await ask('GET', `/v1/debts?limit=3${query}`),
      );
      pages.push(...page.items.map((debt) => debt.external_ref));
      next = page.next;
    }
    expect(pages.sort()).toEqual(['CT-1', 'CT-3', ...refs]);
    expect((await json<Page<object>>(await ask('GET', '/v1/debts', {}, 'beta'))).items).toEqual([]);
  }, 120_000);

  it('heeds a key that was revoked, and ends what it has in hand at SIGTERM', async () => {
    const prefix = tokens.get('beta')?.slice(0, 13) ?? '';
    expect((await ask('GET', '/v1/submissions', {}, 'beta')).status).toBe(200);
    expect((await world.box.run(['keys', 'revoke', prefix])).code).toBe(0);
    await eventually(
      'the key to count no more',
      async () => (await ask('GET', '/v1/batches', {}, 'beta')).status === 401,
    );
    const sent = ask('POST', '/v1/files', { body: CSV, headers: { 'content-type': 'text/csv' } });
    const { id } = await json<{ readonly id: string }>(await sent);
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code, ended.stderr).toBe(0);
    expect((await world.batches()).map((batch) => batch.id)).toContain(id);
    expect(ended.stderr).not.toContain('"http.failed"');
  }, 120_000);
});
