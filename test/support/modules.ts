/** Modules that are functions of a test, loaded as those of a folder are (`Modules` of engine/modules.ts). */
import { detail } from '../../src/core/catalogue.ts';
import { Fault } from '../../src/core/faults.ts';
import type { LoadedModule } from '../../src/engine/modules.ts';
import { WatchedSide } from '../../src/engine/moduleWatch.ts';
import type { ModuleInput, ModulePlan } from '../../src/kernel/modules/interface.ts';
import type { ModuleStore } from '../../src/stages/taskContext.ts';

export interface HeldModule extends Partial<Pick<ModulePlan, 'version' | 'recordsMax' | 'rejects'>> {
  readonly record: (input: ModuleInput) => unknown;
}

export class HeldModules implements ModuleStore {
  readonly held = new Map<string, HeldModule>();
  /** Each opening: `name` or `name@version`. */
  readonly opened: string[] = [];

  async open(name: string, _watch: SharedArrayBuffer, version?: string): Promise<LoadedModule> {
    this.opened.push(version === undefined ? name : `${name}@${version}`);
    const held = this.held.get(name);
    if (held === undefined) throw new Fault('CODE_UNKNOWN', detail('MODULE', name));
    const { record, version: present = 'v1', recordsMax = 1, rejects = [] } = held;
    if (version !== undefined && version !== present) {
      throw new Fault('CODE_CHANGED', detail('MODULE_VERSIONS', name, version, present));
    }
    return {
      declared: { name, version: present, recordsMax, rejects },
      watched(shared) {
        const side = new WatchedSide(shared);
        const describe = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : typeof thrown);
        return { record, enter: (line) => side.enter(line), leave: () => side.leave(), describe };
      },
      tell: String,
    };
  }
}
