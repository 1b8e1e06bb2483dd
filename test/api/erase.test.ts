/** Erasing what came over the API, over the data folder. */
import { EMBEDDED } from './drivers.ts';
import { describeErasure } from './erase.contract.ts';
import { closesApis } from './harness.ts';

closesApis();
describeErasure(EMBEDDED);
