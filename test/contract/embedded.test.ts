/**
 * The embedded drivers under the contract suites: the control stores through the control thread (as the engine uses them)
 * and directly (as commands do), the data plane as a worker thread opens it.
 */
import { describeArrivals } from './arrivals.contract.ts';
import { describeClients } from './clients.contract.ts';
import { describeDebts } from './debts.contract.ts';
import { describeDeliveries } from './deliveries.contract.ts';
import {
  arrivalsFixture,
  clientsFixture,
  debtsFixture,
  deliveriesFixture,
  idempotencyFixture,
  keysFixture,
  objectsFixture,
  queueFixture,
  registryFixture,
  stagingFixture,
  submissionsFixture,
} from './embeddedFixtures.ts';
import { describeIdempotency } from './idempotency.contract.ts';
import { describeKeys } from './keys.contract.ts';
import { describeObjectStore } from './objects.contract.ts';
import { describeQueue } from './queue.contract.ts';
import { describeRegistry } from './registry.contract.ts';
import { describeStaging } from './staging.contract.ts';
import { describeSubmissions } from './submissions.contract.ts';

for (const way of ['engine', 'direct'] as const) {
  const name = way === 'engine' ? 'embedded, control thread' : 'embedded, direct';
  describeRegistry(name, () => registryFixture(way));
  describeClients(name, () => clientsFixture(way));
  describeQueue(name, () => queueFixture(way));
  describeKeys(
    name,
    () => keysFixture(way),
    (ms) => new Promise((next) => setTimeout(next, ms)),
  );
  describeSubmissions(name, () => submissionsFixture(way));
  describeDeliveries(name, () => deliveriesFixture(way));
  describeIdempotency(name, () => idempotencyFixture(way));
}

describeObjectStore('embedded', objectsFixture);
describeStaging('embedded', stagingFixture);
describeDebts('embedded, worker', () => debtsFixture('worker'));
describeDebts('embedded, direct', () => debtsFixture('direct'));
describeArrivals('embedded inbox', arrivalsFixture);
