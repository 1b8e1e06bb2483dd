/** /v1/batches: what became of files and submissions; live events; the answers to download; cancelling. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { assert } from '../../core/assert.ts';
import { Fault } from '../../core/faults.ts';
import { exactJsonText } from '../../core/text.ts';
import type { Batch, BatchState } from '../../io/ports/registry.ts';
import { ANSWER_KINDS, type AnswerKind, openAnswer } from '../../stages/answers/answers.ts';
import { cancelBatch, redriveBatch } from '../../stages/batch/cancel.ts';
import { batchView } from '../../stages/batch/views.ts';
import { callerOf, clientOf } from '../auth.ts';
import type { ApiContext } from '../context.ts';
import {
  batchesQuery,
  batchSchema,
  csvSchema,
  eventsSchema,
  idParams,
  pageSchema,
  problemSchema,
  resubmitSchema,
} from '../schemas.ts';
import { batchEvents, StreamSlots } from '../services/batchEvents.ts';
import { type BatchRequest, callersBatch } from '../services/batches.ts';
import { decodeCursor, encodeCursor } from '../services/cursors.ts';
import { answerOnce } from '../services/idempotent.ts';
import { fullBatchView, pageJson } from '../services/views.ts';

type Id = BatchRequest;

interface List {
  readonly Querystring: { readonly limit: number; readonly cursor?: string; readonly state?: BatchState };
}

const JSON_TYPE = 'application/json; charset=utf-8';
const STREAMS_PER_CALLER_MAX = 32;
const STREAMS_MAX = 512;

const tags = ['batches'];
const errors = { '4XX': problemSchema, '5XX': problemSchema };

/** `ending` aborts when the service ends: streams are closed then, for they would never end by themselves. */
export function batchRoutes(app: FastifyInstance, context: ApiContext, ending: AbortSignal): void {
  const { registry } = context;
  const streams = new StreamSlots(STREAMS_PER_CALLER_MAX, STREAMS_MAX);

  const batchOf = (request: FastifyRequest<Id>): Promise<Batch> => callersBatch(registry, request);

  async function sendBatch(reply: FastifyReply, batch: Batch): Promise<FastifyReply> {
    return reply.type(JSON_TYPE).send(exactJsonText(await fullBatchView(context, batch)));
  }

  app.get<List>(
    '/batches',
    {
      schema: {
        tags,
        summary: 'List batches, newest first',
        querystring: batchesQuery,
        response: { 200: pageSchema(batchSchema), ...errors },
      },
    },
    async (request, reply) => {
      const { limit, cursor, state } = request.query;
      const client = clientOf(request);
      const [before] = cursor === undefined ? [] : decodeCursor('batches', cursor, ['number']);
      const batches = await registry.list({
        client,
        limit,
        ...(state === undefined ? {} : { states: [state] }),
        ...(before === undefined ? {} : { before: before as number }),
      });
      const last = batches.length === limit ? batches.at(-1) : undefined;
      const next = last === undefined ? null : encodeCursor('batches', [last.acceptedNumber]);
      return reply.type(JSON_TYPE).send(pageJson(batches.map(batchView), next));
    },
  );

  app.get<Id>(
    '/batches/:id',
    {
      schema: {
        tags,
        summary: 'Read a batch: state, progress, receipt',
        params: idParams,
        response: { 200: batchSchema, ...errors },
      },
    },
    async (request, reply) => await sendBatch(reply, await batchOf(request)),
  );

  app.get<Id>(
    '/batches/:id/events',
    {
      schema: {
        tags,
        summary: 'Follow a batch live',
        description: 'Server-sent events: `batch` with the whole view at each change, `end` when it is final.',
        params: idParams,
        response: { 200: eventsSchema, ...errors },
      },
    },
    async (request, reply) => {
      const batch = await batchOf(request);
      const caller = callerOf(request);
      const give = streams.take(caller.client ?? caller.key);
      if (give === undefined) throw new Fault('STREAMS_TOO_MANY');
      const gone = new AbortController();
      const leave = (): void => {
        give();
        gone.abort();
      };
      // Who went while the batch was looked up is gone already, and is not told of again.
      if (reply.raw.closed) leave();
      reply.raw.once('close', leave);
      const events = Readable.from(batchEvents(context, batch.id, AbortSignal.any([gone.signal, ending])), {
        objectMode: false,
      });
      return reply.headers({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }).send(events);
    },
  );

  for (const kind of ANSWER_KINDS) {
    app.get<Id>(
      `/batches/:id/${kind}`,
      {
        schema: {
          tags,
          summary:
            kind === 'resubmit' ? 'Download the rejected records, in the format of the file' : `Download ${kind}.csv`,
          params: idParams,
          response: { 200: kind === 'resubmit' ? resubmitSchema : csvSchema, ...errors },
        },
      },
      async (request, reply) => await sendAnswer(request, reply, (await batchOf(request)).id, kind),
    );
  }

  async function sendAnswer(
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
    kind: AnswerKind,
  ): Promise<FastifyReply> {
    const { media, blocks } = await openAnswer(context, id, kind);
    // What refuses it is found before the first block, while it can still be answered.
    const first = await blocks.next();
    const all = Readable.from(
      (async function* () {
        if (first.done !== true) yield first.value;
        yield* blocks;
      })(),
      { objectMode: false },
    );
    reply.headers({
      'content-type': media.mediaType,
      'content-disposition': `attachment; filename="${id}-${kind}.${media.extension}"`,
      vary: 'accept-encoding',
    });
    if (!takesGzip(request)) return reply.send(all);
    const gzip = createGzip({ level: 1 });
    // Each side ends the other; Fastify answers for a stream that breaks by cutting the connection.
    pipeline(all, gzip).catch(() => {});
    return reply.header('content-encoding', 'gzip').send(gzip);
  }

  app.post<Id>(
    '/batches/:id/cancel',
    {
      schema: {
        tags,
        summary: 'Cancel a batch, until its registering begins',
        params: idParams,
        response: { 200: batchSchema, ...errors },
      },
    },
    async (request, reply) =>
      await answerOnce(context, request, reply, async () => {
        const before = await batchOf(request);
        const batch = before.state === 'cancelled' ? before : await cancelBatch(context, before);
        const view = await fullBatchView(context, batch);
        return { status: 200, body: exactJsonText(view) };
      }),
  );

  app.post<Id>(
    '/batches/:id/redrive',
    {
      schema: {
        tags,
        summary: 'Resume a stalled batch; operators only',
        params: idParams,
        response: { 200: batchSchema, ...errors },
      },
    },
    async (request, reply) => {
      if (callerOf(request).scope !== 'operator') throw new Fault('FORBIDDEN');
      return await answerOnce(context, request, reply, async () => {
        const batch = await redriveBatch(context, await batchOf(request));
        const view = await fullBatchView(context, batch);
        return { status: 200, body: exactJsonText(view) };
      });
    },
  );
}

/** RFC 9110, 12.5.3, as far as it is about gzip. */
export function takesGzip({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  const written = headers['accept-encoding'];
  assert(written === undefined || typeof written === 'string', 'node joins this header');
  const weights = new Map(
    (written ?? '').split(',').map((part) => {
      const [coding = '', ...parameters] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/);
      const quality = parameters.find((parameter) => parameter.startsWith('q='));
      return [coding, quality === undefined ? 1 : Number(quality.slice(2))] as const;
    }),
  );
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0;
}
