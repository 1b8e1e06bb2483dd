/**
 * What no route takes: a path that nobody knows, or one that takes other methods (RFC 9110, 15.5.6), which `Allow` names.
 *
 * Promise: it is refused before its body is read, whatever that holds. Faults: `ROUTE_UNKNOWN`, `METHOD_NOT_ALLOWED`.
 */
import type { FastifyInstance } from 'fastify';
import { Fault } from '../core/faults.ts';

/** To be called before any route is made. */
export function refuseUnrouted(app: FastifyInstance): void {
  const routes = new Map<string, { readonly path: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = routes.get(url) ?? { path: patternOf(url), methods: new Set<string>() };
    routes.set(url, known);
    for (const one of [method].flat()) known.methods.add(one);
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    const path = request.url.split('?', 1)[0] as string;
    const allowed = [...routes.values()].flatMap((one) => (one.path.test(path) ? [...one.methods] : []));
    if (allowed.length === 0) return done(new Fault('ROUTE_UNKNOWN'));
    reply.header('allow', [...new Set(allowed)].sort().join(', '));
    return done(new Fault('METHOD_NOT_ALLOWED'));
  });
}

/** `:name` in a route stands for one part of a path, `*` at its end for any rest. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\\\*$/, '.*').replace(/:[^/]+/g, '[^/]+')}$`);
}
