/** The simulation's queue keeps the written contract. */
import { systemClock } from '../../src/core/clock.ts';
import { describeWorkQueue } from '../contract/workQueue.contract.ts';
import { Random } from '../oracle/random.ts';
import { SimQueue } from './simQueue.ts';

for (const takesTwice of [false, true]) {
  describeWorkQueue(`simulated, ${takesTwice ? 'an id taken twice' : 'an id taken once'}`, async () => {
    const unkind = { receivesMax: 3, takesTwice, doubleShare: 0, shuffledShare: 0.5 };
    const queue = new SimQueue(systemClock, new Random(7), unkind);
    return { queue, another: () => queue, dispose: async () => {} };
  });
}
