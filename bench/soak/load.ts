/**
 * What a soak sends: an endless sequence of files, the same for the same seed.
 *
 * Each client has families of files: many of a line or a few, some of a thousand lines or more, one giant. An edition of a
 * family has the same references as its others, and other amounts: so debts are created, updated and left unchanged, and
 * their number stays bounded however long the soak goes on.
 */

import { type MadeFile, madeFile } from '../../test/e2e/files.ts';
import { Random } from '../../test/oracle/random.ts';

/** Shares of records with another amount; the first edition is the unrevised one. */
const EDITIONS = [undefined, 0.1, 0.3, 0.6] as const;

interface Family {
  readonly prefix: string;
  readonly seed: number;
  readonly lines: number;
}

export interface SoakFile {
  readonly client: string;
  /** Of all that the client sends, its own. */
  readonly name: string;
  readonly lines: number;
  /** What tells its content: two files of one client with the same one are the same bytes. */
  readonly content: string;
  /** Made when it is asked for: a soak sends more than fits in memory. */
  make(): MadeFile;
}

export interface LoadOptions {
  readonly seed: number;
  readonly clients: number;
  readonly giantLines: number;
  /** The business date on which all of it comes. */
  readonly asOf: string;
}

const FEW = { families: 40, linesMax: 4, share: 0.85 };
const SOME = { families: 6, linesMin: 900, linesMax: 3000, share: 0.14 };

export class ClientLoad {
  readonly client: string;
  readonly #random: Random;
  readonly #asOf: string;
  readonly #few: readonly Family[];
  readonly #some: readonly Family[];
  readonly #giant: Family;
  #sent = 0;

  constructor(index: number, { seed, giantLines, asOf }: LoadOptions) {
    this.client = `soak-${index + 1}`;
    this.#random = new Random(seed * 1009 + index);
    this.#asOf = asOf;
    const family = (prefix: string, lines: number): Family => ({
      prefix,
      seed: this.#random.integer(0, 0xffff_ffff),
      lines,
    });
    const integer = (min: number, max: number): number => this.#random.integer(min, max);
    this.#few = Array.from({ length: FEW.families }, (_, i) =>
      family(`F${i}-`, i % 2 === 0 ? 1 : integer(2, FEW.linesMax)),
    );
    this.#some = Array.from({ length: SOME.families }, (_, i) =>
      family(`S${i}-`, integer(SOME.linesMin, SOME.linesMax)),
    );
    this.#giant = family('G-', giantLines);
  }

  /** The client's next file. */
  next(): SoakFile {
    const drawn = this.#random.next();
    const family =
      drawn < FEW.share
        ? this.#random.pick(this.#few)
        : drawn < FEW.share + SOME.share
          ? this.#random.pick(this.#some)
          : this.#giant;
    const edition = this.#random.integer(0, EDITIONS.length - 1);
    const { prefix, seed, lines } = family;
    const reviseShare = EDITIONS[edition];
    return {
      client: this.client,
      name: `${String(++this.#sent).padStart(6, '0')}-${prefix}${edition}.csv`,
      lines,
      content: `${prefix}${edition}`,
      make: () =>
        madeFile({
          lines,
          seed,
          asOf: this.#asOf,
          refPrefix: prefix,
          ...(reviseShare === undefined ? {} : { reviseShare }),
        }),
    };
  }
}

/** Whose files are read by a profile of its own: the same files, by the way of those that are written otherwise. */
export const PROFILED = 'soak-1';
export const PROFILE = { format: 1, unknownColumns: 'ignore', nulls: ['#NULL'] } as const;

export function clientLoads(options: LoadOptions): ClientLoad[] {
  return Array.from({ length: options.clients }, (_, index) => new ClientLoad(index, options));
}
