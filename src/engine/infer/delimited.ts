/** What a delimited text is, under one shape of it: the document of a profile, as far as the sample decides it. */
import type { Encoding } from '../../kernel/plan.ts';
import type { ColumnSource, ProfileDocument } from '../../kernel/profile.ts';
import { RecordSplitter } from '../../kernel/records.ts';
import { type Assignment, assign, type Field } from './assign.ts';
import { contentsAt } from './contents.ts';
import { beginningOf, type Shape } from './dialect.ts';
import { columnsSource, type DocumentsFound, decideDocuments, documentSource } from './documents.ts';
import { type Draft, lookUp, type Surroundings } from './draft.ts';
import { counted, Findings, percent, shownName } from './findings.ts';
import { areUsable, isHeader } from './header.ts';
import type { FileSample } from './sample.ts';
import { contentsOf, lineStart, rowsOf } from './table.ts';
import { columnsNotation, type Notation } from './values.ts';

const DELIMITER_NAMES: Readonly<Record<string, string>> = { ',': 'comma', ';': 'semicolon', '|': 'bar', '\t': 'tab' };

export async function draftOf(sample: FileSample, shape: Shape, around: Surroundings): Promise<Draft> {
  const findings = new Findings();
  const { dialect, fields } = shape;
  const { encoding } = around;
  const delimiter = String.fromCharCode(dialect.delimiter);
  const quote = String.fromCharCode(dialect.quote);
  const alike = `${percent(shape.alike, shape.lines)} of ${counted(shape.lines, 'line')} have ${fields} fields by it`;
  findings.decide('dialect.delimiter', DELIMITER_NAMES[delimiter] ?? delimiter, alike);
  if (quote === "'")
    findings.decide(
      'dialect.quote',
      quote,
      shape.quoted > 0 ? `${counted(shape.quoted, 'field')} begin with it` : 'with the usual one fewer lines are alike',
    );

  const { skipLines, at } = beginningOf(sample.head, shape);
  if (skipLines > 0)
    findings.decide(
      'dialect.skipLines',
      String(skipLines),
      `${counted(skipLines, 'line')} before the first one with ${fields} fields`,
    );
  const first = new RecordSplitter(dialect, fields);
  const end = first.split(sample.head, lineStart(sample.head, at), sample.head.length, true);
  const firstRow = contentsOf(sample.head, first, dialect, encoding);
  const below = rowsOf([sample.head.subarray(end), ...sample.pieces], dialect, fields, encoding);
  const contents = Array.from({ length: fields }, (_, field) => contentsAt(below.rows, field));
  const header = below.rows.length === 0 || isHeader(firstRow, contents, findings);
  const rows = header ? below.rows : [firstRow, ...below.rows];
  const table = header ? contents : Array.from({ length: fields }, (_, field) => contentsAt(rows, field));
  if (below.rows.length === 0)
    findings.leaveOpen('records', 'the file has a first record and no other: there is nothing to look at');
  tellOdd(below, sample, shape, findings);

  const found: Field[] = table.map((one, field) =>
    header ? { name: firstRow[field] ?? '', contents: one } : { contents: one },
  );
  const assignment = assign(found, findings);
  const documents = decideDocuments(rows, found, assignment, findings);
  const notation = columnsNotation(found, assignment, around.today, findings);
  await lookUp(found, assignment, around, findings);
  const used = [...assignment.values(), ...(documents.by === undefined ? [] : [documents.by.field])];
  const byName = header && areUsable(firstRow, used);
  if (header && !byName)
    findings.doubt(
      'columns',
      'by position',
      'names in the header are repeated, empty or no plain text, so columns stand by position',
    );
  return {
    document: documentOf(
      { shape, skipLines, header, byName, encoding, names: firstRow, assignment, documents, used, notation },
      findings,
    ),
    findings,
  };
}

function tellOdd(
  below: ReturnType<typeof rowsOf>,
  sample: FileSample,
  { fields, dialect }: Shape,
  findings: Findings,
): void {
  const looked = below.rows.length + below.odd + below.malformed;
  if (below.odd > 0) {
    findings.doubt(
      'records',
      '',
      `${counted(below.odd, 'record')} of ${looked} with another number of fields than ${fields}: each is rejected (a total at the end? a ${DELIMITER_NAMES[String.fromCharCode(dialect.delimiter)]} inside of a field?)`,
    );
  }
  if (below.malformed > 0)
    findings.doubt(
      'records',
      '',
      `${counted(below.malformed, 'record')} of ${looked} with a quote out of place: each is rejected`,
    );
  if (!sample.complete) return;
  if (looked < 20) findings.doubt('records', '', `the file has ${counted(looked, 'record')}: what was seen is little`);
}

interface Decided {
  readonly shape: Shape;
  readonly skipLines: number;
  readonly header: boolean;
  readonly byName: boolean;
  readonly encoding: Encoding;
  readonly names: readonly string[];
  readonly assignment: Assignment;
  readonly documents: DocumentsFound;
  /** Fields that the profile has, that of the documents' kind among them. */
  readonly used: readonly number[];
  readonly notation: Notation;
}

function documentOf(decided: Decided, findings: Findings): ProfileDocument {
  const { shape, skipLines, header, byName, encoding, names, assignment, documents, used, notation } = decided;
  const delimiter = String.fromCharCode(shape.dialect.delimiter);
  const quote = String.fromCharCode(shape.dialect.quote);
  const dialect = {
    ...(delimiter === ',' ? {} : { delimiter }),
    ...(quote === '"' ? {} : { quote }),
    ...(header ? {} : { header }),
    ...(skipLines === 0 ? {} : { skipLines }),
    ...(byName ? {} : { fields: shape.fields }),
  };
  const place = (field: number): ColumnSource => (byName ? { name: names[field] as string } : { position: field + 1 });
  const columns = columnsSource(assignment, documents, place);
  const others = names.map((_, field) => field).filter((field) => !used.includes(field));
  if (others.length > 0) {
    const shown = others.slice(0, 8).map((field) => (header ? shownName(names[field] as string) : String(field + 1)));
    findings.decide(
      'unknownColumns',
      'ignore',
      `of no column: ${header ? '' : 'fields '}${shown.join(', ')}${others.length > shown.length ? ` and ${others.length - shown.length} more` : ''}`,
    );
  }
  const ownNames =
    byName &&
    others.length === 0 &&
    documents.kind === 'cpf' &&
    Object.values(columns).every((source) => source.name === undefined);
  return {
    format: 1,
    ...(Object.keys(dialect).length === 0 ? {} : { dialect }),
    ...(encoding === 'utf-8' ? {} : { encoding }),
    ...(Object.keys(notation.locale).length === 0 ? {} : { locale: notation.locale }),
    ...documentSource(documents, place),
    ...(ownNames ? {} : { columns }),
    ...(byName && others.length > 0 ? { unknownColumns: 'ignore' as const } : {}),
    ...(notation.nulls.length === 0 ? {} : { nulls: notation.nulls }),
  };
}
