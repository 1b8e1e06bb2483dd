/**
 * A process that is stopped (SIGSTOP) while it changes debts in DynamoDB, and woken after a later turn has changed them all:
 * its own store refuses it, and nothing of the later turn is changed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { openDynamoDebts } from '../../../../src/io/aws/debts/debts.ts';
import type { StoredDebt } from '../../../../src/io/ports/debts.ts';
import { debt } from '../../../contract/debtRows.ts';
import { dynamoServers } from '../../../support/aws/servers.ts';
import { FaultyProxy, type Harm, NO_HARM } from '../dynamo/faultyProxy.ts';
import { DEBTS_OPTIONS, makeDebtsTable } from '../support.ts';

const ROWS = 300;
const TABLE = 'debts-1';
const rowsOf = (turn: number, change: Partial<StoredDebt> = {}): StoredDebt[] =>
  Array.from({ length: ROWS }, (_, i) => debt(`R-${i}`, turn, change));
const changed = (turn: number): StoredDebt[] =>
  rowsOf(turn, { createdBatch: 'b-1', createdLine: 1, amountCents: turn * 100 });

/** The state of a process as the kernel tells it: `T` is stopped (proc(5)). */
function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

describe.each(dynamoServers())('a process stopped in the middle of its writing, over $name', (kind) => {
  // fault 13
  it.each([
    ['before the request it had sent took effect', false],
    ['after it, the answer unread', true],
  ])('changes nothing of a later turn when it wakes: %s', async (_, applied) => {
    const server = await kind.start();
    const { endpoint, region, credentials } = server;
    const sdk = new DynamoDBClient({ endpoint, region, credentials });
    await makeDebtsTable(sdk, TABLE);
    const proxy = await FaultyProxy.start(endpoint);
    const open = (at: string) =>
      openDynamoDebts(
        { ...DEBTS_OPTIONS, endpoint: at, table: TABLE },
        {
          clock: systemClock,
          random: (size) => new Uint8Array(size),
          telemetry: { emit: () => {} },
          credentials: async () => credentials,
        },
      );
    const later = open(endpoint);
    onTestFinished(async () => {
      await later.close();
      sdk.destroy();
      await proxy.close();
      await server.close();
    });
    expect(await later.write('acme', 1, rowsOf(1))).toBe('written');

    const child = join(import.meta.dirname, 'zombie.child.ts');
    const zombie = spawn(process.execPath, [child, proxy.endpoint, TABLE, '2', String(ROWS)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void zombie.kill('SIGKILL'));
    const pid = zombie.pid as number;
    let stopped = 0;
    proxy.harm = async ({ operation }): Promise<Harm> => {
      // Its fifth group of statements: some of its turn is stored, some is not.
      if (operation !== 'BatchExecuteStatement' || ++stopped !== 5) return NO_HARM;
      zombie.kill('SIGSTOP');
      while (stateOf(pid) !== 'T') await new Promise((next) => setTimeout(next, 1));
      if (!applied) await overtake();
      else void overtake();
      return NO_HARM;
    };
    const { promise: overtaken, resolve: done } = Promise.withResolvers<void>();
    async function overtake(): Promise<void> {
      expect(await later.write('acme', 3, changed(3))).toBe('written');
      zombie.kill('SIGCONT');
      done();
    }
    let said = '';
    zombie.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(zombie, 'close');
    await overtaken;
    expect(said).toBe('superseded');
    expect(await later.fetch('acme', rowsOf(1))).toEqual(changed(3));
  });
});
