/**
 * Peer of `records` on several threads: DuckDB reads the file, does the same checks in SQL and keeps every record with its
 * code, its amount in cents and its day in a table in memory.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from '../../src/kernel/columns.ts';
import { countsText } from '../facts.ts';
import type { Case } from './case.ts';

export const duckdbCase: Case = {
  apart: false,
  async open({ path, threads }) {
    const instance = await DuckDBInstance.create(':memory:', { threads: String(threads) });
    const connection = await instance.connect();
    const load = loadSql(path);
    return {
      async pass() {
        await connection.run('DROP TABLE IF EXISTS staged');
        await connection.run(load);
        return { found: {} };
      },
      async after() {
        const rows = await connection.runAndReadAll(TOTALS_SQL);
        const counts: Record<string, number> = {};
        let [records, staged, centsStaged, centsRejected] = [0, 0, 0n, 0n];
        for (const [code, count, cents] of rows.getRows()) {
          records += Number(count);
          if (code === '') {
            staged = Number(count);
            centsStaged = BigInt(String(cents));
            continue;
          }
          counts[String(code)] = Number(count);
          centsRejected += BigInt(String(cents));
        }
        return {
          records,
          staged,
          centsStaged: String(centsStaged),
          centsRejected: String(centsRejected),
          rejectedBy: countsText(counts),
        };
      },
      async close() {
        connection.closeSync();
        instance.closeSync();
      },
    };
  },
};

const TOTALS_SQL = 'SELECT code, count(*), coalesce(sum(cents), 0)::VARCHAR FROM staged GROUP BY code';

function loadSql(path: string): string {
  const types = COLUMNS.map((name) => `'${name}': 'VARCHAR'`).join(', ');
  const file = path.replaceAll("'", "''");
  const reading = `auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', columns = {${types}}`;
  return `CREATE TABLE staged AS
WITH read AS (SELECT ${COLUMNS.map((name) => `coalesce(${name}, '') AS ${name}`).join(', ')}
  FROM read_csv('${file}', ${reading})),
seen AS (SELECT *, ${ODD} AS odd FROM read),
trimmed AS (SELECT * REPLACE (${COLUMNS.map(trimmed).join(', ')}) FROM seen),
parsed AS (SELECT *, ${CPF_DIGITS} AS digits, ${AMOUNT} AS units FROM trimmed),
weighed AS (SELECT *, ${CPF_NUMBER} AS n,
  CASE WHEN units < 10000000000000 THEN (units * 100)::BIGINT END AS read_cents FROM parsed)
SELECT external_ref, debtor_name, n AS cpf, CASE WHEN read_cents > 0 THEN read_cents END AS cents,
  TRY_CAST(due_date AS DATE) AS due_date, debtor_email, ${PHONE} AS debtor_phone, creditor_name, account_type, installment,
  CASE WHEN odd THEN ${faultsOf(true)} ELSE ${faultsOf(false)} END AS code
FROM weighed`;
}

const CONTROL = '[\\x00-\\x1f\\x7f-\\x{9f}\\x{2028}\\x{2029}]';

/**
 * One look over the whole record: whether it may have anything to trim or fold, or a control character. Trimming each
 * column of every record cost more than reading the file.
 */
const ODD = `regexp_matches(concat_ws(',', '', ${COLUMNS.join(', ')}, ''), '${CONTROL}| ,|, |  ')`;

const NAMES: ReadonlySet<string> = new Set(['debtor_name', 'creditor_name']);

function trimmed(name: string): string {
  const blanks = NAMES.has(name) ? "e' \\t\\r\\n'" : "e' \\t'";
  const trim = `trim(${name}, ${blanks})`;
  const value = NAMES.has(name) ? `regexp_replace(${trim}, '[ \\t\\r\\n]+', ' ', 'g')` : trim;
  return `CASE WHEN odd THEN ${value} ELSE ${name} END AS ${name}`;
}

const PHONE = "CASE WHEN debtor_phone <> '' THEN translate(debtor_phone, ' ().-', '') ELSE '' END";

const CPF_DIGITS = `CASE length(cpf)
  WHEN 14 THEN CASE WHEN cpf[4] = '.' AND cpf[8] = '.' AND cpf[12] = '-' THEN cpf[1:3] || cpf[5:7] || cpf[9:11] || cpf[13:14] END
  WHEN 11 THEN cpf WHEN 10 THEN '0' || cpf WHEN 9 THEN '00' || cpf END`;
const CPF_NUMBER = "CASE WHEN regexp_full_match(digits, '[0-9]{11}') THEN digits::BIGINT END";

/** Null where it is not written as an amount, infinite where it is too large for any type. */
const AMOUNT = `CASE WHEN length(amount) <= 40 AND regexp_full_match(amount, '[0-9]+(\\.[0-9]{1,2})?')
  THEN coalesce(TRY_CAST(amount AS DECIMAL(18, 2)), 9999999999999999) END`;

const digit = (place: number): string => `(n // ${10 ** (10 - place)}) % 10`;
const weights = (count: number): string =>
  Array.from({ length: count }, (_, i) => `${digit(i)} * ${count + 1 - i}`).join(' + ');
const CPF_WRONG = `((${weights(9)}) * 10 % 11 % 10 <> ${digit(9)} OR (${weights(10)}) * 10 % 11 % 10 <> ${digit(10)})`;

const ATOM = "[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+";
const LABEL = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const LAST_LABEL = '[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]';
const EMAIL = `${ATOM}(\\.${ATOM})*@(${LABEL}\\.)+${LAST_LABEL}`;

/** What is wrong with each column, in the order of the file: condition, code. */
const FAULTS: Readonly<Record<(typeof COLUMNS)[number], readonly (readonly [string, string])[]>> = {
  external_ref: [['length(external_ref) > 64', 'LENGTH']],
  debtor_name: [['length(debtor_name) NOT BETWEEN 2 AND 120', 'LENGTH']],
  cpf: [
    ['n IS NULL', 'CPF_FORMAT'],
    ['n % 11111111111 = 0', 'CPF_REPEATED'],
    [CPF_WRONG, 'CPF_CHECK_DIGITS'],
  ],
  amount: [
    ['units IS NULL', 'AMOUNT_FORMAT'],
    ['read_cents IS NULL', 'AMOUNT_TOO_LARGE'],
    ['read_cents = 0', 'AMOUNT_NOT_POSITIVE'],
  ],
  due_date: [
    ["NOT regexp_full_match(due_date, '[0-9]{4}-[0-9]{2}-[0-9]{2}')", 'DATE_FORMAT'],
    ["TRY_CAST(due_date AS DATE) IS NULL OR starts_with(due_date, '0000')", 'DATE_NOT_REAL'],
  ],
  debtor_email: [
    [
      `length(debtor_email) > 254 OR strpos(debtor_email, '@') > 65 OR NOT regexp_full_match(debtor_email, '${EMAIL}')`,
      'EMAIL_FORMAT',
    ],
  ],
  debtor_phone: [
    [
      `NOT regexp_full_match(debtor_phone, '\\+?[0-9 ().-]*') OR length(translate(debtor_phone, '+ ().-', '')) NOT BETWEEN 8 AND 15`,
      'PHONE_FORMAT',
    ],
  ],
  creditor_name: [['length(creditor_name) NOT BETWEEN 2 AND 120', 'LENGTH']],
  account_type: [['length(account_type) > 40', 'LENGTH']],
  installment: [
    [
      `NOT regexp_full_match(installment, '[0-9]{1,3}(/[0-9]{1,3})?') OR split_part(installment, '/', 1)::INT < 1
        OR (contains(installment, '/') AND split_part(installment, '/', 2)::INT < split_part(installment, '/', 1)::INT)`,
      'INSTALLMENT_FORMAT',
    ],
  ],
};

const REQUIRED_COLUMNS = 5;

function faultsOf(withControl: boolean): string {
  const cases = COLUMNS.flatMap((name, column) => {
    const required = column < REQUIRED_COLUMNS;
    const present = required ? '' : `${name} <> '' AND `;
    const control = withControl ? [`WHEN regexp_matches(${name}, '${CONTROL}') THEN 'CHARACTER_INVALID'`] : [];
    return [
      ...(required ? [`WHEN ${name} = '' THEN 'REQUIRED'`] : []),
      ...control,
      ...FAULTS[name].map(([wrong, code]) => `WHEN ${present}(${wrong}) THEN '${code}'`),
    ];
  });
  return `CASE ${cases.join('\n  ')} ELSE '' END`;
}
