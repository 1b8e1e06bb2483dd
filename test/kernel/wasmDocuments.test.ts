/**
 * Documents of every kind on WebAssembly beside the plain kernel: CNPJs of every shape, the field that says the kind, numbers
 * filled up with zeros; whatever a byte of them becomes, however the input is cut, whatever pages have room for.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readProfile } from '../../src/engine/profiles.ts';
import { ACCOUNT_TYPE, AMOUNT, DOCUMENT, DUE_DATE, KIND_COLUMN, NAME, REF } from '../../src/kernel/columns.ts';
import { readOpening } from '../../src/kernel/opening.ts';
import type { RecordPlan } from '../../src/kernel/plan.ts';
import type { ProfileDocument } from '../../src/kernel/profile.ts';
import type { DocumentSource } from '../../src/kernel/profileDocuments.ts';
import { wasmEngine } from '../../src/kernel/wasm/engine.ts';
import { CNPJ_CASES, cnpjDigits, madeDocument } from '../oracle/documents.ts';
import { driveEngine, driveKernel, judgeRecords } from '../oracle/drive.ts';
import { byteString, bytesOf, oracleRecords } from '../oracle/grammar.ts';
import { checkRecord } from '../oracle/oracle.ts';
import { compiled } from '../oracle/profiles.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';
import { compareKernels } from './wasmCompare.ts';
import { openTestMemory, TEST_BOUNDS } from './wasmWorld.ts';

const memory = await openTestMemory();
const engine = wasmEngine(memory);
const FIXTURES = join(import.meta.dirname, '../../fixtures/profiles');

const WORDS = { cpf: ['F', 'pessoa física ou não'], cnpj: ['J', 'pessoa jurídica, também'] };
const SOURCES: readonly DocumentSource[] = [
  { kind: 'cnpj' },
  { kind: 'cnpj', zeroPadded: true },
  { kind: 'cpf', zeroPadded: true },
  { kindFrom: WORDS },
  { kindFrom: WORDS, zeroPadded: true },
];

/** Fields: reference, kind (where one says it), name, document, amount, due date, type of account. */
function planOf(document: DocumentSource, encoding: ProfileDocument['encoding'] = 'utf-8', shards = 3): RecordPlan {
  const name = document.kindFrom === undefined ? (document.kind ?? 'cpf') : 'document';
  const columns = Object.fromEntries(
    ['external_ref', 'debtor_name', name, 'amount', 'due_date', 'account_type'].map((column) => [column, {}]),
  );
  const { dialect, layout, reading } = compiled({ format: 1, document, encoding, columns });
  if (layout.by.kind !== 'names' || reading === undefined) throw new Error('columns are named, and documents are read');
  const fields = layout.by.names.map(([, column]) => column);
  if (document.kindFrom !== undefined) fields.splice(1, 0, fields.pop() as number);
  return { dialect, fields, reading, recordBytesMax: 1 << 16, shards, hashSeed: 5 };
}

let refs = 0;

/** A line whose document and kind stand as given, of bytes. */
function lineOf(source: DocumentSource, document: string, kind: string): string {
  const said = source.kindFrom === undefined ? [] : [kind];
  return `${[`C-${++refs}`, ...said, 'Ana', document, '12.34', '2025-01-31', 'CC'].join(',')}\n`;
}

function inputOf(text: string, chunkBytes = 1 << 20) {
  return { bytes: bytesOf(text), chunkBytes, pageBytes: 65536, firstLine: 2, startOffset: 0 };
}

const utf8 = (text: string): string => byteString(Buffer.from(text, 'utf8'));
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const CPFS = ['52998224725', '529.982.247-25', '1234567890', '000000191'];
const GOOD = [...CNPJ_CASES.map(([content]) => content), ...CPFS, '', ' ', 'x'.repeat(300)];

describe.each(SOURCES)('documents of %j', (source) => {
  const kinds =
    source.kindFrom === undefined ? [''] : ['F', 'J', ...[...WORDS.cpf, ...WORDS.cnpj].map(utf8).map(quoted)];

  it('are read alike, of every shape, with any number of zeros before them', () => {
    const contents = GOOD.flatMap((content) => [0, 1, 2, 3, 5, 20].map((zeros) => '0'.repeat(zeros) + content));
    const text = contents.flatMap((content) =>
      [...kinds, 'f', '', ' J\t', '"J"', '"""J"""', '"\tF"'].flatMap((kind) => [
        lineOf(source, content, kind),
        lineOf(source, quoted(content), kind),
      ]),
    );
    expect(compareKernels(engine, planOf(source), inputOf(text.join('')))).toBeUndefined();
  });

  it('are read alike with some byte changed, whatever it becomes', () => {
    const documents = ['12ABC34501DE35', '12.ABC.345/01DE-35', '360305000104', '52998224725', '529.982.247-25'];
    const lines: string[] = [];
    // A quote at a field's start swallows what follows: the line behind each closes it, or is malformed by itself.
    const put = (document: string, kind: string): void => void lines.push(lineOf(source, document, kind), 'x"\n');
    for (let byte = 0; byte < 256; byte++) {
      const changed = (text: string, at: number) => text.slice(0, at) + String.fromCharCode(byte) + text.slice(at + 1);
      for (const document of documents) {
        for (let at = 0; at <= document.length; at++) put(changed(document, at), kinds[at % kinds.length] as string);
      }
      if (source.kindFrom === undefined) continue;
      for (const kind of kinds) {
        for (let at = 0; at <= kind.length; at += 1) put('11222333000181', changed(kind, at));
      }
    }
    expect(compareKernels(engine, planOf(source), inputOf(lines.join(''), 1 << 19))).toBeUndefined();
  });

  it('are read alike, cut at every place, into the smallest pages', () => {
    const random = new Random(fuzzSeed(31));
    let text = '';
    for (let i = 0; i < 12; i++) {
      const says = random.pick(kinds);
      text += lineOf(source, random.pick([...GOOD, madeDocument(random, 'cnpj', true)]), says);
    }
    for (let chunkBytes = 1; chunkBytes <= text.length; chunkBytes++) {
      const input = { ...inputOf(text, chunkBytes), pageBytes: 4096 };
      expect(compareKernels(engine, planOf(source, 'windows-1252', 1), input)).toBeUndefined();
    }
    for (const more of ['', 'x', 'xx', 'xxxxxxx']) {
      // Lines of many lengths, so that pages end at every place.
      const cnpjs = Array.from({ length: 900 }, (_, i) => {
        const says = random.pick(kinds);
        return lineOf(source, madeDocument(random, i % 3 === 0 ? 'cpf' : 'cnpj', false), says).replace(
          'Ana',
          `Ana${more}`,
        );
      });
      const input = { ...inputOf(cnpjs.join(''), 3000), pageBytes: 4096 };
      expect(compareKernels(engine, planOf(source, 'utf-8', 2), input)).toBeUndefined();
    }
  });
});

describe('a field that says the kind', () => {
  it.each([
    'utf-8',
    'windows-1252',
    'iso-8859-1',
  ] as const)('holds words of %s, up to as many as there may be', (encoding) => {
    const letters = (first: string) => Array.from({ length: 16 }, (_, index) => first + 'é'.repeat(index * 2 + 1));
    const source = { kindFrom: { cpf: letters('F'), cnpj: letters('J') } };
    const contents = [...letters('F'), ...letters('J')].flatMap((word) => [
      word,
      word.slice(1),
      `${word}é`,
      word.slice(0, -1),
    ]);
    const encoded = contents.map((text) => byteString(Buffer.from(text, encoding === 'utf-8' ? 'utf8' : 'latin1')));
    const text = encoded.flatMap((kind) =>
      CPFS.concat('11222333000181').map((document) => lineOf(source, document, kind)),
    );
    expect(compareKernels(engine, planOf(source, encoding), inputOf(text.join('')))).toBeUndefined();
  });

  it('that says nothing known leaves reference and amount as they are, however long the document is', async () => {
    // As UTF-8 the document is longer than there is room for behind the longest record.
    const small = wasmEngine(await openTestMemory({ ...TEST_BOUNDS, recordBytes: 1 << 15 }));
    const fields = [DOCUMENT, AMOUNT, REF, KIND_COLUMN, NAME, DUE_DATE, ACCOUNT_TYPE];
    const plan = { ...planOf({ kindFrom: WORDS }, 'windows-1252'), fields, recordBytesMax: 1 << 15 };
    const text = `${'\x80'.repeat(13_000)},12.34,C\xe7\xe3o-1,?,Ana,2025-01-31,CC\n`;
    const marks = { delimiter: ',', quote: '"' };
    const expected = oracleRecords(text, 0, 2, marks).map((record) => checkRecord(record, fields, plan.reading));
    expect(expected).toMatchObject([{ code: 'DOCUMENT_KIND_UNKNOWN', ref: 'Cção-1', cents: 1234 }]);
    const drive = {
      plan,
      bytes: bytesOf(text),
      start: 0,
      end: text.length,
      firstLine: 2,
      chunkBytes: 999,
      pageBytes: 4096,
    };
    expect(judgeRecords(drive, expected, driveKernel)).toBeUndefined();
    expect(judgeRecords(drive, expected, (one) => driveEngine(one, (...of) => small.range(...of)))).toBeUndefined();
  });
});

describe('files of the profiles that are shipped', () => {
  it.each(['documentos', 'erp-brasil'])('%s: the same bytes', async (name) => {
    const profile = (await readProfile(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'))).compiled;
    const file = readFileSync(join(FIXTURES, `${name}.csv`));
    const opening = readOpening(file, file.length, true, profile);
    if (opening.kind !== 'header') throw new Error('the file begins with its header');
    const { fields, end, nextLine: firstLine } = opening;
    const { dialect, reading } = profile;
    const own = reading === undefined ? {} : { reading };
    const plan = { dialect, fields, recordBytesMax: 1 << 16, shards: 4, hashSeed: 9, ...own };
    for (const chunkBytes of [1, 13, 500, 1 << 20]) {
      const input = { bytes: file.subarray(end), chunkBytes, pageBytes: 4096, firstLine, startOffset: end };
      expect(compareKernels(engine, plan, input)).toBeUndefined();
    }
  });
});

it('CNPJs of every ordinary shape are taken the quick way', () => {
  const random = new Random(fuzzSeed(32));
  for (const source of SOURCES) {
    if (source.kind === 'cpf') continue;
    const lines = Array.from({ length: 2000 }, () => {
      const base = Array.from({ length: 12 }, () => random.pick([...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'])).join('');
      const cnpj = base + cnpjDigits(base);
      const masked = cnpj.replace(/^(..)(...)(...)(....)(..)$/, '$1.$2.$3/$4-$5');
      const document = random.pick([cnpj, masked, '360305000104', `"${masked}"`]);
      return lineOf(source, document, random.pick(['J', '"J"', quoted(utf8(WORDS.cnpj[1] as string))]));
    });
    const bytes = bytesOf(lines.join(''));
    const kernel = engine.range(planOf(source), 2, 0, 1 << 20);
    const before = memory.exports.exactTaken();
    expect(kernel.feed(bytes, 0, bytes.length, true)).toBe(bytes.length);
    expect(kernel.totals().staged).toBe(lines.length);
    expect(memory.exports.exactTaken() - before).toBe(0);
  }
});
