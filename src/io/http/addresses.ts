/**
 * Which addresses may be called on behalf of a client, who chooses the url: never the machine, its network or the services
 * that stand beside it, unless a setting says so.
 *
 * Of IPv6 only global unicast (2000::/3) counts as public, and of that neither documentation nor what carries an IPv4 address
 * inside (6to4, Teredo); IPv4-mapped addresses are judged as the IPv4 address they are. Source: the special-purpose address
 * registries of IANA (RFC 6890 and its updates).
 */
import { BlockList, isIP } from 'node:net';

export type Targets = 'public' | 'loopback' | 'private';

function listOf(v4: readonly string[], v6: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [family, nets] of [['ipv4', v4] as const, ['ipv6', v6] as const]) {
    for (const net of nets) {
      const [address = '', bits = ''] = net.split('/');
      list.addSubnet(address, Number(bits), family);
    }
  }
  return list;
}

/** A BlockList takes an IPv4-mapped address for the IPv4 address, so each range is asked in its own family alone. */
interface Ranges {
  readonly loopback: BlockList;
  readonly networks: BlockList;
  readonly never: BlockList;
  readonly special: BlockList;
  readonly global: BlockList;
}

let made: Ranges | undefined;

function ranges(): Ranges {
  made ??= {
    loopback: listOf(['127.0.0.0/8'], ['::1/128']),
    networks: listOf(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'], ['fc00::/7']),
    // Services of a cloud that hand out credentials to whoever asks, and what is no single host.
    never: listOf(
      ['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4', '100.100.100.200/32', '168.63.129.16/32'],
      ['::/128', 'fe80::/10', 'ff00::/8', 'fd00:ec2::/32'],
    ),
    special: listOf(
      ['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
      ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
    ),
    global: listOf([], ['2000::/3']),
  };
  return made;
}

/** Whether the address, as text, may be called; what is no address may not. */
export function mayCall(address: string, targets: Targets): boolean {
  const plain = mappedV4(address) ?? address;
  const version = isIP(plain);
  if (version === 0 || plain.includes('%')) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const { loopback, networks, never, special, global } = ranges();
  if (never.check(plain, family)) return false;
  if (loopback.check(plain, family)) return targets !== 'public';
  if (networks.check(plain, family)) return targets === 'private';
  if (special.check(plain, family)) return false;
  return version === 4 || global.check(plain, family);
}

/** The IPv4 address of an IPv4-mapped one, however it is written. */
function mappedV4(address: string): string | undefined {
  if (isIP(address) !== 6 || address.includes('%')) return undefined;
  // The URL parser writes every form of an IPv6 address one way.
  const normal = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal);
  if (match === null) return undefined;
  const [high = 0, low = 0] = [match[1], match[2]].map((part) => Number.parseInt(part ?? '', 16));
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
