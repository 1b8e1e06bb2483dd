/**
 * The golden pair of each profile of `fixtures/profiles`: the file beside NAME.json, written as that has it, gives
 * `NAME.retorno.csv` and the debts of `NAME.debts.json`; made files of each give what their truth says; and those that come
 * with the program are those documents.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURE_DEFAULTS, profileBlocks } from '../../src/cli/fixture.ts';
import { readProfile } from '../../src/engine/profiles.ts';
import { SHIPPED_PROFILES } from '../../src/engine/shippedProfiles.ts';
import { csvRows } from './csv.ts';
import { AS_OF } from './files.ts';
import { type Sandbox, sandboxes } from './harness.ts';
import { answersOf, ingested } from './judge.ts';

const sandbox = sandboxes();
const FOLDER = join(import.meta.dirname, '../../fixtures/profiles');

async function addProfile(box: Sandbox, name: string): Promise<void> {
  const ran = await box.run(['profiles', 'add', name, join(FOLDER, `${name}.json`)]);
  expect(ran.code, ran.stderr).toBe(0);
}

/** Without what differs from run to run. */
async function debtsOf(box: Sandbox): Promise<unknown[]> {
  const ran = await box.run(['debts', '--client', 'acme']);
  const debts = ran.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return debts
    .map(({ created: _created, changed: _changed, turn: _turn, ...debt }) => debt)
    .sort((a, b) => (String(a['external_ref']) < String(b['external_ref']) ? -1 : 1));
}

const PROFILES = [
  ['erp-brasil', 'csv'],
  ['planilha', 'csv'],
  ['legado', 'csv'],
  ['contabil', 'csv'],
  ['documentos', 'csv'],
  ['json-lines', 'jsonl'],
  ['largura-fixa', 'txt'],
  ['cnab-240', 'rem'],
  ['cnab-400-itau', 'rem'],
  ['cnab-400-bradesco', 'rem'],
  ['cnab-400-bb', 'rem'],
] as const;

it('the profiles that come with the program are those with a golden pair', async () => {
  for (const [name, { document }] of Object.entries(SHIPPED_PROFILES)) {
    expect(document, name).toEqual(JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')));
    expect(PROFILES.map(([one]) => one)).toContain(name);
    await expect(readProfile(JSON.stringify(document))).resolves.toBeDefined();
  }
});

describe.each(PROFILES)('the profile %s', (name, extension) => {
  it('gives its golden answers', async () => {
    const { box } = sandbox;
    await addProfile(box, name);
    const receipt = await ingested(box, join(FOLDER, `${name}.${extension}`), 'acme', { options: ['--profile', name] });
    const { retorno } = await answersOf(box, receipt.batch);
    await expect(retorno.toString('utf8')).toMatchFileSnapshot(join(FOLDER, `${name}.retorno.csv`));
    const debts = await debtsOf(box);
    expect(debts).toHaveLength(receipt.lines['created'] ?? 0);
    await expect(`${JSON.stringify(debts, null, 1)}\n`).toMatchFileSnapshot(join(FOLDER, `${name}.debts.json`));
  });

  it('reads a made file of many ranges as its truth says', async () => {
    const { box } = sandbox;
    await addProfile(box, name);
    const { compiled } = await readProfile(readFileSync(join(FOLDER, `${name}.json`), 'utf8'));
    const options = { ...FIXTURE_DEFAULTS, lines: 6000, seed: 9, asOf: AS_OF, badShare: 0.1, quotedShare: 0.2 };
    const blocks = [
      ...profileBlocks(options, compiled, { quoteAll: name === 'erp-brasil', crlf: true }, { truth: true }),
    ];
    const file = box.write('made.csv', Buffer.concat(blocks.map((block) => block.file)));
    const env = { REMESSA_RANGE_BYTES: '100000', REMESSA_READ_BYTES: '64KiB', REMESSA_RECORD_BYTES_MAX: '32KiB' };
    const receipt = await ingested(box, file, 'acme', { options: ['--profile', name], env });
    expect(receipt.ranges).toBeGreaterThan(4);
    const truth = csvRows(Buffer.concat(blocks.map((block) => block.truth ?? new Uint8Array()))).slice(1);
    const { retorno } = await answersOf(box, receipt.batch);
    const said = csvRows(retorno).slice(1);
    expect(said.map((row) => row.slice(0, 4))).toEqual(truth.map((row) => row.slice(0, 4)));
    const cents = truth.reduce((sum, row) => sum + BigInt(row[4] || '0'), 0n);
    expect(receipt.cents['total']).toBe(cents);
  });
});
