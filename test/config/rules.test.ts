/** The settings of the rules service: which addresses and headers are taken, and that its token is shown to nobody. */
import { describe, expect, it } from 'vitest';
import { resolveSettings } from '../../src/config/load.ts';
import { specOf } from '../../src/config/schema.ts';
import { valueText } from '../../src/config/text.ts';

const taken = (given: Readonly<Record<string, string | undefined>>) => resolveSettings(given, undefined, 2).settings;
const URL_KEY = 'REMESSA_RULES_URL';
const GOOD = 'http://10.0.0.7:8080/{profile}';

describe('the address of the rules service', () => {
  it.each([
    GOOD,
    'https://rules.example/v1/clients/{client}/profiles/{profile}.json',
    'https://rules.example/{profile}?client={client}&v=1',
    'http://localhost/{client}',
    'http://[::1]:81/{profile}',
  ])('may be %s', (url) => {
    expect(taken({ [URL_KEY]: url }).rulesUrl).toBe(url);
  });

  it.each([
    'rules.example/{profile}',
    'ftp://rules.example/{profile}',
    'file:///etc/{profile}',
    'https://user:pass@rules.example/{profile}',
    'https://{client}.example/{profile}',
    'https://rules.example{profile}',
    'https://rules.example/{tenant}',
    'https://rules.example/{profile}#x',
    'https://rules.example/{profile',
    'https://rules.example/all',
    'https://rules.example/{profile} x',
    'https:///{profile}',
  ])('may not be %s', (url) => {
    expect(() => taken({ [URL_KEY]: url })).toThrow(/REMESSA_RULES_URL must/);
  });
});

describe('the token of the rules service', () => {
  it('goes under any header but those of HTTP itself', () => {
    for (const name of ['authorization', 'X-Api-Key', 'x-token']) {
      expect(taken({ [URL_KEY]: GOOD, REMESSA_RULES_HEADER: name }).rulesHeader).toBe(name);
    }
    for (const name of ['Host', 'If-None-Match', 'content-length', 'x y', 'a:b', 'x\r\nb']) {
      expect(() => taken({ [URL_KEY]: GOOD, REMESSA_RULES_HEADER: name })).toThrow(/REMESSA_RULES_HEADER must/);
    }
  });

  it('is shown to nobody, and told nothing of when it is refused', () => {
    const token = 'Bearer gãnz-geheim';
    expect(valueText(specOf('rulesToken'), token)).toBe('(set)');
    for (const given of [{ REMESSA_RULES_TOKEN: token }, { [URL_KEY]: GOOD, REMESSA_RULES_TOKEN: token }]) {
      expect(() => taken(given)).toThrow(/REMESSA_RULES_TOKEN/);
      expect(() => taken(given)).not.toThrow(/geheim/);
    }
  });
});
