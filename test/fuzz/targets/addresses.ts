/**
 * Where webhooks may go: addresses in every way of writing them, alone, in urls and as the answers of a resolver, against a
 * second reading of the special-purpose registries in plain numbers.
 */
import { isIP } from 'node:net';
import { isFault } from '../../../src/core/faults.ts';
import { mayCall, type Targets } from '../../../src/io/http/addresses.ts';
import { openWebhooks } from '../../../src/io/http/webhook.ts';
import { webhookUrlProblem } from '../../../src/io/ports/webhook.ts';
import type { Random } from '../../oracle/random.ts';
import { FakeClock } from '../../support/clock.ts';
import { targetSource } from '../fuzz.ts';
import { mutatedText } from '../mutate.ts';

interface Call {
  readonly targets: Targets;
  /** What somebody wrote as an address or a url. */
  readonly text: string;
  /** What the resolver answers for a name: addresses that are whole. */
  readonly answers: readonly string[];
}

const NEAR = [
  0x00000000, 0x00ffffff, 0x01000000, 0x09ffffff, 0x0a000000, 0x0affffff, 0x64400000, 0x647fffff, 0x6464c8, 0x7effffff,
  0x7f000000, 0x7f000001, 0x7fffffff, 0xa83f8110, 0xa9fe0000, 0xa9fea9fe, 0xa9feffff, 0xac0fffff, 0xac100000,
  0xac1fffff, 0xc0000000, 0xc00002ff, 0xc0586300, 0xc0a80000, 0xc0a8ffff, 0xc6120000, 0xc613ffff, 0xc6336400,
  0xcb007100, 0xe0000000, 0xefffffff, 0xf0000000, 0xffffffff, 0x08080808, 0x646464c8,
];

function v4Of(random: Random): number {
  const dice = random.next();
  if (dice < 0.6) return (random.pick(NEAR) + random.integer(-2, 2)) >>> 0;
  return random.integer(0, 2 ** 32 - 1);
}

const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

/** As people and attackers write IPv4: in parts of any number and base. */
function oddV4(random: Random, value: number): string {
  const base = (part: number): string => random.pick([String(part), `0x${part.toString(16)}`, `0${part.toString(8)}`]);
  const bytes = [24, 16, 8, 0].map((shift) => (value >>> shift) & 255) as [number, number, number, number];
  const [a, b, c, d] = bytes;
  return random.pick([
    dotted(value),
    base(value),
    [base(a), base(value % 2 ** 24)].join('.'),
    [base(a), base(b), base(c * 256 + d)].join('.'),
    bytes.map(base).join('.'),
    `${dotted(value)}.`,
  ]);
}

const HEADS: readonly bigint[] = [
  0n,
  1n,
  0xffffn << 32n,
  0xffff0000n << 32n,
  0x64ff9bn << 96n,
  0xfc00n << 112n,
  0xfd00n << 112n,
  (0xfd000ec2n << 96n) | 0x254n,
  0xfe80n << 112n,
  0xfec0n << 112n,
  0xff02n << 112n,
  0x2000n << 112n,
  0x20010000n << 96n,
  0x20010db8n << 96n,
  0x2002n << 112n,
  0x26064700n << 96n,
  0x3fffn << 112n,
  0x3ffe_ffffn << 96n,
  0x4000n << 112n,
];

function v6Of(random: Random): bigint {
  const low = BigInt(v4Of(random));
  const head = random.pick(HEADS);
  const middle = random.chance(0.3) ? BigInt(random.integer(0, 2 ** 32 - 1)) << 32n : 0n;
  return (head | middle | low) & ((1n << 128n) - 1n);
}

function v6Text(random: Random, value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, at) => Number((value >> BigInt(112 - at * 16)) & 0xffffn));
  const texts = groups.map((group) => (random.chance(0.5) ? group.toString(16) : group.toString(16).padStart(4, '0')));
  const tail = random.chance(0.3) ? [...texts.slice(0, 6), dotted(Number(value & 0xffffffffn))] : texts;
  let text = tail.join(':');
  if (random.chance(0.6)) text = text.replace(/(?:^|:)0+(?::0+)+(?=:|$)/, '::').replace(':::', '::');
  return random.chance(0.3) ? text.toUpperCase() : text;
}

function addressText(random: Random): string {
  const text = random.chance(0.5) ? oddV4(random, v4Of(random)) : v6Text(random, v6Of(random));
  return random.chance(0.1) ? mutatedText(random, text, 1) : random.chance(0.03) ? `${text}%eth0` : text;
}

/** The address as a number; `undefined` where it is none. IPv4 in the classical dotted form alone. */
function numberOf(address: string): { readonly v4?: number; readonly v6?: bigint } | undefined {
  const version = isIP(address);
  if (version === 4) return { v4: address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) };
  if (version !== 6 || address.includes('%')) return undefined;
  const plain = address.replace(/([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/, (_all, a, b, c, d) => {
    const pair = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${pair(a, b)}:${pair(c, d)}`;
  });
  const [before = '', after] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const head = groups(before);
  const tail = after === undefined ? [] : groups(after);
  const all =
    after === undefined ? head : [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  const v6 = all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  // IPv4-mapped: it is that IPv4 address.
  return v6 >> 32n === 0xffffn ? { v4: Number(v6 & 0xffffffffn) } : { v6 };
}

type Kind = 'never' | 'loopback' | 'network' | 'public';

/** First and last address of each range that is not public; the first that holds one says what it is. */
const V4: readonly (readonly [first: number, last: number, kind: Kind])[] = [
  [0x00000000, 0x00ffffff, 'never'],
  [0xa9fe0000, 0xa9feffff, 'never'],
  [0x646464c8, 0x646464c8, 'never'],
  [0xa83f8110, 0xa83f8110, 'never'],
  [0xe0000000, 0xffffffff, 'never'],
  [0x7f000000, 0x7fffffff, 'loopback'],
  [0x0a000000, 0x0affffff, 'network'],
  [0xac100000, 0xac1fffff, 'network'],
  [0xc0a80000, 0xc0a8ffff, 'network'],
  [0x64400000, 0x647fffff, 'network'],
  [0xc0000000, 0xc00000ff, 'never'],
  [0xc0000200, 0xc00002ff, 'never'],
  [0xc0586300, 0xc05863ff, 'never'],
  [0xc6120000, 0xc613ffff, 'never'],
  [0xc6336400, 0xc63364ff, 'never'],
  [0xcb007100, 0xcb0071ff, 'never'],
];

function kindOf(address: string): Kind {
  const number = numberOf(address);
  if (number === undefined) return 'never';
  const { v4, v6 = 0n } = number;
  if (v4 !== undefined) return V4.find(([first, last]) => v4 >= first && v4 <= last)?.[2] ?? 'public';
  if (v6 === 1n) return 'loopback';
  const prefix = (bits: number): bigint => v6 >> BigInt(128 - bits);
  // The metadata service of a cloud stands inside the private networks.
  if (prefix(32) === 0xfd000ec2n) return 'never';
  if (prefix(7) === 0x7en) return 'network';
  const special = prefix(23) === 0x100080n || prefix(32) === 0x20010db8n || prefix(16) === 0x2002n;
  const documentation = prefix(20) === 0x3fff0n;
  return prefix(3) === 1n && !special && !documentation ? 'public' : 'never';
}

function allowed(address: string, targets: Targets): boolean {
  const kind = kindOf(address);
  if (kind === 'public') return true;
  if (kind === 'loopback') return targets !== 'public';
  return kind === 'network' && targets === 'private';
}

/** Judges addresses by how they are written, not by what they are. */
function byText(address: string, targets: Targets): boolean {
  return (
    isIP(address) !== 0 && (targets !== 'public' || !/^(127|10|192\.168|169\.254|0)\.|^(::1|fe80|fc|fd)/i.test(address))
  );
}

export const ADDRESSES = targetSource<Call>({
  name: 'addresses',
  plants: ['by text'],
  async open(plant) {
    const may = plant === undefined ? mayCall : byText;
    return {
      make(random) {
        const host = addressText(random);
        const written = host.includes(':') ? `[${host}]` : host;
        const url = `${random.pick(['https', 'http', 'HTTPS', 'ftp', 'file', 'javascript'])}://${random.pick(['', 'u:p@', 'x@'])}${written}${random.pick(['', ':443', ':80', ':99999', ':'])}${random.pick(['', '/', '/hook?a=b', '#x'])}`;
        const text = random.chance(0.5) ? host : random.chance(0.2) ? mutatedText(random, url, 2) : url;
        const answers = Array.from({ length: random.integer(1, 3) }, () =>
          random.chance(0.5) ? dotted(v4Of(random)) : v6Text(random, v6Of(random)),
        );
        return { targets: random.pick(['public', 'loopback', 'private'] as const), text, answers };
      },
      async judge({ targets, text, answers }) {
        for (const address of [text, ...answers]) {
          if (may(address, targets) !== allowed(address, targets)) {
            return `${address} is ${kindOf(address)}; to ${targets} ones: ${may(address, targets)}`;
          }
        }
        const schemes = targets === 'public' ? ['https:'] : ['https:', 'http:'];
        const problem = webhookUrlProblem(text, schemes);
        if (problem !== undefined) return /^[\x20-\x7e]{1,200}$/.test(problem) ? undefined : `a problem ${problem}`;
        const { protocol, hostname, username, password } = new URL(text);
        if (!schemes.includes(protocol)) return `the scheme ${protocol} passes`;
        if (username !== '' || password !== '') return 'a url with a name and password passes';
        const host = hostname.replace(/^\[(.*)\]$/, '$1');
        const isAddress = isIP(host) !== 0;
        const where = isAddress ? [host] : answers;
        // What may be called is left alone: a test calls nobody out there.
        if (plant !== undefined || where.every((address) => allowed(address, targets))) return undefined;
        return await refusal(text, targets, answers);
      },
    };
  },
});

async function refusal(url: string, targets: Targets, answers: readonly string[]): Promise<string | undefined> {
  const resolve = async () => answers.map((address) => ({ address, family: isIP(address) }));
  const webhooks = openWebhooks({ targets, answerMs: 1000, userAgent: 'test' }, { clock: new FakeClock(), resolve });
  try {
    await webhooks.post({ id: 'e-1', url, body: '{}', secrets: ['whsec_AAAA'] }, new AbortController().signal);
    return 'it was called';
  } catch (error) {
    if (isFault(error) && error.code === 'WEBHOOK_FORBIDDEN') return undefined;
    return `it failed with ${String(error)} and not because it is forbidden`;
  } finally {
    await webhooks.close();
  }
}
