/** A driver for the worker's test: its data plane cannot be opened at first, and then holds everything in memory. */
import { Fault } from '../../src/core/faults.ts';
import type { Telemetry } from '../../src/core/telemetry.ts';
import type { DataPlane } from '../../src/roles/worker.ts';
import { MemoryDebts, MemoryObjects, MemoryStaging } from '../support/memoryStores.ts';

let tries = 0;

export async function openDataPlane(
  options: { readonly failures: number; readonly bytes: string },
  deps: { readonly telemetry: Telemetry },
): Promise<DataPlane> {
  tries += 1;
  if (tries <= options.failures) throw new Fault('STORE_BUSY', `try ${tries}`);
  deps.telemetry.emit({ name: 'fragile.opened', level: 'info', fields: { tries } });
  const objects = new MemoryObjects();
  objects.set('raw/acme/f', Buffer.from(options.bytes), 'e-1');
  return { objects, staging: new MemoryStaging(), debts: new MemoryDebts() };
}
