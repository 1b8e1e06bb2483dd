/** Records by a module: what it makes of each, in order, however the input is cut; and that nothing it does breaks the kernel. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OUTCOMES, recordCodeName } from '../../src/core/codes.ts';
import { COLUMNS } from '../../src/kernel/columns.ts';
import { RangeKernel, type RangeTotals } from '../../src/kernel/kernel.ts';
import {
  type ModuleInput,
  type ModulePlan,
  moduleCodeOf,
  type RecordModule,
} from '../../src/kernel/modules/interface.ts';
import { madeColumns } from '../../src/kernel/modules/moduleProfile.ts';
import { PageReader } from '../../src/kernel/pages.ts';
import { EntryReader } from '../../src/kernel/parts.ts';
import type { RecordPlan } from '../../src/kernel/plan.ts';

const CODE: ModulePlan = {
  name: 'm',
  version: '0',
  names: ['do', 'ref'],
  encoding: 'utf-8',
  recordsMax: 40,
  rejects: [
    { name: 'PAID', says: { en: 'paid', 'pt-BR': 'pago' } },
    { name: 'TOO_OLD', says: { en: 'old', 'pt-BR': 'velho' } },
  ],
};

function planOf(change: Partial<ModulePlan> = {}, more: Partial<RecordPlan> = {}): RecordPlan {
  return {
    dialect: { delimiter: 0x3b, quote: 0x22 },
    code: { ...CODE, ...change },
    fields: COLUMNS.map((_, column) => column),
    recordBytesMax: 4096,
    shards: 3,
    hashSeed: 7,
    ...more,
  };
}

/** What was made of a record of the file: the name of its code, empty where it is staged. */
interface Made {
  readonly line: number;
  readonly sub: number;
  readonly ref: string;
  readonly code: string;
  readonly raw: string;
}

interface Read {
  readonly made: readonly Made[];
  readonly totals: RangeTotals;
  readonly asked: number;
  readonly open: number;
}

/** Reads the text by the module, fed so many bytes at a time; the pages are small. */
function read(
  text: string | Uint8Array,
  record: (input: ModuleInput) => unknown,
  plan = planOf(),
  chunk = Number.POSITIVE_INFINITY,
): Read {
  let asked = 0;
  let open = 0;
  const module: RecordModule = {
    record(input) {
      asked += 1;
      return record(input);
    },
    enter: () => {
      open += 1;
    },
    leave: () => {
      open -= 1;
    },
    describe: (thrown) => (thrown instanceof Error ? thrown.name : typeof thrown),
  };
  const bytes = typeof text === 'string' ? new Uint8Array(Buffer.from(text)) : text;
  const kernel = new RangeKernel(plan, 2, 1000, 4096, undefined, module);
  const made: Made[] = [];
  const entries = new EntryReader();
  const pages = new PageReader();
  const drain = (): void => {
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      pages.load(page.bytes);
      while (pages.next()) {
        const { line, sub, refStart, refEnd, offset, rawBytes } = pages;
        const raw = Buffer.from(bytes.subarray(offset - 1000, offset - 1000 + rawBytes)).toString();
        made.push({ line, sub, ref: Buffer.from(pages.bytes.subarray(refStart, refEnd)).toString(), code: '', raw });
      }
    }
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) {
      entries.load(block);
      while (entries.next()) {
        const { line, sub, code, refStart, refEnd, rawStart, rawEnd, sourceOffset, sourceBytes } = entries;
        expect(OUTCOMES[entries.outcome]).toBe('rejected');
        const held = entries.bytes.subarray(rawStart, rawEnd);
        const raw = rawStart >= 0 ? held : bytes.subarray(sourceOffset - 1000, sourceOffset - 1000 + sourceBytes);
        made.push({
          line,
          sub,
          ref: Buffer.from(entries.bytes.subarray(refStart, refEnd)).toString(),
          code: recordCodeName(code) ?? moduleCodeOf(plan.code, code)?.name ?? String(code),
          raw: Buffer.from(raw).toString(),
        });
      }
    }
  };
  let held = 0;
  for (let at = 0; at < bytes.length; ) {
    held = Math.min(bytes.length, held + chunk);
    const next = kernel.feed(bytes, at, held, held === bytes.length);
    if (kernel.full) drain();
    else if (next === at && held === bytes.length) throw new Error('the kernel stopped');
    at = next;
  }
  kernel.flush();
  drain();
  made.sort((a, b) => a.line - b.line || a.sub - b.sub);
  return { made, totals: kernel.totals(), asked, open };
}

const GOOD = { debtor_name: 'Ana Lima', cpf: '52998224725', amount: '1.00', due_date: '2026-01-10' };

/** Does what the field `do` says, of which `outcomesOf` says what must come of it. */
function obey({ fields }: ModuleInput): unknown {
  const [what = '', count = '1'] = (fields['do'] ?? '').split(' ');
  const ref = (n: number) => ({ external_ref: `${fields['ref']}/${n}` });
  switch (what) {
    case 'one':
      return { ...GOOD, ...ref(0) };
    case 'many':
      return Array.from({ length: Number(count) }, (_, n) => ({
        ...GOOD,
        ...ref(n),
        ...(n % 3 === 2 ? { cpf: '1' } : {}),
      }));
    case 'paid':
      return { reject: 'PAID', ...ref(0), amount: '5.00' };
    case 'mixed':
      return [
        { ...GOOD, ...ref(0) },
        { reject: 'TOO_OLD', column: 'due_date' },
        { ...GOOD, ...ref(2) },
      ];
    case 'throws':
      throw new TypeError(`no good: ${fields['ref']}`);
    case 'none':
      return [];
    default:
      return undefined;
  }
}

function outcomesOf(what: string, ref: string): readonly (readonly [ref: string, code: string])[] {
  const [name, count = '1'] = what.split(' ');
  switch (name) {
    case 'one':
      return [[`${ref}/0`, '']];
    case 'many':
      return Array.from({ length: Number(count) }, (_, n) => [`${ref}/${n}`, n % 3 === 2 ? 'CPF_FORMAT' : ''] as const);
    case 'paid':
      return [[`${ref}/0`, 'PAID']];
    case 'mixed':
      return [
        [`${ref}/0`, ''],
        ['', 'TOO_OLD'],
        [`${ref}/2`, ''],
      ];
    default:
      return [['', 'CODE_FAILED']];
  }
}

const WHAT = ['one', 'many 1', 'many 2', 'many 7', 'many 40', 'paid', 'mixed', 'throws', 'none', 'foreign'] as const;

describe('records that a module makes', () => {
  const rows = fc.array(
    fc.tuple(fc.constantFrom(...WHAT), fc.integer({ min: 1, max: 60 }), fc.constantFrom('\n', '\r\n')),
    {
      maxLength: 60,
    },
  );

  it('are all there, in order, each once, wherever the input is cut and however often a page is full', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 700 }), (list, chunk) => {
        const lines = list.map(([what, width, end], index) => {
          const ref = `R${index}`.padEnd(width, 'x').slice(0, 60);
          return { what, ref, text: `"${what}";${ref}${end}` };
        });
        const text = lines.map((line) => line.text).join('');
        const wanted = lines.flatMap(({ what, ref, text: raw }, index) =>
          outcomesOf(what, ref).map(([made, code], sub) => ({ line: index + 2, sub, ref: made, code, raw })),
        );
        const whole = read(text, obey);
        expect(whole.made).toEqual(wanted);
        expect([whole.totals.records, whole.totals.made, whole.asked]).toEqual([
          lines.length,
          wanted.length,
          lines.length,
        ]);
        expect(whole.totals.staged + whole.totals.rejected).toBe(wanted.length);
        expect(whole.open).toBe(0);
        const failed = wanted.filter(({ code }) => code === 'CODE_FAILED');
        expect(whole.totals.failures?.records ?? 0).toBe(failed.length);
        expect(whole.totals.failures?.line).toBe(failed[0]?.line);
        const cut = read(text, obey, planOf(), chunk);
        expect([cut.made, cut.totals, cut.asked]).toEqual([whole.made, whole.totals, whole.asked]);
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it('count their cents: those that were staged, those that were refused, and of those that a module refuses what it told', () => {
    const { totals } = read('one;A\nmany 3;B\npaid;C\nthrows;D\n', obey);
    expect([totals.centsStaged, totals.centsRejected]).toEqual([300n, 600n]);
    expect(totals.rejectedBy).toEqual({ CODE_FAILED: 1, CPF_FORMAT: 1, PAID: 1 });
  });

  it('have no subs in their pages and parts where the module makes one of each: older builds read those', () => {
    const plan = planOf({ recordsMax: 1 });
    const module: RecordModule = { record: obey, enter() {}, leave() {}, describe: String };
    const kernel = new RangeKernel(plan, 2, 0, 4096, undefined, module);
    const bytes = new Uint8Array(Buffer.from('one;A\nmany 2;B\npaid;C\n'));
    expect(kernel.feed(bytes, 0, bytes.length, true)).toBe(bytes.length);
    kernel.flush();
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      expect(new DataView(page.bytes.buffer, page.bytes.byteOffset).getUint32(8, true)).toBe(1);
    }
    expect(kernel.takeRejects()?.[8]).toBe(1);
    expect(kernel.failures).toMatchObject({ records: 1, line: 3, says: expect.stringMatching(/gave 2 records/) });
  });
});

describe('what a module is given', () => {
  const seen = (text: string | Uint8Array, plan = planOf()): unknown[] => {
    const inputs: unknown[] = [];
    const { made } = read(
      text,
      ({ line, fields, raw }) => {
        inputs.push({ line, fields: { ...fields }, raw });
        return { ...GOOD, external_ref: `r${line}` };
      },
      plan,
    );
    inputs.push(made.map(({ code }) => code));
    return inputs;
  };

  it('are the fields by name, out of their quotes and as they are, with the line and the raw record', () => {
    expect(seen('" a ""b"" ";é\r\n\n"x\ny";\nlast;z')).toEqual([
      { line: 2, fields: { do: ' a "b" ', ref: 'é' }, raw: '" a ""b"" ";é' },
      { line: 4, fields: { do: 'x\ny', ref: '' }, raw: '"x\ny";' },
      { line: 6, fields: { do: 'last', ref: 'z' }, raw: 'last;z' },
      ['', '', ''],
    ]);
  });

  it('are no fields without a name, and names may be any', () => {
    const plan = planOf({ names: ['', '__proto__'] });
    read(
      'a;b\n',
      ({ fields }) => {
        expect(Object.keys(fields)).toEqual(['__proto__']);
        expect(Reflect.get(fields, '__proto__')).toBe('b');
        expect(fields['toString']).toBeUndefined();
        return { ...GOOD, external_ref: 'x' };
      },
      plan,
    );
  });

  it('are texts of the encoding of the file', () => {
    const latin = Buffer.from('a\x80\x81;\xe9\n', 'latin1');
    expect(seen(new Uint8Array(latin), planOf({ encoding: 'windows-1252' }))).toEqual([
      { line: 2, fields: { do: 'a€\x81', ref: 'é' }, raw: 'a€\x81;é' },
      [''],
    ]);
    expect(seen(new Uint8Array(latin), planOf({ encoding: 'iso-8859-1' }))[0]).toMatchObject({ fields: { ref: 'é' } });
  });

  it('is nothing where the record is none: bad quotes, bytes that are no text, another number of fields', () => {
    const bytes = Buffer.concat([Buffer.from('a"b;c\nd;'), Buffer.from([0xff]), Buffer.from('\na;b;c\nok;d\n')]);
    expect(seen(new Uint8Array(bytes))).toEqual([
      { line: 5, fields: { do: 'ok', ref: 'd' }, raw: 'ok;d' },
      ['QUOTE_MALFORMED', 'UTF8_INVALID', 'FIELD_COUNT', ''],
    ]);
  });

  it('has no raw record any more once it was given back', () => {
    let kept: ModuleInput | undefined;
    read('a;b\nc;d\n', (input) => {
      if (kept !== undefined) expect(kept.raw).toBe('');
      kept = input;
      expect(input.raw).not.toBe('');
      return { ...GOOD, external_ref: 'x' };
    });
    expect([kept?.raw, kept?.fields['ref']]).toEqual(['', 'd']);
  });
});

const READING = {
  encoding: 'utf-8',
  decimal: 0x2e,
  thousands: 0,
  date: 'YYYY-MM-DD',
  pivot: 50,
  required: 0b11111,
  nulls: [],
  fixed: [],
  defaults: [],
} as const;
const BOTH = { kind: 'by field', cpf: ['F'], cnpj: ['J'], zeroPadded: false } as const;

describe('what a module gives', () => {
  const codes = (given: unknown, plan?: RecordPlan) => read('a;b\n', () => given, plan).made.map(({ code }) => code);
  const says = (given: unknown) => read('a;b\n', () => given).totals.failures?.says;

  it.each<[string, Record<string, unknown>, string]>([
    ['a reference that is too long', { external_ref: 'x'.repeat(65) }, 'LENGTH'],
    ['half a character', { debtor_name: 'Ana \ud800' }, 'UTF8_INVALID'],
    ['a control character', { debtor_name: 'Ana\u0007' }, 'CHARACTER_INVALID'],
    ['no name', { debtor_name: undefined }, 'REQUIRED'],
    ['an empty name', { debtor_name: '' }, 'REQUIRED'],
    ['a name that is null', { debtor_name: null }, 'REQUIRED'],
    ['a local amount', { amount: '1,00' }, 'AMOUNT_FORMAT'],
    ['a day that is none', { due_date: '2026-02-30' }, 'DATE_NOT_REAL'],
    ['an address that is none', { debtor_email: 'a@' }, 'EMAIL_FORMAT'],
  ])('is checked like any record: %s', (_, change, code) => {
    expect(codes({ ...GOOD, external_ref: 'x', ...change })).toEqual([code]);
  });

  it('may be longer than the record it was made of, and is folded all the same', () => {
    const long = `Ana  ${'x'.repeat(100)}  Lima`;
    const many = { ...GOOD, external_ref: 'x', debtor_name: long, creditor_name: long, account_type: 'y'.repeat(4000) };
    expect(codes(many, planOf())).toEqual(['LENGTH']);
    expect(codes({ ...many, account_type: 'y' })).toEqual(['']);
    const huge = {
      ...GOOD,
      external_ref: 'x',
      debtor_name: `${'a  '.repeat(1300)}b`,
      creditor_name: `${'c  '.repeat(1300)}d`,
    };
    expect(codes(huge)).toEqual(['LENGTH']);
  });

  it.each<[string, Partial<NonNullable<RecordPlan['reading']>['document']>, Record<string, string>, string]>([
    ['a CNPJ', { kind: 'cnpj', zeroPadded: false }, { cnpj: '12.ABC.345/01DE-35' }, ''],
    ['a wrong CNPJ', { kind: 'cnpj', zeroPadded: false }, { cnpj: '12ABC34501DE36' }, 'CNPJ_CHECK_DIGITS'],
    ['a CPF where there are CNPJs alone', { kind: 'cnpj', zeroPadded: false }, { cpf: '52998224725' }, 'CODE_FAILED'],
    ['one or the other: a CNPJ', BOTH, { document: '12ABC34501DE35', document_kind: 'J' }, ''],
    ['one or the other: a CPF', BOTH, { document: '52998224725', document_kind: 'F' }, ''],
    ['one or the other: neither', BOTH, { document: '52998224725', document_kind: 'X' }, 'DOCUMENT_KIND_UNKNOWN'],
  ])('may have %s, where the profile says so', (_, document, given, code) => {
    const { cpf, ...rest } = GOOD;
    const reading = { ...READING, document } as NonNullable<RecordPlan['reading']>;
    const plan = planOf({}, { reading, fields: madeColumns(reading) });
    expect(codes({ ...rest, external_ref: 'x', ...given }, plan)).toEqual([code]);
  });

  it('is trimmed, folded and stored as any record is, and keeps what it does not say', () => {
    const given = {
      ...GOOD,
      external_ref: ' x ',
      debtor_name: ' Ana  Lima ',
      debtor_phone: '(11) 99999-0000',
      debtor_email: '',
    };
    const plan = planOf({}, { shards: 1 });
    const module: RecordModule = { record: () => given, enter() {}, leave() {}, describe: String };
    const kernel = new RangeKernel(plan, 2, 0, 4096, undefined, module);
    const bytes = new Uint8Array(Buffer.from('a;b\n'));
    kernel.feed(bytes, 0, bytes.length, true);
    kernel.flush();
    const page = new PageReader();
    page.load(kernel.takePage()?.bytes as Uint8Array);
    page.next();
    const text = (start: number, end: number) => Buffer.from(page.bytes.subarray(start, end)).toString();
    expect([text(page.refStart, page.refEnd), text(page.nameStart, page.nameEnd)]).toEqual(['x', 'Ana Lima']);
    expect(text(page.optionalStart[1] as number, page.optionalEnd[1] as number)).toBe('11999990000');
    // The e-mail address is cleared, the other three are left as they are.
    expect(page.kept).toBe(0b11100);
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /gave nothing, not a record/],
    ['null', null, /gave null/],
    ['a text', 'x', /gave a string/],
    ['a list in a list', [[GOOD]], /gave a list/],
    ['an empty list', [], /gave no record/],
    ['a promise', Promise.resolve(GOOD), /gave a promise/],
    ['a number', { ...GOOD, amount: 1 }, /amount is a number, not text/],
    ['a column that is none', { ...GOOD, valor: '1' }, /«valor», which is none/],
    ['a name that may be personal', { ...GOOD, 'Maria Silva': '1' }, /gave a name, which is none/],
    ['a value without end', { ...GOOD, debtor_name: 'x'.repeat(5000) }, /5000 characters, of at most 4096/],
    ['more records than it said', Array.from({ length: 41 }, () => GOOD), /gave 41 records, and its recordsMax is 40/],
    ['a code that is none', { reject: 'OTHER' }, /code that is none of its rejects/],
    ['a code that is no text', { reject: undefined }, /code that is none of its rejects/],
    ['a reject of a column that is none', { reject: 'PAID', column: 'x' }, /column that is none/],
    ['a reject with a name', { reject: 'PAID', debtor_name: 'x' }, /«debtor_name» with a reject/],
  ])('is refused where it is no answer: %s', (_, given, why) => {
    expect([codes(given), says(given)]).toEqual([['CODE_FAILED'], expect.stringMatching(why)]);
  });

  it('is refused as a whole where one of several is no answer', () => {
    expect(codes([{ ...GOOD, external_ref: 'x' }, { amount: 1 }])).toEqual(['CODE_FAILED']);
  });

  it('may throw whatever it wants, whenever it is looked at', () => {
    const trap = {
      get amount(): string {
        throw new RangeError('trapped');
      },
    };
    const proxy = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new EvalError('no keys');
        },
      },
    );
    for (const [given, kind] of [
      [trap, 'RangeError'],
      [proxy, 'EvalError'],
    ] as const) {
      expect([codes(given), says(given)]).toEqual([['CODE_FAILED'], kind]);
    }
    expect(
      read('a;b\n', () => {
        throw null;
      }).totals.failures?.says,
    ).toBe('object');
  });
});
