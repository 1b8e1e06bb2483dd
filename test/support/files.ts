/** Lines of the default format, made of values a test cares about and good ones for the rest. */
export const HEADER = 'external_ref,debtor_name,cpf,amount,due_date';
export const FULL_HEADER = `${HEADER},debtor_email,debtor_phone,creditor_name,account_type,installment`;

export interface LineValues {
  readonly ref: string;
  readonly name?: string;
  /** Fourteen characters: a CNPJ, where the reader knows of such. */
  readonly cpf?: string;
  readonly amount?: string;
  readonly due?: string;
  /** The optional columns, from the left. */
  readonly optional?: readonly string[];
}

export function lineOf(values: LineValues): string {
  const { ref, name = 'Ana Lima', cpf = '52998224725', amount = '150.00', due = '2026-01-10', optional = [] } = values;
  return [ref, name, cpf, amount, due, ...optional].map(quoted).join(',');
}

/** A file of the required columns, LF line ends. */
export function fileOf(...lines: readonly LineValues[]): string {
  return `${[HEADER, ...lines.map(lineOf)].join('\n')}\n`;
}

/** A file of all columns. */
export function fullFileOf(...lines: readonly LineValues[]): string {
  return `${[FULL_HEADER, ...lines.map(lineOf)].join('\n')}\n`;
}

function quoted(value: string): string {
  return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Rows of a CSV whose cells may be quoted, the header left out. */
export function rowsOf(csv: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^,\n]*))([,\n])/gy;
  for (let match = cell.exec(csv); match !== null; match = cell.exec(csv)) {
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows.slice(1);
}
