/**
 * The oracle for the frame of a CNAB file: reads the file from its first line to its last, and says what is wrong first.
 * Byte strings; numbers of six digits begin again behind 999,999.
 */
import type { CnabFormat } from '../../src/kernel/plan.ts';
import type { FrameFaultCode } from '../../src/kernel/split.ts';
import { oracleLineKind, oracleLines } from './formats.ts';

export interface OracleFrame {
  readonly fault?: {
    readonly code: FrameFaultCode;
    readonly line: number;
    readonly byte: number;
    readonly says: string;
  };
  /** First bytes of the headers of lots. */
  readonly lots: readonly number[];
}

/** `from`: the first byte behind the header of the file, on line `firstLine`. */
export function oracleFrame(text: string, format: CnabFormat, from: number, firstLine: number): OracleFrame {
  const lots: number[] = [];
  let count = 1;
  let ended = false;
  let lot: { readonly number: number; lines: number } | undefined;
  let lastLot = 0;
  const is240 = format.kind === 'cnab-240';
  const lines = oracleLines(text, format, from, firstLine);
  for (const line of lines) {
    const kind = oracleLineKind(line, format);
    if (kind === 'empty') continue;
    count++;
    const fault = (code: FrameFaultCode, says = ''): OracleFrame => {
      return { lots, fault: { code, line: line.line, byte: line.start, says } };
    };
    const isWhole = line.text.length === format.lineBytes;
    if (!is240 && isWhole && line.text.slice(394, 400) !== String(count % 1e6).padStart(6, '0')) {
      return fault('CNAB_SEQUENCE', `${count}`);
    }
    if (kind !== 'frame') {
      if (ended || (is240 && lot === undefined)) return fault('CNAB_ORDER');
      if (lot === undefined) continue;
      lot.lines++;
      const named = line.text.slice(3, 7);
      if (/^[0-9]{4}$/.test(named) && Number(named) !== lot.number) return fault('CNAB_ORDER');
      continue;
    }
    if (!isWhole) return fault('CNAB_HEADER');
    if (ended) return fault('CNAB_ORDER');
    const type = line.text[is240 ? 7 : 0];
    const number = /^[0-9]{4}$/.test(line.text.slice(3, 7)) ? Number(line.text.slice(3, 7)) : -1;
    const counts = [line.text.slice(17, 23), line.text.slice(23, 29)];
    const told = (there: number) => String(there % 1e6).padStart(6, '0');
    if (type === '9') {
      if (lot !== undefined) return fault('CNAB_ORDER');
      ended = true;
      if (is240 && counts[0] !== told(lots.length)) return fault('CNAB_COUNT', `${counts[0]} ${lots.length}`);
      if (is240 && counts[1] !== told(count)) return fault('CNAB_COUNT', `${counts[1]} ${count}`);
    } else if (is240 && type === '1') {
      if (lot !== undefined || number <= lastLot || number > 9998) return fault('CNAB_ORDER');
      lot = { number, lines: 1 };
      lastLot = number;
      lots.push(line.start);
    } else if (is240 && type === '5') {
      if (lot === undefined || number !== lot.number) return fault('CNAB_ORDER');
      if (counts[0] !== told(lot.lines + 1)) return fault('CNAB_COUNT', `${counts[0]} ${lot.lines + 1}`);
      lot = undefined;
    } else return fault('CNAB_ORDER');
  }
  if (ended) return { lots };
  // The last line that is whole.
  const whole = lines.filter(({ start, end }) =>
    format.lineEnds ? text[end - 1] === '\n' : end - start === format.lineBytes,
  );
  const line = whole.at(-1)?.line ?? firstLine - 1;
  return { lots, fault: { code: 'CNAB_TRUNCATED', line, byte: text.length, says: '' } };
}
