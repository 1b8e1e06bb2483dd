/**
 * CNAB files: told by the length of their lines and the types of their records; of 400 bytes the bank by its number in the
 * header. Where everything stands in them the layouts of the kernel say, so a profile of one names no columns.
 */
import { Buffer } from 'node:buffer';
import { BANK_NUMBERS, BANKS } from '../../kernel/formats/cnabLayouts.ts';
import type { ProfileDocument } from '../../kernel/profile.ts';
import type { Draft } from './draft.ts';
import { counted, Findings, percent } from './findings.ts';

export interface CnabFound {
  readonly bytes: 240 | 400;
  /** Three digits. */
  readonly bank: string;
  readonly lines: number;
  readonly alike: number;
}

/** Record types: at byte 8 of 240 bytes (0, 1, 3, 5, 9), at the first of 400 (0, 1 and what details the bank has, 9). */
const TYPES = { 240: { at: 7, form: /^[01359]$/ }, 400: { at: 0, form: /^\d$/ } } as const;
/** The bank's number in the header. */
const BANK_AT = { 240: 0, 400: 76 } as const;

export function cnabOf(runs: readonly Uint8Array[]): CnabFound | undefined {
  const lines = runs.flatMap((run) => Buffer.from(run).toString('latin1').split(/\r?\n/)).filter((line) => line !== '');
  const header = lines[0] ?? '';
  for (const bytes of [240, 400] as const) {
    const { at, form } = TYPES[bytes];
    const alike = lines.filter((line) => line.length === bytes && form.test(line[at] as string)).length;
    const bank = header.slice(BANK_AT[bytes], BANK_AT[bytes] + 3);
    if (header.length === bytes && header[at] === '0' && /^\d{3}$/.test(bank) && alike >= lines.length * 0.9) {
      return { bytes, bank, lines: lines.length, alike };
    }
  }
  return undefined;
}

export function cnabDraft({ bytes, bank, lines, alike }: CnabFound): Draft {
  const findings = new Findings();
  const kind = bytes === 240 ? 'cnab-240' : 'cnab-400';
  findings.decide(
    'kind',
    kind,
    `${percent(alike, lines)} of ${counted(lines, 'line')} have ${bytes} bytes and a type of record, after a header of bank ${bank}`,
  );
  const own = BANKS.find((one) => BANK_NUMBERS[one] === bank);
  if (bytes === 400 && own === undefined) {
    findings.leaveOpen(
      'cnab.bank',
      `every bank has a CNAB 400 of its own, and that of bank ${bank} is none that profiles know (${Object.values(BANK_NUMBERS).join(', ')})`,
    );
  } else if (bytes === 400) findings.decide('cnab.bank', own as string, `number ${bank} in the header`);
  findings.doubt(
    'cnab.reference',
    'document-number',
    "which number of a title is the debt's reference (the document's, the company's, the bank's) no file tells: ask the client",
  );
  const document: ProfileDocument = {
    format: 1,
    kind,
    ...(bytes === 400 && own !== undefined ? { cnab: { bank: own } } : {}),
  };
  return { document, findings };
}
