/** The embedded queues by the sentences that hold for every driver; what they promise beyond is in embedded.test.ts. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { openDirect } from '../../src/io/embedded/driver.ts';
import { makeDataDir, removeDataDir } from './embeddedFixtures.ts';
import { describeWorkQueue } from './workQueue.contract.ts';

describeWorkQueue('embedded', async () => {
  const dataDir = await makeDataDir();
  const options = { dataDir, receivesMax: 3, pollMsMax: 100, inboxQuietMs: 1000, debtsCacheBytes: 1024 * 1024 };
  const deps = { clock: systemClock, random: (size: number) => randomBytes(size) };
  const stores = await openDirect(options, 'write', deps);
  return {
    queue: stores.queue,
    another: () => stores.queue,
    dispose: async () => {
      await stores.close();
      await removeDataDir(dataDir);
    },
  };
});
