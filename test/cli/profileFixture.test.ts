/** Made files of profiles: the oracle reads from them what their truth says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NotationForm } from '../../src/cli/fixture/notation.ts';
import { FIXTURE_DEFAULTS, profileBlocks } from '../../src/cli/fixture.ts';
import { readProfile } from '../../src/engine/profiles.ts';
import { readHeader } from '../../src/kernel/header.ts';
import { csvRows } from '../e2e/csv.ts';
import { byteString, oracleRecords } from '../oracle/grammar.ts';
import { checkRecord, oracleOutcomes } from '../oracle/oracle.ts';

const FOLDER = join(import.meta.dirname, '../../fixtures/profiles');
const AS_OF = '2026-08-03';
const NAMES = ['erp-brasil', 'planilha', 'legado', 'contabil'];

async function made(name: string, lines: number, form: NotationForm) {
  const { compiled } = await readProfile(readFileSync(join(FOLDER, `${name}.json`), 'utf8'));
  const options = {
    ...FIXTURE_DEFAULTS,
    lines,
    seed: 7,
    asOf: AS_OF,
    badShare: 0.3,
    quotedShare: 0.3,
    duplicateShare: 0.05,
  };
  const blocks = [...profileBlocks(options, compiled, form, { truth: true })];
  const bytes = Buffer.concat(blocks.map(({ file }) => file));
  const truth = csvRows(Buffer.concat(blocks.map((block) => block.truth ?? new Uint8Array())));
  return { compiled, bytes, truth };
}

describe.each(NAMES)('the profile %s', (name) => {
  it.each([
    { quoteAll: false, crlf: false },
    { quoteAll: true, crlf: true },
  ])('has files that mean what their truth says: %o', async (form) => {
    const { compiled, bytes, truth } = await made(name, 3000, form);
    const { dialect, layout, reading } = compiled;
    const header = readHeader(bytes, bytes.length, true, dialect, layout);
    if (header.kind !== 'header') throw new Error(`no header: ${header.kind}`);
    const marks = { delimiter: String.fromCharCode(dialect.delimiter), quote: String.fromCharCode(dialect.quote) };
    const raw = oracleRecords(byteString(bytes), header.end, header.nextLine, marks);
    const records = raw.map((record) => checkRecord(record, header.fields, reading));
    const rules = {
      version: 1,
      businessDate: AS_OF,
      amountCentsMin: compiled.amountCentsMin ?? 1,
      amountCentsMax: compiled.amountCentsMax ?? 10 ** 15,
    };
    const read = oracleOutcomes({ fields: header.fields, header, records }, rules);
    const said = read.map(({ line, ref, outcome, code, cents }) => [
      String(line),
      ref,
      outcome,
      code,
      String(cents ?? ''),
    ]);
    expect(said).toEqual(truth.slice(1));
    const codes = new Set(truth.map((row) => row[3]));
    expect(codes.size).toBeGreaterThan(16);
    expect(byteString(bytes).endsWith('\r\n')).toBe(form.crlf);
  });

  it('has the same bytes each time', async () => {
    const form = { quoteAll: false, crlf: false };
    const [once, again] = await Promise.all([made(name, 300, form), made(name, 300, form)]);
    expect(once.bytes.equals(again.bytes)).toBe(true);
  });
});
