/**
 * The headers of ICMP and ICMPv6, and the names that iptables gives their types.
 *
 * Read first: RFC 792, RFC 1812 section 5.2.7 (more codes), RFC 4443, RFC 4861. Names: `iptables -p icmp -h` and
 * `ip6tables -p icmpv6 -h`, iptables 1.8.9.
 *
 * Preconditions of all readers: the first 4 bytes are present (8 for `id`, `sequence` and `rest`).
 */
import type { Family } from '../address.ts'
import type { Reader } from './reader.ts'

export const headerBytes = 8

export const type = (packet: Reader, at: number): number => packet.u8(at)
export const code = (packet: Reader, at: number): number => packet.u8(at + 1)
export const checksum = (packet: Reader, at: number): number => packet.u16(at + 2)
/** Bytes 4 to 7, whatever the type puts there. */
export const rest = (packet: Reader, at: number): number => packet.u32(at + 4)
/** Of queries (`isQuery`). */
export const id = (packet: Reader, at: number): number => packet.u16(at + 4)
export const sequence = (packet: Reader, at: number): number => packet.u16(at + 6)

/** Whether the type reports an error, and so quotes a packet from byte 8 on (v4 redirects among them). */
export function isError(family: Family, icmpType: number): boolean {
  if (family === 'ipv6') return icmpType < 128
  return icmpType === 3 || icmpType === 4 || icmpType === 5 || icmpType === 11 || icmpType === 12
}

/** Whether the type is a question or an answer with id and sequence. */
export function isQuery(family: Family, icmpType: number): boolean {
  if (family === 'ipv6') return icmpType === 128 || icmpType === 129
  return icmpType === 0 || icmpType === 8 || (13 <= icmpType && icmpType <= 18)
}

export interface IcmpName {
  readonly name: string
  readonly type: number
  /** Null stands for every code. */
  readonly code: number | null
}

/** In iptables' order, an alias behind the name it stands for. `any` is type 255 and matches every packet. */
export const icmpNames: readonly IcmpName[] = namesFrom(`
  any 255
  echo-reply 0             pong 0
  destination-unreachable 3
  network-unreachable 3/0  host-unreachable 3/1     protocol-unreachable 3/2  port-unreachable 3/3
  fragmentation-needed 3/4 source-route-failed 3/5  network-unknown 3/6       host-unknown 3/7
  network-prohibited 3/9   host-prohibited 3/10
  TOS-network-unreachable 3/11                      TOS-host-unreachable 3/12
  communication-prohibited 3/13                     host-precedence-violation 3/14
  precedence-cutoff 3/15
  source-quench 4
  redirect 5
  network-redirect 5/0     host-redirect 5/1        TOS-network-redirect 5/2  TOS-host-redirect 5/3
  echo-request 8           ping 8
  router-advertisement 9   router-solicitation 10
  time-exceeded 11         ttl-exceeded 11
  ttl-zero-during-transit 11/0                      ttl-zero-during-reassembly 11/1
  parameter-problem 12     ip-header-bad 12/0       required-option-missing 12/1
  timestamp-request 13     timestamp-reply 14       address-mask-request 17   address-mask-reply 18`)

export const icmp6Names: readonly IcmpName[] = namesFrom(`
  destination-unreachable 1
  no-route 1/0             communication-prohibited 1/1                       beyond-scope 1/2
  address-unreachable 1/3  port-unreachable 1/4     failed-policy 1/5         reject-route 1/6
  packet-too-big 2
  time-exceeded 3          ttl-exceeded 3
  ttl-zero-during-transit 3/0                       ttl-zero-during-reassembly 3/1
  parameter-problem 4      bad-header 4/0           unknown-header-type 4/1   unknown-option 4/2
  echo-request 128         ping 128
  echo-reply 129           pong 129
  router-solicitation 133  router-advertisement 134
  neighbour-solicitation 135                        neighbor-solicitation 135
  neighbour-advertisement 136                       neighbor-advertisement 136
  redirect 137`)

/** Reads the tables above: `NAME TYPE` or `NAME TYPE/CODE`, apart by blanks. */
function namesFrom(table: string): readonly IcmpName[] {
  const words = table.trim().split(/\s+/)
  return Array.from({ length: words.length / 2 }, (_, row) => {
    const [icmpType, icmpCode] = words[2 * row + 1]!.split('/')
    return {
      name: words[2 * row]!,
      type: Number(icmpType),
      code: icmpCode === undefined ? null : Number(icmpCode),
    }
  })
}

export const namesOf = (family: Family): readonly IcmpName[] => (family === 'ipv4' ? icmpNames : icmp6Names)

/** The entry of exactly that name or alias, upper and lower case alike, or null. */
export function findName(family: Family, text: string): IcmpName | null {
  const wanted = text.toLowerCase()
  return namesOf(family).find(({ name }) => name.toLowerCase() === wanted) ?? null
}

/** The first name for exactly this type and code (null for every code), or null. */
export function nameOf(family: Family, icmpType: number, icmpCode: number | null): string | null {
  return namesOf(family).find((entry) => entry.type === icmpType && entry.code === icmpCode)?.name ?? null
}
