/**
 * JSON bodies: read within their size and time, as UTF-8 and nothing else; `__proto__` in them is refused. Where the
 * request carries an Idempotency-Key its bytes are kept, because the fingerprint is over them.
 */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import type { Settings } from '../config/schema.ts';
import { Fault } from '../core/faults.ts';
import { endSocket } from './problems.ts';

export function readJson(app: FastifyInstance, { httpBodyMs }: Pick<Settings, 'httpBodyMs'>): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (request.headers['idempotency-key'] !== undefined) request.rawBody = body;
    // POST without anything to say: clients send the type with no body all the same.
    if (body.length === 0) return done(null, null);
    if (!isUtf8(body)) return done(new Fault('REQUEST_INVALID', 'the body is not UTF-8'));
    return parse(request, body.toString('utf8'), done);
  });
  app.addHook('preParsing', (request, _reply, payload, done) => {
    // Only what is read here; files have a limit on standing still instead.
    if (request.headers['content-type']?.startsWith('application/json') === true && !request.raw.complete) {
      const timer = setTimeout(() => {
        endSocket(request.raw.socket, new Fault('BODY_TOO_SLOW', `it took more than ${httpBodyMs} ms`));
        request.raw.destroy();
      }, httpBodyMs);
      request.raw.once('close', () => clearTimeout(timer)).once('end', () => clearTimeout(timer));
    }
    done(null, payload);
  });
}
