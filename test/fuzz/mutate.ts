/** Inputs made from good ones by changing them: texts byte by byte, and JSON by its structure. */
import type { Random } from '../oracle/random.ts';

/** Bytes that mean something somewhere: to CSV, JSON, HTTP, UTF-8, gzip. */
const BYTES: readonly string[] = [
  ...'"\',;|\t\r\n\0{}[]:%+&=./\\-0189aZ ',
  '\x1f',
  '\x7f',
  '\x80',
  '\x8b',
  '\xc3',
  '\xe2',
  '\xff',
];

/** A byte string with up to `timesMax` changes: bytes replaced, put in or taken out, stretches doubled, moved or cut off. */
export function mutatedText(random: Random, text: string, timesMax = 4): string {
  let out = text;
  for (let times = random.integer(1, timesMax); times > 0; times--) {
    const at = random.integer(0, out.length);
    const to = Math.min(out.length, at + random.integer(1, random.pick([1, 4, 40])));
    const byte = random.chance(0.7) ? random.pick(BYTES) : String.fromCharCode(random.integer(0, 255));
    switch (random.integer(0, 5)) {
      case 0:
        out = out.slice(0, at) + byte + out.slice(at);
        break;
      case 1:
        out = out.slice(0, at) + out.slice(to);
        break;
      case 2:
        out = out.slice(0, to) + out.slice(at);
        break;
      case 3:
        out = random.chance(0.3) ? out.slice(0, at) : out.slice(at) + out.slice(0, at);
        break;
      default:
        out = out.slice(0, at) + byte + out.slice(at + 1);
    }
  }
  return out;
}

/** One bit of the bytes turned. */
export function flippedBit(random: Random, bytes: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  const at = random.integer(0, out.length - 1);
  out[at] = (out[at] as number) ^ (1 << random.integer(0, 7));
  return out;
}

/** Values that readers stumble over. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  '',
  ' ',
  '0',
  '../x',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  'ção',
  'x'.repeat(300),
  0,
  -0,
  -1,
  1,
  1.5,
  255,
  256,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e300,
  -1e-9,
  [],
  {},
  [null],
  [[]],
  { a: 1 },
];

export function oddValue(random: Random): unknown {
  return structuredClone(random.pick(VALUES));
}

/** A JSON value with some of its parts replaced, dropped, doubled, renamed or put elsewhere. */
export function mutatedJson(random: Random, value: unknown, timesMax = 3): unknown {
  let out = structuredClone(value);
  for (let times = random.integer(1, timesMax); times > 0; times--) {
    const places = placesIn(out);
    const place = random.pick(places);
    if (place.in === undefined) {
      if (random.chance(0.1)) out = oddValue(random);
      continue;
    }
    change(random, place.in, place.key, random.pick(places));
  }
  return out;
}

interface Place {
  readonly in: Record<string, unknown> | undefined;
  readonly key: string;
}

function placesIn(value: unknown, found: Place[] = [{ in: undefined, key: '' }]): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value)) {
    found.push({ in: value as Record<string, unknown>, key });
    placesIn((value as Record<string, unknown>)[key], found);
  }
  return found;
}

function change(random: Random, holder: Record<string, unknown>, key: string, other: Place): void {
  const set = (name: string, value: unknown): void => {
    Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
  };
  switch (random.integer(0, 5)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      set(random.pick(['__proto__', 'x', `${key} `, key.toUpperCase(), '']), structuredClone(holder[key]));
      break;
    case 2:
      if (other.in !== undefined) set(key, structuredClone(other.in[other.key]));
      break;
    case 3: {
      const old = holder[key];
      if (typeof old === 'string') set(key, mutatedText(random, old, 2));
      else if (typeof old === 'number') set(key, old + random.pick([-1, 1, 0.5, 2 ** 31, -(2 ** 40)]));
      else set(key, oddValue(random));
      break;
    }
    default:
      set(key, oddValue(random));
  }
}

/** As a sender may write it: escapes spelled out, doubled names, and now and then broken text. */
export function jsonText(random: Random, value: unknown): string {
  let text = JSON.stringify(value) ?? 'null';
  if (random.chance(0.1)) text = text.replaceAll('_', '\\u005f');
  if (random.chance(0.05)) text = text.replace('{', '{"batch":"x",');
  if (random.chance(0.05)) text = `\ufeff${text}`;
  if (random.chance(0.1)) text = JSON.stringify(value, null, 2) ?? 'null';
  return random.chance(0.15) ? mutatedText(random, text) : text;
}
