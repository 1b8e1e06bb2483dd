/** Idempotency-Key over the data folder: every POST, and processes that died in between. */
import { EMBEDDED } from './drivers.ts';
import { closesApis } from './harness.ts';
import { describeKeys, describeRepeatedPosts } from './idempotency.contract.ts';

closesApis();
describeRepeatedPosts(EMBEDDED);
describeKeys();
