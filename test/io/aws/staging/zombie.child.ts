/**
 * A process that changes debts in DynamoDB under an earlier turn (`argv`: endpoint, table, turn, rows), and is stopped and
 * woken by its parent in the middle. It says what the store answered.
 */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../../../src/core/clock.ts';
import { openDynamoDebts } from '../../../../src/io/aws/debts/debts.ts';
import { debt } from '../../../contract/debtRows.ts';
import { DEBTS_OPTIONS } from '../support.ts';

const [endpoint = '', table = '', turnText = '', rowsText = ''] = process.argv.slice(2);
const turn = Number(turnText);
const store = openDynamoDebts(
  { ...DEBTS_OPTIONS, endpoint, table, inFlightMax: 1 },
  {
    clock: systemClock,
    random: (size) => randomBytes(size),
    telemetry: { emit: () => {} },
    credentials: async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }),
  },
);
const change = { createdBatch: 'b-1', createdLine: 1, amountCents: turn * 100 };
const rows = Array.from({ length: Number(rowsText) }, (_, i) => debt(`R-${i}`, turn, change));
process.stdout.write(await store.write('acme', turn, rows));
await store.close();
