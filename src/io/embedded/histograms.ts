/**
 * A histogram for Prometheus in which a value may be counted many times at once, as the library's own cannot: what was
 * gathered by hundreds of thousands is told without as many steps.
 *
 * The text is that of the exposition format, version 0.0.4: cumulative buckets, `_sum` and `_count` for each set of labels.
 */

interface Cell {
  /** Values in each bucket, the last one being beyond all bounds; not yet summed up. */
  readonly counts: number[];
  sum: number;
}

export class WeightedHistogram {
  readonly #name: string;
  readonly #help: string;
  /** Ascending; a value is in the first bucket whose bound it does not pass. */
  readonly #bounds: readonly number[];
  readonly #cells = new Map<string, Cell>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  observe(labels: Readonly<Record<string, string>>, value: number, times: number): void {
    const key = labelsText(labels);
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { counts: Array<number>(this.#bounds.length + 1).fill(0), sum: 0 };
      this.#cells.set(key, cell);
    }
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const bucket = found < 0 ? this.#bounds.length : found;
    cell.counts[bucket] = (cell.counts[bucket] ?? 0) + times;
    cell.sum += value * times;
  }

  render(): string {
    const lines = [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} histogram`];
    for (const [labels, { counts, sum }] of this.#cells) {
      const more = labels === '' ? '' : `,${labels}`;
      let upTo = 0;
      for (const [bucket, count] of counts.entries()) {
        upTo += count;
        lines.push(`${this.#name}_bucket{le="${this.#bounds[bucket] ?? '+Inf'}"${more}} ${upTo}`);
      }
      const own = labels === '' ? '' : `{${labels}}`;
      lines.push(`${this.#name}_sum${own} ${sum}`, `${this.#name}_count${own} ${upTo}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** `name="value",…` by name, escaped. */
function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.keys(labels)
    .sort()
    .map(
      (name) => `${name}="${(labels[name] ?? '').replace(/[\\"\n]/g, (bad) => (bad === '\n' ? '\\n' : `\\${bad}`))}"`,
    )
    .join(',');
}
