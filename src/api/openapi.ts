/** The description of the API, made from the schemas that check what comes in, and its page for people (no CDN: the files of the page are served from here). */
import { fastifySwagger } from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

const DESCRIPTION = `Files of overdue debts in, the fate of every line out.

Send a key with every request: \`Authorization: Bearer rk_…\`. Every POST takes an \`Idempotency-Key\`:
repeated with the same body it has its effect once and is answered alike. Errors are problem details
(RFC 9457) whose \`code\` is stable.`;

/** Registered before the routes: it watches them being made. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Remessa input API', version: '1', description: DESCRIPTION },
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'an API key of a client or an operator' },
        },
        parameters: {
          idempotencyKey: {
            name: 'Idempotency-Key',
            in: 'header',
            schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' },
            description: 'names this request: repeated, it has its effect once',
          },
          client: {
            name: 'X-Remessa-Client',
            in: 'header',
            schema: { type: 'string' },
            description: 'with an operator key: the client the request is about',
          },
        },
      },
      security: [{ key: [] }],
    },
    transformObject: (document) => ('openapiObject' in document ? withParameters(document.openapiObject) : {}),
  });
  await app.register(fastifySwaggerUi, { routePrefix: '/docs', staticCSP: true, logLevel: 'silent' });
}

export function openApiRoute(app: FastifyInstance): void {
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger())),
  );
}

interface Operation {
  parameters?: unknown[];
}

/** What every route takes in its headers is checked by hooks, so the routes do not repeat it. */
function withParameters<D extends { readonly paths?: object | undefined }>(document: D): D {
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    if (!path.startsWith('/v1/')) continue;
    for (const [method, operation] of Object.entries(methods as Record<string, Operation>)) {
      const repeated = method === 'post' ? ['idempotencyKey'] : [];
      const references = ['client', ...repeated].map((name) => ({ $ref: `#/components/parameters/${name}` }));
      operation.parameters = [...(operation.parameters ?? []), ...references];
    }
  }
  return document;
}
