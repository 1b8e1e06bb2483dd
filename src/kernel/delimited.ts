/** Reads fields between delimiters, some of them in quotes (`records.ts`); empty lines between records are passed over. */
import type { RecordPlan } from './plan.ts';
import type { RecordReader } from './reader.ts';
import { RecordSplitter } from './records.ts';

const LF = 0x0a;
const CR = 0x0d;

export class DelimitedReader implements RecordReader {
  readonly fields: RecordSplitter;
  source: Uint8Array = new Uint8Array(0);
  isRecord = false;
  lines = 0;

  constructor(plan: RecordPlan) {
    this.fields = new RecordSplitter(plan.dialect, plan.fields.length);
  }

  next(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    const first = bytes[from];
    if (first === LF || first === CR) {
      const lineEnd = first === LF ? from : from + 1;
      if (lineEnd === to && !last) return -1;
      if (lineEnd < to && bytes[lineEnd] === LF) {
        this.isRecord = false;
        this.lines = 1;
        return lineEnd + 1;
      }
    }
    const end = this.fields.split(bytes, from, to, last);
    this.source = bytes;
    this.isRecord = true;
    this.lines = this.fields.innerLines + 1;
    return end;
  }
}
