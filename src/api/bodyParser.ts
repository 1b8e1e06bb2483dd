/**
 * JSON bodies: read within their size and time, as UTF-8 and nothing else; `__proto__` in them is refused. Where the
 * request carries an Idempotency-Key its bytes are kept, because the fingerprint is over them.
 */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Settings } from '../config/schema.ts';
import { Fault } from '../core/faults.ts';
import { endSocket } from './problems.ts';

/** What a parse that takes names literally could be fooled by; escapes may spell them too. Most bodies have none of these. */
const SUSPICIOUS = /__proto__|constructor|\\u/;

export function readJson(app: FastifyInstance, { httpBodyMs }: Pick<Settings, 'httpBodyMs'>): void {
  app.removeAllContentTypeParsers();
  const parseWarily = app.getDefaultJsonParser('error', 'error');
  const late = lateBodies(app, httpBodyMs);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    late.cameIn(request);
    if (request.headers['idempotency-key'] !== undefined) request.rawBody = body;
    // POST without anything to say: clients send the type with no body all the same.
    if (body.length === 0) return done(null, null);
    if (!isUtf8(body)) return done(new Fault('REQUEST_INVALID', 'the body is not UTF-8'));
    const text = body.toString('utf8');
    if (SUSPICIOUS.test(text)) return parseWarily(request, text, done);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return done(new Fault('REQUEST_INVALID', 'the body is not JSON'));
    }
    return done(null, value);
  });
  app.addHook('preParsing', (request, _reply, payload, done) => {
    // Only what is read here; files have a limit on standing still instead.
    if (request.headers['content-type']?.startsWith('application/json') === true) late.isAwaited(request);
    done(null, payload);
  });
}

/** Ends requests whose JSON takes too long. One look over all of them now and then: a timer each costs more than a line. */
function lateBodies(app: FastifyInstance, httpBodyMs: number) {
  const awaited = new Map<FastifyRequest, number>();
  const look = setInterval(
    () => {
      const before = performance.now() - httpBodyMs;
      for (const [request, sinceMs] of awaited) {
        if (sinceMs > before) break;
        awaited.delete(request);
        endSocket(request.raw.socket, new Fault('BODY_TOO_SLOW', `it took more than ${httpBodyMs} ms`));
        request.raw.destroy();
      }
    },
    Math.max(10, Math.min(1000, httpBodyMs / 4)),
  );
  look.unref();
  app.addHook('onClose', async () => clearInterval(look));
  // A body that was refused or cut never comes to the parser.
  app.addHook('onResponse', (request, _reply, done) => {
    awaited.delete(request);
    done();
  });
  app.addHook('onRequestAbort', (request, done) => {
    awaited.delete(request);
    done();
  });
  return {
    isAwaited: (request: FastifyRequest) => void awaited.set(request, performance.now()),
    cameIn: (request: FastifyRequest) => void awaited.delete(request),
  };
}
