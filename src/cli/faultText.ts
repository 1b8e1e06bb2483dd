/** How a fault reads on stderr and in answers: its whole message, without what might be a CPF. */
import { type Fault, type FaultCode, isFault } from '../core/faults.ts';
import { maskDigits } from '../core/telemetry.ts';
import { printable } from './format.ts';

/** Faults whose messages hold long numbers of ours (sizes, counts, settings) and nothing from a file. */
const COUNTS_ONLY: ReadonlySet<string> = new Set<FaultCode>([
  'CONFIG_INVALID',
  'FILE_TOO_LARGE',
  'TOO_MANY_RECORDS',
  'GZIP_BOMB',
]);

/** The place at a message's end, as `Fault` writes it: `(line 7, byte 300000000)` or `(…; line 7, batch b-…)`. */
const PLACE = /(?<=[(;] ?)(?:(?:line \d+|column [^,()]*|byte \d+|range \d+|shard \d+|batch [\w-]+)(?:, |\)$))+$/;
const NUMBERED_PLACE = /^(?:(?:line|byte|range|shard) \d+|batch b-[0-9a-z]{16})\)?$/;

/**
 * A header or an argument that is quoted in a message may be personal data: long runs of digits are masked. The place
 * stays: in a large file a byte's offset is as long as a CPF.
 */
export function maskedMessage(code: string, message: string): string {
  if (COUNTS_ONLY.has(code)) return message;
  const at = PLACE.exec(message)?.index ?? message.length;
  const place = message.slice(at).split(', ');
  return (
    maskDigits(message.slice(0, at)) +
    place.map((part) => (NUMBERED_PLACE.test(part) ? part : maskDigits(part))).join(', ')
  );
}

/** Whether whoever read an output has closed it: the rest is not wanted, and that is no error. */
export function isClosedPipe(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'EPIPE';
}

const WRONG_USAGE: ReadonlySet<FaultCode> = new Set<FaultCode>(['USAGE', 'CONFIG_INVALID', 'CLIENT_UNKNOWN']);

/** 2 for what the caller must write otherwise, 1 for what went wrong. */
export function exitCodeOf(fault: Fault): number {
  return WRONG_USAGE.has(fault.code) ? 2 : 1;
}

/** One error as it is printed; a bug comes with its stack, because it must be mended and not worked around. */
export function errorText(error: unknown): string {
  if (isFault(error)) return `remessa: ${printable(maskedMessage(error.code, error.message))}\n`;
  const system = (error as { code?: unknown; syscall?: unknown } | null) ?? {};
  if (error instanceof Error && typeof system.code === 'string' && typeof system.syscall === 'string') {
    return `remessa: ${printable(maskDigits(error.message))}\n`;
  }
  return `remessa: ${maskDigits(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`;
}
