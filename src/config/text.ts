/**
 * Values of settings as text: what a person may write, and how a value is shown. Shown values read back to the same value.
 */
import type { NumberSpec, SettingSpec } from './schema.ts';

const SUFFIX_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

export type ReadValue = { readonly value: string | number } | { readonly problem: string };

/** Reads what was written for a setting, in the environment (text) or the settings file (text or number). */
export function readValue(spec: SettingSpec, written: unknown): ReadValue {
  if (written === '') return { problem: 'is empty; give it a value or leave it out' };
  switch (spec.type) {
    case 'choice':
      return typeof written === 'string' && spec.choices.includes(written)
        ? { value: written }
        : { problem: `must be one of: ${spec.choices.join(', ')}` };
    case 'path':
      return typeof written === 'string' && !written.includes('\0')
        ? { value: written }
        : { problem: 'must be the path of a folder' };
    case 'text':
      return typeof written === 'string' && spec.pattern.test(written)
        ? { value: written }
        : { problem: `must be ${spec.says}` };
    case 'secret':
      return typeof written === 'string' && written.length >= spec.lengthMin
        ? { value: written }
        : { problem: `must be a text of at least ${spec.lengthMin} characters` };
    case 'bytes':
    case 'ms':
    case 'count':
    case 'ratio':
      return readNumber(spec, written);
  }
}

function readNumber(spec: NumberSpec, written: unknown): ReadValue {
  const value =
    typeof written === 'number' ? written : typeof written === 'string' ? numberOf(spec, written) : Number.NaN;
  if (!Number.isSafeInteger(value)) return { problem: `must be ${WRITTEN[spec.type]}` };
  if (value < spec.min || value > spec.max) {
    return { problem: `must be from ${valueText(spec, spec.min)} to ${valueText(spec, spec.max)}` };
  }
  return { value };
}

const WRITTEN: Readonly<Record<NumberSpec['type'], string>> = {
  bytes: 'an integer of bytes, such as 65536, 64KiB, 8MiB or 1GiB',
  ms: 'an integer of milliseconds, such as 500 or 500ms',
  count: 'an integer',
  ratio: 'an integer',
};

function numberOf(spec: NumberSpec, text: string): number {
  const parts = /^([0-9]{1,16}) ?([A-Za-z]*)$/.exec(text.trim());
  if (parts === null) return Number.NaN;
  const [, digits = '', suffix = ''] = parts;
  if (suffix === '' || (spec.type === 'ms' && suffix === 'ms')) return Number(digits);
  const factor = spec.type === 'bytes' && Object.hasOwn(SUFFIX_BYTES, suffix) ? SUFFIX_BYTES[suffix] : undefined;
  return factor === undefined ? Number.NaN : Number(digits) * factor;
}

/** A value as it is shown: bytes in the largest unit that divides them, a secret not at all, anything else as it is. */
export function valueText(spec: SettingSpec, value: string | number): string {
  if (spec.type === 'secret') return value === '' ? '' : '(set)';
  return spec.type === 'bytes' && typeof value === 'number' ? bytesText(value) : String(value);
}

/** Bytes without rounding: `8MiB`, `65537`. */
export function bytesText(bytes: number): string {
  for (const suffix of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const factor = SUFFIX_BYTES[suffix] ?? 1;
    if (bytes > 0 && bytes % factor === 0) return `${bytes / factor}${suffix}`;
  }
  return String(bytes);
}

/** The values a setting may take, for people. */
export function rangeText(spec: SettingSpec): string {
  switch (spec.type) {
    case 'choice':
      return spec.choices.join(', ');
    case 'path':
      return 'a path';
    case 'text':
      return spec.says;
    case 'secret':
      return `from ${spec.lengthMin} characters`;
    default:
      return `${valueText(spec, spec.min)} to ${valueText(spec, spec.max)}`;
  }
}

/** The default of a setting; in words where it is computed. */
export function defaultText(spec: SettingSpec): string {
  if (typeof spec.default === 'object') return spec.default.says;
  return spec.default === '' ? 'none' : valueText(spec, spec.default);
}
