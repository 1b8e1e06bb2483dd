/**
 * Files that a module of the operator's reads, seen from outside: the worked example as it stands, its own tests, and what a
 * module that throws, does not end or changes does to its batches, to other clients, and to the log.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStores } from '../fault/harness.ts';
import { csvRows } from './csv.ts';
import { batchesOf, eventually, finalBatches, inboxFolder, sandboxes } from './harness.ts';
import { answersOf, ingested, storedDebts } from './judge.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples/modules');
const sandbox = sandboxes();

const HEADER = 'CONTRATO;CLIENTE;DOC;TOTAL;PARCELAS;PRIMEIRO;SITUACAO\r\n';
const contract = (id: string, parts: number, state = 'ABERTO') =>
  `${id};José da Silva;529.982.247-25;${parts}.000,01;${parts};31/01/2026;${state}\r\n`;

describe('the example', () => {
  it('passes its own tests, whichever way it is named', async () => {
    const { box } = sandbox;
    const alone = await box.run(['profile', 'test', join(EXAMPLES, 'carnes.profile.json')]);
    expect([alone.code, alone.stdout], alone.stderr).toEqual([0, expect.stringMatching(/7 of 7 cases passed\n$/)]);
    const env = { REMESSA_CODE_DIR: EXAMPLES };
    await box.run(['profile', 'add', 'carnes', join(EXAMPLES, 'carnes.profile.json')]);
    const named = await box.run(['profile', 'test', 'carnes', '--json'], { env });
    expect(named.code, named.stderr).toBe(0);
    expect(JSON.parse(named.stdout)).toHaveLength(7);
  });

  it('makes a debt of each instalment, in ranges and shards, and again the same', async () => {
    const { box } = sandbox;
    const env = { REMESSA_CODE_DIR: EXAMPLES, REMESSA_RANGE_BYTES: '64KiB', REMESSA_READ_BYTES: '64KiB' };
    await box.run(['profile', 'add', 'carnes', join(EXAMPLES, 'carnes.profile.json')]);
    const rows = Array.from({ length: 3000 }, (_, n) => contract(`C${n}`, (n % 4) + 1, n % 50 === 7 ? 'QUITADO' : ''));
    const file = box.write('c.csv', Buffer.from(HEADER + rows.join(''), 'latin1'));
    const options = ['--profile', 'carnes'];
    const settings = { ...env, REMESSA_RECORD_BYTES_MAX: '32KiB', REMESSA_SHARD_RECORDS: '100000' };
    const receipt = await ingested(box, file, 'acme', { options, env: settings });
    const made = rows.reduce((sum, _, n) => sum + (n % 50 === 7 ? 1 : (n % 4) + 1), 0);
    expect(receipt.lines).toMatchObject({ total: made, created: made - 60, rejected: 60 });
    expect(receipt).toMatchObject({ records: 3000, rejectedBy: { CONTRACT_PAID: 60 }, module: { name: 'carnes' } });
    expect(receipt.ranges).toBeGreaterThan(2);
    expect(receipt.shards).toBeGreaterThan(1);
    expect(storedDebts(box, 'acme')).toHaveLength(made - 60);

    const { retorno, rejects, resubmit } = await answersOf(box, receipt.batch);
    expect(
      csvRows(retorno)
        .slice(1, 4)
        .map((row) => row.slice(0, 3)),
    ).toEqual([
      ['2', 'C0/1', 'created'],
      ['3', 'C1/1', 'created'],
      ['3', 'C1/2', 'created'],
    ]);
    expect(csvRows(rejects)[1]?.slice(0, 4)).toEqual(['9', '', 'CONTRACT_PAID', 'o contrato está quitado']);
    expect(resubmit.toString('latin1').split('\r\n')).toHaveLength(60 + 2);
    const again = await ingested(box, file, 'acme', { options, env: settings });
    expect(again.lines).toMatchObject({ total: made, unchanged: made - 60, rejected: 60 });

    const key = (await box.run(['keys', 'issue', '--client', 'acme'])).stdout.trim();
    const daemon = await box.serve(settings);
    const url = /"url":"(http:[^"]+)"/.exec(daemon.stderr)?.[1];
    const headers = { authorization: `Bearer ${key}` };
    const seen = await (await fetch(`${url}/v1/batches/${again.batch}`, { headers })).json();
    expect(seen).toMatchObject({
      topErrors: [{ code: 'CONTRACT_PAID', says: 'o contrato está quitado', records: 60 }],
    });
  });
});

describe('a module that misbehaves', () => {
  it('costs its own batches alone, with the reason, and tells the log nothing of a record', async () => {
    const { box } = sandbox;
    const folder = box.path('modules');
    mkdirSync(folder);
    const write = (name: string, body: string): void =>
      writeFileSync(join(folder, `${name}.ts`), `export function record({ fields }) {\n  ${body}\n}\n`);
    const give =
      "return { external_ref: fields.id, debtor_name: 'Ana', cpf: fields.cpf, amount: '1.00', due_date: '2026-01-10' };";
    write('loops', `if (fields.id === 'B') for (;;);\n  ${give}`);
    write('throws', `if (fields.id === 'B') throw new Error(fields.cpf + ' of Maria');\n  ${give}`);
    write('speaks', `console.log(fields.cpf);\n  ${give}`);
    const stores = await openStores(box.dataDir, 'write');
    for (const name of ['loops', 'throws', 'speaks']) {
      const document = JSON.stringify({ format: 1, code: { module: name } });
      await stores.clients.addProfile({ name, version: 1, document, createdAtMs: 1 });
      const bounds = { amountCentsMin: 1, amountCentsMax: 1_000_000 };
      await stores.clients.add({ id: name, name, profile: name, ...bounds, createdAtMs: 1 });
    }
    await stores.close();
    const daemon = await box.serve({
      REMESSA_CODE_DIR: folder,
      REMESSA_CODE_RECORD_MS: '1500',
      REMESSA_CODE_ERRORS_MAX: '1',
      REMESSA_FAILURES_MAX: '2',
      REMESSA_RETRY_MS_MIN: '10',
      REMESSA_RETRY_MS_MAX: '20',
      REMESSA_LOG_LEVEL: 'debug',
    });
    const text = 'id,cpf\nA,52998224725\nB,52998224725\nC,52998224725\n';
    const plain = 'external_ref,debtor_name,cpf,amount,due_date\nX,Ana,52998224725,1.00,2026-01-10\n';
    writeFileSync(join(inboxFolder(box, 'loops'), 'a.csv'), text);
    for (const client of ['throws', 'speaks']) writeFileSync(join(inboxFolder(box, client), 'a.csv'), text);
    writeFileSync(join(inboxFolder(box, 'plain'), 'a.csv'), plain);
    const batches = await finalBatches(box, 4);
    const of = (client: string) => batches.find((batch) => batch.client === client);
    expect([of('plain')?.state, of('speaks')?.state, of('throws')?.state]).toEqual([
      'completed',
      'completed',
      'completed',
    ]);
    expect(of('loops')).toMatchObject({ state: 'failed', failure: { code: 'WORK_POISONED' } });
    expect(of('loops')?.failure?.message).toMatch(
      /2 times; last: CODE_ENDLESS: .*module loops; more than 1500 ms; line 3/,
    );
    expect((await answersOf(box, of('throws')?.id ?? '')).retorno.toString()).toMatch(/^3,,rejected,CODE_FAILED,/m);

    // A second such record is one too many.
    writeFileSync(join(inboxFolder(box, 'throws'), 'b.csv'), `${text}B,52998224725\n`);
    const failed = await eventually('the batch to fail', async () =>
      (await batchesOf(box)).find(({ client, state }) => client === 'throws' && state === 'failed'),
    );
    expect(failed.failure?.message).toMatch(
      /CODE_FAILS: .*module throws; 2 records of at most 1; the first: Error at throws\.ts:2:\d+/,
    );
    const { stderr, stdout } = await daemon.kill('SIGTERM');
    expect(stderr).toContain('"msg":"module.failed"');
    for (const log of [stderr, stdout]) expect(log).not.toMatch(/52998224725|Maria/);
  });

  it('is told by its tests what it did wrong, with all its words', async () => {
    const { box } = sandbox;
    const folder = box.path('mine');
    cpSync(EXAMPLES, folder, { recursive: true });
    writeFileSync(
      join(folder, 'carnes.cases.json'),
      JSON.stringify([
        { name: 'wrong', fields: { SITUACAO: 'QUITADO', CONTRATO: 'X' }, gives: { reject: 'CONTRACT_PAID' } },
        {
          name: 'right',
          fields: { SITUACAO: 'QUITADO', CONTRATO: 'X' },
          gives: { reject: 'CONTRACT_PAID', external_ref: 'X' },
        },
        { name: 'no failure', fields: { SITUACAO: 'QUITADO' }, fails: true },
      ]),
    );
    const ran = await box.run(['profile', 'test', join(folder, 'carnes.profile.json')]);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(
      /^FAILED {2}wrong\n {8}it gave .*"external_ref":"X".*\n {8}and not .*\npassed {2}right\nFAILED {2}no failure/m,
    );
    expect(ran.stdout).toMatch(/1 of 3 cases passed\n$/);

    writeFileSync(join(folder, 'carnes.ts'), 'export function record() { for (;;); }');
    const endless = await box.run(['profile', 'test', join(folder, 'carnes.profile.json')], {
      env: { REMESSA_CODE_RECORD_MS: '200' },
    });
    expect([endless.code, endless.stdout]).toEqual([
      1,
      expect.stringMatching(/^FAILED {2}wrong\n {8}it took longer than 200 ms/),
    ]);
    writeFileSync(join(folder, 'carnes.ts'), 'export function rekord() {}');
    const unusable = await box.run(['profile', 'test', join(folder, 'carnes.profile.json')]);
    expect([unusable.code, unusable.stderr]).toEqual([
      1,
      expect.stringMatching(/CODE_INVALID: .*exports no function `record`/),
    ]);
  });
});
