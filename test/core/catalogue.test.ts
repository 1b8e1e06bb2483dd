/** The catalogue says every code in every language, and the document of codes says what the catalogue does. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { TABLES, tableIn } from '../../scripts/codes-table.ts';
import { BATCH_FAULT_TEXTS } from '../../src/core/catalogue/batches.ts';
import { DETAIL_TEXTS } from '../../src/core/catalogue/details.ts';
import { OPERATOR_FAULT_TEXTS } from '../../src/core/catalogue/operators.ts';
import { RECORD_TEXTS } from '../../src/core/catalogue/records.ts';
import {
  type DetailKey,
  detail,
  detailText,
  duplicateText,
  faultText,
  placeText,
  recordText,
} from '../../src/core/catalogue.ts';
import { RECORD_CODES, type RecordCodeName } from '../../src/core/codes.ts';
import { FAULTS, type FaultCode } from '../../src/core/faults.ts';
import { LANGUAGES } from '../../src/core/language.ts';

const RECORDS = Object.keys(RECORD_CODES) as RecordCodeName[];
const FAULT_CODES = Object.keys(FAULTS) as FaultCode[];
const DETAILS = Object.keys(DETAIL_TEXTS) as DetailKey[];
/** Stages whose faults end batches, so that clients read them. */
const OF_BATCHES = new Set(['accept', 'pick', 'intermediate', 'settle', 'registering', 'finish', 'store']);

function isPlain(text: string): void {
  expect(text.length).toBeGreaterThan(9);
  expect(text.trim()).toBe(text);
  // One sentence that goes on after «CODE: » and before brackets, in a cell that is never a formula.
  expect(text).not.toMatch(/[\p{Cc}\p{Cf}]|\.$|^[\p{Lu}=+\-@]{2}|"/u);
}

describe('the catalogue', () => {
  it('has the texts of all codes of records and of nothing else', () => {
    expect(Object.keys(RECORD_TEXTS).sort()).toEqual([...RECORDS].sort());
  });

  it('has the texts of all faults, each once, and of nothing else', () => {
    const said = [...Object.keys(BATCH_FAULT_TEXTS), ...Object.keys(OPERATOR_FAULT_TEXTS)];
    expect(said.sort()).toEqual([...FAULT_CODES].sort());
  });

  it('speaks every language of each fault that can end a batch', () => {
    const english = FAULT_CODES.filter((code) => code in OPERATOR_FAULT_TEXTS);
    // They end no batch: a look at something erased or absent, a hold.
    const told = english.filter((code) => OF_BATCHES.has(FAULTS[code].stage));
    expect(told).toEqual([]);
  });

  it.each(LANGUAGES)('says each code in a plain sentence of its own in %s', (language) => {
    const records = RECORDS.map((code) => recordText(code, language));
    const faults = FAULT_CODES.map((code) => faultText(code, language));
    for (const text of [...records, ...faults]) isPlain(text);
    expect(new Set(records).size).toBe(records.length);
    expect(new Set(faults).size).toBe(faults.length);
  });

  it('says it differently in each language', () => {
    for (const code of RECORDS) expect(recordText(code, 'pt-BR')).not.toBe(recordText(code, 'en'));
    for (const code of Object.keys(BATCH_FAULT_TEXTS) as FaultCode[])
      expect(faultText(code, 'pt-BR')).not.toBe(faultText(code, 'en'));
  });

  it('quotes the same commands, settings and formats in each language', () => {
    const quoted = (text: string) =>
      [...text.matchAll(/`[^`]+`|\d{3,}[\d.]*|external_ref/g)].map(([one]) => one).sort();
    for (const code of RECORDS) expect(quoted(recordText(code, 'pt-BR'))).toEqual(quoted(recordText(code, 'en')));
    for (const code of FAULT_CODES) expect(quoted(faultText(code, 'pt-BR'))).toEqual(quoted(faultText(code, 'en')));
  });

  it.each(DETAILS)('puts the same values into the detail %s in each language', (key) => {
    const marks = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([mark]) => mark).sort();
    const wanted = marks(DETAIL_TEXTS[key].en);
    expect(wanted).toEqual(wanted.map((_, index) => `{${index}}`));
    for (const language of LANGUAGES) {
      expect(marks(DETAIL_TEXTS[key][language])).toEqual(wanted);
      const text = detailText(detail(key, 'first $& {1}', 22), language);
      expect(text).not.toMatch(/undefined/);
      if (wanted.length > 0) expect(text).toContain('first $& {1}');
      if (wanted.length > 1) expect(text).toContain('22');
    }
  });

  it('keeps a bare detail as it is, and names places from the smallest part on', () => {
    expect(detailText('PDF', 'pt-BR')).toBe('PDF');
    const place = { batch: 'b-1', shard: 0, range: 2, byte: 3, column: 'cpf', line: 4 };
    expect(placeText(place)).toBe('line 4, column cpf, byte 3, range 2, shard 0, batch b-1');
    expect(placeText(place, 'pt-BR')).toBe('linha 4, coluna cpf, byte 3, faixa 2, partição 0, lote b-1');
    expect(placeText({})).toBe('');
  });

  it('leads a duplicate to the line that it repeats', () => {
    expect(duplicateText('DUPLICATE_REF', 'en')).toBe('the external_ref already stands in this file, on line ');
    expect(duplicateText('DUPLICATE_REF', 'pt-BR')).toMatch(/, na linha $/);
  });
});

describe('docs/CODES.md', () => {
  it.each(
    Object.keys(TABLES) as (keyof typeof TABLES)[],
  )('has the table of %s that the catalogue gives; if not, run `node scripts/codes-table.ts --write`', async (name) => {
    const text = await readFile(new URL('../../docs/CODES.md', import.meta.url), 'utf8');
    expect(tableIn(text, name)?.trim()).toBe(TABLES[name]().trim());
  });
});
