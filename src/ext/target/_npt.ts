/**
 * What `-j SNPT` and `-j DNPT` share: all but the address they change.
 *
 * Kernel: net/ipv6/netfilter/ip6t_NPT.c, Linux 6.18. Syntax: iptables extensions/libip6t_SNPT.c and libip6t_DNPT.c, 1.8.9.
 * Read first: RFC 6296. An address changes so that its checksum does not.
 */
import { prefix } from '../../lang/options.ts'
import type { Hook } from '../../lang/rule.ts'
import {
  type Address,
  addressOf,
  lengthOfMask,
  maskAddress,
  maskOfLength,
  type Prefix,
  printAddress,
  sameAddress,
} from '../../net/address.ts'
import { onesComplementSum } from '../../net/checksum.ts'
import { setAddress, setU16, setU32 } from '../../net/encode.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { TargetContext } from '../context.ts'
import { defineTarget } from '../define.ts'
import { requireHooks } from '../match/_hooks.ts'
import { requireTable } from './_tables.ts'

/** Address and length of a prefix, as iptables took them; a mask with gaps counts as 255. */
interface Network {
  readonly address: Address
  readonly length: number
}

export interface PrefixTranslation {
  readonly from: Network
  readonly to: Network
}

interface Kind {
  readonly name: 'SNPT' | 'DNPT'
  readonly side: 'source' | 'destination'
  readonly hooks: readonly Hook[]
  readonly doc: string
}

const longest = 64
const fixedHeader = { sourceAddress: 8, destinationAddress: 24 }
const icmpHeaderBytes = 8
const parameterProblem = { type: 4, code: 0 }

export function defineNpt({ name, side, hooks, doc }: Kind) {
  const ownOffset = side === 'source' ? fixedHeader.sourceAddress : fixedHeader.destinationAddress
  // Who is told of an error sent the packet it is about the other way.
  const quotedOffset = side === 'source' ? fixedHeader.destinationAddress : fixedHeader.sourceAddress
  return defineTarget<PrefixTranslation>()({
    name,
    families: ['ipv6'],
    doc,
    rewritesAddresses: true,
    options: {
      'src-pfx': prefix({ doc: 'the prefix that is replaced', metavar: 'PREFIX/LENGTH', required: true }),
      'dst-pfx': prefix({ doc: 'the prefix in its place', metavar: 'PREFIX/LENGTH', required: true }),
    },
    examples: ['--src-pfx 2001:db8:abcd::/48 --dst-pfx 2001:db8:78::/48'],

    parse: (given) => ({ from: networkOf(given['src-pfx']!.value), to: networkOf(given['dst-pfx']!.value) }),
    print: ({ from, to }) =>
      [
        ...(isAny(from) ? [] : [`--src-pfx ${text(from)}`]),
        ...(isAny(to) ? [] : [`--dst-pfx ${text(to)}`]),
      ].join(' '),
    list: ({ from, to }) => ` ${name} src-pfx ${text(from)} dst-pfx ${text(to)}`,

    check: ({ from, to }, _rule, place) =>
      requireTable('mangle', place, 'other tables do not change packets so') ??
      requireHooks(
        hooks,
        place,
        side === 'source' ? 'the source changes behind routing' : 'the destination changes before routing',
        'target',
      ) ??
      [from, to].map(whyNoPrefix).find((refusal) => refusal !== null) ??
      null,

    act(data, { packet, socket }, context) {
      const at = packet.networkOffset
      const before = printAddress(side === 'source' ? packet.source : packet.destination)
      if (!mapAddress(packet, at + ownOffset, data)) {
        context.note?.(`${before} leaves no room to balance its checksum: dropped`)
        context.sendIcmpError({ ...parameterProblem, rest: ownOffset })
        return { kind: 'drop' }
      }
      context.note?.(
        `${before} becomes ${printAddress(side === 'source' ? packet.source : packet.destination)}`,
      )
      const isRaw = socket !== null && socket.isKernel !== true
      const quoted = isRaw ? -1 : quotedAddress(packet, quotedOffset)
      if (quoted >= 0 && isIn(data.from, addressAt(packet, quoted))) mapAddress(packet, quoted, data)
      tellQuoted(context, quoted)
      return { kind: 'continue' }
    },
  })
}

const tellQuoted = ({ note }: TargetContext, offset: number): void => {
  if (offset >= 0) note?.('and so is what it quotes')
}

const networkOf = ({ address, mask }: Prefix): Network => ({ address, length: lengthOfMask(mask) ?? 255 })

const text = ({ address, length }: Network): string => `${printAddress(address)}/${length}`

const isAny = ({ address, length }: Network): boolean =>
  length === 0 && address.words.every((word) => word === 0)

function whyNoPrefix(network: Network) {
  const { address, length } = network
  if (length <= longest && isIn(network, address)) return null
  const message =
    length > longest
      ? `${text(network)} is longer than ${longest} bits`
      : `${text(network)} has bits behind its prefix`
  return { code: 'bad-prefix', message, notes: ['the rest of the address is needed to balance its checksum'] }
}

/** Whether an address is that prefix, and nothing behind it, once the rest is cleared. */
const isIn = ({ address: prefixAddress, length }: Network, address: Address): boolean =>
  sameAddress(maskAddress(address, maskOfLength('ipv6', Math.min(length, 128))), prefixAddress)

const addressAt = (packet: Packet, offset: number): Address =>
  addressOf(
    'ipv6',
    [0, 4, 8, 12].map((at) => packet.u32(offset + at)),
  )

/** False where the bytes that could balance the checksum are all ones; the prefix is replaced all the same. */
function mapAddress({ bytes }: Packet, offset: number, { from, to }: PrefixTranslation): boolean {
  const length = Math.max(from.length, to.length)
  const mask = maskOfLength('ipv6', length)
  const view = (at: number): number => ((bytes[offset + at]! << 8) | bytes[offset + at + 1]!) >>> 0
  for (let word = 0; word * 32 < length; word++) {
    const kept = ((view(4 * word) * 65536 + view(4 * word + 2)) & ~mask.words[word]!) >>> 0
    setU32(bytes, offset + 4 * word, (kept | (to.address.words[word]! & mask.words[word]!)) >>> 0)
  }
  const place = length <= 48 ? 3 : [4, 5, 6, 7].find((at) => view(2 * at) !== 0xffff)
  if (place === undefined) return false
  const balanced = onesComplementSum(bytes, 0, 0, view(2 * place) + adjustment(from.address, to.address))
  setU16(bytes, offset + 2 * place, balanced === 0xffff ? 0 : balanced)
  return true
}

/** What the new prefix takes from the checksum. */
function adjustment(from: Address, to: Address): number {
  const sum = (address: Address): number => {
    const bytes = new Uint8Array(16)
    setAddress(bytes, 0, address)
    return onesComplementSum(bytes, 0, 16)
  }
  return onesComplementSum(new Uint8Array(0), 0, 0, sum(from) + (~sum(to) & 0xffff))
}

/** Where the address stands in the packet that an ICMPv6 error quotes; -1 where it is none, or quotes too little. */
function quotedAddress(packet: Packet, offsetInHeader: number): number {
  const { networkOffset, nextHeader, endOffset } = packet
  const icmp = networkOffset + 40
  if (nextHeader !== ipProtocol.icmp6 || ![1, 2, 3, 4].includes(packet.u8(icmp))) return -1
  const quoted = icmp + icmpHeaderBytes
  return endOffset < quoted + 40 ? -1 : quoted + offsetInHeader
}
