/**
 * JSON bodies: so many bytes of them at once and no more, each read within their size and time, as UTF-8 and nothing else; `__proto__` in them is refused. Where the
 * request carries an Idempotency-Key its bytes are kept, because the fingerprint is over them.
 */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BODIES_IN_HAND } from '../config/apiSettings.ts';
import type { Settings } from '../config/schema.ts';
import { Fault } from '../core/faults.ts';
import { endSocket } from './problems.ts';

/** What a parse that takes names literally could be fooled by; escapes may spell them too. Most bodies have none of these. */
const SUSPICIOUS = /__proto__|constructor|\\u/;

type BodySettings = Pick<Settings, 'httpBodyMs' | 'httpBodyBytesMax'>;

export function readJson(app: FastifyInstance, settings: BodySettings): void {
  app.removeAllContentTypeParsers();
  const parseWarily = app.getDefaultJsonParser('error', 'error');
  const bodies = watchBodies(app, settings);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    bodies.cameIn(request);
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
  app.addHook('preParsing', (request, reply, payload, done) => {
    // Only what is read here; files have a limit on standing still instead.
    const isJson = request.headers['content-type']?.startsWith('application/json') === true;
    if (isJson && !bodies.isAwaited(request, reply)) done(new Fault('REQUESTS_TOO_MANY'));
    else done(null, payload);
  });
}

interface Awaited {
  readonly sinceMs: number;
  readonly bytes: number;
  came: boolean;
}

/**
 * Bounds what all JSON bodies in hand may add up to, and ends those that take too long. One look over all of them now and
 * then: a timer each costs more than a line.
 */
function watchBodies(app: FastifyInstance, { httpBodyMs, httpBodyBytesMax }: BodySettings) {
  const inHand = new Map<FastifyRequest, Awaited>();
  let bytesInHand = 0;
  const release = (request: FastifyRequest): void => {
    bytesInHand -= inHand.get(request)?.bytes ?? 0;
    inHand.delete(request);
  };
  const look = setInterval(
    () => {
      const before = performance.now() - httpBodyMs;
      for (const [request, { sinceMs, came }] of inHand) {
        if (sinceMs > before) break;
        if (came) continue;
        release(request);
        endSocket(request.raw.socket, new Fault('BODY_TOO_SLOW', `it took more than ${httpBodyMs} ms`));
        request.raw.destroy();
      }
    },
    Math.max(10, Math.min(1000, httpBodyMs / 4)),
  );
  look.unref();
  app.addHook('onClose', async () => clearInterval(look));
  return {
    /** Whether there is room for its body. Without a length it may be as long as any. */
    isAwaited(request: FastifyRequest, reply: FastifyReply): boolean {
      // Who went while the key was looked up is gone already, and would never be told of.
      if (reply.raw.closed) return true;
      const bytes = Number(request.headers['content-length'] ?? httpBodyBytesMax);
      // What is larger than any may be is refused for that.
      if (bytes <= httpBodyBytesMax && bytesInHand + bytes > BODIES_IN_HAND * httpBodyBytesMax) return false;
      const counted = Math.min(bytes, httpBodyBytesMax);
      inHand.set(request, { sinceMs: performance.now(), bytes: counted, came: false });
      bytesInHand += counted;
      // Comes however it ends: no hook does where the sender has left before the answer.
      reply.raw.once('close', () => release(request));
      return true;
    },
    cameIn(request: FastifyRequest): void {
      const awaited = inHand.get(request);
      if (awaited !== undefined) awaited.came = true;
    },
  };
}
