/**
 * Told from outside: a receiver that fails, stalls, loses replies and redirects hears of every batch, though the daemon is
 * killed again and again; nothing that is printed or logged holds a secret or a CPF.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Behaviour, Receiver } from '../support/receiver.ts';
import { AS_OF, goodFile } from './files.ts';
import { batchesOf, eventually, sandboxes } from './harness.ts';

const sandbox = sandboxes();
const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const ENV = {
  REMESSA_WEBHOOK_TARGETS: 'loopback',
  REMESSA_WEBHOOK_MS: '400',
  REMESSA_NOTIFY_RETRY_MS_MIN: '20',
  REMESSA_NOTIFY_RETRY_MS_MAX: '200',
  REMESSA_NOTIFY_POLL_MS: '20',
  REMESSA_MAIL_DIGEST_MS: '0',
} as const;
const FAULTS: readonly Behaviour[] = ['fail', 'stall', 'lose', 'redirect', 'take'];
const FILES = 12;
const SILENT_MS = 3000;

interface DeliveryView {
  readonly id: string;
  readonly event: string;
  readonly batch: string;
  readonly channel: string;
  readonly state: string;
  readonly attempts: readonly { readonly says: string }[];
}

describe('a client with a webhook and mail', () => {
  it('hears of every batch, whatever its receiver does and however often the daemon is killed', async () => {
    const { box } = sandbox;
    const tries = new Map<string, number>();
    // Each event meets every fault, from one of its own on, before it is taken.
    const receiver = await Receiver.start(SECRET, (_, id) => {
      const nth = tries.get(id) ?? 0;
      tries.set(id, nth + 1);
      return nth >= FAULTS.length
        ? 'take'
        : (FAULTS[(nth + id.charCodeAt(id.length - 1)) % FAULTS.length] as Behaviour);
    });
    try {
      const said: string[] = [];
      const run = async (...args: string[]) => {
        const ran = await box.run(args, { env: ENV });
        said.push(ran.stdout, ran.stderr);
        expect(ran.code, ran.stderr).toBe(0);
        return ran;
      };
      await run('clients', 'add', 'acme', '--name', 'Acme');
      const secretFile = box.write('secret', `${SECRET}\n`);
      const shown = await run(
        ...['clients', 'notify', 'acme', '--webhook', receiver.url, '--secret-file', secretFile],
        ...['--mail', 'ana@loja.example', '--language', 'pt-BR'],
      );
      expect(JSON.parse(shown.stdout).webhook).toEqual({ url: receiver.url, secrets: 1 });
      let daemon = await box.serve(ENV);
      for (let i = 0; i < FILES; i++) {
        const file = box.write(`f-${i}.csv`, goodFile(2 + i));
        await run('ingest', file, '--client', 'acme', '--as-of', AS_OF);
        if (i % 4 !== 3) continue;
        said.push((await daemon.kill('SIGKILL')).stderr);
        daemon = await box.serve(ENV);
      }
      const batches = await batchesOf(box);
      expect(batches).toHaveLength(FILES);
      const list = async (): Promise<DeliveryView[]> =>
        JSON.parse((await box.run(['deliveries', '--client', 'acme', '--json'], { env: ENV })).stdout);
      // An attempt that was killed, the first or a later one, is taken up again a minute after its deadline; redelivering one
      // of which nothing was heard for many times the longest wait does not wait for that.
      const heard = new Map<string, { readonly attempts: number; readonly atMs: number }>();
      const deliveries = await eventually('all deliveries to end', async () => {
        const now = await list();
        if (now.length === 2 * FILES && now.every(({ state }) => state === 'delivered')) return now;
        for (const { id, state, attempts } of now) {
          const last = heard.get(id);
          if (last?.attempts !== attempts.length) heard.set(id, { attempts: attempts.length, atMs: Date.now() });
          else if (state === 'pending' && Date.now() - last.atMs > SILENT_MS) {
            heard.delete(id);
            await box.run(['redeliver', id], { env: ENV });
          }
        }
        return undefined;
      });
      const ids = new Set(batches.map(({ id }) => id));
      for (const channel of ['webhook', 'mail']) {
        expect(new Set(deliveries.filter((one) => one.channel === channel).map(({ batch }) => batch))).toEqual(ids);
      }
      expect(receiver.foreign).toEqual([]);
      expect(receiver.worked).toEqual(new Set(deliveries.map(({ event }) => event)));
      // A receiver that keeps the ids it has seen works once for each.
      expect(new Set(receiver.came.map(({ body }) => JSON.parse(body).id)).size).toBe(FILES);
      expect(receiver.paths.every((path) => path === '/hook')).toBe(true);
      const outbox = box.data('outbox');
      const mails = readdirSync(outbox).filter((name) => name.endsWith('.eml'));
      expect(mails).toHaveLength(FILES);
      said.push((await daemon.kill('SIGTERM')).stderr, JSON.stringify(deliveries));
      for (const text of [...said, ...mails.map((name) => readFileSync(`${outbox}/${name}`, 'utf8'))]) {
        expect(text).not.toContain(SECRET);
        expect(text).not.toContain(SECRET.slice(6));
      }
    } finally {
      await receiver.close();
    }
  });

  it('is told nothing at a private address, and the attempts say why', async () => {
    const { box } = sandbox;
    const receiver = await Receiver.start(SECRET, () => 'take');
    try {
      const env = { ...ENV, REMESSA_WEBHOOK_TARGETS: 'public', REMESSA_NOTIFY_TRIES_MAX: '2' };
      const secretFile = box.write('secret', SECRET);
      await box.run(['clients', 'add', 'acme', '--name', 'Acme'], { env });
      const plain = await box.run(
        ['clients', 'notify', 'acme', '--webhook', receiver.url, '--secret-file', secretFile],
        {
          env,
        },
      );
      expect(plain.code).toBe(2);
      const url = `https://localhost:${receiver.port}/hook`;
      const set = await box.run(['clients', 'notify', 'acme', '--webhook', url, '--secret-file', secretFile], { env });
      expect(set.code, set.stderr).toBe(0);
      const daemon = await box.serve(env);
      await box.run(['ingest', box.write('a.csv', goodFile(1)), '--client', 'acme', '--as-of', AS_OF], { env });
      const failed = await eventually('the delivery to fail', async () => {
        const { stdout } = await box.run(['deliveries', '--state', 'failed', '--json'], { env });
        const [one] = JSON.parse(stdout) as DeliveryView[];
        return one;
      });
      expect(failed.attempts.map(({ says }) => says)).toEqual([
        expect.stringContaining('WEBHOOK_FORBIDDEN'),
        expect.stringContaining('WEBHOOK_FORBIDDEN'),
      ]);
      expect(receiver.came).toEqual([]);
      await daemon.kill('SIGTERM');
    } finally {
      await receiver.close();
    }
  });
});
