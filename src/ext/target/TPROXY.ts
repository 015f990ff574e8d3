/**
 * `-j TPROXY`: hand the packet to a local transparent proxy, addresses unchanged.
 *
 * Kernel: net/netfilter/xt_TPROXY.c, Linux 6.18. Syntax: iptables extensions/libxt_TPROXY.c, 1.8.9.
 *
 * Only sockets that ask for it (IP_TRANSPARENT) can be such proxies, and a host here has none. The kernel then drops the
 * packet.
 */
import type { Refusal } from '../../lang/diagnostic.ts'
import { hostAddress, looselyParsedPort, type MarkMask, markMask } from '../../lang/options.ts'
import { type Address, addressOf, printAddress } from '../../net/address.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireHooks } from '../match/_hooks.ts'
import { requireTable } from './_tables.ts'

export interface TransparentProxy {
  /** 0 for the packet's own. */
  readonly port: number
  /** All zero for the address of the device the packet came by. */
  readonly address: Address
  /** `mark = (mark & ~mask) ^ value`. */
  readonly mark: MarkMask
}

const proxied: readonly number[] = [ipProtocol.tcp, ipProtocol.udp]

const needsProtocol: Refusal = {
  code: 'needs-protocol',
  message: 'TPROXY needs -p tcp or -p udp in the same rule',
  help: '-p tcp',
}

export const TPROXY = defineTarget<TransparentProxy>()({
  name: 'TPROXY',
  families: bothFamilies,
  needsDefragment: true,
  doc: 'Hand the packet to a local transparent proxy.',
  options: {
    'on-port': looselyParsedPort({ doc: "where it listens; 0 for the packet's own port", required: true }),
    'on-ip': hostAddress({ doc: 'where it listens' }),
    'tproxy-mark': markMask({ doc: 'clear the bits of MASK in the mark, then XOR with VALUE' }),
  },
  examples: [
    '--on-port 12345 --on-ip 10.0.0.1 --tproxy-mark 0x23/0xff',
    '--on-port 12345 --on-ip 2001:db8::1 --tproxy-mark 0x23/0xff',
  ],

  parse: (given, { family }) => ({
    port: given['on-port']!.value,
    address: given['on-ip']?.value ?? addressOf(family, family === 'ipv4' ? [0] : [0, 0, 0, 0]),
    mark: given['tproxy-mark']?.value ?? { value: 0, mask: 0 },
  }),

  print: ({ port, address, mark }) =>
    `--on-port ${port} --on-ip ${printAddress(address)} --tproxy-mark ${printMark(mark)}`,
  list: ({ port, address, mark }) =>
    ` TPROXY redirect ${printAddress(address)}:${port} mark ${printMark(mark)}`,

  check: (_data, { protocol }, place) =>
    requireTable('mangle', place, 'a proxy takes packets before they are routed') ??
    requireHooks(['PREROUTING'], place, 'a proxy takes packets before they are routed', 'target') ??
    (protocol !== null && !protocol.inverted && proxied.includes(protocol.value) ? null : needsProtocol),

  act(_data, _skb, { note }) {
    note?.('no transparent socket waits for it: dropped')
    return { kind: 'drop' }
  },
})

const printMark = ({ value, mask }: MarkMask): string => `0x${value.toString(16)}/0x${mask.toString(16)}`
