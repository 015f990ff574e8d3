/**
 * `-m rt`: the routing header of IPv6.
 *
 * Kernel: net/ipv6/netfilter/ip6t_rt.c, `rt_mt6()`. Syntax: iptables extensions/libip6t_rt.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, range32, uint32, value } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import { type Address, parseIpv6, printAddress } from '../../net/address.ts'
import { headerLength } from '../../net/headers/ipv6-extension.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { explainMissingWhole, locateWholeHeader } from './_header.ts'
import { listRange } from './_list.ts'
import { anySpi as anyNumber, explainSpi, givenSpis, printSpis, type Spis, spiHolds } from './_spi.ts'

export interface Rt {
  /** Null when not asked, like `length` and `addresses`. */
  readonly type: Negatable<number> | null
  readonly segmentsLeft: Spis
  /** Bytes of the whole header. */
  readonly length: Negatable<number> | null
  /** Type 0: the reserved field is zero. */
  readonly reservedIsZero: boolean
  /** Type 0: its addresses, at most 16. */
  readonly addresses: readonly Address[] | null
  /** The addresses may have others between them. */
  readonly isLoose: boolean
}

/** IP6T_RT_HOPS. */
const mostAddresses = 16
const fixedBytes = 4
/** Before the addresses of type 0. */
const type0Bytes = 8
const addressBytes = 16

export const rt = defineMatch<Rt>()({
  name: 'rt',
  families: ['ipv6'],
  doc: 'Match IPv6 packets by their routing header.',
  options: {
    'rt-type': uint32({ doc: 'type of the header', invertible: true }),
    'rt-segsleft': range32({ doc: 'number of segments left, or range', invertible: true }),
    'rt-len': uint32({ doc: 'length of the whole header in bytes', invertible: true }),
    'rt-0-res': flag({ doc: 'the reserved field of type 0 is zero' }),
    'rt-0-addrs': value(parseAddresses, { doc: 'the addresses of type 0', metavar: 'ADDRESS,...' }),
    'rt-0-not-strict': flag({ doc: 'others may stand between them' }),
  },
  examples: [
    '--rt-type 0 --rt-segsleft 1:23 --rt-len 42 --rt-0-res',
    '! --rt-type 4 ! --rt-len 8',
    '--rt-type 0 --rt-0-addrs 2001:db8::1,2001:db8::2 --rt-0-not-strict',
  ],

  parse: (given) => {
    const type = given['rt-type']
    const addresses = given['rt-0-addrs']
    const order = Object.keys(given)
    const isBefore = (first: string, second: string) =>
      order.includes(first) && order.indexOf(first) < order.indexOf(second)
    for (const option of ['rt-0-res', 'rt-0-addrs'] as const) {
      if (
        given[option] !== undefined &&
        !(isBefore('rt-type', option) && type!.value === 0 && !type!.inverted)
      )
        return refuse('needs-type', `--${option} needs --rt-type 0 before it`, {
          help: `--rt-type 0 --${option}`,
        })
    }
    if (given['rt-0-not-strict'] !== undefined && !isBefore('rt-0-addrs', 'rt-0-not-strict'))
      return refuse('needs-addresses', '--rt-0-not-strict needs --rt-0-addrs before it')
    return {
      type: type === undefined ? null : { value: type.value, inverted: type.inverted },
      segmentsLeft: givenSpis(given['rt-segsleft']),
      length:
        given['rt-len'] === undefined
          ? null
          : { value: given['rt-len'].value, inverted: given['rt-len'].inverted },
      reservedIsZero: given['rt-0-res'] !== undefined,
      addresses: addresses?.value ?? null,
      isLoose: given['rt-0-not-strict'] !== undefined,
    }
  },

  print: (data) =>
    [
      data.type === null ? '' : `${data.type.inverted ? '! ' : ''}--rt-type ${data.type.value}`,
      printSpis('rt-segsleft', data.segmentsLeft),
      data.length === null ? '' : `${data.length.inverted ? '! ' : ''}--rt-len ${data.length.value}`,
      data.reservedIsZero ? '--rt-0-res' : '',
      data.addresses === null ? '' : `--rt-0-addrs ${data.addresses.map(printAddress).join(',')}`,
      data.isLoose ? '--rt-0-not-strict' : '',
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: (data) => {
    const segments = listRange('segsleft', data.segmentsLeft, anyNumber.high)
    return [
      ' rt',
      data.type === null ? '' : ` type:${data.type.inverted ? '!' : ''}${data.type.value | 0}`,
      segments === '' ? '' : ` ${segments}`,
      data.length === null ? '' : ` length:${data.length.inverted ? '!' : ''}${data.length.value}`,
      data.reservedIsZero ? ' reserved' : '',
      data.addresses === null ? '' : ` 0-addrs ${data.addresses.map(printAddress).join(',')}`,
      data.isLoose ? ' 0-not-strict' : '',
    ].join('')
  },

  ...opaque<Rt>('rt', (data, skb, context) => {
    const at = locateWholeHeader(skb, context, ipProtocol.routing, fixedBytes)
    return at >= 0 && firstMiss(data, skb.packet, at) === null
  }),

  explain: (data, skb, context) =>
    explainMissingWhole(skb, ipProtocol.routing, fixedBytes, 'routing header') ??
    firstMiss(data, skb.packet, locateWholeHeader(skb, context, ipProtocol.routing, fixedBytes)),
})

function firstMiss(data: Rt, packet: Packet, at: number): string | null {
  const length = headerLength(packet, at, ipProtocol.routing)
  if (packet.endOffset - at < length) return 'its routing header is cut off'
  const left = packet.u8(at + 3)
  if (!spiHolds(data.segmentsLeft, left)) return explainSpi(data.segmentsLeft, left, 'segments left')
  if (data.length !== null && (length === data.length.value) === data.length.inverted)
    return `length ${length} is ${data.length.inverted ? '' : 'not '}${data.length.value}`
  const type = packet.u8(at + 2)
  if (data.type !== null && (type === data.type.value) === data.type.inverted)
    return `type ${type} is ${data.type.inverted ? '' : 'not '}${data.type.value}`
  if (data.reservedIsZero && packet.u32(at + 4) !== 0) return 'its reserved field is not zero'
  if (data.addresses === null) return null
  return addressesHold(data, data.addresses, packet, at, length) ? null : 'its addresses are others'
}

function addressesHold(
  { isLoose }: Rt,
  wanted: readonly Address[],
  packet: Packet,
  at: number,
  length: number,
) {
  const count = Math.floor((length - type0Bytes) / addressBytes)
  const isAt = (place: number, { words }: Address): boolean =>
    words.every((word, index) => packet.u32(at + type0Bytes + place * addressBytes + 4 * index) === word)
  if (!isLoose) return count === wanted.length && wanted.every((address, place) => isAt(place, address))
  let found = 0
  for (let place = 0; place < count && found < wanted.length; place++)
    if (isAt(place, wanted[found]!)) found++
  return found === wanted.length
}

function parseAddresses(text: string): readonly Address[] {
  const addresses = text
    .split(',')
    .map((word) => parseIpv6(word) ?? refuse('bad-address', `has "${word}", which is no IPv6 address`))
  return addresses.length <= mostAddresses
    ? addresses
    : refuse('too-many', `names more than ${mostAddresses} addresses`)
}
