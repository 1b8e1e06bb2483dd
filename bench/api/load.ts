/**
 * A closed loop of requests over plain sockets: each connection sends its next request when the last one was answered.
 * It costs a fraction of an HTTP client, so that what is measured is the server.
 */
import { connect, type Socket } from 'node:net';

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** The bytes of the n-th request. */
  request(n: number): Buffer;
}

export interface Loaded {
  readonly answered: number;
  readonly seconds: number;
  /** How long each answer took, in milliseconds, ascending. */
  readonly tookMs: readonly number[];
  /** Numbers of the requests that were answered 201. */
  readonly acknowledged: readonly number[];
}

export async function load({ url, connections, seconds, request }: Load, firstNumber: number): Promise<Loaded> {
  const { hostname, port } = new URL(url);
  const acknowledged: number[] = [];
  const tookMs: number[] = [];
  let answered = 0;
  let next = firstNumber;
  const begin = performance.now();
  const endMs = begin + seconds * 1000;
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((done, failed) => {
          const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
          let number = 0;
          let sentAtMs = 0;
          let held = '';
          const send = (): void => {
            if (performance.now() >= endMs) {
              socket.end();
              done();
              return;
            }
            number = next++;
            sentAtMs = performance.now();
            socket.write(request(number));
          };
          socket.setEncoding('latin1').on('connect', send).on('error', failed);
          socket.on('data', (text: string) => {
            held += text;
            const headEnd = held.indexOf('\r\n\r\n');
            if (headEnd < 0) return;
            const bytes = Number(/\r\ncontent-length: (\d+)/i.exec(held)?.[1] ?? 0);
            if (held.length < headEnd + 4 + bytes) return;
            answered += 1;
            tookMs.push(performance.now() - sentAtMs);
            if (held.startsWith('HTTP/1.1 201')) acknowledged.push(number);
            held = '';
            send();
          });
        }),
    ),
  );
  const loadedSeconds = (performance.now() - begin) / 1000;
  return { answered, acknowledged, seconds: loadedSeconds, tookMs: tookMs.sort((a, b) => a - b) };
}
