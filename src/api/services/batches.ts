/** The batch that a request is about. Another client's is answered like one that does not exist. */
import type { FastifyRequest } from 'fastify';
import { Fault } from '../../core/faults.ts';
import type { Batch, Registry } from '../../io/ports/registry.ts';
import { callerOf } from '../auth.ts';

export interface BatchRequest {
  readonly Params: { readonly id: string };
}

/** Faults: `BATCH_UNKNOWN`. */
export async function callersBatch(
  registry: Pick<Registry, 'get'>,
  request: FastifyRequest<BatchRequest>,
): Promise<Batch> {
  const { client } = callerOf(request);
  const batch = await registry.get(request.params.id);
  if (batch === undefined || (client !== null && batch.client !== client)) throw new Fault('BATCH_UNKNOWN');
  return batch;
}
