/** How a fault reads on stderr and in answers: its whole message, without what might be a CPF. */
import { type Fault, type FaultCode, isFault } from '../core/faults.ts';
import { maskDigits } from '../core/telemetry.ts';
import { maskedMessage, printable } from '../core/text.ts';

export { maskedMessage };

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
