/** The suites of the API that every driver has to pass, over S3, SQS and DynamoDB. */
import { afterAll } from 'vitest';
import { awsDrivers } from './drivers.ts';
import { describeErasure } from './erase.contract.ts';
import { closesApis } from './harness.ts';
import { describeRepeatedPosts } from './idempotency.contract.ts';
import { describeTenants } from './tenants.contract.ts';

closesApis();
for (const driver of awsDrivers()) {
  afterAll(() => driver.end());
  describeRepeatedPosts(driver);
  describeTenants(driver, 6);
  describeErasure(driver);
}
