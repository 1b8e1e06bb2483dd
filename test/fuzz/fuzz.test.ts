/**
 * Every target for a few seconds, from another seed each time; what failed once first. `npm run fuzz` runs them for longer.
 * A failure prints its seed and its input, and how to try it again.
 */
import { describe, expect, it } from 'vitest';
import { corpusOf, type Found, freshSeed, fuzz, keep, retry } from './fuzz.ts';
import { TARGETS } from './targets/index.ts';

const SECONDS = Number(process.env['REMESSA_FUZZ_SECONDS'] ?? 3);
const ONLY = process.env['REMESSA_FUZZ_TARGET'] ?? '';
if (ONLY !== '' && !TARGETS.some(({ name }) => name === ONLY)) throw new Error(`there is no target ${ONLY}`);
const INPUTS = Number(process.env['REMESSA_FUZZ_INPUTS'] ?? Number.POSITIVE_INFINITY);
/** Set by `npm run fuzz`: what fails is added to the corpus. */
const KEEP = process.env['REMESSA_FUZZ_KEEP'] === '1';

describe.each(TARGETS.filter(({ name }) => ONLY === '' || name === ONLY))('fuzz $name', (source) => {
  it('finds nothing', { timeout: (SECONDS + 120) * 1000 }, async () => {
    const { name } = source;
    const target = await source.open();
    try {
      const again = await retry(
        target,
        corpusOf(name).map(({ input }) => input),
      );
      if (again.found !== undefined) expect.fail(textOf(name, again.found));
      const from = freshSeed();
      const { inputs, found } = await fuzz(target, { from, msMax: SECONDS * 1000, inputsMax: INPUTS });
      console.info(`fuzz ${name}: ${inputs} inputs from seed ${from}`);
      if (found === undefined) return;
      if (KEEP) console.info(`kept in ${keep(name, found)}`);
      expect.fail(textOf(name, found));
    } finally {
      await target.close?.();
    }
  });
});

function textOf(name: string, { input, says, seed }: Found): string {
  const again =
    seed === undefined
      ? 'from the corpus'
      : `again: REMESSA_FUZZ_SEED=${seed} REMESSA_FUZZ_INPUTS=1 REMESSA_FUZZ_TARGET=${name} npx vitest run test/fuzz/fuzz.test.ts`;
  return `${says}\n${JSON.stringify(input)}\n${again}`;
}
