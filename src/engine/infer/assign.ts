/**
 * Which field is which column, by the names of a header and by what stands in the fields.
 *
 * A name counts for more than contents, but never against them: a column of amounts whose field holds no amounts is none. What
 * came near to being chosen is told. Fields are numbered from 0.
 */
import { COLUMNS, type ColumnName, REQUIRED_COLUMNS } from '../../kernel/columns.ts';
import type { Contents } from './contents.ts';
import { type Findings, percent, shownName } from './findings.ts';
import { isForeign, meaningsOf } from './names.ts';

export interface Field {
  /** As it stands in the header, trimmed; absent where there is none. */
  readonly name?: string;
  readonly contents: Contents;
}

export type Assignment = ReadonlyMap<ColumnName, number>;

interface Claim {
  readonly column: ColumnName;
  readonly field: number;
  readonly name: number;
  readonly content: number;
  readonly score: number;
}

const NAME_WEIGHT = 0.6;
/** Below it nothing is claimed: a name alone that is sure, or contents that can hardly be anything else. */
const SCORE_MIN = 0.38;
/** A claim that comes this near to the winner's is told. */
const NEAR = 0.85;
/** Optional columns reject records too: one whose contents mostly fail is left out. */
const OPTIONAL_FIT_MIN = 0.9;
/** Share of contents that are too long for a reference, above which the field holds none. */
const LONG_MAX = 0.02;

/** Share of the filled contents that are what the column asks for, by what they look like; below 0 where it cannot be. */
export function contentFit(column: ColumnName, contents: Contents, named: boolean): number {
  const { filled, distinct, text, words, records } = contents;
  // An optional column may be empty wherever the sample reaches.
  if (filled === 0) return named && COLUMNS.indexOf(column) >= REQUIRED_COLUMNS ? 0 : -1;
  const share = (count: number): number => count / filled;
  const various = distinct / filled;
  const day = Math.max(...Object.values(contents.dates));
  switch (column) {
    case 'external_ref':
      return refFit(contents, named);
    case 'debtor_name':
      if (share(text) < 0.6) return -1;
      return share(words) * (0.4 + 0.6 * Math.min(1, various * 2));
    case 'cpf': {
      const documents = share(contents.cpf + contents.cnpj);
      return documents < 0.5 ? (named && share(contents.cpf + contents.short) >= 0.5 ? 0.5 : -1) : documents;
    }
    case 'amount': {
      const best = share(Math.max(...contents.amounts));
      const readable = Math.max(best, share(sum(contents.foreignAmounts)));
      if (readable < 0.5) return -1;
      const marked = share(Math.max(contents.marked, sum(contents.foreignAmounts)));
      const other = Math.max(share(contents.cpf), contents.marked > 0 ? 0 : share(day));
      return readable * (0.3 + 0.7 * marked) * (named ? 1 : 1 - other);
    }
    case 'due_date': {
      const foreign = share(sum(contents.foreignDates));
      const best = Math.max(share(day), foreign);
      if (best < 0.5) return -1;
      const bare = share(Math.max(contents.dates.YYYYMMDD, contents.dates.DDMMYYYY)) >= 0.5 ? 0.8 : 1;
      const short = share(contents.dates.DDMMYY) >= 0.5 && share(day) === share(contents.dates.DDMMYY) ? 0.5 : 1;
      return best * bare * short * (filled / records >= 0.5 ? 1 : 0.5);
    }
    case 'debtor_email':
      return share(contents.email) < 0.5 ? -1 : share(contents.email);
    case 'debtor_phone': {
      if (share(contents.phone) < 0.5) return -1;
      const like = share(contents.phoneLike);
      return named ? Math.max(like, 0.5) : like >= 0.8 && various > 0.2 ? like * 0.9 : -1;
    }
    case 'creditor_name':
      return share(text) < 0.6 || !named ? -1 : 0.7;
    case 'account_type':
      return share(text) < 0.3 ? -1 : named ? 0.7 : -1;
    case 'installment': {
      if (share(contents.installment) < 0.5) return -1;
      return named
        ? share(contents.installment)
        : share(contents.installmentOf) > 0.8
          ? share(contents.installmentOf)
          : -1;
    }
  }
}

function refFit(contents: Contents, named: boolean): number {
  const { filled, records, distinct, long } = contents;
  const share = (count: number): number => count / filled;
  if (share(long) > LONG_MAX || filled / records < 0.5) return -1;
  const unique = distinct / filled;
  // «Documento» is both: what holds documents of people is theirs.
  if (named)
    return unique < 0.02 && filled > 50 ? -1 : (0.3 + 0.7 * unique) * (1 - 0.8 * share(contents.cpf + contents.cnpj));
  // A counter of records says nothing of the debts.
  const counts = share(contents.counting) > 0.8 ? 0.5 : 1;
  const other = Math.max(
    ...[
      contents.cpf,
      contents.cnpj,
      contents.marked,
      contents.email,
      contents.words,
      contents.phoneLike,
      contents.installmentOf,
    ].map(share),
    ...Object.entries(contents.dates).map(([form, count]) => (form === 'DDMMYY' ? 0 : share(count))),
  );
  return unique < 0.9 || other > 0.3 ? -1 : unique * (1 - other) * 0.9 * counts;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

function claimsOf(fields: readonly Field[]): Claim[] {
  return fields.flatMap(({ name, contents }, field) => {
    if (name !== undefined && isForeign(name) && meaningsOf(name).length === 0) return [];
    const meanings = name === undefined ? [] : meaningsOf(name);
    return COLUMNS.flatMap((column): Claim[] => {
      const fit = meanings.find((one) => one.column === column)?.fit ?? 0;
      const content = contentFit(column, contents, fit > 0);
      if (content < 0) return [];
      // Where names are known, contents alone weigh less: a header rarely leaves a column nameless.
      const score = name === undefined ? content : NAME_WEIGHT * fit + (1 - NAME_WEIGHT) * content;
      return score < SCORE_MIN ? [] : [{ column, field, name: fit, content, score }];
    });
  });
}

/** The columns of the fields, and what of them is doubtful or missing. */
export function assign(fields: readonly Field[], findings: Findings): Assignment {
  const claims = claimsOf(fields).sort((a, b) => b.score - a.score);
  const columns = new Map<ColumnName, Claim>();
  const taken = new Set<number>();
  for (const claim of claims) {
    if (columns.has(claim.column) || taken.has(claim.field)) continue;
    columns.set(claim.column, claim);
    taken.add(claim.field);
  }
  const assignment = new Map<ColumnName, number>();
  for (const [index, column] of COLUMNS.entries()) {
    const claim = columns.get(column);
    const required = index < REQUIRED_COLUMNS;
    if (claim === undefined) {
      if (required) findings.leaveOpen(`columns.${column}`, missingText(column, fields));
      continue;
    }
    if (!required && !isUsable(claim, fields, findings)) continue;
    assignment.set(column, claim.field);
    tell(claim, claims, columns, fields, findings);
  }
  return assignment;
}

/** What a field is called to people: its name, or its place. */
export function fieldText(fields: readonly Field[], field: number): string {
  const name = fields[field]?.name;
  return name === undefined ? `field ${field + 1}` : shownName(name);
}

function passing({ column }: Claim, contents: Contents): number {
  switch (column) {
    case 'debtor_email':
      return contents.email;
    case 'debtor_phone':
      return contents.phone;
    case 'installment':
      return contents.installment;
    default:
      return contents.filled;
  }
}

function isUsable(claim: Claim, fields: readonly Field[], findings: Findings): boolean {
  const { contents } = fields[claim.field] as Field;
  const bad = contents.filled - passing(claim, contents);
  if (bad === 0) return true;
  const what = `${bad} of ${contents.filled} contents of ${fieldText(fields, claim.field)} are none`;
  const key = `columns.${claim.column}`;
  if (bad / contents.filled > 1 - OPTIONAL_FIT_MIN) {
    findings.doubt(key, '', `${what}: left out, or each would reject its record`);
    return false;
  }
  findings.doubt(
    key,
    fieldText(fields, claim.field),
    `${what}, and each rejects its record; leave the column out to take them`,
  );
  return true;
}

function tell(
  claim: Claim,
  claims: readonly Claim[],
  columns: ReadonlyMap<ColumnName, Claim>,
  fields: readonly Field[],
  findings: Findings,
): void {
  const { column, field, name, content } = claim;
  const key = `columns.${column}`;
  const value = fieldText(fields, field);
  const { contents } = fields[field] as Field;
  const by = [
    ...(name > 0 ? [name >= 0.9 ? 'by its name' : 'as its name may say'] : []),
    contentText(column, contents),
  ].filter((one) => one !== '');
  findings.decide(key, value, by.join(', '));
  const owners = new Map([...columns].map(([other, { field: of }]) => [of, other]));
  const rivals = claims.filter(
    (one) => one.column === column && one.field !== field && one.score >= claim.score * NEAR && !owners.has(one.field),
  );
  if (rivals.length > 0) {
    const names = rivals.slice(0, 3).map((one) => fieldText(fields, one.field));
    findings.doubt(key, value, `could be ${names.join(' or ')} as well: which one is the debt's?`);
  }
  if (name === 0 && fields[field]?.name !== undefined)
    findings.doubt(key, value, 'its name says nothing of it: chosen by its contents');
  else if (name > 0 && content < 0.3 && contents.filled === 0)
    findings.doubt(key, value, 'it is empty wherever the sample reaches');
}

function contentText(column: ColumnName, contents: Contents): string {
  const { filled } = contents;
  const of = (count: number): string => `${percent(count, filled)} of ${filled}`;
  switch (column) {
    case 'cpf':
      return contents.cnpj > 0
        ? `${of(contents.cpf)} are CPFs, ${of(contents.cnpj)} CNPJs`
        : `${of(contents.cpf)} are CPFs`;
    case 'amount':
      return `${of(Math.max(...contents.amounts))} are amounts`;
    case 'due_date':
      return `${of(Math.max(...Object.values(contents.dates)))} are days`;
    case 'debtor_email':
      return `${of(contents.email)} are addresses`;
    case 'debtor_phone':
      return `${of(contents.phone)} are telephones`;
    case 'external_ref':
      return `${contents.distinct} different ones among ${filled}`;
    case 'debtor_name':
      return `${of(contents.words)} are two words or more`;
    default:
      return '';
  }
}

const WANTED: Readonly<Record<string, string>> = {
  external_ref: 'a reference that is different for each debt',
  debtor_name: 'names of people or companies',
  cpf: 'CPFs or CNPJs whose check digits are right',
  amount: 'amounts',
  due_date: 'days',
};

function missingText(column: ColumnName, fields: readonly Field[]): string {
  const nearest = fields.findIndex(({ name }) => name !== undefined && meaningsOf(name)[0]?.column === column);
  const seen = nearest < 0 ? '' : `; ${fieldText(fields, nearest)} is called like it, and its contents are others`;
  return `no field has ${WANTED[column] ?? 'them'}${seen}`;
}
