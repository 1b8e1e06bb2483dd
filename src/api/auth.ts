/**
 * Who is calling. Every request below /v1 carries a key (`Authorization: Bearer …`, or `X-API-Key`); a client's key says
 * whose data the request is about, an operator's key names the client in `X-Remessa-Client`.
 *
 * Faults: `UNAUTHENTICATED` (no key, a wrong, revoked or ended one: they look alike), `FORBIDDEN`, `CLIENT_UNKNOWN`,
 * `CLIENT_NOT_NAMED`, `RATE_LIMITED`.
 */
import type { FastifyRequest } from 'fastify';
import { Fault } from '../core/faults.ts';
import { CLIENT_ID } from '../io/ports/clients.ts';
import { keyOfToken } from '../stages/intake/apiKeys.ts';
import type { ApiContext, Caller } from './context.ts';
import { WaitFault } from './problems.ts';
import type { Rates } from './services/rates.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
}

export function authenticator(context: ApiContext, rates: Rates): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const token = tokenOf(request);
    const key = token === undefined ? undefined : await keyOfToken(context.keys, token, context.clock.nowMs());
    if (key === undefined) throw new Fault('UNAUTHENTICATED');
    const waitSeconds = rates.take(key.client ?? `key ${key.id}`);
    if (waitSeconds > 0) throw new WaitFault('RATE_LIMITED', '', waitSeconds);
    const client = key.client ?? (await namedClient(context, request));
    const named = request.headers['x-remessa-client'];
    if (named !== undefined && named !== client) throw new Fault('FORBIDDEN', 'the key belongs to another client');
    request.caller = { key: key.id, scope: key.scope, client };
  };
}

/** Faults: `UNAUTHENTICATED` in routes that ask nobody; there it is a bug to call it. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Fault('UNAUTHENTICATED');
  return request.caller;
}

/** The client the request is about. */
export function clientOf(request: FastifyRequest): string {
  const { client } = callerOf(request);
  if (client === null) throw new Fault('CLIENT_NOT_NAMED');
  return client;
}

/** The token a request carries, whatever it is worth. */
export function tokenOf({ headers }: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const plain = headers['x-api-key'];
  return bearer ?? (typeof plain === 'string' ? plain : undefined);
}

async function namedClient(context: ApiContext, request: FastifyRequest): Promise<string | null> {
  const named = request.headers['x-remessa-client'];
  if (named === undefined) return null;
  if (typeof named !== 'string' || !CLIENT_ID.test(named) || (await context.clients.get(named)) === undefined) {
    throw new Fault('CLIENT_UNKNOWN');
  }
  return named;
}
