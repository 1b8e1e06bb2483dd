/**
 * Codes of single records: why one was rejected, or which warning it carries.
 *
 * Ids are bytes in staged parts: they never change and are never used again. 0 means «no code»; those from 192 on are codes
 * of the batch's own, which its manifest names (`kernel/modules/interface.ts`). What each says stands in the catalogue.
 */
import { recordText } from './catalogue.ts';
import type { Language } from './language.ts';

export interface RecordCode {
  readonly id: number;
  readonly kind: 'reject' | 'warn' | 'duplicate';
}

export const RECORD_CODES = {
  // The record's shape (no column's value can be trusted).
  QUOTE_MALFORMED: { id: 1, kind: 'reject' },
  FIELD_COUNT: { id: 2, kind: 'reject' },
  // Any column.
  UTF8_INVALID: { id: 3, kind: 'reject' },
  CHARACTER_INVALID: { id: 4, kind: 'reject' },
  REQUIRED: { id: 5, kind: 'reject' },
  LENGTH: { id: 6, kind: 'reject' },
  // One column each.
  CPF_FORMAT: { id: 10, kind: 'reject' },
  CPF_REPEATED: { id: 11, kind: 'reject' },
  CPF_CHECK_DIGITS: { id: 12, kind: 'reject' },
  AMOUNT_FORMAT: { id: 13, kind: 'reject' },
  AMOUNT_NOT_POSITIVE: { id: 14, kind: 'reject' },
  AMOUNT_TOO_LARGE: { id: 15, kind: 'reject' },
  DATE_FORMAT: { id: 16, kind: 'reject' },
  DATE_NOT_REAL: { id: 17, kind: 'reject' },
  EMAIL_FORMAT: { id: 18, kind: 'reject' },
  PHONE_FORMAT: { id: 19, kind: 'reject' },
  INSTALLMENT_FORMAT: { id: 20, kind: 'reject' },
  CNPJ_FORMAT: { id: 21, kind: 'reject' },
  CNPJ_ZEROS: { id: 22, kind: 'reject' },
  CNPJ_CHECK_DIGITS: { id: 23, kind: 'reject' },
  DOCUMENT_KIND_UNKNOWN: { id: 24, kind: 'reject' },
  // Of a module of the operator's.
  CODE_FAILED: { id: 25, kind: 'reject' },
  // Records of other kinds of files than CSV.
  LINE_LENGTH: { id: 30, kind: 'reject' },
  LINE_UNKNOWN: { id: 31, kind: 'reject' },
  JSON_INVALID: { id: 32, kind: 'reject' },
  JSON_TOO_LARGE: { id: 33, kind: 'reject' },
  JSON_KEY_UNKNOWN: { id: 34, kind: 'reject' },
  JSON_KEY_REPEATED: { id: 35, kind: 'reject' },
  JSON_VALUE: { id: 36, kind: 'reject' },
  CNAB_LINE_ALONE: { id: 37, kind: 'reject' },
  CNAB_MATE_MISSING: { id: 38, kind: 'reject' },
  CNAB_MOVEMENT: { id: 39, kind: 'reject' },
  // Business rules, applied at registering.
  DUE_DATE_NOT_PAST: { id: 40, kind: 'reject' },
  DEBT_PRESCRIBED: { id: 41, kind: 'reject' },
  AMOUNT_BELOW_MINIMUM: { id: 42, kind: 'reject' },
  AMOUNT_ABOVE_MAXIMUM: { id: 43, kind: 'reject' },
  DEBT_ERASED: { id: 44, kind: 'reject' },
  REF_REPEATED: { id: 45, kind: 'reject' },
  // A record that repeats an identity of its own file.
  DUPLICATE_REF: { id: 60, kind: 'duplicate' },
  REF_REPLACED: { id: 61, kind: 'duplicate' },
  // Warnings.
  CPF_PADDED: { id: 80, kind: 'warn' },
  DEBT_NEAR_PRESCRIPTION: { id: 81, kind: 'warn' },
  CNPJ_PADDED: { id: 82, kind: 'warn' },
} as const satisfies Record<string, RecordCode>;

export type RecordCodeName = keyof typeof RECORD_CODES;

const names = new Array<RecordCodeName | undefined>(256).fill(undefined);
for (const [name, spec] of Object.entries(RECORD_CODES)) names[spec.id] = name as RecordCodeName;

/** The name of a code's id, or `undefined` for 0 and for ids that no build has used. */
export function recordCodeName(id: number): RecordCodeName | undefined {
  return names[id];
}

/** What a code says, in one plain sentence without values; nothing for 0 and for ids that no build has used. */
export function recordCodeSays(id: number, language?: Language): string {
  const name = names[id];
  return name === undefined ? '' : recordText(name, language);
}

/** The fates of a record, in the order in which receipts list them. The index is the byte in outcome parts. */
export const OUTCOMES = ['created', 'updated', 'unchanged', 'duplicate', 'rejected'] as const;
export type Outcome = (typeof OUTCOMES)[number];
