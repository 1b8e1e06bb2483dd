/** The settings of modules: a part of the table in schema.ts, which is where they are used from. */
import type { SettingSpec } from './specs.ts';

export const CODE_SETTINGS = {
  codeDir: {
    key: 'REMESSA_CODE_DIR',
    type: 'path',
    default: '',
    means: 'the folder of modules that profiles name; what lies there runs with the rights of the engine',
  },
  codeRecordMs: {
    key: 'REMESSA_CODE_RECORD_MS',
    type: 'ms',
    min: 50,
    max: 600_000,
    default: 5000,
    means: 'how long a module may take over one record before its thread is ended',
  },
  codeErrorsMax: {
    key: 'REMESSA_CODE_ERRORS_MAX',
    type: 'count',
    min: 0,
    max: 1_000_000_000,
    default: 100,
    means: 'records of a batch at which its module may fail; with more the batch fails',
  },
} as const satisfies Record<string, SettingSpec>;
