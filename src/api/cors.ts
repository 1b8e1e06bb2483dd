/** Pages of other origins may call the API only where the settings name them; by default none may. */
import type { FastifyInstance } from 'fastify';

const HEADERS =
  'authorization, x-api-key, content-type, idempotency-key, x-remessa-client, content-digest, x-checksum-sha256, x-checksum-crc32';
const METHODS = 'GET, POST, DELETE';
const PREFLIGHT_SECONDS = '600';

/** `origins`: separated by commas; empty for none. */
export function allowOrigins(app: FastifyInstance, origins: string): void {
  if (origins === '') return;
  const allowed = new Set(origins.split(','));
  app.addHook('onRequest', async (request, reply) => {
    reply.header('vary', 'origin');
    const { origin } = request.headers;
    if (origin === undefined || !allowed.has(origin)) return;
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': 'location, retry-after' });
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return;
    reply.headers({
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
    });
    await reply.code(204).send();
  });
}
