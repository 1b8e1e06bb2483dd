/**
 * A driver of any port with something put between it and its caller: every call of every method, and of what the methods
 * open (readers, writers, listings), is handed to `between`, which decides what becomes of it.
 *
 * Promises: arguments and answers are the driver's own; a driver needs to know nothing of this. Members that are no methods,
 * and methods that answer at once without a promise, pass untouched.
 */

export interface PortCall {
  /** Of the port: `registry`, `queue`; of what it opened: `objects.create`. */
  readonly port: string;
  readonly method: string;
}

/** `act` makes the call; it may be made never, late, or more than once. */
export type Between = <T>(call: PortCall, act: () => Promise<T>) => Promise<T>;

export function interposed<D extends object>(port: string, driver: D, between: Between): D {
  const methods = new Map<PropertyKey, unknown>();
  return new Proxy(driver, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function' || typeof name === 'symbol') return member;
      const known = methods.get(name);
      if (known !== undefined) return known;
      const call = { port, method: name };
      const method = (...args: unknown[]): unknown => {
        if (isListing(call, member)) return opened(call, member.apply(target, args), between);
        return between(call, async () => opened(call, await member.apply(target, args), between));
      };
      methods.set(name, method);
      return method;
    },
  });
}

/** A listing is answered at once and waited for item by item. */
function isListing(call: PortCall, member: unknown): boolean {
  return LISTINGS.has(`${call.port}.${call.method}`) || Object.getPrototypeOf(member) === GENERATOR;
}

const LISTINGS: ReadonlySet<string> = new Set(['objects.list', 'debts.list', 'staging.read']);
const GENERATOR: unknown = Object.getPrototypeOf(async function* () {});

function opened(call: PortCall, value: unknown, between: Between): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const port = `${call.port}.${call.method}`;
  if (Symbol.asyncIterator in value) return listing(port, value as AsyncIterable<unknown>, between);
  return Object.values(value).some((member) => typeof member === 'function') ? interposed(port, value, between) : value;
}

async function* listing(port: string, items: AsyncIterable<unknown>, between: Between): AsyncGenerator<unknown> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await between({ port, method: 'next' }, () => iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
