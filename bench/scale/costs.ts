/**
 * What a million lines cost, by what they use. Prices: rates.json; nothing here but multiplication, so that a price list of
 * another region or year is put in and read off. Standing costs (tasks that wait, network, alarms) come on top.
 */
import { ROLE_GROUPS } from '../../deploy/groups.ts';
import type { Line, Rates } from './model.ts';

export interface Cost {
  readonly what: string;
  readonly amount: number;
  readonly unit: string;
  readonly dollars: number;
}

const MILLION = 1_000_000;
const GIGABYTE = 1e9;
/** Storage that DynamoDB counts for an item besides its attributes. */
const ITEM_OVERHEAD_BYTES = 100;
/** Raw file kept for 90 days and answers of 0.4 of its size for 400. */
const KEPT_MONTHS = 3 + 0.4 * (400 / 30);
const RANGE_BYTES = 8 * 1024 * 1024;
/** A range or shard: sent, received, acknowledged, and its lease renewed now and then. */
const CALLS_A_MESSAGE = 4;

/** Once, for taking a million lines in. */
export function costsOfMillion(rates: Rates, line: Line): Cost[] {
  const { prices, measured } = rates;
  const units = (what: string, perLine: number, price: number): Cost => ({
    what,
    amount: perLine * MILLION,
    unit: 'units',
    dollars: perLine * price,
  });
  const ranges = (MILLION * measured.fileBytesPerRecord.value) / RANGE_BYTES;
  const seconds = Object.values(line.seconds).reduce((sum, one) => sum + one, 0) * MILLION;
  const processorHours = seconds / rates.assumed.use.value / 3600;
  const memory = ROLE_GROUPS[0] as (typeof ROLE_GROUPS)[number];
  const gigabytesPerProcessor = memory.memoryMiB / memory.cpuUnits;
  const gigabytes = (MILLION * measured.fileBytesPerRecord.value) / GIGABYTE;
  return [
    units('staging: pages written and deleted', line.stagingWrites, prices.millionWriteUnits),
    units('staging: pages read', line.stagingReads, prices.millionReadUnits),
    units('debts: written', line.debtWrites, prices.millionWriteUnits),
    units('debts: index by document', line.indexWrites, prices.millionWriteUnits),
    units('debts: compared', line.debtReads, prices.millionReadUnits),
    {
      what: 'tasks, at 70 % use',
      amount: processorHours,
      unit: 'processor hours',
      dollars: processorHours * (prices.virtualProcessorHour + gigabytesPerProcessor * prices.memoryGigabyteHour),
    },
    {
      what: 'files and answers, as long as they are kept',
      amount: gigabytes,
      unit: 'GB of file',
      dollars: gigabytes * KEPT_MONTHS * prices.objectGigabyteMonth,
    },
    {
      what: 'objects and messages',
      amount: ranges,
      unit: 'ranges',
      dollars:
        ((2 * ranges) / 1000) * prices.thousandObjectWrites +
        ((10 * ranges) / 1000) * prices.thousandObjectReads +
        ((2 * CALLS_A_MESSAGE * ranges) / MILLION) * prices.millionQueueCalls,
    },
  ];
}

/** Each month, for keeping a million debts: table, index and the log that it can be taken back by. */
export function monthlyOfMillion(rates: Rates, bytesPerDebt: number, indexBytes: number): number {
  const { tableGigabyteMonth, recoveryGigabyteMonth } = rates.prices;
  const table = (MILLION * (bytesPerDebt + ITEM_OVERHEAD_BYTES)) / GIGABYTE;
  const index = (MILLION * (indexBytes + ITEM_OVERHEAD_BYTES)) / GIGABYTE;
  return table * (tableGigabyteMonth + recoveryGigabyteMonth) + index * tableGigabyteMonth;
}

export function sumOf(costs: readonly Cost[]): number {
  return costs.reduce((sum, { dollars }) => sum + dollars, 0);
}
