/** Erasing and holding as an operator does it: from the command line, judged by what is left in the folder's bytes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AS_OF, SHORT_HEADER } from './files.ts';
import { batchesOf, type Sandbox, sandboxes } from './harness.ts';

const sandbox = sandboxes();
const ANA = '52998224725';
const RUI = '11144477735';

function fileOf(...rows: readonly (readonly [string, string])[]): string {
  return SHORT_HEADER + rows.map(([ref, cpf]) => `${ref},Fulano ${ref},${cpf},10.00,2026-01-02\n`).join('');
}

async function ok(box: Sandbox, ...args: string[]): Promise<string> {
  const ran = await box.run(args);
  expect(ran.code, ran.stderr).toBe(0);
  return ran.stdout;
}

function filesWith(box: Sandbox, text: string): string[] {
  return readdirSync(box.dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

describe('erase and hold', () => {
  // threat 11
  it('a person is held, then erased; a later file cannot bring the debt back; then the client goes', async () => {
    const { box } = sandbox;
    const ingest = async (name: string, text: string, ...more: string[]) => {
      const ran = await box.run([
        'ingest',
        box.write(name, text),
        '--client',
        'acme',
        '--as-of',
        AS_OF,
        '--json',
        ...more,
      ]);
      return { code: ran.code, stderr: ran.stderr, receipt: ran.code === 0 ? JSON.parse(ran.stdout) : undefined };
    };
    await ingest('one.csv', fileOf(['R-1', ANA], ['R-2', RUI]));
    await ingest('two.csv', fileOf(['R-3', RUI]));
    const holdId = (
      await ok(box, 'hold', 'add', '--client', 'acme', '--cpf', '529.982.247-25', '--by', 'Jurídico', '--why', 'caso 7')
    ).trim();
    const held = await box.run(['erase', '--client', 'acme', '--cpf', ANA]);
    expect([held.code, held.stdout]).toEqual([1, '']);
    expect(held.stderr).toMatch(/^remessa: ON_HOLD: .*caso 7/);
    expect((await ok(box, 'debts', '--client', 'acme')).trim().split('\n')).toHaveLength(3);
    const listed = JSON.parse(await ok(box, 'hold', 'list', '--json'));
    expect(listed).toMatchObject([
      { id: holdId, client: 'acme', person: '***.982.247-**', why: 'caso 7', lifted: null },
    ]);
    expect(JSON.stringify(listed)).not.toContain(ANA);
    await ok(box, 'hold', 'lift', holdId, '--client', 'acme', '--by', 'Jurídico', '--why', 'encerrado');

    const report = JSON.parse(await ok(box, 'erase', '--client', 'acme', '--cpf', ANA, '--json'));
    expect(report).toMatchObject({ state: 'done', person: '***.982.247-**', erased: { debts: 1, batches: 1 } });
    expect(filesWith(box, ANA)).toEqual([]);
    expect(filesWith(box, 'Fulano R-1')).toEqual([]);
    expect((await ok(box, 'debts', '--client', 'acme')).trim().split('\n')).toHaveLength(2);
    expect(await ok(box, 'debts', '--client', 'acme', '--cpf', ANA)).toBe('');
    const [oldest, newest] = await batchesOf(box);
    expect([newest?.file, oldest?.file]).toEqual(['two.csv', '']);
    const gone = await box.run(['retorno', oldest?.id ?? '']);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('BATCH_ERASED');
    expect((await ok(box, 'retorno', newest?.id ?? '')).split('\n')).toHaveLength(3);

    // The tombstone stands against the same reference, whatever the file says.
    const again = await ingest('three.csv', fileOf(['R-1', ANA], ['R-4', RUI]));
    expect(again.receipt.lines).toMatchObject({ total: 2, created: 1, rejected: 1 });
    expect(Object.keys(again.receipt.rejectedBy)).toEqual(['DEBT_ERASED']);

    const text = await ok(box, 'erase', '--client', 'acme');
    expect(text).toMatch(/debts made tombstones {5}3/);
    for (const said of [ANA, RUI, 'Fulano']) expect({ said, files: filesWith(box, said) }).toEqual({ said, files: [] });
    const refused = await ingest('four.csv', fileOf(['R-9', RUI]));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('CLIENT_ERASED');
  });

  it('is done beside a running daemon', async () => {
    const { box } = sandbox;
    const daemon = await box.serve();
    await ok(
      box,
      'ingest',
      box.write('one.csv', fileOf(['R-1', ANA], ['R-2', RUI])),
      '--client',
      'acme',
      '--as-of',
      AS_OF,
    );
    await ok(box, 'erase', '--client', 'acme', '--cpf', ANA);
    expect((await ok(box, 'debts', '--client', 'acme')).trim().split('\n')).toHaveLength(1);
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code).toBe(0);
    expect(filesWith(box, ANA)).toEqual([]);
  });

  it.each([
    [['erase']],
    [['erase', '--client', 'acme', '--cpf', '123']],
    [['hold', 'add', '--client', 'acme', '--by', 'x']],
    [['hold', 'add', '--client', 'acme', '--by', ' ', '--why', 'y']],
  ])('%j is wrong usage', async (args) => {
    const ran = await sandbox.box.run(args);
    expect(ran.code).toBe(2);
    expect(ran.stderr).not.toContain('123');
  });
});
