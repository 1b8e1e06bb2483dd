/** Made-up rows for the contract of the debts. */
import type { StoredDebt } from '../../src/io/ports/debts.ts';

export const CPFS = ['52998224725', '11144477735', '39053344705', '00000000191'] as const;
/**
 * The first two have one number in the embedded index, the third is the first CPF behind zeros, the last is digits and
 * letters.
 */
export const CNPJS = ['74JOMPEY000180', 'PUGGW310000173', '00052998224725', '12ABC34501DE35'] as const;

/** A hash as the engine would make one: spread over all of a uint32. */
export function hashOf(ref: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(ref)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}

export function debt(externalRef: string, turn: number, change: Partial<StoredDebt> = {}): StoredDebt {
  return {
    client: 'acme',
    refHash: hashOf(externalRef),
    externalRef,
    debtorName: 'Maria José d’Ávila',
    document: CPFS[0],
    amountCents: 123_456,
    dueDate: '2025-03-01',
    debtorEmail: 'maria@example.com',
    debtorPhone: '+5511987654321',
    creditorName: null,
    accountType: null,
    installment: '3/12',
    createdBatch: `b-${turn}`,
    createdLine: 2,
    changedBatch: `b-${turn}`,
    changedLine: 2,
    turn,
    createdAtMs: 1_768_478_400_000 + turn,
    changedAtMs: 1_768_478_400_000 + turn,
    erased: false,
    ...change,
  };
}

export const tombstone = (externalRef: string, turn: number): StoredDebt =>
  debt(externalRef, turn, {
    debtorName: '',
    document: '',
    amountCents: 0,
    dueDate: '',
    debtorEmail: null,
    debtorPhone: null,
    installment: null,
    erased: true,
  });

export const byKey = (a: StoredDebt, b: StoredDebt): number =>
  a.refHash - b.refHash || (a.externalRef < b.externalRef ? -1 : Number(a.externalRef > b.externalRef));
