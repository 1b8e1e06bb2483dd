import { describe, expect, it } from 'vitest';
import { SETTING_NAMES, specOf, withDefaults } from '../../src/config/schema.ts';
import { readValue } from '../../src/config/text.ts';

describe('the table of settings', () => {
  const defaults = withDefaults({}, 2);

  it.each(SETTING_NAMES)('%s: key, unit, default and meaning agree', (name) => {
    const spec = specOf(name);
    expect(spec.key).toBe(`REMESSA_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`);
    expect(spec.means.length).toBeGreaterThan(10);
    expect(spec.type === 'bytes').toBe(/Bytes(Max)?$/.test(name));
    expect(spec.type === 'ms').toBe(/Ms(Min|Max)?$/.test(name));
    // An empty default means that there is none, and nobody can write it.
    const read = readValue(spec, defaults[name]);
    if (spec.default === '') expect(read).toHaveProperty('problem');
    else expect(read).toEqual({ value: defaults[name] });
  });

  it('has no key twice', () => {
    expect(new Set(SETTING_NAMES.map((name) => specOf(name).key)).size).toBe(SETTING_NAMES.length);
  });
});

describe('withDefaults', () => {
  it('computes what is derived from what is given', () => {
    const settings = withDefaults({ leaseMs: 1000, shardsMax: 3, shardRecords: 10 }, 7);
    expect(settings).toMatchObject({ heartbeatMs: 333, recordsMax: 30, threads: 7 });
  });

  it('keeps what is given', () => {
    expect(withDefaults({ heartbeatMs: 5, threads: 1, recordsMax: 2 }, 7)).toMatchObject({
      heartbeatMs: 5,
      threads: 1,
      recordsMax: 2,
    });
  });

  it('keeps the threads inside their range on any machine', () => {
    expect(withDefaults({}, 0).threads).toBe(1);
    expect(withDefaults({}, 500).threads).toBe(64);
  });
});
