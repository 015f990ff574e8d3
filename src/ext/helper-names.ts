/**
 * The helpers that Linux 6.18 has built in: readers of protocols that announce further connections.
 *
 * Source: what the kernel took in `-j CT --helper` for each protocol and family; nf_conntrack_helper_register() in
 * net/netfilter/nf_conntrack_ftp.c and its neighbours.
 */
import type { Family } from '../net/address.ts'
import { ipProtocol } from '../net/protocol.ts'

interface HelperSupport {
  readonly protocols: readonly number[]
  readonly families: readonly Family[]
}

const { tcp, udp } = ipProtocol
const both: readonly Family[] = ['ipv4', 'ipv6']

export const kernelHelpers: Readonly<Record<string, HelperSupport>> = {
  ftp: { protocols: [tcp], families: both },
  tftp: { protocols: [udp], families: both },
  sip: { protocols: [tcp, udp], families: both },
  irc: { protocols: [tcp], families: ['ipv4'] },
  sane: { protocols: [tcp], families: both },
  pptp: { protocols: [tcp], families: ['ipv4'] },
  amanda: { protocols: [udp], families: both },
  snmp: { protocols: [udp], families: ['ipv4'] },
  snmp_trap: { protocols: [udp], families: ['ipv4'] },
  'netbios-ns': { protocols: [udp], families: ['ipv4'] },
  RAS: { protocols: [udp], families: both },
  'Q.931': { protocols: [tcp], families: both },
  'H.245': { protocols: [udp], families: both },
}

/** Those that the engine has code for. */
export const modelledHelpers = ['ftp', 'tftp'] as const
export type ModelledHelper = (typeof modelledHelpers)[number]

export const isModelledHelper = (name: string): name is ModelledHelper =>
  (modelledHelpers as readonly string[]).includes(name)

/** Whether the kernel has a helper of that name for connections of a protocol. */
export function hasHelper(name: string, family: Family, protocol: number): boolean {
  if (!Object.hasOwn(kernelHelpers, name)) return false
  const { protocols, families } = kernelHelpers[name]!
  return protocols.includes(protocol) && families.includes(family)
}
