/** Documents of companies, until a profile says that a column has them: how a CNPJ is told from other texts. */

const BARE = /^[0-9A-Z]{12}[0-9]{2}$/;
const MASKED = /^[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}\/[0-9A-Z]{4}-[0-9]{2}$/;
const WEIGHTS = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2] as const;

/** Whether the text is a CNPJ with the right check digits, bare or with its marks (IN RFB 2.229/2024: letters count). */
export function isCnpj(text: string): boolean {
  if (!BARE.test(text) && !MASKED.test(text)) return false;
  const values = [...text.replace(/[./-]/g, '')].map((character) => character.charCodeAt(0) - 48);
  if (values.every((value) => value === 0)) return false;
  return digitOf(values, 12) === values[12] && digitOf(values, 13) === values[13];
}

function digitOf(values: readonly number[], length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += (values[i] as number) * (WEIGHTS[WEIGHTS.length - length + i] as number);
  const rest = sum % 11;
  return rest < 2 ? 0 : 11 - rest;
}
