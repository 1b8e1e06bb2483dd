/**
 * Reads the header of a CNAB file: that it is one, that the file is a remessa and of no other bank than the layout, and whether
 * its lines have line ends at all.
 *
 * Faults: `CNAB_HEADER` with what is wrong, `CNAB_SEQUENCE` where CNAB 400 does not begin with number 1; both of line 1.
 */
import { type Detail, detail } from '../../core/catalogue.ts';
import type { HeaderResult } from '../header.ts';
import type { CnabFormat, RecordFormat } from '../plan.ts';
import { numberAt } from './cnabFrames.ts';
import type { FormatLayout } from './formatProfile.ts';
import { CR, LF } from './lineFormat.ts';

type Found = HeaderResult & { readonly format?: RecordFormat };

const ZERO = 0x30;
/** Of each format: where the type stands, and the digit that is 2 in the answers of banks. */
const TYPE_AT = { 'cnab-240': 7, 'cnab-400': 0 } as const;
const DIRECTION_AT = { 'cnab-240': 142, 'cnab-400': 1 } as const;
const RETORNO = 0x32;
/** Of CNAB 400: the bank's number. */
const BANK_FROM = 76;
const BANK_DIGITS = 3;
const SEQUENCE_AT = 394;
const SEQUENCE_DIGITS = 6;
const LINE_END_BYTES_MAX = 2;

/** `length`: how many bytes of the file are in hand, more than a line if the file has more. */
export function readCnabHeader(bytes: Uint8Array, top: number, length: number, layout: FormatLayout): Found {
  const format = layout.format as CnabFormat;
  const { kind, lineBytes } = format;
  const fault = (code: 'CNAB_HEADER' | 'CNAB_SEQUENCE', told: Detail): Found => {
    return { kind: 'fault', code, detail: told, line: 1, byte: top };
  };
  const size = contentBytes(bytes, top, length);
  // Without line ends the file is one run of lines, behind which there may be an end all the same.
  const isRun = size > lineBytes && size % lineBytes === 0 && length - top - size <= LINE_END_BYTES_MAX;
  const lineEnds = size < length - top && !isRun;
  if (lineEnds ? size !== lineBytes : size < lineBytes) {
    return fault('CNAB_HEADER', detail('LINE_BYTES', size, lineBytes));
  }
  if (bytes[top + TYPE_AT[kind]] !== ZERO) return fault('CNAB_HEADER', detail('NO_FILE_HEADER'));
  if (bytes[top + DIRECTION_AT[kind]] === RETORNO) {
    return fault('CNAB_HEADER', detail('IS_RETORNO'));
  }
  if (format.bank !== undefined) {
    const bank = numberAt(bytes, top + BANK_FROM, BANK_DIGITS);
    if (bank >= 0 && bank !== Number(format.bank)) {
      return fault('CNAB_HEADER', detail('OTHER_BANK', String(bank).padStart(BANK_DIGITS, '0'), format.bank));
    }
  }
  if (kind === 'cnab-400') {
    const number = numberAt(bytes, top + SEQUENCE_AT, SEQUENCE_DIGITS);
    if (number !== 1) return fault('CNAB_SEQUENCE', detail('NUMBER_INSTEAD_OF', number < 0 ? '?' : number, 1));
  }
  let end = top + lineBytes;
  if (lineEnds) end = bytes.indexOf(LF, end) + 1;
  return {
    kind: 'header',
    fields: [...layout.fields],
    start: top,
    end,
    line: 1,
    nextLine: 2,
    format: { ...format, lineEnds },
  };
}

/** Of the first line, its end left out; all that is in hand where no line ends there. */
function contentBytes(bytes: Uint8Array, top: number, length: number): number {
  const lf = bytes.indexOf(LF, top);
  if (lf < 0 || lf >= length) return length - top;
  return lf > top && bytes[lf - 1] === CR ? lf - 1 - top : lf - top;
}
