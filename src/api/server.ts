/**
 * The input API: one Fastify server over the stores of this process.
 *
 * Promises
 * - Whose data a request is about comes from its key; a route reaches the stores only through that.
 * - Headers, bodies, the time both take, connections and requests a second are bounded by settings.
 * - `close` stops accepting, lets requests in flight finish within the time given, ends event streams, and then closes.
 * - Every refusal is a problem detail; a bug is told by the event `http.failed` and shows nothing of itself.
 */
import type { AddressInfo } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { Fault } from '../core/faults.ts';
import { authenticator } from './auth.ts';
import { readJson } from './bodyParser.ts';
import type { ApiContext } from './context.ts';
import { allowOrigins } from './cors.ts';
import { Meter } from './meter.ts';
import { refuseUnrouted } from './methods.ts';
import { describeApi, openApiRoute } from './openapi.ts';
import { endSocket, PROBLEM_TYPE, problemOf } from './problems.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { batchRoutes } from './routes/batches.ts';
import { debtRoutes } from './routes/debts.ts';
import { fileRoutes } from './routes/files.ts';
import { healthRoutes } from './routes/health.ts';
import { subBatchRoutes } from './routes/subBatches.ts';
import { submissionRoutes } from './routes/submissions.ts';
import { linger } from './services/bodies.ts';
import { Rates } from './services/rates.ts';
import { keepTidy } from './upkeep.ts';

export interface RunningApi {
  /** `http://127.0.0.1:8080`, as it is listened on. */
  readonly url: string;
  /** Stops accepting; in-flight requests have `drainMs` to finish, then their connections are closed. */
  close(drainMs: number): Promise<void>;
}

const LINGER_BYTES_MAX = 4 * 1024 * 1024;
const LINGER_MS_MAX = 1000;
/** How often connections are looked at whose headers come slowly. */
const SLOW_LOOK_MS = 500;
const IDLE_LOOK_MS = 50;
/** How often it is told what was served. */
const METER_MS = 1000;

export async function startApi(context: ApiContext): Promise<RunningApi> {
  const ending = new AbortController();
  const meter = new Meter(context);
  const app = await buildApi(context, meter, ending.signal);
  const { httpHost, httpPort, sweepMs } = context.settings;
  try {
    await app.listen({ host: httpHost, port: httpPort });
  } catch (error) {
    await app.close();
    const { code } = error as NodeJS.ErrnoException;
    throw new Fault(
      'CONFIG_INVALID',
      `the API cannot listen on ${httpHost} port ${httpPort}: ${code ?? 'unknown reason'}`,
    );
  }
  const { address, port, family } = app.server.address() as AddressInfo;
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  context.telemetry.emit({ name: 'http.listening', level: 'info', fields: { url } });
  const tidying = keepTidy(context, sweepMs, ending.signal);
  const telling = meter.keepTelling(METER_MS, ending.signal);
  return {
    url,
    async close(drainMs) {
      ending.abort();
      const late = setTimeout(() => app.server.closeAllConnections(), drainMs);
      // Connections that were busy when the server closed are kept alive by their clients afterwards.
      const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_LOOK_MS);
      await app.close();
      clearTimeout(late);
      clearInterval(idle);
      await Promise.all([tidying, telling]);
      meter.tell();
    },
  };
}

async function buildApi(context: ApiContext, meter: Meter, ending: AbortSignal): Promise<FastifyInstance> {
  const { settings } = context;
  const app = fastify({
    logger: false,
    bodyLimit: settings.httpBodyBytesMax,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // Bodies have times of their own: a file may take hours, as long as it moves.
    requestTimeout: 0,
    http: {
      maxHeaderSize: settings.httpHeaderBytesMax,
      headersTimeout: settings.httpHeaderMs,
      connectionsCheckingInterval: Math.min(SLOW_LOOK_MS, settings.httpHeaderMs),
    },
    clientErrorHandler: (error, socket) => {
      const fault = connectionFault(error.code);
      if (socket.writable) meter.refused(problemOf(fault).problem.status);
      endSocket(socket, fault);
    },
    // A path that cannot be decoded comes to no route and no hook; the framework's own answer repeats it.
    frameworkErrors: (_error, request, reply) => {
      const fault = new Fault('REQUEST_INVALID', 'its path cannot be decoded');
      meter.refused(problemOf(fault).problem.status);
      void refuse(context, fault, request, closely(reply));
    },
  });
  app.server.maxConnections = settings.httpConnectionsMax;
  app.decorateRequest('caller', null).decorateRequest('rawBody', null);
  meter.watch(app);
  checkBy(app);
  readJson(app, settings);
  app.addHook('onRequest', (_request, reply, done) => {
    closely(reply);
    if (ending.aborted) reply.header('connection', 'close');
    done();
  });
  allowOrigins(app, settings.httpCorsOrigins);
  app.setErrorHandler((error, request, reply) => refuse(context, error, request, reply));
  refuseUnrouted(app);
  await describeApi(app);
  openApiRoute(app);
  healthRoutes(app, context, meter, ending);
  const authenticate = authenticator(
    context,
    new Rates(context.clock, settings.httpClientRate, settings.httpClientBurst),
  );
  await app.register(
    async (v1) => {
      v1.addHook('onRequest', authenticate);
      submissionRoutes(v1, context);
      batchRoutes(v1, context, ending);
      approvalRoutes(v1, context);
      subBatchRoutes(v1, context);
      debtRoutes(v1, context);
      await v1.register(async (files) => fileRoutes(files, context));
    },
    { prefix: '/v1' },
  );
  return app;
}

/** Bodies are taken as they are; what stands in a URL is text, and is read as what its schema says. */
function checkBy(app: FastifyInstance): void {
  const options = { strict: false, validateFormats: false, useDefaults: true } as const;
  const exact = new Ajv2020(options);
  const fromText = new Ajv2020({ ...options, coerceTypes: true });
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? exact : fromText).compile(schema as object),
  );
  // Schemas of answers are for the description: what is sent was made as text already, its integers exact.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

/** What every answer carries: it is what it says it is, and for this asker alone. */
function closely(reply: FastifyReply): FastifyReply {
  return reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
}

async function refuse(
  context: ApiContext,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { problem, retryAfterSeconds } = problemOf(error);
  if (problem.status >= 500) {
    const isBug = problem.code === 'INTERNAL';
    const text = error instanceof Error ? ((isBug ? error.stack : undefined) ?? error.message) : String(error);
    context.telemetry.emit({
      name: 'http.failed',
      level: isBug ? 'error' : 'warn',
      fields: { route: request.routeOptions.url, method: request.method, code: problem.code, error: text },
    });
  }
  if (!request.raw.complete) {
    // A sender that is still busy sending reads no answer.
    await linger(request.raw, LINGER_BYTES_MAX, LINGER_MS_MAX);
    if (!request.raw.complete) reply.header('connection', 'close');
  }
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

function connectionFault(code: string | undefined): Fault {
  if (code === 'HPE_HEADER_OVERFLOW') return new Fault('HEADERS_TOO_LARGE');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Fault('BODY_TOO_SLOW', 'the headers did not come in time');
  return new Fault('REQUEST_INVALID', 'it is no HTTP/1.1 request');
}
