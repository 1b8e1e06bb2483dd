/** /v1/batches/{id}: what a batch that is to be approved would do, and the decision about it. */
import type { FastifyInstance } from 'fastify';
import { Fault } from '../../core/faults.ts';
import { exactJsonText } from '../../core/text.ts';
import type { Batch } from '../../io/ports/registry.ts';
import { approveBatch, discardBatch } from '../../stages/batch/approve.ts';
import { previewView } from '../../stages/batch/previewView.ts';
import { callerOf } from '../auth.ts';
import type { ApiContext } from '../context.ts';
import { batchSchema, idParams, problemSchema } from '../schemas.ts';
import { type BatchRequest, callersBatch } from '../services/batches.ts';
import { answerOnce } from '../services/idempotent.ts';
import { fullBatchView } from '../services/views.ts';
import { discardBody, previewSchema } from '../workSchemas.ts';

interface Discard extends BatchRequest {
  readonly Body: { readonly why?: string } | null;
}

const tags = ['batches'];
const errors = { '4XX': problemSchema, '5XX': problemSchema };

export function approvalRoutes(app: FastifyInstance, context: ApiContext): void {
  const { registry } = context;

  async function answerOf(batch: Batch) {
    return { status: 200, body: exactJsonText(await fullBatchView(context, batch)) };
  }

  app.get<BatchRequest>(
    '/batches/:id/preview',
    {
      schema: {
        tags,
        summary: 'What a batch that is to be approved would do',
        description: 'By outcome, by creditor and by age of debt, as of when it stood first in its line.',
        params: idParams,
        response: { 200: previewSchema, ...errors },
      },
    },
    async (request, reply) => {
      const batch = await callersBatch(registry, request);
      const view = await previewView(registry, batch);
      if (view === undefined) {
        const says = batch.approval === undefined ? 'it is not to be approved' : `it is ${batch.state}`;
        throw new Fault(batch.erasedAtMs === undefined ? 'OUTPUT_NOT_READY' : 'BATCH_ERASED', says, {
          batch: batch.id,
        });
      }
      return reply.type('application/json; charset=utf-8').send(exactJsonText(view));
    },
  );

  app.post<BatchRequest>(
    '/batches/:id/approve',
    {
      schema: {
        tags,
        summary: 'Let a batch register that waits for approval',
        description: "It goes to the end of its client's line, and is decided against the debts as they are then.",
        params: idParams,
        response: { 200: batchSchema, ...errors },
      },
    },
    async (request, reply) =>
      await answerOnce(context, request, reply, async () => {
        const { id } = await callersBatch(registry, request);
        return await answerOf(await approveBatch(context, id, `key ${callerOf(request).key}`));
      }),
  );

  app.post<Discard>(
    '/batches/:id/discard',
    {
      schema: {
        tags,
        summary: 'End a batch that waits for approval; nothing of it is registered',
        params: idParams,
        body: discardBody,
        response: { 200: batchSchema, ...errors },
      },
    },
    async (request, reply) =>
      await answerOnce(context, request, reply, async () => {
        const { id } = await callersBatch(registry, request);
        return await answerOf(await discardBatch(context, id, request.body?.why));
      }),
  );
}
