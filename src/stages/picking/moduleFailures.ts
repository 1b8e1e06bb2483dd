/** When a module has failed at so many records that its batch is not to go on. Fault: `CODE_FAILS`. */
import { detail } from '../../core/catalogue.ts';
import { Fault, type Place } from '../../core/faults.ts';
import type { ModuleFailures } from '../../kernel/modules/moduleReader.ts';

export function assertModuleWorks(
  module: string | undefined,
  failures: ModuleFailures | undefined,
  recordsMax: number,
  place: Place,
): void {
  if (module === undefined || failures === undefined || failures.records <= recordsMax) return;
  const { records, line, says } = failures;
  throw new Fault('CODE_FAILS', detail('MODULE_FAILURES', module, records, recordsMax, says), { ...place, line });
}
