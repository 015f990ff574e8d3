/**
 * `-m tcp`: ports, flags and options of a TCP header.
 *
 * Kernel: net/netfilter/xt_tcpudp.c, `tcp_mt()`. Syntax: iptables extensions/libxt_tcp.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, portRange, uint8, value } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { ListForm } from '../../lang/syntax.ts'
import * as header from '../../net/headers/tcp.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { exactly, type PacketSet, type PacketSpace } from '../../space/space.ts'
import type { HookContext } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { tcpOptionsEnd } from '../facts.ts'
import { listPorts } from './_list.ts'
import {
  analysePorts,
  askedPorts,
  boundsOf,
  explainPorts,
  givenPorts,
  type Ports,
  portsHold,
  printPorts,
} from './_ports.ts'
import { explainHeader, readableHeader, requireProtocol, withCutHeader, withHeader } from './_transport.ts'

/** Of the flags in `mask`, exactly those in `set` are on; both are bits of the header's flags byte. */
export interface FlagTest {
  readonly mask: number
  readonly set: number
}

export interface Tcp {
  readonly sourcePorts: Ports
  readonly destinationPorts: Ports
  /** Null when any. */
  readonly flags: Negatable<FlagTest> | null
  /** Kind of an option that the header has, 1 to 255; null when not asked. */
  readonly option: Negatable<number> | null
}

/** In the order in which they are printed. ECE and CWR have no names here. Source: `tcp_flag_names`, libxt_tcp.c. */
const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] as const
const allFlags = 0x3f
/** It differs between packets of a flow. */
const pushFlag = 8
/** What `--syn` looks at. */
const synMask = header.flag.fin | header.flag.syn | header.flag.rst | header.flag.ack

export const tcp = defineMatch<Tcp>()({
  name: 'tcp',
  families: bothFamilies,
  doc: 'Match TCP packets by ports, flags and header options.',
  options: {
    sport: portRange({ doc: 'source port or range', alias: ['source-port'], invertible: true }),
    dport: portRange({ doc: 'destination port or range', alias: ['destination-port'], invertible: true }),
    'tcp-flags': value(parseFlags, {
      doc: 'of the flags in MASK exactly those in SET are on',
      metavar: 'MASK SET',
      words: 2,
      invertible: true,
      excludes: ['syn'],
    }),
    syn: flag({ doc: 'only SYN is on, of FIN, SYN, RST and ACK', invertible: true }),
    'tcp-option': uint8({ doc: 'the header has an option of this kind', min: 1, invertible: true }),
  },
  examples: [
    '--dport 22',
    '--sport 1024:65535 ! --dport 80',
    '--tcp-flags FIN,SYN,RST,ACK SYN',
    '! --tcp-flags SYN,ACK SYN,ACK',
    '--tcp-option 2',
  ],
  impliedBy: [ipProtocol.tcp],

  parse: (given) => {
    const flags = given.syn
      ? { ...given.syn, value: { mask: synMask, set: header.flag.syn } }
      : given['tcp-flags']
    const option = given['tcp-option']
    return {
      sourcePorts: givenPorts(given.sport),
      destinationPorts: givenPorts(given.dport),
      flags:
        flags === undefined || holdsForAll(flags) ? null : { value: flags.value, inverted: flags.inverted },
      option: option ? { value: option.value, inverted: option.inverted } : null,
    }
  },

  print: ({ sourcePorts, destinationPorts, flags, option }) =>
    [
      printPorts('--sport', sourcePorts),
      printPorts('--dport', destinationPorts),
      option === null ? '' : `${option.inverted ? '! ' : ''}--tcp-option ${option.value}`,
      // A test of no flag at all is left out even where it can never hold (`NONE SYN`), as iptables does.
      flags === null || (flags.value.mask === 0 && !flags.inverted)
        ? ''
        : `${flags.inverted ? '! ' : ''}--tcp-flags ${printFlags(flags.value.mask)} ${printFlags(flags.value.set)}`,
    ]
      .filter((words) => words !== '')
      .join(' '),
  list: ({ sourcePorts, destinationPorts, flags, option }, form) =>
    [
      ' tcp',
      listPorts('spt', sourcePorts, 'tcp', form),
      listPorts('dpt', destinationPorts, 'tcp', form),
      option === null ? '' : ` option=${option.inverted ? '!' : ''}${option.value}`,
      flags === null || (flags.value.mask === 0 && !flags.inverted)
        ? ''
        : ` flags:${flags.inverted ? '!' : ''}${listFlags(flags.value.mask, form)}/${listFlags(flags.value.set, form)}`,
    ].join(''),

  destinationPorts: ({ sourcePorts, destinationPorts, flags, option }) =>
    askedPorts(destinationPorts, sourcePorts === null && flags === null && option === null),

  check: (_, rule) => requireProtocol(ipProtocol.tcp, rule),

  evaluate: ({ sourcePorts, destinationPorts, flags, option }, skb, context) => {
    const { packet } = skb
    // A fragment that begins within the header could overwrite its flags.
    if (isOverlap(context)) context.hotdrop = true
    const at = readableHeader(skb, context, header.headerBytes)
    if (at < 0) return false
    if (!portsHold(sourcePorts, header.sourcePort(packet, at))) return false
    if (!portsHold(destinationPorts, header.destinationPort(packet, at))) return false
    if (flags !== null && !flagsHold(flags, header.flags(packet, at))) return false
    if (option === null) return true
    const end = tcpOptionsEnd(skb)
    if (end < 0) {
      context.hotdrop = true
      return false
    }
    return header.findOption(packet, at, end, option.value) >= 0 !== option.inverted
  },

  compile: ({ sourcePorts, destinationPorts, flags, option }) => {
    if (option !== null) return null
    const [sourceLow, sourceHigh, isSourceInverted] = boundsOf(sourcePorts)
    const [low, high, isInverted] = boundsOf(destinationPorts)
    const { mask, set } = flags?.value ?? { mask: 0, set: 0 }
    const areFlagsInverted = flags?.inverted ?? false
    return (skb, context) => {
      if (isOverlap(context)) context.hotdrop = true
      const at = readableHeader(skb, context, header.headerBytes)
      if (at < 0) return false
      const { packet } = skb
      const destination = packet.u16(at + 2)
      if ((low <= destination && destination <= high) === isInverted) return false
      const source = packet.u16(at)
      if ((sourceLow <= source && source <= sourceHigh) === isSourceInverted) return false
      return ((packet.u8(at + 13) & mask) === set) !== areFlagsInverted
    }
  },

  looksAt: ({ flags, option }) => {
    if (option !== null) return null
    return flags !== null && (flags.value.mask & pushFlag) !== 0 ? 'header' : 'flow'
  },

  analyse: (data, space) => {
    const fields = analyseFields(data, space)
    const { option } = data
    if (option === null) return exactly(fields)
    const found = space.fact(`tcp-option=${option.value}`)
    return exactly(fields.and(space.fact('tcp-options-whole')).and(option.inverted ? found.not() : found))
  },

  hotdrops: (data, space) => {
    const cut = withCutHeader(space, header.headerBytes)
    const overlap = space.family === 'ipv4' ? space.equal('fragmentOffset', 1n) : space.none
    const cutOptions =
      data.option === null ? space.none : analyseFields(data, space).minus(space.fact('tcp-options-whole'))
    return cut.or(overlap).or(cutOptions)
  },

  explain: ({ sourcePorts, destinationPorts, flags, option }, skb, context) => {
    const unreadable = explainHeader(skb, context, header.headerBytes)
    if (unreadable !== null) return unreadable
    const { packet } = skb
    const at = context.transportOffset
    const ports =
      explainPorts('sport', sourcePorts, header.sourcePort(packet, at)) ??
      explainPorts('dport', destinationPorts, header.destinationPort(packet, at))
    if (ports !== null) return ports
    const byte = header.flags(packet, at)
    if (flags !== null && !flagsHold(flags, byte)) return explainFlags(flags, byte)
    if (option === null) return null
    if (tcpOptionsEnd(skb) < 0) return 'its options are cut off'
    return option.inverted ? `it has option ${option.value}` : `it has no option ${option.value}`
  },
})

/**
 * IPv6 counts fragment offsets in bytes, so there the kernel never sees the 1 it looks for (measured on 6.18: a
 * TCP fragment of 8 bytes in is dropped in IPv4, and passes in IPv6).
 */
const isOverlap = ({ fragmentOffset, host }: HookContext): boolean =>
  fragmentOffset === 1 && host.family === 'ipv4'

const flagsHold = ({ value: { mask, set }, inverted }: Negatable<FlagTest>, byte: number): boolean =>
  ((byte & mask) === set) !== inverted

const holdsForAll = ({ value: { mask, set }, inverted }: Negatable<FlagTest>): boolean =>
  mask === 0 && set === 0 && !inverted

/** What can be said of ports and flags; the options are left out. */
function analyseFields({ sourcePorts, destinationPorts, flags }: Tcp, space: PacketSpace): PacketSet {
  let set = withHeader(space, header.headerBytes)
    .and(analysePorts(sourcePorts, 'sourcePort', space))
    .and(analysePorts(destinationPorts, 'destinationPort', space))
  if (flags !== null) {
    const on = space.equal('tcpFlags', BigInt(flags.value.set), BigInt(flags.value.mask))
    set = set.and(flags.inverted ? on.not() : on)
  }
  return set
}

/** `MASK SET`: names with commas, `ALL`, `NONE`, in any case; empty places count for nothing. */
function parseFlags(text: string): FlagTest {
  const blank = text.indexOf(' ')
  return { mask: parseFlagList(text.slice(0, blank)), set: parseFlagList(text.slice(blank + 1)) }
}

function parseFlagList(text: string): number {
  let bits = 0
  for (const name of text.toUpperCase().split(',')) {
    if (name === '' || name === 'NONE') continue
    const at = flagNames.indexOf(name as (typeof flagNames)[number])
    if (at < 0 && name !== 'ALL') {
      return refuse('unknown-flag', `names ${name}, which is no TCP flag that iptables knows`, {
        notes: [`the flags are ${flagNames.join(', ')}, or ALL or NONE`],
      })
    }
    bits |= name === 'ALL' ? allFlags : 1 << at
  }
  return bits
}

const listFlags = (flags: number, { numeric }: ListForm): string =>
  numeric ? `0x${flags.toString(16).toUpperCase().padStart(2, '0')}` : printFlags(flags)

const printFlags = (bits: number): string => flagNames.filter((_, at) => (bits >> at) & 1).join(',') || 'NONE'

function explainFlags({ value: { mask, set }, inverted }: Negatable<FlagTest>, byte: number): string {
  const asked = `${printFlags(set)} of ${printFlags(mask)}`
  return `flags ${printFlags(byte)} are ${inverted ? '' : 'not '}${asked}`
}
