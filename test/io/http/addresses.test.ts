/** Which addresses may be called: a table of the ranges and their edges, in every way of writing them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayCall } from '../../../src/io/http/addresses.ts';

const PUBLIC = [
  '1.1.1.1',
  '9.255.255.255',
  '11.0.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.169.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '223.255.255.255',
  '198.17.255.255',
  '198.20.0.0',
  '2606:4700::1111',
  '2001:4860:4860::8888',
  '2600::',
  '::ffff:1.1.1.1',
];

const LOOPBACK = [
  '127.0.0.1',
  '127.255.255.255',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::FFFF:7F00:0001',
];

const NETWORKS = [
  '10.0.0.0',
  '10.255.255.255',
  '172.16.0.0',
  '172.31.255.255',
  '192.168.0.0',
  '192.168.255.255',
  '100.64.0.0',
  '100.127.255.255',
  'fc00::1',
  'fdff::1',
  '::ffff:10.0.0.1',
  '0:0:0:0:0:ffff:c0a8:1',
];

const NEVER = [
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '169.254.170.2',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '224.0.0.1',
  '255.255.255.255',
  '240.0.0.1',
  '::',
  'fe80::1',
  'febf::1',
  'ff02::1',
  'fd00:ec2::254',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.19.255.255',
  '203.0.113.9',
  '2002:7f00:1::',
  '2001::1',
  '2001:db8::1',
  '64:ff9b::7f00:1',
  '::127.0.0.1',
  '::ffff:0:127.0.0.1',
  'fe80::1%eth0',
  '1.1.1.1%1',
  '',
  'localhost',
  '0x7f.1',
  '127.1',
  '2130706433',
  '1.1.1.1 ',
  '3fff::1',
  '4000::1',
];

describe('an address', () => {
  it.each(PUBLIC)('%s may always be called', (address) => {
    expect((['public', 'loopback', 'private'] as const).map((targets) => mayCall(address, targets))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it.each(LOOPBACK)('%s may be called where this machine may', (address) => {
    expect((['public', 'loopback', 'private'] as const).map((targets) => mayCall(address, targets))).toEqual([
      false,
      true,
      true,
    ]);
  });

  it.each(NETWORKS)('%s may be called where private networks may', (address) => {
    expect((['public', 'loopback', 'private'] as const).map((targets) => mayCall(address, targets))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it.each(NEVER)('%j may never be called', (address) => {
    expect((['public', 'loopback', 'private'] as const).map((targets) => mayCall(address, targets))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('is judged the same however it is mapped into IPv6', () => {
    fc.assert(
      fc.property(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)), (bytes) => {
        const plain = bytes.join('.');
        const [a, b, c, d] = bytes.map((byte) => byte.toString(16).padStart(2, '0'));
        for (const mapped of [`::ffff:${plain}`, `::ffff:${a}${b}:${c}${d}`, `0:0:0:0:0:FFFF:${a}${b}:${c}${d}`]) {
          for (const targets of ['public', 'loopback', 'private'] as const) {
            expect(mayCall(mapped, targets)).toBe(mayCall(plain, targets));
          }
        }
      }),
      { seed: 7 },
    );
  });
});
