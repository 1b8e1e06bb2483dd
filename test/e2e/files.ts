/** Files that tests give to the program: generated ones with their truth, and ones written by hand. */
import { Buffer } from 'node:buffer';
import { type FixtureOptions, fixtureBlocks } from '../../src/cli/fixture.ts';
import { csvRows } from './csv.ts';

/** The business date of all generated files; `ingest` gets it by `--as-of`. */
export const AS_OF = '2026-08-03';

export const HEADER =
  'external_ref,debtor_name,cpf,amount,due_date,debtor_email,debtor_phone,creditor_name,account_type,installment\n';
export const SHORT_HEADER = 'external_ref,debtor_name,cpf,amount,due_date\n';

/** What must become of one record. */
export interface Truth {
  /** Physical line of the record's first byte, from 1. */
  readonly line: number;
  /** Empty where it cannot be read. */
  readonly ref: string;
  readonly outcome: Outcome;
  readonly code: string;
  /** `undefined` where the amount cannot be read. */
  readonly cents: bigint | undefined;
}

export const OUTCOMES = ['created', 'updated', 'unchanged', 'duplicate', 'rejected'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface MadeFile {
  readonly bytes: Buffer;
  readonly truth: readonly Truth[];
}

/** A generated file with many faults, duplicates and unusual shapes, and the truth of a first ingest. */
export function madeFile(given: Partial<FixtureOptions> & { readonly lines: number; readonly seed: number }): MadeFile {
  const options = { badShare: 0.1, quotedShare: 0.2, duplicateShare: 0.05, asOf: AS_OF, refPrefix: 'C', ...given };
  const file: Uint8Array[] = [];
  const truth: Uint8Array[] = [];
  for (const block of fixtureBlocks(options, { truth: true })) {
    file.push(block.file);
    if (block.truth !== undefined) truth.push(block.truth);
  }
  return { bytes: Buffer.concat(file), truth: truthOf(Buffer.concat(truth)) };
}

function truthOf(csv: Buffer): Truth[] {
  const [header, ...rows] = csvRows(csv);
  if (header?.join() !== 'line,external_ref,outcome,code,cents') throw new Error('not a truth file');
  return rows.map(([line = '', ref = '', outcome = '', code = '', cents = '']) => ({
    line: Number(line),
    ref,
    outcome: outcome as Outcome,
    code,
    cents: cents === '' ? undefined : BigInt(cents),
  }));
}

/** What the same file must answer when it is ingested again: nothing changes, and what was wrong still is. */
export function again(truth: readonly Truth[]): Truth[] {
  return truth.map((row) => (row.outcome === 'created' ? { ...row, outcome: 'unchanged' } : row));
}

/** A good record by hand; `n` makes the reference, the amount and the debtor. */
export function record(n: number, given: { readonly ref?: string; readonly amount?: string } = {}): string {
  const ref = given.ref ?? `R${String(n).padStart(6, '0')}`;
  return `${ref},Maria da Silva,52998224725,${given.amount ?? `${n}.50`},2026-01-15\n`;
}

/** A file of good records `1..count` by hand. */
export function goodFile(count: number): string {
  return SHORT_HEADER + Array.from({ length: count }, (_, i) => record(i + 1)).join('');
}
