/** CPFs that stand wherever a client can put one: none comes out in a log line or in a message. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AS_OF, HEADER, SHORT_HEADER } from './files.ts';
import { finalBatches, inboxFolder, sandboxes } from './harness.ts';

const sandbox = sandboxes();

/** Valid CPFs, each used in one place alone, so that a leak tells where it comes from. */
const IN_NAME = '52998224725';
const IN_REF = '39053344705';
const IN_HEADER = '28001238938';
const IN_BAD_LINE = '11144477735';
const IN_GOOD_LINE = '12345678909';
const CANARIES = [IN_NAME, IN_REF, IN_HEADER, IN_BAD_LINE, IN_GOOD_LINE];

/** A CPF bare, masked as people write it, or less its check digits. */
function leaksIn(text: string): string[] {
  return CANARIES.flatMap((cpf) => {
    const dotted = `${cpf.slice(0, 3)}.${cpf.slice(3, 6)}.${cpf.slice(6, 9)}-${cpf.slice(9)}`;
    return [cpf, dotted, cpf.slice(0, 9), dotted.slice(0, 11)].filter((form) => text.includes(form));
  });
}

const dotted = (cpf: string): string => cpf.replace(/(...)(...)(...)(..)/, '$1.$2.$3-$4');

/** Files that end in every way a file can, with canaries in all their parts. */
const FILES: readonly (readonly [name: string, content: string | Buffer, state: string])[] = [
  [
    'good',
    SHORT_HEADER +
      `REF-${IN_REF},Maria da Silva,${IN_GOOD_LINE},10.00,2026-01-15\n` +
      `REF-${IN_REF},Maria da Silva,${dotted(IN_GOOD_LINE)},11.00,2026-01-15\n` +
      `${dotted(IN_BAD_LINE)},Maria,${IN_BAD_LINE}x,10.00,2026-01-15\n`,
    'completed',
  ],
  ['column', `${SHORT_HEADER.trim()},cpf_${IN_HEADER}\n1,2,3\n`, 'failed'],
  ['dotted-column', `${SHORT_HEADER.trim()},"${dotted(IN_HEADER)}"\n`, 'failed'],
  ['no-header', `${IN_BAD_LINE},Maria da Silva,${IN_BAD_LINE},10.00,2026-01-15\n`, 'failed'],
  ['quote', `${SHORT_HEADER}"${IN_BAD_LINE},Maria,${IN_BAD_LINE},1,2026-01-15\n`, 'failed'],
  ['header-quote', `external_ref,"x"${IN_HEADER}\n`, 'failed'],
  ['gzip', gzipSync(`${HEADER.trim()},${IN_HEADER}\n`), 'failed'],
  ['cut', gzipSync(`${SHORT_HEADER}${IN_REF},Maria,${IN_BAD_LINE},1,2026-01-15\n`).subarray(0, 40), 'failed'],
  ['pdf', `%PDF-${IN_BAD_LINE}`, 'failed'],
];

// threat 4
describe('no CPF in clear', () => {
  it.each([
    ['small batches', {}],
    ['the way of large ones', { REMESSA_SMALL_RECORDS_MAX: '0' }],
  ])('in the log of a daemon that tells all, by %s', async (_, env) => {
    const { box } = sandbox;
    const folder = inboxFolder(box, 'acme');
    const daemon = await box.serve({
      REMESSA_LOG_LEVEL: 'debug',
      REMESSA_CLIENTS_OPEN: 'yes',
      REMESSA_METRICS: 'emf',
      ...env,
    });
    for (const [name, content] of FILES) {
      renameSync(box.write('aside', content), join(folder, `${name} ${IN_NAME} ${dotted(IN_NAME)}.csv`));
    }
    const batches = await finalBatches(box, FILES.length);
    await daemon.kill('SIGTERM');
    expect(batches.map((batch) => [batch.file.split(' ')[0], batch.state]).sort()).toEqual(
      FILES.map(([name, , state]) => [name, state]).sort(),
    );
    const lines = daemon.stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(lines.filter((line) => line.includes('"work.failed"'))).toHaveLength(FILES.length - 1);
    expect(lines.filter((line) => line.includes('"batch.completed"'))).toHaveLength(1);
    expect(leaksIn(daemon.stderr)).toEqual([]);
    // The list of batches shows names and reasons, masked.
    expect(leaksIn(JSON.stringify(batches))).toEqual([]);
  });

  // threat 4
  it('in what ingest says, on either stream', async () => {
    const { box } = sandbox;
    const said: string[] = [];
    for (const [name, content, state] of FILES) {
      const file = box.write(`${name} ${IN_NAME}.csv`, content);
      for (const json of [[], ['--json']]) {
        const ran = await box.run(['ingest', file, '--client', 'acme', '--as-of', AS_OF, ...json]);
        expect(ran.code, ran.stderr).toBe(state === 'completed' ? 0 : 1);
        said.push(ran.stdout, ran.stderr);
      }
    }
    expect(leaksIn(said.join('\n'))).toEqual([]);
    const table = await box.run(['batches']);
    expect(table.stdout.trimEnd().split('\n')).toHaveLength(2 * FILES.length + 1);
    expect(leaksIn(table.stdout)).toEqual([]);
  });

  // threat 4
  it('in answers to what was typed wrong', async () => {
    const { box } = sandbox;
    const typed: readonly (readonly string[])[] = [
      ['ingest', box.path(`${IN_NAME}.csv`), '--client', 'acme'],
      ['ingest', 'f.csv', '--client', `c ${IN_NAME}`],
      ['ingest', 'f.csv', '--client', 'acme', '--as-of', IN_NAME],
      ['ingest', 'f.csv', '--client', 'acme', `--${IN_NAME}`],
      ['ingest', 'f.csv', '--client', 'acme', dotted(IN_NAME)],
      [IN_NAME],
      ['batch', IN_NAME],
      ['retorno', IN_NAME],
      ['debts', '--client', 'acme', '--cpf', `${IN_NAME}0`],
    ];
    for (const args of typed) {
      const ran = await box.run(args);
      expect(ran.code, args.join(' ')).toBeGreaterThan(0);
      expect(ran.stderr).not.toBe('');
      expect(leaksIn(ran.stdout + ran.stderr), args.join(' ')).toEqual([]);
    }
  });
});
