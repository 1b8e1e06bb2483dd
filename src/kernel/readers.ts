/** The reader of each kind of file; see `reader.ts`. */
import { assert, unreachable } from '../core/assert.ts';
import { IGNORED_COLUMN } from './columns.ts';
import { DelimitedReader } from './delimited.ts';
import { CnabReader } from './formats/cnabReader.ts';
import { FixedWidthReader } from './formats/fixedReader.ts';
import { JsonReader } from './formats/jsonReader.ts';
import type { RecordModule } from './modules/interface.ts';
import { ModuleReader } from './modules/moduleReader.ts';
import type { RecordPlan } from './plan.ts';
import type { RecordReader } from './reader.ts';

/** `module`: the one that `plan.code` names, where it names one. */
export function createReader(plan: RecordPlan, module?: RecordModule): RecordReader {
  const { code } = plan;
  if (code === undefined) return fileReader(plan);
  assert(module !== undefined, 'the module of a plan is loaded before its records are read');
  const { code: _code, reading: _reading, ...inFile } = plan;
  const fields = code.names.map(() => IGNORED_COLUMN);
  return new ModuleReader(plan, code, fileReader({ ...inFile, fields }), module);
}

/** The reader of what stands in the file: `plan.fields` are its fields. */
function fileReader(plan: RecordPlan): RecordReader {
  const { format } = plan;
  switch (format?.kind) {
    case undefined:
      return new DelimitedReader(plan);
    case 'json-lines':
      return new JsonReader(format, plan);
    case 'fixed-width':
      return new FixedWidthReader(format);
    case 'cnab-240':
    case 'cnab-400':
      return new CnabReader(format, plan.fields);
    default:
      return unreachable(format);
  }
}
