/** /v1/batches/{id}/ranges and /shards: the pieces of work that a batch is made of, and how each stands. */
import type { FastifyInstance } from 'fastify';
import { exactJsonText } from '../../core/text.ts';
import { rangesOf, shardsOf } from '../../stages/batch/subBatches.ts';
import type { ApiContext } from '../context.ts';
import { idParams, pageQuery, pageSchema, problemSchema } from '../schemas.ts';
import { type BatchRequest, callersBatch } from '../services/batches.ts';
import { decodeCursor, encodeCursor } from '../services/cursors.ts';
import { rangeSchema, shardSchema } from '../workSchemas.ts';

interface List extends BatchRequest {
  readonly Querystring: { readonly limit: number; readonly cursor?: string };
}

const LISTS = {
  ranges: { summary: 'List the ranges of a batch', list: rangesOf, schema: rangeSchema },
  shards: { summary: 'List the shards of a batch', list: shardsOf, schema: shardSchema },
} as const;

export function subBatchRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const [name, { summary, list, schema }] of Object.entries(LISTS)) {
    app.get<List>(
      `/batches/:id/${name}`,
      {
        schema: {
          tags: ['batches'],
          summary,
          params: idParams,
          querystring: pageQuery(1000, 100),
          response: { 200: pageSchema(schema), '4XX': problemSchema, '5XX': problemSchema },
        },
      },
      async (request, reply) => {
        const batch = await callersBatch(context.registry, request);
        const { limit, cursor } = request.query;
        // A cursor goes on in the batch that it was given for.
        const place = `${name} ${batch.id}`;
        const [from = 0] = cursor === undefined ? [] : (decodeCursor(place, cursor, ['number']) as [number]);
        const { items, next } = await list(context, batch, { from, max: limit });
        const answer = { items, next: next === null ? null : encodeCursor(place, [next]) };
        return reply.type('application/json; charset=utf-8').send(exactJsonText(answer));
      },
    );
  }
}
