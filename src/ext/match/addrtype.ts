/**
 * `-m addrtype`: what the routing table says of an address: ours, a broadcast, unreachable ...
 *
 * Kernel: net/netfilter/xt_addrtype.c, `addrtype_mt_v1()`. Syntax: iptables extensions/libxt_addrtype.c, revision 1.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, value } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import type { Seen } from '../../lang/syntax.ts'
import { type Address, type Family, printAddress } from '../../net/address.ts'
import { exactly, type PacketSet, type PacketSpace } from '../../space/space.ts'
import type { HookContext, RouteType, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { listWords } from './_hooks.ts'

export interface TypeTest {
  /** In the order of `typeNames`, each once; at least one. */
  readonly types: readonly AddressType[]
  readonly inverted: boolean
}

export interface AddrType {
  /** Null when any. */
  readonly source: TypeTest | null
  readonly destination: TypeTest | null
  /** Whether only the device the packet came by (`in`) or leaves by (`out`) is asked; null for all. */
  readonly device: 'in' | 'out' | null
}

/** In the order of the kernel's bits. No route is ever of the last two types. Source: `rtn_names`, libxt_addrtype.c. */
const typeNames = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const
export type AddressType = (typeof typeNames)[number]

/** What IPv6 refuses to match. */
const notInIpv6: readonly AddressType[] = ['BROADCAST', 'BLACKHOLE', 'PROHIBIT', 'THROW', 'NAT', 'XRESOLVE']

/** What IPv6 asks the routing table; the other types it reads off the address. */
const routedInIpv6: readonly AddressType[] = ['LOCAL', 'ANYCAST', 'UNREACHABLE']

const typeOption = (doc: string) => value(parseTypes, { doc, metavar: 'TYPE[,TYPE...]', invertible: true })

export const addrtype = defineMatch<AddrType>()({
  name: 'addrtype',
  families: bothFamilies,
  doc: 'Match packets by what the routing table says of their addresses.',
  options: {
    'src-type': typeOption('type of the source'),
    'dst-type': typeOption('type of the destination'),
    'limit-iface-in': flag({ doc: 'ask only the device it came by', excludes: ['limit-iface-out'] }),
    'limit-iface-out': flag({ doc: 'ask only the device it leaves by', excludes: ['limit-iface-in'] }),
  },
  examples: [
    '--dst-type LOCAL',
    '! --src-type UNICAST,LOCAL',
    '--src-type UNICAST ! --dst-type LOCAL,MULTICAST',
    '--dst-type LOCAL --limit-iface-in',
  ],

  checkFirst: (given) => {
    if (given['src-type'] !== undefined || given['dst-type'] !== undefined) return
    refuse('no-type', 'addrtype needs --src-type or --dst-type', {
      said: 'addrtype: you must specify --src-type or --dst-type',
    })
  },
  parse: (given) => {
    const [source, destination] = [test(given['src-type']), test(given['dst-type'])]
    const device = given['limit-iface-in'] ? 'in' : given['limit-iface-out'] ? 'out' : null
    return { source, destination, device }
  },

  print: ({ source, destination, device }) =>
    [
      printTest('--src-type', source),
      printTest('--dst-type', destination),
      device === null ? '' : `--limit-iface-${device}`,
    ]
      .filter((words) => words !== '')
      .join(' '),
  list: ({ source, destination, device }) =>
    ` ADDRTYPE match${listTest('src-type', source)}${listTest('dst-type', destination)}${
      device === null ? '' : ` limit-${device}`
    }`,

  check: ({ source, destination, device }, _, { family, hooks }) => {
    const without: readonly Hook[] = device === 'in' ? ['OUTPUT', 'POSTROUTING'] : ['PREROUTING', 'INPUT']
    const wrong = device === null ? undefined : hooks.find((hook) => without.includes(hook))
    if (wrong !== undefined) {
      return {
        code: 'wrong-hook',
        message: `--limit-iface-${device} cannot be used in ${wrong}`,
        notes: [`packets there have no ${device === 'in' ? 'input' : 'output'} device`],
      }
    }
    const refused = [...(source?.types ?? []), ...(destination?.types ?? [])].find((type) =>
      notInIpv6.includes(type),
    )
    if (family === 'ipv4' || refused === undefined) return null
    return {
      code: 'not-in-ipv6',
      message: `IPv6 cannot match addresses of type ${refused}`,
      help: `use ${listWords(typeNames.filter((type) => !notInIpv6.includes(type)))}`,
    }
  },

  evaluate: ({ source, destination, device }, skb, context) =>
    (source === null || holds(source, skb.packet.source, device, context)) &&
    (destination === null || holds(destination, skb.packet.destination, device, context)),

  looksAt: () => 'flow',

  analyse: ({ source, destination, device }, space) =>
    exactly(
      analyseSide(source, 'source', device, space).and(
        analyseSide(destination, 'destination', device, space),
      ),
    ),

  explain: ({ source, destination, device }, skb, context) =>
    explainSide('source', source, device, skb, context) ??
    explainSide('destination', destination, device, skb, context),
})

const test = (seen: Seen<readonly AddressType[]> | undefined): TypeTest | null =>
  seen === undefined ? null : { types: seen.value, inverted: seen.inverted }

const printTest = (option: string, given: TypeTest | null): string =>
  given === null ? '' : `${given.inverted ? '! ' : ''}${option} ${given.types.join(',')}`

const listTest = (word: string, given: TypeTest | null): string =>
  given === null ? '' : ` ${word} ${given.inverted ? '!' : ''}${given.types.join(',')}`

/** Names in any case with commas; the beginning of a name is taken for the first that has it. */
function parseTypes(text: string): readonly AddressType[] {
  const found = text.split(',').map((word) => {
    const beginning = word.toUpperCase()
    const type = word === '' ? undefined : typeNames.find((name) => name.startsWith(beginning))
    if (type !== undefined) return type
    return refuse('unknown-type', `names "${word}", which is no address type`, {
      notes: [`the types are ${typeNames.join(', ')}`],
      said: `addrtype: bad type "${word}"`,
    })
  })
  return typeNames.filter((type) => found.includes(type))
}

type Side = AddrType['device']

const deviceOf = (device: Side, context: HookContext) =>
  device === 'in' ? context.in : device === 'out' ? context.out : null

function holds({ types, inverted }: TypeTest, address: Address, device: Side, context: HookContext): boolean {
  const routed = () => context.host.routing.addressType(address, deviceOf(device, context))
  const fits = address.family === 'ipv4' ? types.includes(routed()) : fitsIpv6(types, address, routed)
  return fits !== inverted
}

/**
 * In IPv6 the types are not alternatives: those read off the address must all hold, and of those that the routing
 * table tells one must. Source: match_type6(), xt_addrtype.c.
 */
function fitsIpv6(types: readonly AddressType[], address: Address, routed: () => RouteType): boolean {
  if (types.includes('MULTICAST') && staticType(address) !== 'MULTICAST') return false
  if (types.includes('UNICAST') && staticType(address) !== 'UNICAST') return false
  if (types.includes('UNSPEC') && staticType(address) !== 'UNSPEC') return false
  const asked = routedInIpv6.filter((type) => types.includes(type))
  return asked.length === 0 || asked.includes(routed())
}

/** Null for mapped IPv4 addresses, which are of no kind. Source: __ipv6_addr_type(), net/ipv6/addrconf_core.c. */
function staticType({
  words: [first, second, third, last],
}: Address): 'MULTICAST' | 'UNICAST' | 'UNSPEC' | null {
  if (first! >>> 24 === 0xff) return 'MULTICAST'
  if (first !== 0 || second !== 0) return 'UNICAST'
  if (third === 0 && last === 0) return 'UNSPEC'
  return third === 0xffff ? null : 'UNICAST'
}

function analyseSide(
  given: TypeTest | null,
  side: 'source' | 'destination',
  device: Side,
  space: PacketSpace,
) {
  if (given === null) return space.all
  const routed = (types: readonly AddressType[]): PacketSet =>
    types.reduce((set, type) => set.or(space.fact(routeFact(side, type, device))), space.none)
  const set = space.family === 'ipv4' ? routed(given.types) : analyseIpv6(given.types, side, routed, space)
  return given.inverted ? set.not() : set
}

const routeFact = (side: string, type: AddressType, device: Side): string =>
  `${side}-type=${type}${device === null ? '' : `@${device}`}`

function analyseIpv6(
  types: readonly AddressType[],
  side: 'source' | 'destination',
  routed: (types: readonly AddressType[]) => PacketSet,
  space: PacketSpace,
): PacketSet {
  const multicast = space.equal(side, 0xffn << 120n, 0xffn << 120n)
  const unspecified = space.equal(side, 0n)
  const mapped = space.equal(side, 0xffffn << 32n, ((1n << 96n) - 1n) << 32n)
  let set = space.all
  if (types.includes('MULTICAST')) set = set.and(multicast)
  if (types.includes('UNICAST')) set = set.minus(multicast.or(unspecified).or(mapped))
  if (types.includes('UNSPEC')) set = set.and(unspecified)
  const asked = routedInIpv6.filter((type) => types.includes(type))
  return asked.length === 0 ? set : set.and(routed(asked))
}

function explainSide(
  side: 'source' | 'destination',
  given: TypeTest | null,
  device: Side,
  { packet }: Skb,
  context: HookContext,
): string | null {
  if (given === null || holds(given, packet[side], device, context)) return null
  const found = typeName(packet[side], device, context)
  return `${side} ${printAddress(packet[side])} is ${found}, ${given.inverted ? 'one of' : 'not'} ${given.types.join(',')}`
}

/** What an address is called in messages: for IPv6 what can be read off it where no route says more. */
function typeName(address: Address, device: Side, context: HookContext): string {
  const routed = context.host.routing.addressType(address, deviceOf(device, context))
  const family: Family = address.family
  if (family === 'ipv4' || (routedInIpv6 as readonly string[]).includes(routed)) return routed
  return staticType(address) ?? 'a mapped IPv4 address'
}
