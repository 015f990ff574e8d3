/**
 * `-j NETMAP`: map one network onto another, address by address.
 *
 * Kernel: net/netfilter/xt_NETMAP.c, Linux 6.18. Syntax: iptables extensions/libipt_NETMAP.c and libip6t_NETMAP.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import type { OptionEnvironment } from '../../lang/syntax.ts'
import { parseHost, parseMask } from '../../lang/values.ts'
import {
  addressBits,
  addressOf,
  lengthOfMask,
  maskAddress,
  maskOfLength,
  type Prefix,
  printPrefix,
} from '../../net/address.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireNat, wholeRange } from './_nat.ts'

export interface Netmap {
  /** Host bits are clear. */
  readonly to: Prefix
}

const allowedHooks: readonly Hook[] = ['PREROUTING', 'OUTPUT', 'POSTROUTING', 'INPUT']

export const NETMAP = defineTarget<Netmap>()({
  name: 'NETMAP',
  families: bothFamilies,
  needsConntrack: true,
  doc: 'Map one network onto another, address by address.',
  options: {
    to: value(parseNetwork, { doc: 'the new network', metavar: 'ADDRESS[/MASK]', required: true }),
  },
  examples: ['--to 10.1.0.0/16', '--to 2001:db8:5::/48'],

  parse: (given) => ({ to: given.to!.value }),
  print: ({ to }) => `--to ${printPrefix(to)}`,
  list: ({ to }) => ` to:${printPrefix(to)}`,
  check: (_data, _rule, place) => requireNat(allowedHooks, place, 'addresses are not translated there'),

  decides: () => true,
  act({ to }, { packet }, context) {
    const changesSource = context.hook === 'POSTROUTING' || context.hook === 'INPUT'
    const old = changesSource ? packet.source : packet.destination
    const words = old.words.map(
      (word, at) => (word & ~to.mask.words[at]!) | (to.address.words[at]! & to.mask.words[at]!),
    )
    const address = addressOf(old.family, words)
    return (
      context.nat?.translate({ ...wholeRange, addresses: { min: address, max: address } }) ?? {
        kind: 'continue',
      }
    )
  },
})

/** IPv4 takes a mask that is none, or not contiguous, for the mask of a single address. */
function parseNetwork(text: string, { family }: OptionEnvironment): Prefix {
  const slash = text.indexOf('/')
  const host = slash < 0 ? text : text.slice(0, slash)
  const address = parseHost(host, family)
  if (address === null) return refuse('bad-address', `has "${host}" where an address should be`)
  const whole = maskOfLength(family, addressBits(family))
  const given = slash < 0 ? whole : parseMask(text.slice(slash + 1), family)
  if (family === 'ipv6' && (given === null || lengthOfMask(given) === null)) {
    return refuse('bad-mask', `has the mask "${text.slice(slash + 1)}"`)
  }
  const mask = given === null || lengthOfMask(given) === null ? whole : given
  return { address: maskAddress(address, mask), mask }
}
