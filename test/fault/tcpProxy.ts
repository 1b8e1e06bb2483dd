/**
 * A TCP proxy before any server, which does to connections what the network does: refuses them, cuts them off, lets them
 * stall, turns a bit of what comes back. It knows nothing of what is spoken over them.
 *
 * Fates are given by the number of the connection, from 0, or by seed. `afterBytes` counts what the server has answered.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Random } from '../oracle/random.ts';

export type TcpFate =
  | { readonly kind: 'pass' | 'refuse' }
  | { readonly kind: 'cut' | 'stall' | 'flip'; readonly afterBytes: number };

export interface TcpProxy {
  readonly endpoint: string;
  /** How often each fate came about: a connection that ended before it met its fate passed. */
  readonly met: Readonly<Record<TcpFate['kind'], number>>;
  close(): Promise<void>;
}

export const PASS: TcpFate = { kind: 'pass' };

/** Each connection has one of the fates with the given chance, within its first `bytesMax` bytes. */
export function tcpFates(random: Random, chance: number, bytesMax: number): () => TcpFate {
  return () => {
    if (!random.chance(chance)) return PASS;
    const kind = random.pick(['refuse', 'cut', 'stall', 'flip'] as const);
    return kind === 'refuse' ? { kind } : { kind, afterBytes: random.integer(0, bytesMax) };
  };
}

/** `target` and what comes back are `http://host:port`, as all servers of the tests are named. */
export async function startTcpProxy(target: string, fateOf: (connection: number) => TcpFate): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const met = { pass: 0, refuse: 0, cut: 0, stall: 0, flip: 0 };
  let connections = 0;
  const server = createServer((near) => {
    const fate = fateOf(connections++);
    hold(near);
    if (fate.kind === 'refuse') {
      met.refuse += 1;
      near.resetAndDestroy();
      return;
    }
    const far = hold(connect(Number(port), hostname));
    near.pipe(far);
    answer(far, near, fate);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });

  function hold(socket: Socket): Socket {
    open.add(socket);
    // What was cut off here is an error at either end.
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    return socket;
  }

  function answer(far: Socket, near: Socket, fate: TcpFate): void {
    let bytes = 0;
    let fateMet = fate.kind === 'pass';
    if (fateMet) met.pass += 1;
    far.on('data', (block: Buffer) => {
      const from = bytes;
      bytes += block.length;
      if (fateMet || !('afterBytes' in fate) || bytes <= fate.afterBytes) {
        near.write(block);
        return;
      }
      fateMet = true;
      met[fate.kind] += 1;
      const at = fate.afterBytes - from;
      if (fate.kind === 'flip') {
        block[at] = (block[at] as number) ^ 0x10;
        near.write(block);
        return;
      }
      near.write(block.subarray(0, at), () => {
        if (fate.kind === 'cut') near.destroy();
        else far.pause();
      });
    });
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    met,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}
