/**
 * What the API answers on each route, as the tests read it: the types follow from the views that make the answers, and a
 * route's answer from its path as it is written.
 */
import type { Problem } from '../../src/api/problems.ts';
import type { debtView, fullBatchView, submissionView } from '../../src/api/services/views.ts';
import type { PreviewView } from '../../src/stages/batch/previewView.ts';
import type { RangeView, ShardView } from '../../src/stages/batch/subBatches.ts';
import type { LineValues } from '../../src/stages/intake/lines.ts';
import type { Receipt } from '../e2e/judge.ts';

/** Its cents read as plain numbers: none of a test is beyond what these hold. */
interface ReceiptAnswer extends Omit<Receipt, 'cents'> {
  readonly cents: Readonly<Record<string, number>>;
}

export interface BatchAnswer extends Omit<Awaited<ReturnType<typeof fullBatchView>>, 'receipt'> {
  readonly receipt: ReceiptAnswer | null;
}

interface ShareAnswer {
  readonly lines: number;
  readonly cents: number;
}

export interface PreviewAnswer extends Omit<PreviewView, 'cents' | 'creditors' | 'otherCreditors' | 'ages'> {
  readonly cents: Readonly<Record<string, number>>;
  readonly creditors: readonly (ShareAnswer & { readonly name: string | null })[];
  readonly otherCreditors: ShareAnswer & { readonly creditors: number | null };
  readonly ages: readonly (ShareAnswer & { readonly monthsFrom: number | null; readonly monthsBelow: number | null })[];
}

export type SubmissionAnswer = ReturnType<typeof submissionView>;
export type DebtAnswer = ReturnType<typeof debtView>;
export type ProblemAnswer = Problem;

export interface UploadAnswer extends BatchAnswer {
  readonly upload: { readonly bytes: number; readonly sha256: string };
}

export interface AppendAnswer {
  readonly submission: string;
  readonly accepted: number;
  readonly lines: readonly { readonly number: number }[];
}

export interface PageAnswer<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

export interface HealthAnswer {
  readonly status: 'ok' | 'unavailable';
  readonly reason?: string;
}

export interface Operation {
  readonly parameters: readonly unknown[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: DescribedLines }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** The schema of appended lines, as far as the tests look into it. */
interface DescribedLines {
  readonly else: { readonly examples: readonly LineValues[]; readonly properties: Readonly<Record<string, unknown>> };
}

export interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** The answer of success. Of a path that is put together elsewhere nothing is known. */
export type AnswerOf<Method extends string, Path extends string> = string extends Path
  ? unknown
  : Path extends `${infer Bare}?${string}`
    ? AnswerOf<Method, Bare>
    : Path extends '/v1/submissions'
      ? Method extends 'POST'
        ? SubmissionAnswer
        : PageAnswer<SubmissionAnswer>
      : Path extends `/v1/submissions/${string}/lines`
        ? Method extends 'POST'
          ? AppendAnswer
          : PageAnswer<{ readonly number: number; readonly line: LineValues }>
        : Path extends `/v1/submissions/${string}/submit`
          ? BatchAnswer
          : Path extends `/v1/submissions/${string}`
            ? SubmissionAnswer
            : Path extends `/v1/files${string}`
              ? UploadAnswer
              : Path extends '/v1/batches'
                ? PageAnswer<BatchAnswer>
                : Path extends `/v1/batches/${string}/preview`
                  ? PreviewAnswer
                  : Path extends `/v1/batches/${string}/ranges`
                    ? PageAnswer<RangeView>
                    : Path extends `/v1/batches/${string}/shards`
                      ? PageAnswer<ShardView>
                      : Path extends `/v1/batches/${string}`
                        ? BatchAnswer
                        : Path extends '/v1/debts' | '/v1/debts/search'
                          ? PageAnswer<DebtAnswer>
                          : Path extends '/openapi.json'
                            ? Description
                            : Path extends '/healthz' | '/readyz'
                              ? HealthAnswer
                              : unknown;
