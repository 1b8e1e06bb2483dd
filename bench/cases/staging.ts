/**
 * The intermediate stage: the engine's `range` task on its own pool, pages written to the embedded staging store and
 * rejects to their parts, everything synced as in a real batch. What a pass wrote is freed before the next.
 */

import { randomBytes } from 'node:crypto';
import { attemptId } from '../../src/core/ids.ts';
import { partsPrefix } from '../../src/stages/batch/keys.ts';
import { openEngineParts } from '../engine.ts';
import { manifestOf, splitFile } from '../splitFile.ts';
import type { Case } from './case.ts';
import { factsOfRanges } from './rangeTotals.ts';

const BATCH = 'b-measured';

export const stagingCase: Case = {
  apart: false,
  async open({ path, bytes, threads, workFolder }) {
    const engine = await openEngineParts(workFolder, path, threads);
    const { pool, source, objects, settings } = engine;
    const { ranges, ...manifest } = manifestOf(BATCH, source, splitFile(path, bytes, settings));
    return {
      async pass() {
        const results = ranges.map((only, range) =>
          pool.run('range', { manifest: { ...manifest, ranges: [], only }, range, attempt: attemptId(randomBytes) }),
        );
        return { found: factsOfRanges(await Promise.all(results)) };
      },
      async after() {
        await pool.run('freeStaging', { batch: BATCH });
        await objects.deletePrefix(partsPrefix(BATCH));
        return {};
      },
      close: () => engine.close(),
    };
  },
};
