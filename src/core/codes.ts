/**
 * Codes of single records: why one was rejected, or which warning it carries.
 *
 * Ids are bytes in staged parts: they never change and are never used again. 0 means «no code».
 * Messages say what is wrong and never quote a value, because values may be personal data.
 */

export interface RecordCode {
  readonly id: number;
  readonly kind: 'reject' | 'warn' | 'duplicate';
  readonly says: string;
}

export const RECORD_CODES = {
  // The record's shape (no column's value can be trusted).
  QUOTE_MALFORMED: {
    id: 1,
    kind: 'reject',
    says: 'a quote stands inside a field that does not begin with one, or text follows a closing quote',
  },
  FIELD_COUNT: { id: 2, kind: 'reject', says: 'the number of fields differs from the header' },
  // Any column.
  UTF8_INVALID: { id: 3, kind: 'reject', says: 'the field is not valid UTF-8' },
  CHARACTER_INVALID: { id: 4, kind: 'reject', says: 'the field holds a control character' },
  REQUIRED: { id: 5, kind: 'reject', says: 'the field is required and is empty' },
  LENGTH: { id: 6, kind: 'reject', says: 'the field is too short or too long' },
  // One column each.
  CPF_FORMAT: { id: 10, kind: 'reject', says: 'a CPF has 11 digits, bare or as 000.000.000-00' },
  CPF_REPEATED: { id: 11, kind: 'reject', says: 'a CPF is not one digit repeated' },
  CPF_CHECK_DIGITS: { id: 12, kind: 'reject', says: 'the check digits of the CPF do not match' },
  AMOUNT_FORMAT: {
    id: 13,
    kind: 'reject',
    says: 'an amount is written 1234, 1234.5 or 1234.56, or as the profile has it',
  },
  AMOUNT_NOT_POSITIVE: { id: 14, kind: 'reject', says: 'the amount must be above zero' },
  AMOUNT_TOO_LARGE: { id: 15, kind: 'reject', says: 'the amount must be below 10000000000000' },
  DATE_FORMAT: { id: 16, kind: 'reject', says: 'a date is written YYYY-MM-DD, or as the profile has it' },
  DATE_NOT_REAL: { id: 17, kind: 'reject', says: 'the day does not exist' },
  EMAIL_FORMAT: { id: 18, kind: 'reject', says: 'the e-mail address is not valid' },
  PHONE_FORMAT: { id: 19, kind: 'reject', says: 'a telephone has 8 to 15 digits' },
  INSTALLMENT_FORMAT: { id: 20, kind: 'reject', says: 'an instalment is written 3 or 3/12' },
  // Business rules, applied at registering.
  DUE_DATE_NOT_PAST: { id: 40, kind: 'reject', says: 'the due date is not before the business date' },
  DEBT_PRESCRIBED: {
    id: 41,
    kind: 'reject',
    says: 'the debt fell due longer ago than the rules accept (by default five years)',
  },
  AMOUNT_BELOW_MINIMUM: { id: 42, kind: 'reject', says: "the amount is below the client's minimum" },
  AMOUNT_ABOVE_MAXIMUM: { id: 43, kind: 'reject', says: "the amount is above the client's maximum" },
  DEBT_ERASED: { id: 44, kind: 'reject', says: 'the debt was erased on request and is not registered again' },
  // A record that repeats an identity of its own file.
  DUPLICATE_REF: { id: 60, kind: 'duplicate', says: 'the external_ref already stands in this file' },
  // Warnings.
  CPF_PADDED: { id: 80, kind: 'warn', says: 'leading zeros were added to the CPF' },
  DEBT_NEAR_PRESCRIPTION: {
    id: 81,
    kind: 'warn',
    says: 'the debt will soon be older than the rules accept (by default five years)',
  },
} as const satisfies Record<string, RecordCode>;

export type RecordCodeName = keyof typeof RECORD_CODES;

const names = new Array<RecordCodeName | undefined>(256).fill(undefined);
for (const [name, spec] of Object.entries(RECORD_CODES)) names[spec.id] = name as RecordCodeName;

/** The name of a code's id, or `undefined` for 0 and for ids that no build has used. */
export function recordCodeName(id: number): RecordCodeName | undefined {
  return names[id];
}

/** What a code says, in one plain sentence without values. */
export function recordCodeSays(id: number): string {
  const name = names[id];
  return name === undefined ? '' : RECORD_CODES[name].says;
}

/** The fates of a record, in the order in which receipts list them. The index is the byte in outcome parts. */
export const OUTCOMES = ['created', 'updated', 'unchanged', 'duplicate', 'rejected'] as const;
export type Outcome = (typeof OUTCOMES)[number];
