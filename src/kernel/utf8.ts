/**
 * Text checks on UTF-8 bytes, without making a string.
 *
 * Strict as Unicode has it (table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
 */
import { RECORD_CODES } from '../core/codes.ts';

const INVALID = -RECORD_CODES.UTF8_INVALID.id;
const CONTROL = -RECORD_CODES.CHARACTER_INVALID.id;

/**
 * Code points in `bytes[start..end)`; or, negated, the id of `UTF8_INVALID` where they are not valid UTF-8, else of
 * `CHARACTER_INVALID` where a control character is among them (U+0000–U+001F, U+007F–U+009F, U+2028, U+2029).
 */
export function codePoints(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  let control = false;
  let i = start;
  while (i < end) {
    const lead = bytes[i];
    count++;
    if (lead < 0x80) {
      if (lead < 0x20 || lead === 0x7f) control = true;
      i++;
      continue;
    }
    const size = sequenceBytes(lead);
    if (size === 0 || i + size > end) return INVALID;
    const second = bytes[i + 1];
    if (second < secondMin(lead) || second > secondMax(lead)) return INVALID;
    for (let k = i + 2; k < i + size; k++) if ((bytes[k] & 0xc0) !== 0x80) return INVALID;
    if (lead === 0xc2 && second < 0xa0) control = true;
    else if (lead === 0xe2 && second === 0x80 && (bytes[i + 2] === 0xa8 || bytes[i + 2] === 0xa9)) control = true;
    i += size;
  }
  return control ? CONTROL : count;
}

function sequenceBytes(lead: number): number {
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

function secondMin(lead: number): number {
  if (lead === 0xe0) return 0xa0;
  return lead === 0xf0 ? 0x90 : 0x80;
}

function secondMax(lead: number): number {
  if (lead === 0xed) return 0x9f;
  return lead === 0xf4 ? 0x8f : 0xbf;
}
