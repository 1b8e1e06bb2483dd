/**
 * Files of really different shapes, as clients send them, with the debts that are in them. Each shape says how its bytes are
 * made from debts, and which optional columns a reader can find in it.
 */
import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import {
  bare,
  bareDayFirst,
  cnpjWith,
  iso,
  type MadeDebt,
  madeDebts,
  maskedCnpj,
  maskedCpf,
  money,
  quoted,
  short,
  slashed,
} from './debts.ts';

export type OptionalColumn = 'email' | 'phone' | 'creditor' | 'type' | 'installment';

export interface Shape {
  readonly name: string;
  readonly debts: readonly MadeDebt[];
  readonly bytes: Buffer;
  /** What is stored beside the five columns that every debt has. */
  readonly optional: readonly OptionalColumn[];
}

const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

function lines(
  header: readonly string[],
  debts: readonly MadeDebt[],
  line: (debt: MadeDebt, index: number) => string,
  end = '\n',
): string {
  return [...header, ...debts.map(line)].map((one) => one + end).join('');
}

/** An ERP of Brazil: everything quoted, Windows-1252, decimal comma, CRLF, and columns that nobody asked for. */
function erp(): Shape {
  const debts = madeDebts(150, 1);
  const cells = (...all: string[]): string => all.map((cell) => quoted(cell)).join(';');
  const header = cells(
    'Nº do Contrato',
    'Nome do Devedor',
    'CPF/CNPJ',
    'Data de Emissão',
    'Vencimento',
    'Valor Original (R$)',
    'Juros',
    'E-mail',
    'Telefone',
    'Credor',
    'Produto',
    'Parcela',
    'Observação',
  );
  const text = lines(
    [header],
    debts,
    (d, i) =>
      cells(
        d.ref,
        d.name,
        maskedCpf(d.cpf),
        slashed({ ...d, year: d.year - 1 }),
        slashed(d),
        money(d.cents, ',', '.'),
        money(i + 1, ',', ''),
        d.email,
        d.phone,
        d.creditor,
        d.type,
        d.installment,
        i % 3 === 0 ? 'cobrar "já"; urgente' : '',
      ),
    '\r\n',
  );
  return {
    name: 'an ERP export',
    debts,
    bytes: latin(text),
    optional: ['email', 'phone', 'creditor', 'type', 'installment'],
  };
}

/** The default format itself, after a byte order mark. */
function standard(): Shape {
  const debts = madeDebts(60, 2);
  const text = lines(
    ['external_ref,debtor_name,cpf,amount,due_date,debtor_email'],
    debts,
    (d) => `${d.ref},${d.name},${d.cpf},${money(d.cents, '.', '')},${iso(d)},${d.email}`,
  );
  return { name: 'the default format', debts, bytes: utf8(`\ufeff${text}`), optional: ['email'] };
}

/** Copied out of a spreadsheet: titles above, tabs, words for nothing, a total below it. */
function spreadsheet(): Shape {
  const debts = madeDebts(80, 3);
  const titles = ['Relatório de inadimplência\t\t\t\t\t', 'Gerado em 01/07/2026', ''];
  const text = lines([...titles, 'Cliente\tDocumento\tTítulo\tVencto\tSaldo devedor\tCelular'], debts, (d) =>
    [d.name, d.cpf, d.ref, slashed(d), money(d.cents, ',', ''), d.phone === '' ? 'NULL' : d.phone].join('\t'),
  );
  return { name: 'a spreadsheet', debts, bytes: utf8(text), optional: ['phone'] };
}

/** A mainframe: no header, bars, days and amounts bare, fields of no use. */
function mainframe(): Shape {
  const debts = madeDebts(120, 4);
  const text = lines(
    [],
    debts,
    (d, i) =>
      `01|${String(i + 1).padStart(6, '0')}|${d.ref}|${d.name.toUpperCase()}|${d.cpf}|${bare(d)}|${money(d.cents, '.', '')}|${d.phone}|A`,
  );
  const upper = debts.map((debt) => ({ ...debt, name: debt.name.toUpperCase() }));
  return { name: 'a mainframe', debts: upper, bytes: latin(text), optional: ['phone'] };
}

/** As the tax authority publishes: no header, all quoted, semicolons, capitals with decimal comma, eight zeros for no day. */
function authority(): Shape {
  const debts = madeDebts(100, 5);
  const cells = (...all: string[]): string => all.map((cell) => quoted(cell)).join(';');
  const text = lines([], debts, (d, i) =>
    cells(d.ref, d.cpf, d.name, money(d.cents, ',', ''), bare(d), i % 2 === 0 ? '00000000' : '20200101', 'SP'),
  );
  return { name: 'an authority', debts, bytes: latin(text), optional: [] };
}

/** As a public register: capitals with underscores, decimal point, day first. */
function register(): Shape {
  const debts = madeDebts(90, 6);
  const text = lines(
    ['CPF_CNPJ;TIPO_PESSOA;NOME_DEVEDOR;UF;NUMERO_INSCRICAO;DATA_INSCRICAO;NUMERO_CONTRATO;VALOR_DIVIDA;DT_VENCIMENTO'],
    debts,
    (d, i) =>
      `${maskedCpf(d.cpf)};Pessoa física;${d.name};SP;${9_000_000 + i};${slashed({ ...d, year: d.year + 1 })};${d.ref};${money(d.cents, '.', '')};${slashed(d)}`,
  );
  return { name: 'a public register', debts, bytes: latin(text), optional: [] };
}

/** An accounting package: single quotes around names, blanks between thousands, in gzip. */
function accounting(): Shape {
  const debts = madeDebts(110, 7);
  const text = lines(
    ['duplicata,sacado,cpf,vlr_titulo,dt_venc,email'],
    debts,
    (d) =>
      `${d.ref},${quoted(`${d.name.split(' ').slice(1).join(' ')}, d'${d.name.split(' ')[0]}`, "'")},${d.cpf},${money(d.cents, '.', ' ')},${bareDayFirst(d)},${d.email}`,
  );
  const turned = debts.map((d) => ({
    ...d,
    name: `${d.name.split(' ').slice(1).join(' ')}, d'${d.name.split(' ')[0]}`,
  }));
  return { name: 'an accounting package', debts: turned, bytes: gzipSync(utf8(text)), optional: ['email'] };
}

/** Six digits for a day, no header, a semicolon at the end of each line. */
function legacy(): Shape {
  const debts = madeDebts(130, 8);
  const text = lines([], debts, (d) => `${d.ref};${short(d)};${money(d.cents, ',', '')};${d.cpf};${d.name};`, '\r\n');
  return { name: 'a legacy system', debts, bytes: latin(text), optional: [] };
}

/** An English system: camel case, thousands in commas inside of quotes. */
function foreign(): Shape {
  const debts = madeDebts(70, 9);
  const text = lines(
    ['contractNumber,customerName,taxId,openAmount,dueDate,phone,city'],
    debts,
    (d) => `${d.ref},${d.name},${maskedCpf(d.cpf)},${quoted(money(d.cents, '.', ','))},${iso(d)},${d.phone},São Paulo`,
  );
  return { name: 'an English system', debts, bytes: utf8(text), optional: ['phone'] };
}

/** A system of today: one object a line, amounts as numbers, keys that not every record has. */
function objects(): Shape {
  const debts = madeDebts(75, 12);
  const text = debts
    .map(
      (d) =>
        `${JSON.stringify({ id: d.ref, cliente: d.name, cpf: d.cpf, valor: d.cents / 100, vencimento: iso(d), ...(d.email === '' ? {} : { email: d.email }), celular: d.phone === '' ? null : d.phone, tags: ['x'] })}\n`,
    )
    .join('');
  return { name: 'JSON Lines', debts, bytes: utf8(text), optional: ['email', 'phone'] };
}

/** Companies alone, some of them with letters in their document. */
function companies(): Shape {
  const debts = madeDebts(60, 13).map((d, i) => ({ ...d, cpf: cnpjWith(11_222_000 + i, i % 5 === 0 ? 'AB' : '') }));
  const text = lines(
    ['Razão Social;CNPJ;Nº Fatura;Vencimento;Valor'],
    debts,
    (d, i) => `${d.name};${i % 2 === 0 ? d.cpf : maskedCnpj(d.cpf)};${d.ref};${slashed(d)};${money(d.cents, ',', '.')}`,
  );
  return { name: 'a file of companies', debts, bytes: utf8(text), optional: [] };
}

/** People and companies, told apart by a letter. */
function both(): Shape {
  const debts = madeDebts(90, 14).map((d, i) => (i % 3 === 0 ? { ...d, cpf: cnpjWith(33_000_000 + i) } : d));
  const text = lines(
    ['contrato|nome|tp_pessoa|cpf_cnpj|valor|vencimento'],
    debts,
    (d) => `${d.ref}|${d.name}|${d.cpf.length === 14 ? 'J' : 'F'}|${d.cpf}|${money(d.cents, '.', '')}|${iso(d)}`,
  );
  return { name: 'people and companies', debts, bytes: latin(text), optional: [] };
}

/** Too large to be looked at whole: its first days leave the order open, and only later ones tell it. */
function large(): Shape {
  const debts = [...madeDebts(5000, 10, 12), ...madeDebts(15_000, 11).map((d) => ({ ...d, ref: `X${d.ref}` }))];
  const text = lines(
    ['Código;Devedor;CPF do devedor;Valor em aberto;Valor pago;Dt. Venc.;Fone'],
    debts,
    (d) => `${d.ref};${d.name};${d.cpf};${money(d.cents, ',', '.')};0,00;${slashed(d)};${d.phone}`,
  );
  return { name: 'a large file', debts, bytes: utf8(text), optional: ['phone'] };
}

export const SHAPES: readonly (() => Shape)[] = [
  erp,
  standard,
  spreadsheet,
  mainframe,
  authority,
  register,
  accounting,
  legacy,
  foreign,
  objects,
  companies,
  both,
  large,
];
