/**
 * Judges the frame of a CNAB file while its pieces are folded: that headers, lots and trailers follow one another as the
 * format has it, that every line names its lot, that trailers count what stands in the file, that numbers go up by one.
 *
 * Promises: the fault that stands first in the file, with both numbers, whatever the pieces. Numbers of six digits begin
 * again after 999,999: a file of more lines cannot say more. Sums of amounts are for the bank's answers and are not looked at.
 */
import { assert } from '../../core/assert.ts';
import { type Detail, detail } from '../../core/catalogue.ts';
import type { CnabFormat } from '../plan.ts';
import type { PieceSummary } from '../scan.ts';
import {
  type FileFold,
  type FrameFaultCode,
  type LotPlace,
  type SplitFault,
  SplitFold,
  type SplitOptions,
  type SplitPlan,
} from '../split.ts';
import {
  type FrameLine,
  followingNumber,
  type LinePlace,
  type LotLine,
  NO_NUMBER,
  type NumberedLine,
  type PieceFrames,
  SEQUENCE_LIMIT,
  type Stretch,
} from './cnabFrames.ts';

const LOT_HEADER = 1;
const LOT_TRAILER = 5;
const FILE_TRAILER = 9;
const LOT_MAX = 9998;

export class CnabFold implements FileFold {
  readonly #split: SplitFold;
  readonly #options: SplitOptions;
  readonly #format: CnabFormat;
  readonly #lots: LotPlace[] = [];
  #fault: SplitFault | undefined;
  /** Of the next byte. */
  #offset: number;
  #line: number;
  /** Lines so far, the file's header among them. */
  #lines = 1;
  #ended = false;
  /** The open lot, its lines so far, its header among them; 0 where none is open. */
  #lot = 0;
  #lotLines = 0;
  #lastLot = 0;

  /** `options.start` is behind the file's header. */
  constructor(options: SplitOptions, format: CnabFormat) {
    this.#split = new SplitFold({ ...options, lines: true });
    this.#options = options;
    this.#format = format;
    this.#offset = options.start;
    this.#line = options.firstLine;
  }

  add(piece: PieceSummary): SplitFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    assert(piece.frames !== undefined, 'the scan of a CNAB file tells its frame');
    const faults = [this.#split.add(piece), this.#numbers(piece.frames), this.#frame(piece.frames)];
    this.#fault = faults.reduce((first, fault) => this.#earlier(first, fault));
    this.#lines += piece.frames.lines;
    this.#offset += piece.bytes;
    this.#line += piece.lfs;
    return this.#fault;
  }

  finish(): SplitPlan | SplitFault {
    if (this.#fault !== undefined) return this.#fault;
    const plan = this.#split.finish();
    if ('code' in plan) return plan;
    if (!this.#ended) {
      const line = Math.max(1, this.#line - 1);
      return { code: 'CNAB_TRUNCATED', detail: detail('LINES_READ', this.#lines), line, byte: this.#offset };
    }
    return this.#format.kind === 'cnab-240' ? { ...plan, lots: this.#lots } : plan;
  }

  /** Which a reader would come to first: a record is too long where it passes the limit, not where it begins. */
  #earlier(one: SplitFault | undefined, other: SplitFault | undefined): SplitFault | undefined {
    if (one === undefined || other === undefined) return one ?? other;
    const metAt = ({ code, byte }: SplitFault): number =>
      byte + (code === 'RECORD_TOO_LONG' ? this.#options.recordBytesMax : 0);
    return metAt(other) < metAt(one) ? other : one;
  }

  #faultAt(place: LinePlace, code: FrameFaultCode, told: Detail): SplitFault {
    return { code, detail: told, line: this.#line + place.lfs, byte: place.at };
  }

  /** Of CNAB 400: the numbers of the piece's lines, of which the first must follow the lines before it. */
  #numbers({ first, broken }: PieceFrames): SplitFault | undefined {
    if (first === null) return undefined;
    const wanted = (this.#lines + first.index + 1) % SEQUENCE_LIMIT;
    if (first.number !== wanted) return this.#misnumbered(first, wanted);
    return broken === null ? undefined : this.#misnumbered(broken, followingNumber(first, broken.index));
  }

  #misnumbered(line: NumberedLine, wanted: number): SplitFault {
    return this.#faultAt(line, 'CNAB_SEQUENCE', detail('NUMBER_INSTEAD_OF', said(line.number), wanted));
  }

  #frame({ frames, stretches }: PieceFrames): SplitFault | undefined {
    let lines = this.#lines;
    for (const [index, stretch] of stretches.entries()) {
      const stray = this.#stretch(stretch);
      if (stray !== undefined) return stray;
      lines += stretch.lines;
      const frame = frames[index];
      if (frame === undefined) break;
      const fault = this.#frameLine(frame, lines);
      if (fault !== undefined) return fault;
      lines++;
    }
    return undefined;
  }

  #stretch(stretch: Stretch): SplitFault | undefined {
    if (stretch.lines === 0) return undefined;
    if (this.#ended) return this.#faultAt(stretch, 'CNAB_ORDER', detail('AFTER_TRAILER'));
    if (this.#format.kind === 'cnab-400') return undefined;
    if (this.#lot === 0) return this.#faultAt(stretch, 'CNAB_ORDER', detail('IN_NO_LOT'));
    this.#lotLines += stretch.lines;
    const { named, stray } = stretch;
    if (named !== null && named.lot !== this.#lot) return this.#foreign(named);
    return stray === null ? undefined : this.#foreign(stray);
  }

  #foreign(line: LotLine): SplitFault {
    return this.#faultAt(line, 'CNAB_ORDER', detail('IN_OTHER_LOT', said(line.lot), this.#lot));
  }

  /** `lines`: those of the file before it. */
  #frameLine(frame: FrameLine, lines: number): SplitFault | undefined {
    const { kind, lineBytes } = this.#format;
    if (frame.bytes !== lineBytes) {
      return this.#faultAt(frame, 'CNAB_HEADER', detail('LINE_BYTES', frame.bytes, lineBytes));
    }
    if (this.#ended) return this.#faultAt(frame, 'CNAB_ORDER', detail('AFTER_TRAILER'));
    if (frame.type === FILE_TRAILER) return kind === 'cnab-240' ? this.#fileTrailer(frame, lines) : this.#end();
    if (frame.type === LOT_HEADER) return this.#lotHeader(frame);
    if (frame.type === LOT_TRAILER) return this.#lotTrailer(frame);
    return this.#faultAt(frame, 'CNAB_ORDER', detail('SECOND_FILE_HEADER'));
  }

  #end(): undefined {
    this.#ended = true;
  }

  #lotHeader(frame: FrameLine): SplitFault | undefined {
    const { lot } = frame;
    if (this.#lot !== 0) return this.#faultAt(frame, 'CNAB_ORDER', detail('LOT_WITHOUT_TRAILER', this.#lot));
    if (lot <= this.#lastLot || lot > LOT_MAX) {
      return this.#faultAt(frame, 'CNAB_ORDER', detail('LOT_AFTER_LOT', said(lot), this.#lastLot));
    }
    this.#lot = this.#lastLot = lot;
    this.#lotLines = 1;
    this.#lots.push({ start: frame.at, end: frame.at + frame.wholeBytes, line: this.#line + frame.lfs });
    return undefined;
  }

  #lotTrailer(frame: FrameLine): SplitFault | undefined {
    if (this.#lot === 0) return this.#faultAt(frame, 'CNAB_ORDER', detail('IN_NO_LOT'));
    if (frame.lot !== this.#lot) return this.#foreign(frame);
    const lines = this.#lotLines + 1;
    this.#lot = 0;
    return this.#counted(frame, frame.counts[0], lines, (told) =>
      detail('LOT_LINES_COUNTED', frame.lot, told, counted(lines)),
    );
  }

  #fileTrailer(frame: FrameLine, linesBefore: number): SplitFault | undefined {
    if (this.#lot !== 0) return this.#faultAt(frame, 'CNAB_ORDER', detail('LOT_WITHOUT_TRAILER', this.#lot));
    this.#ended = true;
    const lots = this.#lots.length;
    const lines = linesBefore + 1;
    return (
      this.#counted(frame, frame.counts[0], lots, (told) => detail('FILE_LOTS_COUNTED', told, counted(lots))) ??
      this.#counted(frame, frame.counts[1], lines, (told) => detail('FILE_LINES_COUNTED', told, counted(lines)))
    );
  }

  #counted(
    frame: FrameLine,
    told: number,
    there: number,
    says: (told: string | number) => Detail,
  ): SplitFault | undefined {
    if (told === there % SEQUENCE_LIMIT) return undefined;
    return this.#faultAt(frame, 'CNAB_COUNT', says(said(told)));
  }
}

/** What is no number is not shown: its bytes may be anything. */
function said(number: number): string | number {
  return number === NO_NUMBER ? '?' : number;
}

/** With the last six digits, which are all that a trailer can say, where there are more. */
function counted(there: number): string | number {
  return there < SEQUENCE_LIMIT ? there : `${there} (…${String(there % SEQUENCE_LIMIT).padStart(6, '0')})`;
}
