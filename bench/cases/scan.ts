/**
 * The picker's scan: boundaries, counts and CRCs of the whole file in parallel pieces, folded into the split. The engine's
 * own task on the engine's own pool, reading the stored file.
 */
import { assert } from '../../src/core/assert.ts';
import { defaultLayout } from '../../src/kernel/header.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import type { PieceSummary } from '../../src/kernel/scan.ts';
import { SplitFold } from '../../src/kernel/split.ts';
import { openEngineParts } from '../engine.ts';
import type { Case } from './case.ts';

export const scanCase: Case = {
  apart: false,
  async open({ path, threads, workFolder }) {
    const engine = await openEngineParts(workFolder, path, threads);
    const { source, pool, settings } = engine;
    const { rangeBytes, recordBytesMax } = settings;
    return {
      async pass() {
        const text = await pool.run('inspect', {
          source,
          inflated: false,
          opening: { dialect: DEFAULT_DIALECT, layout: defaultLayout() },
        });
        assert(text.kind === 'text', 'made files are plain text');
        const { header } = text;
        const split = text.split ?? (await scanPieces(header.end, header.nextLine));
        assert(!('code' in split), 'made files can be split');
        return { found: { records: split.records, lfs: header.nextLine - 1 + split.lines } };
      },
      close: () => engine.close(),
    };

    /** As `stages/pick.ts` does it: one piece more in flight than there are threads. */
    async function scanPieces(start: number, firstLine: number) {
      const fold = new SplitFold({ start, firstLine, rangeBytes, recordBytesMax });
      const inFlight: Promise<PieceSummary>[] = [];
      let next = start;
      while (next < source.bytes || inFlight.length > 0) {
        while (next < source.bytes && inFlight.length <= threads) {
          const end = Math.min(next + rangeBytes, source.bytes);
          const piece = { start: next, end, base: start, dialect: DEFAULT_DIALECT, format: undefined };
          inFlight.push(pool.run('scan', { source, ...piece }));
          next = end;
        }
        fold.add((await inFlight.shift()) as PieceSummary);
      }
      return fold.finish();
    }
  },
};
