/** Options whose values are addresses of the network or the link layer. */
import type { Address, Family, Prefix } from '../net/address.ts'
import { addressBits, maskOfLength } from '../net/address.ts'
import { refuse } from './diagnostic.ts'
import { type OptionText, value } from './option.ts'
import type { OptionSpec } from './syntax.ts'
import { parseDotted, parseHost, parseMac, parseMask } from './values.ts'

const namesNote = 'host names would be looked up when the rule is loaded; rules here hold addresses'

/** One address of the rule's family, read as `getaddrinfo` does (`127.1` and `24` are IPv4 addresses). */
export function hostAddress(spec: OptionText): OptionSpec<Address> {
  return value((given, { family }) => parseHost(given, family) ?? refuseHost(given, family), {
    metavar: 'ADDRESS',
    ...spec,
  })
}

const refuseHost = (given: string, family: Family, said = saidByResolver(given, family)): never =>
  refuse('bad-address', `is not an address: "${given}" is no ${familyName(family)} address`, {
    notes: /^[a-zA-Z]/.test(given) ? [namesNote] : [],
    said,
  })

/** What getaddrinfo() says on a machine that asks nobody. */
const saidByResolver = (given: string, family: Family): string =>
  parseHost(given, family === 'ipv4' ? 'ipv6' : 'ipv4') !== null
    ? 'getaddrinfo: Address family for hostname not supported\n'
    : 'getaddrinfo: Temporary failure in name resolution\n'

const familyName = (family: string): string => (family === 'ipv4' ? 'IPv4' : 'IPv6')

/** `ADDRESS[/LENGTH]` or `ADDRESS/MASK`, host bits kept. Source: `xtopt_parse_hostmask()`. */
export function prefix(spec: OptionText): OptionSpec<Prefix> {
  return value(
    (given, { family }) => {
      const slash = given.indexOf('/')
      const host = slash < 0 ? given : given.slice(0, slash)
      const address = parseHost(host, family) ?? refuseHost(host, family)
      if (slash < 0) return { address, mask: maskOfLength(family, addressBits(family)) }
      const mask = parseMask(given.slice(slash + 1), family)
      if (mask !== null) return { address, mask }
      return refuse('bad-mask', `has the mask "${given.slice(slash + 1)}"`, {
        said: `%name: bad value for option "%option", neither a valid network mask nor valid CIDR (0-${addressBits(family)}).\n`,
        notes: [`a mask is a length from 0 to ${addressBits(family)} or an address`],
      })
    },
    { metavar: 'ADDRESS[/MASK]', ...spec },
  )
}

export interface AddressRange {
  readonly from: Address
  /** Below `from` in a reversed range, which matches nothing. */
  readonly to: Address
}

/** `FROM-TO` or one address. Source: `iprange_parse_range()`, libxt_iprange.c. */
export function addressRange(spec: OptionText): OptionSpec<AddressRange> {
  return value(
    (given, { family }) => {
      const parse = (part: string): Address =>
        (family === 'ipv4' ? parseDotted(part, true) : parseHost(part, family)) ??
        refuseHost(part, family, `%name: Bad value for "%option" option: "${part}"`)
      const dash = given.indexOf('-')
      if (0 <= dash) return { from: parse(given.slice(0, dash)), to: parse(given.slice(dash + 1)) }
      const from = parse(given)
      return { from, to: from }
    },
    { metavar: 'FROM[-TO]', ...spec },
  )
}

/** Six bytes: `AA:BB:CC:DD:EE:FF`. Source: `xtopt_parse_ethermac()`. */
export function mac(spec: OptionText): OptionSpec<Uint8Array> {
  return value(
    (given) => {
      const bytes = parseMac(given)
      if (bytes !== null) return bytes
      const colons = given.replaceAll('-', ':')
      return refuse('bad-mac', 'is not a MAC address: six hexadecimal bytes with colons between', {
        said: 'Invalid MAC address specified.',
        ...(colons !== given && parseMac(colons) !== null ? { help: colons, fix: colons } : {}),
      })
    },
    { metavar: 'XX:XX:XX:XX:XX:XX', ...spec },
  )
}
