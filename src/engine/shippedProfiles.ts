/**
 * Profiles that come with the program, for formats that many clients send: added by name, with nothing to be written. Each has
 * a golden pair in fixtures/profiles. A stored profile is a copy: a later build changes no client's way of being read.
 */
import type { ProfileDocument } from '../kernel/profile.ts';

export interface ShippedProfile {
  readonly says: string;
  readonly document: ProfileDocument;
}

export const SHIPPED_PROFILES: Readonly<Record<string, ShippedProfile>> = {
  'json-lines': {
    says: 'JSON Lines: one object a line, its keys named as the columns',
    document: { format: 1, kind: 'json-lines' },
  },
  'cnab-240': {
    says: 'CNAB 240 of FEBRABAN, segments P, Q and R, of any bank',
    document: { format: 1, kind: 'cnab-240' },
  },
  'cnab-400-itau': {
    says: 'CNAB 400 of Itaú',
    document: { format: 1, kind: 'cnab-400', cnab: { bank: 'itau' } },
  },
  'cnab-400-bradesco': {
    says: 'CNAB 400 of Bradesco',
    document: { format: 1, kind: 'cnab-400', cnab: { bank: 'bradesco' } },
  },
  'cnab-400-bb': {
    says: 'CNAB 400 of Banco do Brasil, lines of type 7',
    document: { format: 1, kind: 'cnab-400', cnab: { bank: 'bb' } },
  },
};

export function shippedProfile(name: string): ShippedProfile | undefined {
  return Object.hasOwn(SHIPPED_PROFILES, name) ? SHIPPED_PROFILES[name] : undefined;
}
