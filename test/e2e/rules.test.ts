/**
 * A rules service that is slow, down, or sends rubbish, seen from outside: batches go on with the last good version and say
 * so, in the receipt, the API, the commands, the log and the metrics. The service is a real one that misbehaves.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RULES_FAULTS, RulesServer } from '../support/rulesServer.ts';
import { type BatchView, eventually, sandboxes } from './harness.ts';
import { ingested } from './judge.ts';

const sandbox = sandboxes();
const TOKEN = 'Bearer do-not-print-this-token';
const HEADER = 'external_ref,debtor_name,cpf,amount,due_date\n';
const ROWS = ['A,Ana,52998224725,5.00,2026-01-31', 'B,Bia,52998224725,15.00,2026-01-31', ''].join('\n');
const LEAST = (amountMin: string) => ({ format: 1, rules: { amountMin } });

let server: RulesServer;
beforeEach(async () => {
  server = await RulesServer.start();
});
afterEach(() => server.close());

const settings = () => ({
  REMESSA_RULES_URL: `${server.origin}/clients/{client}/profiles/{profile}`,
  REMESSA_RULES_TOKEN: TOKEN,
  REMESSA_RULES_MS: '1500',
  REMESSA_RULES_BYTES_MAX: '4KiB',
  REMESSA_RULES_FRESH_MS: '0',
  REMESSA_RULES_RETRY_MS: '0',
});

interface Receipt {
  readonly batch: string;
  readonly status: string;
  readonly profile: string;
  readonly profileSource: { readonly url: string; readonly etag: string | null } | null;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly lines: Readonly<Record<string, number>>;
}

describe('a rules service that is slow, down, or sends rubbish', () => {
  it('leaves every batch of a daemon the last good version, visibly', async () => {
    const { box } = sandbox;
    const added = await box.run(['clients', 'add', 'acme', '--name', 'Acme', '--profile', 'erp'], { env: settings() });
    expect(added.code, added.stderr).toBe(0);
    const key = (await box.run(['keys', 'issue', '--client', 'acme'])).stdout.trim();
    const daemon = await box.serve(settings());
    const url = await eventually('the API to listen', () => /"url":"([^"]+)"/.exec(daemon.stderr)?.[1]);
    const authorization = `Bearer ${key}`;

    const call = async (path: string, body?: string): Promise<unknown> => {
      const answer = await fetch(`${url}${path}`, {
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'text/csv' }) },
        ...(body === undefined ? {} : { method: 'POST', body }),
      });
      expect(answer.ok, `${path}: ${answer.status}`).toBe(true);
      return await answer.json();
    };
    let files = 0;
    const takenIn = async (): Promise<Receipt> => {
      files += 1;
      const { id } = (await call(
        '/v1/files',
        `${HEADER}${ROWS}F${files},Caio,52998224725,20.00,2026-01-31\n`,
      )) as BatchView;
      return await eventually(`batch ${id} to end`, async () => {
        const view = (await call(`/v1/batches/${id}`)) as BatchView & { readonly receipt: Receipt | null } & Receipt;
        if (view.receipt === null) return undefined;
        expect([view.profile, view.warnings]).toEqual([view.receipt.profile, view.receipt.warnings]);
        return view.receipt;
      });
    };

    server.give(LEAST('10.00'), '"v1"');
    const source = { url: `${server.origin}/clients/acme/profiles/erp`, etag: '"v1"' };
    const good = await takenIn();
    expect(good).toMatchObject({ status: 'completed', profile: 'acme/erp@1', profileSource: source, warnings: [] });
    expect(good.lines).toMatchObject({ created: 2, rejected: 1 });
    expect(server.asked[0]).toEqual({ path: '/clients/acme/profiles/erp', condition: null, token: TOKEN });
    // The same document is not sent a second time.
    expect(await takenIn()).toMatchObject({ profile: 'acme/erp@1', profileSource: source, warnings: [] });
    expect(server.asked[1]?.condition).toBe('"v1"');

    for (const fault of RULES_FAULTS) {
      server.manner = fault;
      const receipt = await takenIn();
      expect([fault, receipt.status, receipt.profile, receipt.profileSource]).toEqual([
        fault,
        'completed',
        'acme/erp@1',
        source,
      ]);
      expect(receipt.warnings, fault).toMatchObject([{ code: 'RULES_STALE' }]);
      expect(receipt.lines, fault).toMatchObject({ created: 1, unchanged: 1, rejected: 1 });
      expect(JSON.stringify(receipt)).not.toMatch(/529\.?982/);
    }

    // New rules, and then nobody is there any more.
    server.give(LEAST('1.00'), '"v2"');
    expect(await takenIn()).toMatchObject({ profile: 'acme/erp@2', warnings: [], lines: { created: 2, rejected: 0 } });
    await server.close();
    const alone = await takenIn();
    expect(alone).toMatchObject({ profile: 'acme/erp@2', warnings: [{ code: 'RULES_STALE' }] });
    expect(alone.warnings[0]?.message).toMatch(/acme\/erp@2; ECONNREFUSED/);

    const metrics = await (await fetch(`${url}/metrics`)).text();
    const stale = RULES_FAULTS.length + 1;
    expect(metrics).toMatch(new RegExp(`^remessa_batches_warned_total\\{code="RULES_STALE"\\} ${stale}$`, 'm'));
    expect(metrics).toMatch(new RegExp(`^remessa_rules_asked_total\\{answer="failed"\\} ${stale}$`, 'm'));
    const shown = await box.run(['batch', alone.batch]);
    expect(shown.stdout).toMatch(/^profile +acme\/erp@2, from http:.*\/clients\/acme\/profiles\/erp, ETag "v2"$/m);
    expect(shown.stdout).toMatch(/^warning +RULES_STALE: .*ECONNREFUSED/m);
    expect((await box.run(['batches'])).stdout).toMatch(/RULES_STALE/);
    expect((await box.run(['profiles', 'list'])).stdout).toMatch(/^acme\/erp +2 .* http:.*"v2"$/m);
    const config = await box.run(['config'], { env: settings() });
    const { stderr } = await daemon.kill('SIGTERM');
    const warned = stderr.split('\n').filter((line) => line.includes('"msg":"batch.warned"'));
    expect(warned).toHaveLength(stale);
    expect(warned.at(-1)).toContain('ECONNREFUSED');
    for (const text of [stderr, shown.stdout, metrics, config.stdout]) expect(text).not.toContain('do-not-print');
  });

  it('is named by the command that takes a file in, which waits where there is no version yet', async () => {
    const { box } = sandbox;
    const env = settings();
    const file = box.write('a.csv', HEADER + ROWS);
    server.manner = 'fails';
    const first = box.start(['ingest', file, '--client', 'acme', '--profile', 'erp', '--json'], { env });
    await eventually('the command to say that it waits', () =>
      /warning: RULES_AWAITED: .*status 503/.test(first.stderr),
    );
    server.give(LEAST('10.00'), '"v1"');
    const { code, stdout, stderr } = await first.ended;
    expect([code, JSON.parse(stdout).profile], stderr).toEqual([0, 'acme/erp@1']);

    server.manner = 'rubbish';
    const again = await box.run(['ingest', file, '--client', 'acme', '--profile', 'erp'], { env });
    expect([again.code, again.stderr]).toEqual([0, expect.stringMatching(/warning: RULES_STALE: .*it is not JSON/)]);
    expect(again.stdout).toMatch(/^ {2}warning +RULES_STALE/m);
    expect(again.stdout).toMatch(/^ {2}profile +acme\/erp@1$/m);

    // Without the service, what it gave is still there for who names it.
    const alone = await ingested(box, file, 'acme', { options: ['--profile', 'acme/erp@1'] });
    expect(alone.lines).toMatchObject({ unchanged: 1, rejected: 1 });

    server.manner = 'denies';
    const env2 = { ...env, REMESSA_RULES_WAIT_MS: '0' };
    const refused = await box.run(['ingest', file, '--client', 'acme', '--profile', 'other'], { env: env2 });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/RULES_UNAVAILABLE: .*status 401/)]);
  });
});
