/** The fakes in memory keep the same written contracts as the drivers, so that what is proved over them holds. */
import { describeClients } from '../contract/clients.contract.ts';
import { describeDebts } from '../contract/debts.contract.ts';
import { describeDeliveries } from '../contract/deliveries.contract.ts';
import { describeObjectStore } from '../contract/objects.contract.ts';
import { describeQueue } from '../contract/queue.contract.ts';
import { describeRegistry } from '../contract/registry.contract.ts';
import { describeStaging } from '../contract/staging.contract.ts';
import { FakeClock, type Fixture } from '../contract/support.ts';
import { MemoryDeliveries } from './memoryDeliveries.ts';
import { MemoryQueue } from './memoryQueue.ts';
import { MemoryRegistry } from './memoryRegistry.ts';
import { MemoryDebts, MemoryObjects, MemoryStaging } from './memoryStores.ts';
import { MemoryClients } from './world.ts';

/** What is in memory is its own durable state: opened again, it is the same. */
function fixtureOf<T>(store: T): Fixture<T> {
  return { store, reopen: async () => store, dispose: async () => {} };
}

describeRegistry('in memory', async () => {
  const store = new MemoryRegistry();
  return { ...fixtureOf(store), reopen: async () => new MemoryRegistry(store.state) };
});
describeClients('in memory', async () => fixtureOf(new MemoryClients()));
describeDeliveries('in memory', async () => fixtureOf(new MemoryDeliveries()));
describeQueue('in memory', async () => {
  const clock = new FakeClock();
  return { ...fixtureOf(new MemoryQueue(clock, { receivesMax: 3, pollMs: 500 })), clock };
});
describeObjectStore('in memory', async () => ({ ...fixtureOf(new MemoryObjects()), leftovers: async () => 0 }));
describeStaging('in memory', async () => fixtureOf(new MemoryStaging()));
describeDebts('in memory', async () => ({ ...fixtureOf(new MemoryDebts()), check: async () => {} }));
