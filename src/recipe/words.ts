/** Words of rules that several recipes write. */
import type { Family } from '../lang/rule.ts'
import type { EndPoint, Knock } from './parameter.ts'

/** What a packet of a knock is, or the first of a service: a SYN, a datagram, an echo request. */
export function conditionOf({ protocol, port }: Knock, family: Family): string {
  if (protocol === 'icmp') {
    return family === 'ipv4' ? '-p icmp -m icmp --icmp-type 8' : '-p ipv6-icmp -m icmp6 --icmpv6-type 128'
  }
  return protocol === 'tcp' ? `-p tcp -m tcp --dport ${port} --syn` : `-p udp -m udp --dport ${port}`
}

/** All packets to a service. */
export const toService = ({ protocol, port }: Knock): string =>
  `-p ${protocol} -m ${protocol} --dport ${port}`

export const isNew = '-m conntrack --ctstate NEW'

/** `-i eth0 ` with its blank, or nothing. */
export const fromDevice = (device: string | null): string => (device === null ? '' : `-i ${device} `)

/** The target that refuses. */
export function refusal(how: 'drop' | 'reject', protocol: 'tcp' | 'udp' | 'all', family: Family): string {
  if (how === 'drop') return '-j DROP'
  if (protocol === 'tcp') return '-j REJECT --reject-with tcp-reset'
  return `-j REJECT --reject-with ${family === 'ipv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'}`
}

/** An end as NAT's targets print it. */
export const printEnd = ({ address, port }: EndPoint): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
