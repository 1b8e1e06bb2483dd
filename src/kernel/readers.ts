/** The reader of each kind of file; see `reader.ts`. */
import { unreachable } from '../core/assert.ts';
import { DelimitedReader } from './delimited.ts';
import { CnabReader } from './formats/cnabReader.ts';
import { FixedWidthReader } from './formats/fixedReader.ts';
import { JsonReader } from './formats/jsonReader.ts';
import type { RecordPlan } from './plan.ts';
import type { RecordReader } from './reader.ts';

export function createReader(plan: RecordPlan): RecordReader {
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
