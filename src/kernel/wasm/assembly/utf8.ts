/** Text checks on UTF-8 bytes: strict as Unicode has it (table 3-7). The counterpart of `src/kernel/utf8.ts`. */
import { CHARACTER_INVALID, UTF8_INVALID } from './layout.ts';

/** Code points of `[start, end)`; negated, the id of UTF8_INVALID, else of CHARACTER_INVALID where there is a control. */
export function codePoints(start: usize, end: usize): i32 {
  let count: i32 = 0;
  let control = false;
  let at = start;
  while (at < end) {
    const lead = load<u8>(at);
    count++;
    if (lead < 0x80) {
      if (lead < 0x20 || lead == 0x7f) control = true;
      at++;
      continue;
    }
    const size = sequenceBytes(lead);
    if (size == 0 || at + size > end) return -UTF8_INVALID;
    const second = load<u8>(at, 1);
    if (second < secondMin(lead) || second > secondMax(lead)) return -UTF8_INVALID;
    for (let k: usize = 2; k < size; k++) if ((load<u8>(at + k) & 0xc0) != 0x80) return -UTF8_INVALID;
    if (lead == 0xc2 && second < 0xa0) control = true;
    else if (lead == 0xe2 && second == 0x80) {
      const third = load<u8>(at, 2);
      if (third == 0xa8 || third == 0xa9) control = true;
    }
    at += size;
  }
  return control ? -CHARACTER_INVALID : count;
}

function sequenceBytes(lead: u8): usize {
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

function secondMin(lead: u8): u8 {
  if (lead == 0xe0) return 0xa0;
  return lead == 0xf0 ? 0x90 : 0x80;
}

function secondMax(lead: u8): u8 {
  if (lead == 0xed) return 0x9f;
  return lead == 0xf4 ? 0x8f : 0xbf;
}
