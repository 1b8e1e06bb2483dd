/**
 * The resubmit file of a format that has a frame of its own: of CNAB, whose header stands first, whose lines are numbered and
 * whose trailers count them.
 *
 * What is stored is the header of the file and the rejected debts byte for byte, those of CNAB 240 behind the header of their
 * lot (more than once where the answer was rendered in pieces). On the way out every line gets its new number, each lot its
 * trailer and the file its own. Nothing else of a line changes; a line of another length than the format's has no number and
 * stays as it is. Fields of trailers that are for banks' answers are zeros.
 *
 * Records that were apart in the file are neighbours here: one that does not begin as a debt does (a Q without its P) would
 * join the one before it, and make a debt of two. An empty line, which ends a debt, keeps them apart. So that it can, lines
 * have ends here also where the file had none.
 *
 * Memory: one line and one block, whatever the file.
 */
import { lineKind, MAIN } from '../../kernel/formats/lineFormat.ts';
import type { CnabFormat, RecordFormat } from '../../kernel/plan.ts';
import { ByteBlock } from './answerWriter.ts';

/** What is to be known of the format. Plain data: it stands in results. */
export type ResubmitFrame = Pick<CnabFormat, 'kind' | 'lineBytes'>;

function framedFormat(format: RecordFormat | undefined): CnabFormat | undefined {
  return format?.kind === 'cnab-240' || format?.kind === 'cnab-400' ? format : undefined;
}

export function frameOf(format: RecordFormat | undefined): ResubmitFrame | null {
  const framed = framedFormat(format);
  return framed === undefined ? null : { kind: framed.kind, lineBytes: framed.lineBytes };
}

const LF = 0x0a;
const CR = 0x0d;
const ZERO = 0x30;
const LINE_END = '\r\n';

/** A rejected record, as it is stored. */
export function writeResubmitRecord(out: ByteBlock, format: RecordFormat | undefined, record: Uint8Array): void {
  const framed = framedFormat(format);
  if (framed !== undefined && lineKind(framed, record, 0, record.length, true) !== MAIN) out.byte(LF);
  writeResubmitLines(out, format, record);
}

/** Lines of the file, as they are stored: of a file without line ends they get some. */
export function writeResubmitLines(out: ByteBlock, format: RecordFormat | undefined, lines: Uint8Array): void {
  const framed = framedFormat(format);
  if (framed === undefined || framed.lineEnds) {
    out.bytes(lines, 0, lines.length);
    return;
  }
  for (let at = 0; at < lines.length; at += framed.lineBytes) {
    out.bytes(lines, at, Math.min(lines.length, at + framed.lineBytes));
    out.ascii(LINE_END);
  }
}

/** The blocks of a stored resubmit file, in its frame. */
export async function* framed(frame: ResubmitFrame, blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const out = new ByteBlock();
  const writer = frame.kind === 'cnab-240' ? new LotWriter(out, frame) : new NumberWriter(out, frame);
  const lines = new LineCutter();
  for await (const block of blocks) {
    for (const line of lines.cut(block)) writer.line(line);
    if (out.length > 0) yield out.take().slice();
  }
  const rest = lines.rest();
  if (rest.length > 0) writer.line(rest);
  writer.end();
  yield out.take();
}

/** Cuts blocks to lines, their ends included. A line is valid until the next is asked for. */
class LineCutter {
  #held: Uint8Array = new Uint8Array(0);

  *cut(block: Uint8Array): Generator<Uint8Array> {
    const bytes = this.#held.length === 0 ? block : Buffer.concat([this.#held, block]);
    let at = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, at)) {
      yield bytes.subarray(at, lf + 1);
      at = lf + 1;
    }
    this.#held = Uint8Array.from(bytes.subarray(at));
  }

  rest(): Uint8Array {
    return this.#held;
  }
}

/** What both formats have in common: lines with a number at a fixed place, and how lines end. */
abstract class FrameWriter {
  protected readonly out: ByteBlock;
  protected readonly frame: ResubmitFrame;
  /** Of the file so far. */
  protected lines = 0;
  /** As the file's header has it. */
  #lineEnd = '';

  constructor(out: ByteBlock, frame: ResubmitFrame) {
    this.out = out;
    this.frame = frame;
  }

  /** Takes the next line of what is stored. */
  line(line: Uint8Array): void {
    if (this.contentBytes(line) > 0) this.take(line);
    else if (this.lines > 0 && this.follows) this.out.ascii(this.#lineEnd);
  }

  abstract end(): void;
  protected abstract take(line: Uint8Array): void;
  /** Whether the last line was one of a debt. */
  protected abstract readonly follows: boolean;

  protected takeLineEnd(header: Uint8Array): void {
    this.#lineEnd = Buffer.from(header.subarray(this.contentBytes(header))).toString('latin1');
  }

  protected contentBytes(line: Uint8Array): number {
    let end = line.length;
    if (line[end - 1] === LF) end -= line[end - 2] === CR ? 2 : 1;
    return end;
  }

  protected isWhole(line: Uint8Array): boolean {
    return this.contentBytes(line) === this.frame.lineBytes;
  }

  protected copy(line: Uint8Array): void {
    this.out.bytes(line, 0, line.length);
    this.lines++;
  }

  /** Copies the line but for a number of so many digits; numbers begin again where those do not suffice. */
  protected copyNumbered(line: Uint8Array, at: number, digits: number, number: number): void {
    this.out.bytes(line, 0, at);
    this.out.ascii(numberText(number, digits));
    this.out.bytes(line, at + digits, line.length);
    this.lines++;
  }

  protected write(content: string): void {
    this.out.ascii(content.padEnd(this.frame.lineBytes) + this.#lineEnd);
    this.lines++;
  }
}

function numberText(number: number, digits: number): string {
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** CNAB 400: every line carries its number, from the header's 1 on. */
class NumberWriter extends FrameWriter {
  protected get follows(): boolean {
    return this.lines > 1;
  }

  protected take(line: Uint8Array): void {
    if (this.lines === 0) this.takeLineEnd(line);
    if (this.lines > 0 && this.isWhole(line)) this.copyNumbered(line, 394, 6, this.lines + 1);
    else this.copy(line);
  }

  end(): void {
    this.write(`9${' '.repeat(393)}${numberText(this.lines + 1, 6)}`);
  }
}

const BANK_BYTES = 3;
const LOT_AT = 3;
const TYPE_AT = 7;
const LOT_HEADER = ZERO + 1;
const DETAIL = ZERO + 3;

/** CNAB 240: the lines of a lot are numbered; its trailer counts them, the file's trailer lots and lines. */
class LotWriter extends FrameWriter {
  #bank = '';
  /** The number of the open lot, as it is written; empty for none. */
  #lot = '';
  #lots = 0;
  #lotLines = 0;
  #number = 0;

  protected get follows(): boolean {
    return this.#lotLines > 1;
  }

  protected take(line: Uint8Array): void {
    if (this.lines === 0) this.#begin(line);
    else if (this.isWhole(line) && line[TYPE_AT] === LOT_HEADER) this.#openLot(line);
    else this.#detail(line);
  }

  end(): void {
    this.#closeLot();
    const counts = numberText(this.#lots, 6) + numberText(this.lines + 1, 6);
    this.write(`${this.#bank}99999${' '.repeat(9)}${counts}${'0'.repeat(6)}`);
  }

  #begin(header: Uint8Array): void {
    this.takeLineEnd(header);
    this.#bank = Buffer.from(header.subarray(0, BANK_BYTES)).toString('latin1');
    this.copy(header);
  }

  #openLot(header: Uint8Array): void {
    const lot = Buffer.from(header.subarray(LOT_AT, TYPE_AT)).toString('latin1');
    if (lot === this.#lot) return;
    this.#closeLot();
    this.#lot = lot;
    this.#lots++;
    this.#lotLines = 1;
    this.#number = 0;
    this.copy(header);
  }

  #detail(line: Uint8Array): void {
    this.#lotLines++;
    if (this.isWhole(line) && line[TYPE_AT] === DETAIL) this.copyNumbered(line, 8, 5, ++this.#number);
    else this.copy(line);
  }

  #closeLot(): void {
    if (this.#lot === '') return;
    const count = numberText(this.#lotLines + 1, 6);
    this.write(`${this.#bank}${this.#lot}5${' '.repeat(9)}${count}${'0'.repeat(92)}`);
    this.#lot = '';
  }
}
