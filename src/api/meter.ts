/**
 * What the API serves, gathered and told now and then: requests by route, method and class of status, how long they took,
 * how many are in hand, the bytes that came in.
 *
 * Promises
 * - Every request counts once, when its connection is through with it: answered, or cut before the whole answer was out
 *   (`aborted`: also a client that ends its event stream). What never became a request counts with the route `(none)`.
 * - Routes are told by their templates, methods by a short list: what is told apart is bounded, and holds nothing that was
 *   sent. Bytes are those of the connections, heads included; of a long upload they are told as they come.
 * - A request costs a few additions: a line that is appended takes tens of microseconds, an event each would take a tenth
 *   of that. Durations are told by the mean of those that fell between two of `BOUNDS_MS`, so that their sum is exact.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../core/clock.ts';
import type { Telemetry } from '../core/telemetry.ts';

/** Tenths of powers of ten (ISO 3, R 10) from 0.1 ms to a day. */
const R10 = [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8];
const BOUNDS_MS = [-1, 0, 1, 2, 3, 4, 5, 6, 7].flatMap((power) => R10.map((step) => Number(`${step}e${power}`)));

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const NO_ROUTE = '(none)';
const OTHER_METHOD = '(other)';

interface Served {
  requests: number;
  readonly times: number[];
  readonly sumsMs: number[];
}

interface Route {
  readonly route: string;
  readonly method: string;
  inFlight: number;
  bytes: number;
  /** Whether something happened since it was told. */
  moved: boolean;
  /** By class of status. */
  readonly served: Map<string, Served>;
}

interface Request {
  readonly route: Route;
  readonly socket: Socket;
  readonly startedMs: number;
}

export class Meter {
  readonly #deps: { readonly clock: Clock; readonly telemetry: Telemetry };
  readonly #routes = new Map<string, Route>();
  readonly #inHand = new Set<Request>();
  /** Bytes of each connection that are told already. */
  readonly #told = new WeakMap<Socket, number>();

  constructor(deps: { readonly clock: Clock; readonly telemetry: Telemetry }) {
    this.#deps = deps;
  }

  /** Watches every request of the server; to be called before any route is made. */
  watch(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      this.#begin(request.routeOptions.url, request.raw, reply.raw);
      done();
    });
  }

  /** A connection that was refused before it carried a request. */
  refused(status: number): void {
    const route = this.#routeOf(undefined, undefined);
    this.#count(route, classOf(status), 0);
  }

  /** Tells what happened since it did so last. */
  tell(): void {
    for (const request of this.#inHand) this.#addBytes(request);
    for (const route of this.#routes.values()) {
      if (!route.moved) continue;
      const { route: name, method, inFlight, bytes } = route;
      const { telemetry } = this.#deps;
      telemetry.emit({ name: 'http.use', level: 'debug', fields: { route: name, method, inFlight, bytes } });
      for (const [status, served] of route.served) {
        const took = served.times.flatMap((times, at) =>
          times === 0 ? [] : [{ ms: (served.sumsMs[at] as number) / times, times }],
        );
        const fields = { route: name, method, status, requests: served.requests };
        telemetry.emit({ name: 'http.served', level: 'debug', fields, took });
      }
      route.served.clear();
      route.bytes = 0;
      route.moved = false;
    }
  }

  /** Tells now and then until it is told to end. */
  async keepTelling(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.clock.sleep(everyMs, signal);
      this.tell();
    }
  }

  #begin(template: string | undefined, incoming: IncomingMessage, answer: ServerResponse): void {
    const route = this.#routeOf(template, incoming.method);
    const request: Request = { route, socket: incoming.socket, startedMs: performance.now() };
    route.inFlight += 1;
    route.moved = true;
    this.#inHand.add(request);
    answer.once('close', () => {
      this.#inHand.delete(request);
      route.inFlight -= 1;
      this.#addBytes(request);
      const status = answer.writableFinished ? classOf(answer.statusCode) : 'aborted';
      this.#count(route, status, performance.now() - request.startedMs);
    });
  }

  #routeOf(template: string | undefined, method: string | undefined): Route {
    const route = template ?? NO_ROUTE;
    const known = method !== undefined && METHODS.has(method) ? method : OTHER_METHOD;
    const key = `${known} ${route}`;
    let found = this.#routes.get(key);
    if (found === undefined) {
      found = { route, method: known, inFlight: 0, bytes: 0, moved: false, served: new Map() };
      this.#routes.set(key, found);
    }
    return found;
  }

  #addBytes({ route, socket }: Request): void {
    const { bytesRead } = socket;
    const more = bytesRead - (this.#told.get(socket) ?? 0);
    if (more === 0) return;
    this.#told.set(socket, bytesRead);
    route.bytes += more;
    route.moved = true;
  }

  #count(route: Route, status: string, ms: number): void {
    let served = route.served.get(status);
    if (served === undefined) {
      const zeros = (): number[] => Array<number>(BOUNDS_MS.length + 1).fill(0);
      served = { requests: 0, times: zeros(), sumsMs: zeros() };
      route.served.set(status, served);
    }
    const at = placeOf(ms);
    served.requests += 1;
    served.times[at] = (served.times[at] as number) + 1;
    served.sumsMs[at] = (served.sumsMs[at] as number) + ms;
    route.moved = true;
  }
}

function classOf(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

/** The place of the first bound that is not passed. */
function placeOf(ms: number): number {
  let low = 0;
  let high = BOUNDS_MS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ms <= (BOUNDS_MS[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}
