/** Codes of records: their ids are bytes in stored parts, so the list below only ever grows. */
import { describe, expect, it } from 'vitest';
import { recordText } from '../../src/core/catalogue.ts';
import { OUTCOMES, RECORD_CODES, type RecordCodeName, recordCodeName, recordCodeSays } from '../../src/core/codes.ts';

const NAMES = Object.keys(RECORD_CODES) as RecordCodeName[];

describe('codes of records', () => {
  it('keep the ids under which they were stored', () => {
    expect(Object.fromEntries(NAMES.map((name) => [name, RECORD_CODES[name].id]))).toEqual({
      QUOTE_MALFORMED: 1,
      FIELD_COUNT: 2,
      UTF8_INVALID: 3,
      CHARACTER_INVALID: 4,
      REQUIRED: 5,
      LENGTH: 6,
      CPF_FORMAT: 10,
      CPF_REPEATED: 11,
      CPF_CHECK_DIGITS: 12,
      AMOUNT_FORMAT: 13,
      AMOUNT_NOT_POSITIVE: 14,
      AMOUNT_TOO_LARGE: 15,
      DATE_FORMAT: 16,
      DATE_NOT_REAL: 17,
      EMAIL_FORMAT: 18,
      PHONE_FORMAT: 19,
      INSTALLMENT_FORMAT: 20,
      CNPJ_FORMAT: 21,
      CNPJ_ZEROS: 22,
      CNPJ_CHECK_DIGITS: 23,
      DOCUMENT_KIND_UNKNOWN: 24,
      CODE_FAILED: 25,
      LINE_LENGTH: 30,
      LINE_UNKNOWN: 31,
      JSON_INVALID: 32,
      JSON_TOO_LARGE: 33,
      JSON_KEY_UNKNOWN: 34,
      JSON_KEY_REPEATED: 35,
      JSON_VALUE: 36,
      CNAB_LINE_ALONE: 37,
      CNAB_MATE_MISSING: 38,
      CNAB_MOVEMENT: 39,
      DUE_DATE_NOT_PAST: 40,
      DEBT_PRESCRIBED: 41,
      AMOUNT_BELOW_MINIMUM: 42,
      AMOUNT_ABOVE_MAXIMUM: 43,
      DEBT_ERASED: 44,
      REF_REPEATED: 45,
      DUPLICATE_REF: 60,
      REF_REPLACED: 61,
      CPF_PADDED: 80,
      DEBT_NEAR_PRESCRIPTION: 81,
      CNPJ_PADDED: 82,
    });
  });

  it('have ids that are distinct bytes and never 0', () => {
    const ids = NAMES.map((name) => RECORD_CODES[name].id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id >= 1 && id <= 255 && Number.isInteger(id)).toBe(true);
  });

  it.each(NAMES)('%s is found by its id and speaks', (name) => {
    const { id } = RECORD_CODES[name];
    expect(recordCodeName(id)).toBe(name);
    expect(recordCodeSays(id)).toBe(recordText(name));
    expect(recordCodeSays(id, 'pt-BR')).toBe(recordText(name, 'pt-BR'));
  });

  it('know nothing of other ids', () => {
    for (const id of [0, 7, 255, 256, -1]) {
      expect(recordCodeName(id)).toBeUndefined();
      expect(recordCodeSays(id)).toBe('');
    }
  });

  it('keep the order of outcomes, which are bytes too', () => {
    expect(OUTCOMES).toEqual(['created', 'updated', 'unchanged', 'duplicate', 'rejected']);
  });
});
