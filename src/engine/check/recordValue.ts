/** The content of one column of a raw record, as its reader would see it before any check. */
import { Buffer } from 'node:buffer';
import { unreachable } from '../../core/assert.ts';
import type { RecordPlan } from '../../kernel/plan.ts';
import { RecordSplitter } from '../../kernel/records.ts';
import { decoded } from '../infer/encoding.ts';
import { contentsOf, trimmed } from '../infer/table.ts';

/** `undefined` where the record has no such field, or is no record of the plan's kind. */
export function recordValue(raw: Uint8Array, plan: RecordPlan, column: number): string | undefined {
  const field = plan.fields.indexOf(column);
  if (field < 0) return undefined;
  const { format, dialect, reading } = plan;
  const encoding = reading?.encoding ?? 'utf-8';
  if (format === undefined) {
    const splitter = new RecordSplitter(dialect, plan.fields.length);
    splitter.split(raw, 0, raw.length, true);
    return splitter.malformed < 0 && splitter.fields === plan.fields.length
      ? contentsOf(raw, splitter, dialect, encoding)[field]
      : undefined;
  }
  switch (format.kind) {
    case 'json-lines':
      return jsonValue(decoded(raw, 'utf-8'), format.keys[field] as string);
    case 'fixed-width': {
      const slice = format.slices[field];
      return slice === undefined
        ? undefined
        : trimmed(decoded(raw.subarray(slice.at, slice.at + slice.bytes), encoding));
    }
    case 'cnab-240':
    case 'cnab-400': {
      const slice = format.slices[field];
      // The segment of 240 bytes, the type of 400.
      const typeAt = format.kind === 'cnab-240' ? 13 : 0;
      const lines = decoded(raw, 'iso-8859-1').split('\n');
      const line = slice === undefined ? undefined : lines.find((one) => one[typeAt] === slice.line);
      if (slice === undefined || line === undefined) return undefined;
      return trimmed(decoded(Buffer.from(line.slice(slice.at, slice.at + slice.bytes), 'latin1'), encoding));
    }
    default:
      return unreachable(format);
  }
}

function jsonValue(text: string, key: string): string | undefined {
  try {
    const record = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    const value = typeof record === 'object' && record !== null && Object.hasOwn(record, key) ? record[key] : undefined;
    return typeof value === 'string' ? trimmed(value) : typeof value === 'number' ? String(value) : undefined;
  } catch {
    return undefined;
  }
}
