/** The columns of the default format, in the order in which pages and outcomes number them (DESIGN: default format). */

export const COLUMNS = [
  'external_ref',
  'debtor_name',
  'cpf',
  'amount',
  'due_date',
  'debtor_email',
  'debtor_phone',
  'creditor_name',
  'account_type',
  'installment',
] as const;

export type ColumnName = (typeof COLUMNS)[number];

export const REF = 0;
export const NAME = 1;
/** The debtor's document: a CPF in the default format, whatever `documents.ts` knows under a profile. */
export const DOCUMENT = 2;
export const AMOUNT = 3;
export const DUE_DATE = 4;
export const EMAIL = 5;
export const PHONE = 6;
export const CREDITOR = 7;
export const ACCOUNT_TYPE = 8;
export const INSTALLMENT = 9;

/** Columns 0 to 4 are required, 5 to 9 optional. */
export const REQUIRED_COLUMNS = 5;
export const COLUMN_COUNT = COLUMNS.length;

/** In rejects: the fault belongs to the record and to no column. */
export const NO_COLUMN = 255;

/** In a plan: a field that is of no column and is not looked at. */
export const IGNORED_COLUMN = 254;

/** In a plan and in rejects: the field that says of which kind the record's document is; nothing of it is stored. */
export const KIND_COLUMN = 253;
