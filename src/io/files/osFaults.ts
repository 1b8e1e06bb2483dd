/**
 * Errors of the operating system as faults. Details name the call and the error's code and never the path, because the
 * name of a client's file may hold personal data; for the same reason the original error is not kept as the cause.
 */
import { Fault, type FaultCode, isFault } from '../../core/faults.ts';

/** The code of an operating system error (`ENOENT`, …), or `undefined` for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return /^E[A-Z0-9]+$/.test(error.code) && 'errno' in error ? error.code : undefined;
}

/** For the stores' own files: `STORE_FULL` or `STORE_IO`; faults and bugs come back as they are. */
export function storeFault(error: unknown): unknown {
  if (isFault(error)) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  return new Fault(errno === 'ENOSPC' || errno === 'EDQUOT' ? 'STORE_FULL' : 'STORE_IO', says(error, errno));
}

const INPUT_CODES: Readonly<Record<string, FaultCode>> = {
  ENOENT: 'INPUT_MISSING',
  ENOTDIR: 'INPUT_MISSING',
  EISDIR: 'INPUT_IS_DIRECTORY',
  EACCES: 'INPUT_UNREADABLE',
  EPERM: 'INPUT_UNREADABLE',
  ELOOP: 'INPUT_NOT_A_FILE',
  // Opening a socket, or a device that has no driver.
  ENXIO: 'INPUT_NOT_A_FILE',
  ENODEV: 'INPUT_NOT_A_FILE',
};

/** For a file that somebody else gave: `INPUT_…` where the file is at fault, else what the store would say. */
export function inputFault(error: unknown): unknown {
  const errno = errnoOf(error);
  const code = errno === undefined ? undefined : INPUT_CODES[errno];
  return code === undefined ? storeFault(error) : new Fault(code);
}

function says(error: unknown, errno: string): string {
  const call = error instanceof Error && 'syscall' in error ? String(error.syscall) : '';
  return call === '' ? errno : `${call} ${errno}`;
}
