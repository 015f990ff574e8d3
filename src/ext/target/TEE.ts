/**
 * `-j TEE`: send a copy of the packet by way of another host, and go on with the next rule.
 *
 * Kernel: net/netfilter/xt_TEE.c, net/ipv4/netfilter/nf_dup_ipv4.c, net/ipv6/netfilter/nf_dup_ipv6.c, Linux 6.18. Syntax:
 * iptables extensions/libxt_TEE.c, 1.8.9.
 */
import { cutBytes } from '../../lang/bytes.ts'
import { addressName } from '../../lang/names.ts'
import { hostAddress, value } from '../../lang/options.ts'
import { type Address, printAddress } from '../../net/address.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface Tee {
  readonly gateway: Address
  /** Name of the device to send it by; '' for any. */
  readonly device: string
}

const deviceBytes = 15

export const TEE = defineTarget<Tee>()({
  name: 'TEE',
  families: bothFamilies,
  doc: 'Send a copy of the packet by way of another host.',
  options: {
    gateway: hostAddress({ doc: 'the next hop of the copy', required: true }),
    oif: value((text) => cutBytes(text, deviceBytes), { doc: 'by this device only', metavar: 'DEVICE' }),
  },
  examples: ['--gateway 192.168.1.9', '--gateway 2001:db8:2::9', '--gateway 192.168.1.9 --oif eth1'],

  parse: (given) => ({ gateway: given.gateway!.value, device: given.oif?.value ?? '' }),
  print: ({ gateway, device }) =>
    `--gateway ${printAddress(gateway)}${device === '' ? '' : ` --oif ${device}`}`,
  list: ({ gateway, device }, { numeric }) =>
    ` TEE gw:${numeric ? printAddress(gateway) : addressName(gateway)}${device === '' ? '' : ` oif=${device}`}`,

  check: ({ gateway }) =>
    gateway.words.some((word) => word !== 0)
      ? null
      : {
          code: 'no-gateway',
          message: `${printAddress(gateway)} is nobody's address`,
          help: 'name a host on a link',
        },

  act({ gateway, device }, _skb, context) {
    const isSent = context.duplicate(gateway, device === '' ? null : device)
    context.note?.(
      isSent ? `a copy goes to ${printAddress(gateway)}` : `no copy: no way to ${printAddress(gateway)}`,
    )
    return { kind: 'continue' }
  },
})
