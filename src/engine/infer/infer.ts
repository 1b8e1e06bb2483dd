/**
 * Proposes a profile for a file from a sample of it, with what was decided by what evidence, what is doubtful and what could not
 * be decided. Nothing is stored.
 *
 * Promises: the proposal is tried on the sample by the kernel itself, so that what it says of passing records is what a batch
 * would say of them; findings hold no value of a record.
 */
import type { DebtReader } from '../../io/ports/debts.ts';
import { readOpening } from '../../kernel/opening.ts';
import { compileProfile, type ProfileDocument } from '../../kernel/profile.ts';
import { cnabDraft, cnabOf } from './cnab.ts';
import { draftOf } from './delimited.ts';
import { foreignDelimiter, markBytes, shapesOf } from './dialect.ts';
import type { Draft, Surroundings } from './draft.ts';
import { countEncodings, decideEncoding, decoded } from './encoding.ts';
import { type Finding, Findings } from './findings.ts';
import { isJsonLines, jsonDraft, jsonLinesOf } from './jsonLines.ts';
import type { FileSample } from './sample.ts';
import { planOf, rulesOf, type TrialResult, tryRuns } from './trial.ts';

export interface Proposal {
  readonly document: ProfileDocument;
  /** Whether it is a whole profile: nothing without which the file cannot be read is missing. */
  readonly complete: boolean;
  readonly decided: readonly Finding[];
  readonly doubts: readonly Finding[];
  readonly undecided: readonly Finding[];
  readonly sampled: { readonly bytes: number; readonly ofBytes: number };
  /** What the proposal makes of the sampled records; absent where it is not complete. */
  readonly trial?: TrialResult;
}

export interface InferContext {
  /** By which the trial judges due dates, `YYYY-MM-DD`. */
  readonly today: string;
  /** How many of some values are references that are registered for the client. */
  readonly registered?: Surroundings['registered'];
}

/** Shapes that are followed to their end, to see which one makes most of the contents. */
const SHAPES_TRIED = 4;

export async function infer(sample: FileSample, context: InferContext): Promise<Proposal> {
  const runs = [sample.head.subarray(markBytes(sample.head)), ...sample.pieces];
  const findings = new Findings();
  const encoding = decideEncoding(countEncodings(runs), markBytes(sample.head) > 0, sample.complete, findings);
  const { today } = context;
  const around: Surroundings = {
    encoding,
    today,
    ...(context.registered === undefined ? {} : { registered: context.registered }),
  };
  const cnab = cnabOf(runs);
  if (cnab !== undefined) {
    // Pieces may begin between the lines of a debt, or after the header that counts them: the beginning is tried alone.
    const { draft, trial } = tryDraft(cnabDraft(cnab), { ...sample, pieces: [] }, today);
    return proposalOf(draft, new Findings(), sample, trial);
  }
  const lines = jsonLinesOf(runs);
  if (isJsonLines(lines)) {
    const { draft, trial } = tryDraft(await jsonDraft(lines, around), sample, today);
    if (encoding !== 'utf-8') findings.leaveOpen('encoding', 'JSON is UTF-8, and this text is not');
    return proposalOf(draft, findings, sample, trial);
  }
  if (lines.isArray) {
    findings.leaveOpen('kind', 'the file is one JSON array; ask for JSON Lines, one object a line');
    return proposalOf({ document: { format: 1 }, findings }, findings, sample, undefined);
  }
  const shapes = shapesOf(runs);
  const tried: Tried[] = [];
  for (const shape of shapes.slice(0, SHAPES_TRIED))
    tried.push(tryDraft(await draftOf(sample, shape, around), sample, today));
  const best = tried.sort((a, b) => worth(b) - worth(a))[0];
  const foreign = foreignDelimiter(
    decoded(runs[0] as Uint8Array, encoding)
      .split('\n')
      .slice(0, 200),
    shapes[0]?.fields ?? 1,
  );
  if (best === undefined || (foreign !== undefined && best.trial === undefined)) {
    findings.leaveOpen(
      'dialect.delimiter',
      foreign === undefined
        ? 'no comma, semicolon, bar or tab cuts the lines into equal numbers of fields'
        : `fields seem to be separated by ${JSON.stringify(foreign)}, which no profile reads; ask for a semicolon`,
    );
    return proposalOf({ document: { format: 1 }, findings }, findings, sample, undefined);
  }
  return proposalOf(best.draft, findings, sample, best.trial);
}

interface Tried {
  readonly draft: Draft;
  readonly trial: TrialResult | undefined;
}

/** More columns found before fewer, then more records that pass. */
function worth({ draft, trial }: Tried): number {
  const passing = trial === undefined || trial.records === 0 ? 0 : trial.passed / trial.records;
  const columns = draft.findings.decided.filter(({ key }) => key.startsWith('columns.')).length;
  // Lines that are passed over and no header after them: they rather were one, of another shape.
  const { skipLines = 0, header = true } = draft.document.dialect ?? {};
  const headless = skipLines > 0 && !header ? 2 : 0;
  return -draft.findings.undecided.length * 10 + passing * 5 + columns * 0.1 - headless;
}

function tryDraft(draft: Draft, sample: FileSample, today: string): Tried {
  return { draft, trial: draft.findings.undecided.length > 0 ? undefined : tryDocument(draft.document, sample, today) };
}

/** What a batch would say of the sample's records; absent where the document is no profile or the file's beginning not its. */
export function tryDocument(document: ProfileDocument, sample: FileSample, today: string): TrialResult | undefined {
  const compiled = compileProfile(document);
  if ('problems' in compiled) return undefined;
  const { head } = sample;
  const header = readOpening(head, head.length, sample.complete, compiled);
  if (header.kind !== 'header') return undefined;
  return tryRuns(planOf(compiled, header), rulesOf(compiled, today), [head.subarray(header.end), ...sample.pieces]);
}

function proposalOf(draft: Draft, before: Findings, sample: FileSample, trial: TrialResult | undefined): Proposal {
  const findings = new Findings();
  findings.add(before);
  if (draft.findings !== before) findings.add(draft.findings);
  const complete = findings.undecided.length === 0 && trial !== undefined;
  if (findings.undecided.length === 0 && trial === undefined) {
    findings.leaveOpen('columns', 'what was found makes no profile');
  }
  return {
    document: draft.document,
    complete,
    decided: findings.decided,
    doubts: findings.doubts,
    undecided: findings.undecided,
    sampled: {
      bytes: sample.head.length + sample.pieces.reduce((sum, piece) => sum + piece.length, 0),
      ofBytes: sample.fileBytes,
    },
    ...(trial === undefined ? {} : { trial }),
  };
}

/** Looks values up among the debts of a client. */
export function registeredReferences(
  debts: DebtReader,
  client: string,
  hashOf: (reference: string) => number,
): NonNullable<Surroundings['registered']> {
  return async (values) => {
    if (values.length === 0) return 0;
    const keys = values.map((externalRef) => ({ refHash: hashOf(externalRef), externalRef }));
    const found = await debts.fetch(client, keys);
    return found.filter((debt) => debt !== undefined).length;
  };
}
