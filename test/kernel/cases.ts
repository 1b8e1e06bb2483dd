/**
 * The case table of file shapes: what a hostile or odd file must come to, written from the grammar and not from running
 * code. Every engine (oracle, second opinion, kernel) is held to it, at every cut.
 */
import { BOM, body, fault, file, HEADER, type KernelCase, rejected, row, staged, u } from '../oracle/shape.ts';

const a = `${row('A')}\n`;
const b = `${row('B')}\n`;
const read = (ref: string) => ({ cents: 1050, ref });
// A record of exactly 60 bytes before its line end.
const sixty = row('A', { name: 'N'.repeat(60 - row('A', { name: '' }).length) });

const lineEnds: KernelCase[] = [
  body('LF', staged(2, a), staged(3, b)),
  body('CRLF', staged(2, `${row('A')}\r\n`, { due_date: '2025-01-31' }), staged(3, `${row('B')}\r\n`)),
  body('LF and CRLF mixed', staged(2, a), staged(3, `${row('B')}\r\n`), staged(4, `${row('C')}\n`)),
  body('no final line end', staged(2, a), staged(3, row('B'), { due_date: '2025-01-31' })),
  file('header alone', HEADER, []),
  file('header without a line end', HEADER.trimEnd(), []),
  file('header with CRLF', HEADER.replace('\n', '\r\n') + a, [staged(2, a)]),
  file('BOM', BOM + HEADER + a, [staged(2, a)]),
  file('BOM, then a quoted header', `${BOM}"external_ref","debtor_name",cpf,amount,"due_date"\r\n${a}`, [staged(2, a)]),
  file('BOM, then empty lines', `${BOM}\n\r\n${HEADER}${a}`, [staged(4, a)]),
  file('empty lines before the header', `\n\n\r\n${HEADER}${a}`, [staged(5, a)]),
  file('empty lines directly behind the header', `${HEADER}\n\r\n\n${a}`, [staged(5, a)]),
  file('empty lines between records', `${HEADER}${a}\n\n${b}\r\n\r\n${row('C')}`, [
    staged(2, a),
    staged(5, b),
    staged(8, row('C')),
  ]),
  file('empty lines at the end', `${HEADER}${a}\r\n\n\r\n`, [staged(2, a)]),
  file('nothing but empty lines behind the header', `${HEADER}\n\r\n\n\r\n`, []),
  file('more empty lines than a record may have bytes', `${HEADER}${'\n'.repeat(300)}${'\r\n'.repeat(300)}${a}`, [
    staged(602, a),
  ]),
  body('CR CR LF alone is a record that holds a CR', rejected(2, '\r\r\n', 'FIELD_COUNT'), staged(3, a)),
  body(
    'CR CR LF ends a record: one CR is data',
    rejected(2, `${row('A')}\r\r\n`, 'CHARACTER_INVALID', 'due_date', read('A')),
    staged(3, b),
  ),
  body('CR as the last byte is a record', staged(2, a), rejected(3, '\r', 'FIELD_COUNT')),
  body(
    'CR as the last byte of a record is data',
    rejected(2, `${row('A')}\r`, 'CHARACTER_INVALID', 'due_date', read('A')),
  ),
  file(
    'CR as the last byte of a name is a blank',
    `due_date,amount,cpf,external_ref,debtor_name\n2025-01-31,1,52998224725,A,Ana\r`,
    [staged(2, '2025-01-31,1,52998224725,A,Ana\r', { debtor_name: 'Ana', amount: '100' })],
  ),
  body('CR inside a name is a blank', staged(2, `${row('A', { name: 'Ana\rSouza' })}\n`, { debtor_name: 'Ana Souza' })),
  body('CR inside a reference', rejected(2, `${row('A\rB')}\n`, 'CHARACTER_INVALID', 'external_ref', { cents: 1050 })),
  body('CR begins a record', rejected(2, `\r${row('A')}\n`, 'CHARACTER_INVALID', 'external_ref', { cents: 1050 })),
  body('CR begins a record and a quote follows', rejected(2, `\r"A",b\n`, 'QUOTE_MALFORMED', 'external_ref')),
  body(
    'CR after a delimiter, before LF, belongs to the line end',
    rejected(2, `${row('A', { due: '' })}\r\n`, 'REQUIRED', 'due_date', read('A')),
    staged(3, b),
  ),
  body(
    'CR after a delimiter, not before LF',
    rejected(2, `${row('A', { due: '\r' })}\r\n`, 'CHARACTER_INVALID', 'due_date', read('A')),
    rejected(3, `${row('B', { due: '\r2025-01-31' })}\n`, 'CHARACTER_INVALID', 'due_date', read('B')),
  ),
  file('only empty lines between CRs', `${HEADER}\r\n\r\n\r\r\n\r\n${a}`, [
    rejected(4, '\r\r\n', 'FIELD_COUNT'),
    staged(6, a),
  ]),
];

const quotes: KernelCase[] = [
  body('every field quoted', staged(2, '"A","Ana Souza","52998224725","10.50","2025-01-31"\n', { external_ref: 'A' })),
  body(
    'every field quoted, CRLF',
    staged(2, '"A","Ana","52998224725","10.50","2025-01-31"\r\n'),
    staged(3, '"B","Ana","52998224725","10.50","2025-01-31"'),
  ),
  body(
    'quoted delimiter and doubled quotes',
    staged(2, `${row('"A,""1"""', { name: '"Souza, ""Ana"""' })}\n`, {
      external_ref: 'A,"1"',
      debtor_name: 'Souza, "Ana"',
    }),
  ),
  body('a value that is one quote', staged(2, `${row('""""')}\n`, { external_ref: '"' })),
  body('a value that is two quotes', staged(2, `${row('""""""')}\n`, { external_ref: '""' })),
  body('quoted empty field', rejected(2, `${row('""')}\n`, 'REQUIRED', 'external_ref', { cents: 1050 })),
  body('a record that is one quoted empty field', rejected(2, '""\n', 'FIELD_COUNT'), rejected(3, '""', 'FIELD_COUNT')),
  body(
    'a name over three lines: folded, and the lines count',
    staged(2, `${row('A', { name: '"Ana\nMaria\r\nSouza"' })}\n`, { debtor_name: 'Ana Maria Souza' }),
    staged(5, b),
  ),
  body(
    'empty lines inside quotes are data',
    staged(2, `${row('A', { name: '"Ana\n\n\r\n\nSouza"' })}\r\n`, { debtor_name: 'Ana Souza' }),
    staged(7, b),
  ),
  body(
    'a line break inside a quoted reference',
    rejected(2, `${row('"A\n1"')}\n`, 'CHARACTER_INVALID', 'external_ref', { cents: 1050 }),
    staged(4, b),
  ),
  body(
    'what looks like a record inside quotes is data',
    staged(2, `A,"Ana\nX,Y,52998224725,1,2025-01-31\n",52998224725,10.50,2025-01-31\n`, {
      debtor_name: 'Ana X,Y,52998224725,1,2025-01-31',
    }),
    staged(5, b),
  ),
  body('quoted CR before the closing quote', staged(2, `${row('A', { name: '"Ana\r"' })}\n`, { debtor_name: 'Ana' })),
  body(
    'a quoted last field that ends in CR',
    rejected(2, `${row('A', { due: '"2025-01-31\r"' })}\r\n`, 'CHARACTER_INVALID', 'due_date', read('A')),
    staged(3, b),
  ),
  body(
    'a quote inside an unquoted field is literal',
    rejected(2, `${row('A"1')}\n`, 'QUOTE_MALFORMED', 'external_ref'),
    staged(3, b),
  ),
  body(
    'a quote ends an unquoted field',
    rejected(2, `${row('A', { name: 'Ana"' })}\n`, 'QUOTE_MALFORMED', 'debtor_name'),
    staged(3, b),
  ),
  body(
    'a quote after a blank is literal',
    rejected(2, `${row('A', { name: ' "Ana"' })}\n`, 'QUOTE_MALFORMED', 'debtor_name'),
    staged(3, b),
  ),
  body(
    'a blank after the closing quote',
    rejected(2, `${row('A', { name: '"Ana" ' })}\n`, 'QUOTE_MALFORMED', 'debtor_name'),
    staged(3, b),
  ),
  body('text after the closing quote', rejected(2, `${row('""A')}\n`, 'QUOTE_MALFORMED', 'external_ref'), staged(3, b)),
  body(
    'text and more quotes after the closing quote: the LF still ends the record',
    rejected(2, `${row('A', { name: '"Ana"x"y' })}\n`, 'QUOTE_MALFORMED', 'debtor_name'),
    staged(3, b),
  ),
  body(
    'CR after the closing quote, at the end',
    rejected(2, `${row('A', { due: '"2025-01-31"' })}\r`, 'QUOTE_MALFORMED', 'due_date'),
  ),
  body(
    'CR CR LF after the closing quote',
    rejected(2, `${row('A', { due: '"2025-01-31"' })}\r\r\n`, 'QUOTE_MALFORMED', 'due_date'),
    staged(3, b),
  ),
  body(
    'CR then text after the closing quote',
    rejected(2, `${row('A', { name: '"Ana"\rx' })}\n`, 'QUOTE_MALFORMED', 'debtor_name'),
    staged(3, b),
  ),
  body(
    'a good quoted field after a malformed one still spans lines',
    rejected(2, `${row('A"', { name: '"Ana\nSouza"' })}\n`, 'QUOTE_MALFORMED', 'external_ref'),
    staged(4, b),
  ),
  body(
    'of two malformed fields the first one counts',
    rejected(2, `${row('A', { name: '"Ana"x', cpf: '5"' })}\n`, 'QUOTE_MALFORMED', 'debtor_name'),
  ),
  body(
    'malformed quotes come before the count of fields',
    rejected(2, 'A"\n', 'QUOTE_MALFORMED', 'external_ref'),
    staged(3, b),
  ),
  body('malformed beyond the last column', rejected(2, `${row('A')},x"\n`, 'QUOTE_MALFORMED', ''), staged(3, b)),
  body(
    'malformed in two fields, the second beyond the last column',
    rejected(2, `${row('A', { due: 'x"' })},x"\n`, 'QUOTE_MALFORMED', 'due_date'),
  ),
  body(
    'five quotes are an open field that the next quote closes',
    rejected(2, `"""""\n"\n`, 'FIELD_COUNT'),
    staged(4, b),
  ),
  fault('a quote as the last byte', `${HEADER}${a}"`, 'QUOTE_UNCLOSED', { line: 3, byte: HEADER.length + a.length }),
  fault('three quotes at the end', `${HEADER}"""`, 'QUOTE_UNCLOSED', { line: 2, byte: HEADER.length }),
  fault('the quote opens in the middle of the record', `${HEADER}${a}\n\r\nB,"Ana\n${a}`, 'QUOTE_UNCLOSED', {
    line: 5,
    byte: HEADER.length + a.length + 3,
  }),
  fault(
    'opened after a record over several lines',
    `${HEADER}${row('A', { name: '"Ana\n\nSouza"' })}\nB,"Ana\n\n`,
    'QUOTE_UNCLOSED',
    {
      line: 5,
      byte: HEADER.length + row('A', { name: '"Ana\n\nSouza"' }).length + 1,
    },
  ),
  fault('an open quote that ends in a doubled one', `${HEADER}A,"Ana""`, 'QUOTE_UNCLOSED', {
    line: 2,
    byte: HEADER.length,
  }),
  fault('an open quote in the header', 'external_ref,"debtor_name\nA,B\n', 'QUOTE_UNCLOSED', { line: 1, byte: 0 }),
];

const fields: KernelCase[] = [
  body(
    'commas alone: as many fields as columns, all empty',
    rejected(2, ',,,,\n', 'REQUIRED', 'external_ref'),
    staged(3, a),
  ),
  body('commas alone at the end', rejected(2, ',,,,', 'REQUIRED', 'external_ref')),
  body('one comma at the end', staged(2, a), rejected(3, ',', 'FIELD_COUNT')),
  body('a delimiter too many', rejected(2, `${row('A')},\n`, 'FIELD_COUNT'), staged(3, b)),
  body('a field too few', rejected(2, 'A,Ana,52998224725,10.50\n', 'FIELD_COUNT'), staged(3, b)),
  body(
    'a delimiter begins the record',
    rejected(2, `,Ana,52998224725,10.50,2025-01-31\n`, 'REQUIRED', 'external_ref', { cents: 1050 }),
  ),
  body('blanks alone are an empty field', rejected(2, `${row(' \t ')}\n`, 'REQUIRED', 'external_ref', { cents: 1050 })),
  body(
    'a line of blanks is a record',
    rejected(2, '  \n', 'FIELD_COUNT'),
    rejected(3, '\t\r\n', 'FIELD_COUNT'),
    staged(4, a),
  ),
  body(
    'outer blanks are trimmed, quoted or not',
    staged(2, `${row(' A\t', { name: '"  Ana  "', amount: ' 7 ' })}\n`, {
      external_ref: 'A',
      debtor_name: 'Ana',
      amount: '700',
    }),
  ),
  body('NUL in a reference', rejected(2, `${row('A\0B')}\n`, 'CHARACTER_INVALID', 'external_ref', { cents: 1050 })),
  body('NUL alone is a record', rejected(2, '\0\n', 'FIELD_COUNT'), rejected(3, '\0', 'FIELD_COUNT')),
  body(
    'multi-byte text',
    staged(2, `${row(u('Ação-😀'), { name: u('José Ângelo Çelik 日本') })}\n`, {
      external_ref: 'Ação-😀',
      debtor_name: 'José Ângelo Çelik 日本',
    }),
  ),
  body(
    'not UTF-8',
    rejected(2, `${row('A', { name: 'Jos\xe9' })}\n`, 'UTF8_INVALID', 'debtor_name', read('A')),
    staged(3, b),
  ),
  body(
    'a character cut by the delimiter',
    rejected(2, `${row('A\xc3', { name: '\xa9x' })}\n`, 'UTF8_INVALID', 'external_ref', { cents: 1050 }),
  ),
  body('a BOM inside the file is data', staged(2, a), staged(3, `${BOM}${row('B')}\n`, { external_ref: '\ufeffB' })),
  body('a BOM before a quote makes the quote literal', rejected(2, `${BOM}"A",x\n`, 'QUOTE_MALFORMED', 'external_ref')),
  file('a second BOM is data', `${HEADER}${BOM}\n`, [rejected(2, `${BOM}\n`, 'FIELD_COUNT')]),
  body(
    'the first faulty column in file order gives the code',
    rejected(2, 'A,,123,x,y\n', 'REQUIRED', 'debtor_name', { ref: 'A' }),
  ),
  body(
    'a faulty column leaves amount and reference readable',
    rejected(2, 'A,Ana,123,0012.3,y\n', 'CPF_FORMAT', 'cpf', { cents: 1230, ref: 'A' }),
  ),
  file(
    'columns in another order: faults follow the file',
    `due_date,amount,cpf,debtor_name,external_ref\nx,1.5,y,,${u('é')}\n`,
    [rejected(2, `x,1.5,y,,${u('é')}\n`, 'DATE_FORMAT', 'due_date', { cents: 150, ref: 'é' })],
  ),
  file(
    'optional columns may be empty',
    `${HEADER.trimEnd()},debtor_email,debtor_phone,creditor_name,account_type,installment\n${row('A')},,"", ,\t,\r\n`,
    [
      staged(2, `${row('A')},,"", ,\t,\r\n`, {
        debtor_email: '',
        debtor_phone: '',
        creditor_name: '',
        account_type: '',
        installment: '',
      }),
    ],
  ),
  file(
    'every column',
    `installment,account_type,creditor_name,debtor_phone,debtor_email,${HEADER}3/12,CC,"Loja\nSul",+55 (11) 9.8765-4321,a.b@x.com.br,${row('A')}\n`,
    [
      staged(2, `3/12,CC,"Loja\nSul",+55 (11) 9.8765-4321,a.b@x.com.br,${row('A')}\n`, {
        installment: '3/12',
        account_type: 'CC',
        creditor_name: 'Loja Sul',
        debtor_phone: '+5511987654321',
        debtor_email: 'a.b@x.com.br',
        external_ref: 'A',
        debtor_name: 'Ana Souza',
        cpf: '52998224725',
        amount: '1050',
        due_date: '2025-01-31',
      }),
    ],
  ),
  file('a header with blanks around its names', ` external_ref ,\tdebtor_name,"cpf ",amount,due_date\r\n${a}`, [
    staged(2, a),
  ]),
];

const limits: KernelCase[] = [
  {
    ...file('a record of exactly the limit', `${HEADER}${sixty}\n${b}`, [staged(2, `${sixty}\n`), staged(3, b)]),
    recordBytesMax: 61,
  },
  {
    ...file('the last record of exactly the limit', `${HEADER}${b}${sixty}`, [staged(2, b), staged(3, sixty)]),
    recordBytesMax: 60,
  },
  fault(
    'one byte over the limit',
    `${HEADER}${b}${sixty}\n`,
    'RECORD_TOO_LONG',
    { line: 3, byte: HEADER.length + b.length },
    60,
  ),
  fault(
    'the CR of the line end counts',
    `${HEADER}${sixty}\r\n${b}`,
    'RECORD_TOO_LONG',
    { line: 2, byte: HEADER.length },
    61,
  ),
  fault(
    'one byte over the limit, no line end',
    `${HEADER}${sixty}x`,
    'RECORD_TOO_LONG',
    { line: 2, byte: HEADER.length },
    60,
  ),
  fault(
    'too long over several lines',
    `${HEADER}${b}\nA,"${'\n'.repeat(80)}",c\n`,
    'RECORD_TOO_LONG',
    {
      line: 4,
      byte: HEADER.length + b.length + 1,
    },
    60,
  ),
  fault(
    'of two too long the first counts',
    `${HEADER}${sixty}\n${b}${sixty}\n`,
    'RECORD_TOO_LONG',
    { line: 2, byte: HEADER.length },
    60,
  ),
  fault(
    'too long, and a later quote is never closed',
    `${HEADER}${sixty}\n"`,
    'RECORD_TOO_LONG',
    { line: 2, byte: HEADER.length },
    60,
  ),
  fault(
    'never closed and too long is too long',
    `${HEADER}${b}"${'x'.repeat(60)}`,
    'RECORD_TOO_LONG',
    {
      line: 3,
      byte: HEADER.length + b.length,
    },
    60,
  ),
  fault(
    'never closed and exactly of the limit',
    `${HEADER}${b}"${'x'.repeat(59)}`,
    'QUOTE_UNCLOSED',
    {
      line: 3,
      byte: HEADER.length + b.length,
    },
    60,
  ),
  fault('the header is over the limit', HEADER + a, 'HEADER_TOO_LONG', { line: 1, byte: 0 }, HEADER.length - 1),
];

const headers: KernelCase[] = [
  fault('no bytes', '', 'HEADER_MISSING'),
  fault('a BOM alone', BOM, 'HEADER_MISSING'),
  fault('half a BOM', '\xef\xbb', 'HEADER_INVALID', { line: 1, byte: 0 }),
  fault('half a BOM, then a header', `\xef${HEADER}`, 'HEADER_INVALID', { line: 1, byte: 0 }),
  fault('empty lines alone', '\n\r\n\n', 'HEADER_MISSING'),
  fault('an unknown column', `${HEADER.trimEnd()},valor\n${a}`, 'COLUMN_UNKNOWN', { line: 1, byte: 0 }),
  fault('commas alone', `,,,,\n${a}`, 'COLUMN_UNKNOWN', { line: 1, byte: 0 }),
  fault('a column in other letters', HEADER.replace('cpf', 'CPF'), 'COLUMN_UNKNOWN', { line: 1, byte: 0 }),
  fault('an empty name', `${HEADER.trimEnd()},\n`, 'COLUMN_UNKNOWN', { line: 1, byte: 0 }),
  fault('a column twice', `\n${HEADER.trimEnd()},cpf\n`, 'COLUMN_REPEATED', { line: 2, byte: 1 }),
  fault('required columns missing', 'external_ref,amount\r\n', 'COLUMN_MISSING', { line: 1, byte: 0 }),
  fault('another delimiter', HEADER.replaceAll(',', ';'), 'COLUMN_UNKNOWN', { line: 1, byte: 0 }),
  fault('a record where the header should be', a, 'COLUMN_UNKNOWN', { line: 1, byte: 0 }),
  fault('a malformed quote', HEADER.replace('cpf', '"cpf"x'), 'HEADER_INVALID', { line: 1, byte: 0 }),
  fault('a literal quote', `${BOM}${HEADER.replace('cpf', 'c"pf')}`, 'HEADER_INVALID', { line: 1, byte: 3 }),
  fault('a header that is not UTF-8', HEADER.replace('cpf', 'cp\xe9'), 'HEADER_INVALID', { line: 1, byte: 0 }),
  fault('a control character', HEADER.replace('cpf', 'cpf\0'), 'HEADER_INVALID', { line: 1, byte: 0 }),
  fault('a line break in a name', HEADER.replace('cpf', '"cp\nf"'), 'HEADER_INVALID', { line: 1, byte: 0 }),
  fault('CR as the last byte', `${HEADER.trimEnd()}\r`, 'HEADER_INVALID', { line: 1, byte: 0 }),
  fault('a column called __proto__', `${HEADER.trimEnd()},__proto__\n`, 'COLUMN_UNKNOWN', { line: 1, byte: 0 }),
];

export const CASES: readonly KernelCase[] = [...lineEnds, ...quotes, ...fields, ...limits, ...headers];
