/** Every target finds every bug that is planted in the place of its subject, soon; else its silence says nothing. */
import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets/index.ts';

const INPUTS_MAX = 3000;
const PLANTS = TARGETS.flatMap((source) => source.plants.map((plant) => ({ source, name: source.name, plant })));

describe('a planted bug is found', () => {
  it('in every target', () => {
    expect(TARGETS.filter(({ plants }) => plants.length === 0)).toEqual([]);
  });

  it.each(PLANTS)('$name: $plant', async ({ source, plant }) => {
    const target = await source.open(plant);
    try {
      const { inputs, found } = await fuzz(target, { from: 7, inputsMax: INPUTS_MAX });
      console.info(`${source.name}, ${plant}: after ${inputs}: ${found?.says.slice(0, 200)}`);
      expect(found?.says, `after ${inputs} inputs`).toBeTypeOf('string');
    } finally {
      await target.close?.();
    }
  });
});
