/** /v1/submissions: lines that a client sends one by one or many at a time, and submits as one file. */
import type { FastifyInstance } from 'fastify';
import { Fault, type FaultCode } from '../../core/faults.ts';
import { exactJsonText } from '../../core/text.ts';
import { decodeLine, encodeLine, type LineValues } from '../../stages/intake/lines.ts';
import { type SubmitContext, submit } from '../../stages/intake/submit.ts';
import { callerOf, clientOf } from '../auth.ts';
import type { ApiContext } from '../context.ts';
import {
  appendedSchema,
  appendLines,
  batchSchema,
  createSubmission,
  idParams,
  lineSchema,
  pageQuery,
  pageSchema,
  problemSchema,
  submissionSchema,
} from '../schemas.ts';
import { decodeCursor, encodeCursor } from '../services/cursors.ts';
import { type Answer, answerOnce, effectId, idempotencyKeyOf } from '../services/idempotent.ts';
import { displayName } from '../services/uploads.ts';
import { fullBatchView, pageJson, submissionView } from '../services/views.ts';

interface Id {
  readonly Params: { readonly id: string };
}

interface Page {
  readonly Querystring: { readonly limit: number; readonly cursor?: string };
}

interface Creation {
  readonly file?: string;
  readonly columns?: readonly string[];
  readonly dryRun?: boolean;
  readonly asOf?: string;
}

const APPEND_FAULTS = {
  unknown: 'SUBMISSION_UNKNOWN',
  closed: 'SUBMISSION_CLOSED',
  expired: 'SUBMISSION_EXPIRED',
  full: 'SUBMISSION_FULL',
} as const satisfies Record<string, FaultCode>;

const tags = ['submissions'];
const errors = { '4XX': problemSchema, '5XX': problemSchema };

export function submissionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { submissions, settings } = context;
  const submitting: SubmitContext = context;

  app.post(
    '/submissions',
    {
      schema: {
        tags,
        summary: 'Open a submission',
        body: createSubmission,
        response: { 201: submissionSchema, ...errors },
      },
    },
    async (request, reply) => {
      const client = clientOf(request);
      const wanted = (request.body ?? {}) as Creation;
      if (wanted.asOf !== undefined) assertOperatorDay(callerOf(request).scope, wanted.asOf);
      return await answerOnce(context, request, reply, async () => {
        if ((await submissions.countOpen(client)) >= settings.submissionsOpenMax) {
          throw new Fault('SUBMISSIONS_TOO_MANY');
        }
        const { submission } = await submissions.create({
          client,
          id: `s-${effectId(context, request, client)}`,
          file: displayName(wanted.file ?? 'lines.csv'),
          columns: wanted.columns ?? null,
          dryRun: wanted.dryRun ?? false,
          asOf: wanted.asOf ?? null,
          createdAtMs: context.clock.nowMs(),
        });
        const body = JSON.stringify(submissionView(submission, settings.submissionIdleMs));
        return { status: 201, headers: { location: `/v1/submissions/${submission.id}` }, body };
      });
    },
  );

  app.get<Page>(
    '/submissions',
    {
      schema: {
        tags,
        summary: 'List submissions, newest first',
        querystring: pageQuery(500, 50),
        response: { 200: pageSchema(submissionSchema), ...errors },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query;
      const [createdAtMs, id] = cursor === undefined ? [] : decodeCursor('submissions', cursor, ['number', 'string']);
      const before = { createdAtMs: createdAtMs as number, id: id as string };
      const page = await submissions.list(clientOf(request), {
        max: limit,
        ...(cursor === undefined ? {} : { before }),
      });
      const last = page.length === limit ? page.at(-1) : undefined;
      const next = last === undefined ? null : encodeCursor('submissions', [last.createdAtMs, last.id]);
      const views = page.map((submission) => submissionView(submission, settings.submissionIdleMs));
      return reply.type(JSON_TYPE).send(pageJson(views, next));
    },
  );

  app.get<Id>(
    '/submissions/:id',
    {
      schema: { tags, summary: 'Read a submission', params: idParams, response: { 200: submissionSchema, ...errors } },
    },
    async (request, reply) => {
      const submission = await submissions.get(clientOf(request), request.params.id);
      if (submission === undefined) throw new Fault('SUBMISSION_UNKNOWN');
      return reply.type(JSON_TYPE).send(JSON.stringify(submissionView(submission, settings.submissionIdleMs)));
    },
  );

  app.delete<Id>(
    '/submissions/:id',
    {
      schema: {
        tags,
        summary: 'Discard an open submission',
        params: idParams,
        response: { 204: { type: 'null' }, ...errors },
      },
    },
    async (request, reply) => {
      const outcome = await submissions.discard(clientOf(request), request.params.id);
      if (outcome === 'unknown') throw new Fault('SUBMISSION_UNKNOWN');
      if (outcome === 'not_open') throw new Fault('SUBMISSION_CLOSED');
      return reply.code(204).send();
    },
  );

  app.post<Id>(
    '/submissions/:id/lines',
    {
      schema: {
        tags,
        summary: 'Append one line or many; what is answered is on disk',
        params: idParams,
        body: appendLines,
        response: { 201: appendedSchema, ...errors },
      },
    },
    async (request, reply) => {
      const client = clientOf(request);
      const { id } = request.params;
      const body = request.body as { readonly lines?: readonly LineValues[] } & LineValues;
      return await answerOnce(context, request, reply, () =>
        append(client, id, body.lines ?? [body], idempotencyKeyOf(request) ?? null),
      );
    },
  );

  async function append(
    client: string,
    id: string,
    values: readonly LineValues[],
    token: string | null,
  ): Promise<Answer> {
    await assertColumns(client, id, values);
    let columnsUsed = 0;
    const lines = values.map((line, index) => {
      if (!isText(line)) throw new Fault('REQUEST_INVALID', `line ${index + 1} holds what is no text in Unicode`);
      const encoded = encodeLine(line);
      columnsUsed |= encoded.columnsUsed;
      return encoded.text;
    });
    const answer = await submissions.append({
      client,
      id,
      lines,
      columnsUsed,
      token,
      linesMax: settings.submissionLinesMax,
      bytesMax: settings.submissionBytesMax,
      nowMs: context.clock.nowMs(),
      idleMs: settings.submissionIdleMs,
    });
    if (answer.kind !== 'appended') throw new Fault(APPEND_FAULTS[answer.kind]);
    const numbers = lines.map((_, index) => ({ number: answer.first + index }));
    return { status: 201, body: JSON.stringify({ submission: id, accepted: lines.length, lines: numbers }) };
  }

  /** Optional columns are looked at only where a line has some: the columns of a submission never change. */
  async function assertColumns(client: string, id: string, values: readonly LineValues[]): Promise<void> {
    const named = new Set<string>();
    for (const line of values) {
      for (const name in line) if (line[name] !== null && !REQUIRED.has(name)) named.add(name);
    }
    if (named.size === 0) return;
    const declared = (await submissions.get(client, id))?.columns ?? null;
    if (declared === null) return;
    const extra = [...named].filter((name) => !declared.includes(name));
    if (extra.length > 0) throw new Fault('REQUEST_INVALID', `the submission was opened without ${extra.join(', ')}`);
  }

  app.get<Id & Page>(
    '/submissions/:id/lines',
    {
      schema: {
        tags,
        summary: 'Read back what was appended',
        params: idParams,
        querystring: pageQuery(5000, 500),
        response: {
          200: pageSchema({ type: 'object', properties: { number: { type: 'integer' }, line: lineSchema } }),
          ...errors,
        },
      },
    },
    async (request, reply) => {
      const client = clientOf(request);
      const { id } = request.params;
      const { limit, cursor } = request.query;
      if ((await submissions.get(client, id)) === undefined) throw new Fault('SUBMISSION_UNKNOWN');
      const [after] = cursor === undefined ? [0] : decodeCursor(`lines ${id}`, cursor, ['number']);
      const lines = await submissions.read(client, id, { after: after as number, max: limit });
      const last = lines.length === limit ? lines.at(-1) : undefined;
      const next = last === undefined ? null : encodeCursor(`lines ${id}`, [last.number]);
      const items = lines.map(({ number, line }) => ({ number, line: decodeLine(line) }));
      return reply.type(JSON_TYPE).send(pageJson(items, next));
    },
  );

  app.post<Id>(
    '/submissions/:id/submit',
    {
      schema: {
        tags,
        summary: 'Close the submission; its lines become a batch',
        params: idParams,
        response: { 202: batchSchema, ...errors },
      },
    },
    async (request, reply) => {
      const client = clientOf(request);
      return await answerOnce(context, request, reply, async () => {
        const batch = await submit(submitting, client, request.params.id, settings.submissionIdleMs);
        const view = await fullBatchView(context, batch);
        return { status: 202, headers: { location: `/v1/batches/${batch.id}` }, body: exactJsonText(view) };
      });
    },
  );
}

const JSON_TYPE = 'application/json; charset=utf-8';
const REQUIRED: ReadonlySet<string> = new Set(lineSchema.required);

/** Half of a surrogate pair is no character: it could not be written as UTF-8. */
function isText(line: LineValues): boolean {
  return Object.values(line).every((value) => value === null || value.isWellFormed());
}

/** Another business date bends the rules of what may be registered: that is for operators. */
export function assertOperatorDay(scope: string, day: string): void {
  if (scope !== 'operator') throw new Fault('FORBIDDEN', 'only an operator sets the business date');
  const time = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day) {
    throw new Fault('REQUEST_INVALID', 'asOf is a day that exists, written YYYY-MM-DD');
  }
}
