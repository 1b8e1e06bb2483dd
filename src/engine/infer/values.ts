/** The notation of the values in the chosen fields, as the keys of a profile. */
import type { ProfileDocument } from '../../kernel/profile.ts';
import { type Assignment, type Field, fieldText } from './assign.ts';
import { counted, type Findings } from './findings.ts';
import { decideAmounts, decideDates, decideNulls } from './notation.ts';

export interface Notation {
  readonly locale: NonNullable<ProfileDocument['locale']>;
  readonly nulls: readonly string[];
}

export function columnsNotation(
  fields: readonly Field[],
  assignment: Assignment,
  today: string,
  findings: Findings,
): Notation {
  const of = (column: Parameters<Assignment['get']>[0]): Field | undefined => {
    const field = assignment.get(column);
    return field === undefined ? undefined : fields[field];
  };
  const amount = of('amount');
  const due = of('due_date');
  const amounts = amount === undefined ? undefined : decideAmounts(amount.contents, findings);
  const dates = due === undefined ? undefined : decideDates(due.contents, today, findings);
  if (amount?.name !== undefined && /centavo|cents?\b/i.test(amount.name)) {
    findings.doubt(
      'columns.amount',
      fieldText(fields, assignment.get('amount') as number),
      'its name speaks of cents: each would be read a hundred times too great',
    );
  }
  tellDocuments(of('cpf'), findings);
  tellReferences(of('external_ref'), of('installment'), findings);
  tellDays(fields, assignment, findings);
  const chosen = [...assignment.values()].map((field) => ({
    text: fieldText(fields, field),
    contents: (fields[field] as Field).contents,
  }));
  return {
    locale: {
      ...(amounts === undefined || amounts.decimal === '.' ? {} : { decimal: amounts.decimal }),
      ...(amounts === undefined || amounts.thousands === '' ? {} : { thousands: amounts.thousands }),
      ...(dates === undefined || dates.date === 'YYYY-MM-DD' ? {} : { date: dates.date }),
      ...(dates?.pivot === undefined ? {} : { pivot: dates.pivot }),
    },
    nulls: decideNulls(chosen, findings),
  };
}

function tellDocuments(document: Field | undefined, findings: Findings): void {
  if (document === undefined) return;
  const { filled, cpf, cnpj, short, scientific } = document.contents;
  const lost = short - countPadded(document);
  if (lost > 0)
    findings.doubt(
      'columns.cpf',
      '',
      `${counted(lost, 'document')} of ${filled} would be CPFs with leading zeros: a spreadsheet lost them, ask for text`,
    );
  if (scientific > 0)
    findings.doubt(
      'columns.cpf',
      '',
      `${counted(scientific, 'document')} of ${filled} are written with an exponent, digits are lost: ask for text`,
    );
  const bad = filled - cpf - cnpj - lost - scientific;
  if (bad > 0)
    findings.doubt(
      'columns.cpf',
      '',
      `${counted(bad, 'document')} of ${filled} have wrong check digits or another form: each rejects its record`,
    );
}

/** CPFs of 9 or 10 digits, which are read with a warning. */
function countPadded({ contents }: Field): number {
  let padded = 0;
  for (const [value, times] of contents.values) if (/^\d{9,10}$/.test(value)) padded += times;
  return padded;
}

function tellReferences(reference: Field | undefined, installment: Field | undefined, findings: Findings): void {
  if (reference === undefined) return;
  const { filled, distinct, scientific } = reference.contents;
  if (scientific > 0)
    findings.doubt(
      'columns.external_ref',
      '',
      `${counted(scientific, 'reference')} of ${filled} are written with an exponent, so different debts get the same one: ask for text`,
    );
  if (distinct >= filled * 0.98) return;
  const why = installment === undefined ? '' : '; are the instalments of a contract meant to be debts of their own?';
  findings.doubt(
    'columns.external_ref',
    '',
    `${filled - distinct} of ${filled} references repeat an earlier one, and each would be a duplicate${why}`,
  );
}

/** Other fields of days: the due date is then a choice. */
function tellDays(fields: readonly Field[], assignment: Assignment, findings: Findings): void {
  const due = assignment.get('due_date');
  if (due === undefined || fields[due]?.name !== undefined) return;
  const others = fields.flatMap(({ contents }, field) => {
    const days = Math.max(contents.dates['YYYY-MM-DD'], contents.dates['DD/MM/YYYY'], contents.dates.YYYYMMDD);
    return field !== due && contents.filled > 0 && days >= contents.filled * 0.9 ? [field] : [];
  });
  if (others.length === 0) return;
  findings.doubt(
    'columns.due_date',
    fieldText(fields, due),
    `${others.map((field) => fieldText(fields, field)).join(', ')} hold days too, and no name says which are due`,
  );
}
