/** Beginnings of files that profiles describe: other names, positions, passed-over lines, no header. */
import { describe, expect, it } from 'vitest';
import { IGNORED_COLUMN } from '../../src/kernel/columns.ts';
import { readHeader } from '../../src/kernel/header.ts';
import type { ProfileDocument } from '../../src/kernel/profile.ts';
import { bytesOf } from '../oracle/grammar.ts';
import { compiled } from '../oracle/profiles.ts';

const NAMED = {
  external_ref: { name: 'Contrato' },
  debtor_name: { name: 'Razão' },
  cpf: {},
  amount: { name: 'Valor' },
  due_date: { name: 'Vencimento' },
  account_type: { fixed: 'CC' },
  installment: { name: 'Parcela', required: true },
  creditor_name: { name: 'Credor' },
} as const;

const PLACED = {
  external_ref: { position: 2 },
  debtor_name: { position: 1 },
  cpf: { position: 4 },
  amount: { position: 5 },
  due_date: { position: 6 },
} as const;

function read(document: Omit<ProfileDocument, 'format'>, text: string, complete = true, length = text.length) {
  const { dialect, layout } = compiled({ format: 1, ...document });
  return readHeader(bytesOf(text), length, complete, dialect, layout);
}

describe('named columns', () => {
  const latin = { columns: NAMED, encoding: 'windows-1252', dialect: { delimiter: ';' } } as const;
  const header = 'Contrato;"Raz\xe3o";cpf; Valor ;Vencimento;Parcela\r\n';

  it('are found by the names of the profile, in its encoding', () => {
    expect(read(latin, `${header}x`)).toEqual({
      kind: 'header',
      fields: [0, 1, 2, 3, 4, 9],
      start: 0,
      end: header.length,
      line: 1,
      nextLine: 2,
    });
    expect(read({ ...latin, encoding: 'utf-8' }, header)).toMatchObject({ code: 'HEADER_INVALID' });
  });

  it('own names count no more, and what is required must be there', () => {
    expect(read(latin, header.replace('Valor', 'amount'))).toMatchObject({
      code: 'COLUMN_UNKNOWN',
      detail: '«amount»',
    });
    expect(read(latin, header.replace(';Parcela', ''))).toMatchObject({ code: 'COLUMN_MISSING', detail: '«Parcela»' });
    expect(read(latin, header.replace('cpf', 'Valor'))).toMatchObject({ code: 'COLUMN_REPEATED', detail: '«Valor»' });
    expect(read(latin, header.replace('cpf', 'account_type'))).toMatchObject({ code: 'COLUMN_UNKNOWN' });
  });

  it('others may be passed over', () => {
    const wide = header.replace('cpf', 'Obs;cpf;Obs;');
    expect(read({ ...latin, unknownColumns: 'ignore' }, wide)).toMatchObject({
      fields: [0, 1, IGNORED_COLUMN, 2, IGNORED_COLUMN, IGNORED_COLUMN, 3, 4, 9],
    });
  });
});

describe('columns by position', () => {
  const fields = [1, 0, IGNORED_COLUMN, 2, 3, 4];

  it('need no header', () => {
    const none = { columns: PLACED, dialect: { header: false } };
    expect(read(none, 'Ana,A')).toEqual({ kind: 'header', fields, start: 0, end: 0, line: 1, nextLine: 1 });
    expect(read({ ...none, dialect: { header: false, fields: 8 } }, '')).toMatchObject({
      fields: [...fields, IGNORED_COLUMN, IGNORED_COLUMN],
    });
  });

  it('pass over a header whatever it says', () => {
    expect(read({ columns: PLACED }, '\xef\xbb\xbf\na,"b\nc"x,\nrest')).toMatchObject({
      fields,
      start: 4,
      line: 2,
      end: 14,
      nextLine: 4,
    });
  });

  it('and lines before the records, which stay with the header', () => {
    const skip = { columns: PLACED, dialect: { header: false, skipLines: 2 } };
    expect(read(skip, 'Banco "X\r\n\nAna')).toEqual({
      kind: 'header',
      fields,
      start: 0,
      end: 11,
      line: 1,
      nextLine: 3,
    });
    expect(read(skip, 'Banco\nx')).toMatchObject({ kind: 'fault', code: 'HEADER_MISSING' });
    expect(read(skip, 'Banco\nx', false)).toEqual({ kind: 'more' });
  });
});

it('lines are passed over before a header, too, however much of the file is known', () => {
  const document = { columns: NAMED, dialect: { skipLines: 1 } };
  const text = 'Arquivo, "x\n\r\nContrato,Raz\xc3\xa3o,cpf,Valor,Vencimento,Parcela\nA,B\n';
  const end = text.indexOf('A,B');
  const whole = read(document, text);
  expect(whole).toMatchObject({ kind: 'header', start: 0, line: 1, end, nextLine: 4 });
  for (let length = 0; length < end; length++) expect(read(document, text, false, length)).toEqual({ kind: 'more' });
  for (let length = end; length <= text.length; length++) expect(read(document, text, false, length)).toEqual(whole);
});
