/** Amounts as files have them (`1.234,56`) and as the engine reads them (`1234.56`): whole cents in between. */

/** `undefined` where the text is no amount. */
export function readCents(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d{2}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const cents = Number((match[1] ?? '').replaceAll('.', '')) * 100 + Number(match[2] ?? '0');
  return Number.isSafeInteger(cents) ? cents : undefined;
}

export function centsText(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}
