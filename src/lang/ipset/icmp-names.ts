/** Names of ICMP types and codes as ipset 7.17 knows them; the first name of a pair is printed. Source: lib/icmp.c. */
import type { Family } from '../../net/address.ts'

/** `TYPE/CODE NAME ALIAS...`. */
const texts: Readonly<Record<Family, string>> = {
  ipv4: `
0/0 echo-reply pong; 3/0 network-unreachable; 3/1 host-unreachable; 3/2 protocol-unreachable; 3/3 port-unreachable;
3/4 fragmentation-needed; 3/5 source-route-failed; 3/6 network-unknown; 3/7 host-unknown; 3/9 network-prohibited;
3/10 host-prohibited; 3/11 TOS-network-unreachable; 3/12 TOS-host-unreachable; 3/13 communication-prohibited;
3/14 host-precedence-violation; 3/15 precedence-cutoff; 4/0 source-quench; 5/0 network-redirect;
5/1 host-redirect; 5/2 TOS-network-redirect; 5/3 TOS-host-redirect; 8/0 echo-request ping;
9/0 router-advertisement; 10/0 router-solicitation; 11/0 ttl-zero-during-transit; 11/1 ttl-zero-during-reassembly;
12/0 ip-header-bad; 12/1 required-option-missing; 13/0 timestamp-request; 14/0 timestamp-reply;
17/0 address-mask-request; 18/0 address-mask-reply`,
  ipv6: `
1/0 no-route; 1/1 communication-prohibited; 1/3 address-unreachable; 1/4 port-unreachable; 2/0 packet-too-big;
3/0 ttl-zero-during-transit; 3/1 ttl-zero-during-reassembly; 4/0 bad-header; 4/1 unknown-header-type;
4/2 unknown-option; 128/0 echo-request ping; 129/0 echo-reply pong; 133/0 router-solicitation;
134/0 router-advertisement; 135/0 neighbour-solicitation neigbour-solicitation;
136/0 neighbour-advertisement neigbour-advertisement; 137/0 redirect`,
}

interface IcmpName {
  readonly code: number
  readonly names: readonly string[]
}

function read(text: string): IcmpName[] {
  return text.split(';').map((entry) => {
    const [key = '', ...names] = entry.trim().split(/\s+/)
    const [type, code] = key.split('/')
    return { code: Number(type) * 256 + Number(code), names }
  })
}

const tables = { ipv4: read(texts.ipv4), ipv6: read(texts.ipv6) }

/** Names in the order of ipset's own help. */
export const icmpNames = (family: Family): readonly string[] => tables[family].flatMap(({ names }) => names)

/** Type * 256 + code of a name or of its beginning, in any case; null when there is none. */
export function icmpCodeOf(text: string, family: Family): number | null {
  const sought = text.toLowerCase()
  const found = tables[family].find(({ names }) =>
    names.some((name) => name.toLowerCase().startsWith(sought)),
  )
  return found?.code ?? null
}

/** The name, or `TYPE/CODE`. */
export function printIcmpCode(code: number, family: Family): string {
  const found = tables[family].find((each) => each.code === code)
  return found?.names[0] ?? `${code >> 8}/${code & 255}`
}
