/**
 * One event tells what happened once, for the log and the metrics alike: once a range, a shard or a batch, never once a
 * record; of requests, which may be as many, once a while. Names and fields must hold no value of a record and no file name; text is masked on its way out all the same.
 */

export type EventLevel = 'debug' | 'info' | 'warn' | 'error';

export interface TelemetryEvent {
  readonly name: string;
  readonly level: EventLevel;
  readonly fields: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Of the records this event is about, how many were rejected for each code. */
  readonly rejectedBy?: Readonly<Record<string, number>>;
  /** Of the many things of one kind this event is about, how long they took, in milliseconds, and how many so long. */
  readonly took?: readonly { readonly ms: number; readonly times: number }[];
}

export interface Telemetry {
  emit(event: TelemetryEvent): void;
}

export const silentTelemetry: Telemetry = { emit: () => {} };

/** Sends each event to every sink. */
export function fanOut(...sinks: readonly Telemetry[]): Telemetry {
  return {
    emit(event) {
      for (const sink of sinks) sink.emit(event);
    },
  };
}

/** A word of 14 characters as a CNPJ has them, in lower case too; then one with its marks, the check digits perhaps left out. */
const CNPJ_LIKE =
  /(?<![0-9A-Za-z])[0-9A-Za-z]{12}\d{2}(?![0-9A-Za-z])|(?:[0-9A-Z]{2}[. ][0-9A-Z]{3}[. ][0-9A-Z]{3}|(?<![0-9A-Z])[0-9A-Z]{8})\/[0-9A-Z]{4}(?:[- ]?\d{2}|(?![0-9A-Za-z]))/;
const CPF_LIKE = /\d{3}[. ]?\d{3}[. ]?\d{3}[- ]?\d{2,}|\d{9,}/;
const DOCUMENT_LIKE = new RegExp(`${CNPJ_LIKE.source}|${CPF_LIKE.source}`, 'g');

/**
 * Replaces what may be a CPF (11 digits, bare, with points or blanks, or any longer run) or a CNPJ (the one of a sole trader
 * is a person's too), so that logs hold none in clear.
 */
export function maskDigits(text: string): string {
  return text.replace(DOCUMENT_LIKE, '***');
}
