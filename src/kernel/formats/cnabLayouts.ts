/**
 * Where CNAB files hold what a debt needs: FEBRABAN's layout of 240 bytes (version 10.6, segments P, Q and R) and the layouts
 * of 400 bytes, in which each bank has ways of its own. Positions count from 1, as the manuals give them.
 */
import type { DateForm } from '../plan.ts';

/** Bytes of a line of a debt; `line` is its segment or type. */
export interface CnabPlace {
  readonly line: string;
  readonly at: number;
  readonly bytes: number;
}

/**
 * Which number of a title names the debt: the document's (seu número), the one that the company gave it for itself, or the
 * bank's (nosso número).
 */
export const REFERENCES = ['document-number', 'company-id', 'bank-number'] as const;
export type Reference = (typeof REFERENCES)[number];

export const BANKS = ['itau', 'bradesco', 'bb'] as const;
export type Bank = (typeof BANKS)[number];

/** As the header of a file names them. */
export const BANK_NUMBERS: Readonly<Record<Bank, string>> = { itau: '341', bradesco: '237', bb: '001' };

export interface CnabLayout {
  readonly lineBytes: number;
  /** The segment or type of the line that begins a debt, and of the one that must follow it; empty for none. */
  readonly main: string;
  readonly mate: string;
  readonly date: DateForm;
  readonly references: Readonly<Record<Reference, CnabPlace>>;
  readonly columns: Readonly<Record<'debtor_name' | 'document' | 'amount' | 'due_date', CnabPlace>>;
  /** Which kind of document the debtor has, and how CPF and CNPJ are written there. */
  readonly documentKind: CnabPlace & { readonly cpf: string; readonly cnpj: string };
  /** The movement: what is to be done with the title. */
  readonly movement: CnabPlace;
}

const place = (line: string, from: number, to: number): CnabPlace => ({ line, at: from, bytes: to - from + 1 });

export const CNAB_240: CnabLayout = {
  lineBytes: 240,
  main: 'P',
  mate: 'Q',
  date: 'DDMMYYYY',
  references: {
    'document-number': place('P', 63, 77),
    'company-id': place('P', 196, 220),
    'bank-number': place('P', 38, 57),
  },
  columns: {
    debtor_name: place('Q', 34, 73),
    document: place('Q', 19, 33),
    amount: place('P', 86, 100),
    due_date: place('P', 78, 85),
  },
  documentKind: { ...place('Q', 18, 18), cpf: '1', cnpj: '2' },
  movement: place('P', 16, 17),
};

/** Of 400 bytes: what the banks have in common. */
function layout400(main: string, bank: Pick<CnabLayout, 'references'> & { readonly name: CnabPlace }): CnabLayout {
  return {
    lineBytes: 400,
    main,
    mate: '',
    date: 'DDMMYY',
    references: bank.references,
    columns: {
      debtor_name: bank.name,
      document: place(main, 221, 234),
      amount: place(main, 127, 139),
      due_date: place(main, 121, 126),
    },
    documentKind: { ...place(main, 219, 220), cpf: '01', cnpj: '02' },
    movement: place(main, 109, 110),
  };
}

export const CNAB_400: Readonly<Record<Bank, CnabLayout>> = {
  itau: layout400('1', {
    references: {
      'document-number': place('1', 111, 120),
      'company-id': place('1', 38, 62),
      'bank-number': place('1', 63, 70),
    },
    name: place('1', 235, 264),
  }),
  bradesco: layout400('1', {
    references: {
      'document-number': place('1', 111, 120),
      'company-id': place('1', 38, 62),
      'bank-number': place('1', 71, 82),
    },
    name: place('1', 235, 274),
  }),
  bb: layout400('7', {
    references: {
      'document-number': place('7', 111, 120),
      'company-id': place('7', 39, 63),
      'bank-number': place('7', 64, 80),
    },
    name: place('7', 235, 271),
  }),
};

export const CNAB_ENTRY = '01';
