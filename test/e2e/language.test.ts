/**
 * The language of what a client reads: answers, reasons of failures, whichever way the batch went; and that it stays what it
 * was when the batch was accepted.
 */
import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { recordText } from '../../src/core/catalogue.ts';
import type { RecordCodeName } from '../../src/core/codes.ts';
import type { Language } from '../../src/core/language.ts';
import { csvRows } from './csv.ts';
import { AS_OF, madeFile, record, SHORT_HEADER } from './files.ts';
import { type Sandbox, sandboxes } from './harness.ts';
import { answersOf, ingested, receiptOf } from './judge.ts';

const sandbox = sandboxes();

async function done(box: Sandbox, ...args: string[]): Promise<void> {
  const ran = await box.run(args);
  expect(ran.code, ran.stderr).toBe(0);
}

async function inPortuguese(box: Sandbox): Promise<void> {
  await done(box, 'clients', 'add', 'acme', '--name', 'Acme', '--language', 'pt-BR');
}

/** The answers of a batch, all in this language. */
async function expectLanguage(box: Sandbox, batch: string, language: Language): Promise<void> {
  const answers = await answersOf(box, batch);
  const said = [
    ...csvRows(answers.retorno)
      .slice(1)
      .map((row) => [row[3], row[4]]),
    ...csvRows(answers.rejects)
      .slice(1)
      .map((row) => [row[2], row[3]]),
  ];
  const codes = said.filter(([code]) => code !== '');
  expect(codes.length).toBeGreaterThan(30);
  for (const [code, message = ''] of codes) {
    const says = recordText(code as RecordCodeName, language);
    if (code === 'DUPLICATE_REF')
      expect(message).toMatch(new RegExp(`^${says}, ${language === 'en' ? 'on line' : 'na linha'} \\d+$`));
    else expect(message).toBe(says);
  }
}

describe.each([
  ['rendered when it is asked for', 300, {}],
  [
    'rendered in pieces',
    3000,
    {
      REMESSA_RANGE_BYTES: '64KiB',
      REMESSA_READ_BYTES: '64KiB',
      REMESSA_RECORD_BYTES_MAX: '32KiB',
      REMESSA_SMALL_RECORDS_MAX: '0',
    },
  ],
] as const)('an answer %s', (_, lines, env) => {
  it("speaks the client's language, and keeps it when that changes", async () => {
    const { box } = sandbox;
    await inPortuguese(box);
    const file = box.write('debts.csv', madeFile({ lines, seed: 4 }).bytes);
    const receipt = await ingested(box, file, 'acme', { env });
    await expectLanguage(box, receipt.batch, 'pt-BR');
    await done(box, 'clients', 'set', 'acme', '--language', 'en');
    await expectLanguage(box, receipt.batch, 'pt-BR');
    const dry = await ingested(box, file, 'acme', { env, options: ['--dry-run'] });
    await expectLanguage(box, dry.batch, 'en');
  });

  it("speaks the profile's before the client's", async () => {
    const { box } = sandbox;
    await inPortuguese(box);
    await done(box, 'profiles', 'add', 'ingles', box.write('p.json', '{"format":1,"language":"en"}'));
    const file = box.write('debts.csv', madeFile({ lines, seed: 4 }).bytes);
    const receipt = await ingested(box, file, 'acme', { env, options: ['--profile', 'ingles'] });
    await expectLanguage(box, receipt.batch, 'en');
  });
});

const TEXT = SHORT_HEADER + record(1) + record(2);
const GZIP = gzipSync(TEXT);
const BATCH = 'lote b-[0-9a-z]{16}';

/** Each reason as a whole: no word of English stands in it but names of columns. */
const REASONS: readonly (readonly [string | Buffer, RegExp, Readonly<Record<string, string>>?])[] = [
  ['', new RegExp(`^FILE_EMPTY: o arquivo está vazio; envie-o de novo com o cabeçalho \\(${BATCH}\\)$`)],
  [
    'external_ref,amount,due_date\n',
    /^COLUMN_MISSING: falta no cabeçalho uma coluna obrigatória \(«debtor_name», «cpf»; linha 1, byte 0\)$/,
  ],
  ['a,b,c,d,e,f,g\n', /^COLUMN_UNKNOWN: .* \(«a», «b», «c», «d», «e» e mais 2; linha 1, byte 0\)$/],
  [TEXT.replace('cpf', 'c"pf'), /^HEADER_INVALID: .* \(campo 3: há aspas fora do lugar; linha 1, byte 0\)$/],
  [
    `${SHORT_HEADER}R1,"Ana,52998224725,1,2026-01-15\n`,
    new RegExp(`^QUOTE_UNCLOSED: um campo entre aspas nunca é fechado \\(linha 2, byte 45, ${BATCH}\\)$`),
  ],
  [TEXT, /^FILE_TOO_LARGE: .* \(\d+ bytes, de no máximo 1024; lote /, { REMESSA_FILE_BYTES_MAX: '1KiB' }],
  [TEXT, /^TOO_MANY_RECORDS: .* \(2, de no máximo 1; lote /, { REMESSA_RECORDS_MAX: '1' }],
  [Buffer.from('PK\x03\x04\x14'), /^FILE_ARCHIVE: .* \(ZIP ou documento do Office; byte 0\)$/],
  [Buffer.concat([GZIP, Buffer.from('x')]), /^GZIP_TRAILING: há bytes depois do fim dos dados gzip; .* \(byte \d+\)$/],
  [gzipSync(''), /^FILE_EMPTY: .* \(os dados gzip, descompactados, não têm nada\)$/],
];

describe('the reason of a file that fails', () => {
  it("is told in the client's language, with its details and place", async () => {
    const { box } = sandbox;
    await inPortuguese(box);
    for (const [index, [content, reason, env = {}]] of REASONS.entries()) {
      const filled =
        env['REMESSA_FILE_BYTES_MAX'] === undefined
          ? content
          : Buffer.concat([Buffer.from(content), Buffer.alloc(1024, '\n')]);
      const path = box.write(`f${index}.csv`, filled);
      const ran = await box.run(['ingest', path, '--client', 'acme', '--as-of', AS_OF, '--json'], { env });
      expect(ran.code).toBe(1);
      expect(receiptOf(ran).reason).toMatch(reason);
      expect(ran.stderr).toContain(`remessa: ${receiptOf(ran).reason}\n`);
    }
  });

  it('holds no CPF, in any language', async () => {
    const { box } = sandbox;
    await inPortuguese(box);
    const path = box.write('f.csv', `R1,Ana,529.982.247-25,52998224725,2026-01-15\n`);
    const ran = await box.run(['ingest', path, '--client', 'acme', '--json']);
    expect(receiptOf(ran).reason).toMatch(/^COLUMN_UNKNOWN: o cabeçalho tem uma coluna que não é conhecida \(«R1»/);
    expect(ran.stdout + ran.stderr).not.toMatch(/52998224725|529\.982\.247-25/);
  });
});
