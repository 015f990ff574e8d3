/**
 * `-m sctp`: ports and chunks of an SCTP packet.
 *
 * Kernel: net/netfilter/xt_sctp.c, `sctp_mt()` and `match_packet()`. Syntax: iptables extensions/libxt_sctp.c.
 */
import { portRange, type Range, value } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { Seen } from '../../lang/syntax.ts'
import * as header from '../../net/headers/sctp.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { exactly, type PacketSet, type PacketSpace } from '../../space/space.ts'
import type { HookContext, Skb } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { listPorts } from './_list.ts'
import { analysePorts, explainPorts, portsHold, printRange } from './_ports.ts'
import { type ChunkTest, findChunks, parseChunks, printChunks } from './_sctp-chunks.ts'
import { explainHeader, readableHeader, requireProtocol, withCutHeader, withHeader } from './_transport.ts'

export interface Sctp {
  /** Null when not asked, like the next two. */
  readonly sourcePorts: Negatable<Range> | null
  readonly destinationPorts: Negatable<Range> | null
  readonly chunks: Negatable<ChunkTest> | null
}

export const sctp = defineMatch<Sctp>()({
  name: 'sctp',
  families: bothFamilies,
  doc: 'Match SCTP packets by ports and chunks.',
  options: {
    sport: portRange({
      doc: 'source port or range',
      alias: ['source-port'],
      service: 'sctp',
      invertible: true,
    }),
    dport: portRange({
      doc: 'destination port or range',
      alias: ['destination-port'],
      service: 'sctp',
      invertible: true,
    }),
    'chunk-types': value(parseChunks, {
      doc: 'the packet has any of the chunks, has them all, or has only such chunks',
      metavar: 'any|all|only TYPE[:FLAGS],...',
      words: 2,
      invertible: true,
    }),
  },
  examples: ['--dport 80', '! --sport 1:1023 --chunk-types any DATA:Be,INIT', '! --chunk-types only SACK'],
  impliedBy: [ipProtocol.sctp],

  parse: (given) => ({
    sourcePorts: negatable(given.sport),
    destinationPorts: negatable(given.dport),
    chunks: negatable(given['chunk-types']),
  }),

  print: ({ sourcePorts, destinationPorts, chunks }) =>
    [
      printPorts('--sport', sourcePorts),
      printPorts('--dport', destinationPorts),
      chunks === null ? '' : `${chunks.inverted ? '! ' : ''}--chunk-types ${printChunks(chunks.value)}`,
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: ({ sourcePorts, destinationPorts, chunks }, form) =>
    [
      ' sctp',
      listPorts('spt', sourcePorts, 'sctp', form),
      listPorts('dpt', destinationPorts, 'sctp', form),
      chunks === null ? '' : `${chunks.inverted ? ' !' : ''} ${printChunks(chunks.value, form.numeric)}`,
    ].join(''),

  check: (_, rule) => requireProtocol(ipProtocol.sctp, rule),

  evaluate: ({ sourcePorts, destinationPorts, chunks }, skb, context) => {
    const { packet } = skb
    const at = readableHeader(skb, context, header.headerBytes)
    if (at < 0) return false
    if (!portsHold(sourcePorts, header.sourcePort(packet, at))) return false
    if (!portsHold(destinationPorts, header.destinationPort(packet, at))) return false
    if (chunks === null) return true
    const found = findChunks(chunks.value, packet, at)
    if (found === 'broken') context.hotdrop = true
    // Dropped it is anyway, but the kernel goes on as if the chunks had not been found.
    return (found === 'found') !== chunks.inverted
  },

  analyse: (data, space) => {
    const ports = analyseFields(data, space)
    const { chunks } = data
    if (chunks === null) return exactly(ports)
    const found = space.fact(`sctp-chunks=${JSON.stringify(chunks.value)}`)
    return exactly(ports.and(chunks.inverted ? found.not() : found))
  },

  hotdrops: (data, space) => {
    const cut = withCutHeader(space, header.headerBytes)
    if (data.chunks === null) return cut
    const broken = space.fact(`sctp-chunks-broken=${JSON.stringify(data.chunks.value)}`)
    return cut.or(analyseFields(data, space).and(broken))
  },

  facts: {
    'sctp-chunks': (asked, skb, context) => factOf(asked, skb, context) === 'found',
    'sctp-chunks-broken': (asked, skb, context) => factOf(asked, skb, context) === 'broken',
  },

  explain: ({ sourcePorts, destinationPorts, chunks }, skb, context) => {
    const unreadable = explainHeader(skb, context, header.headerBytes)
    if (unreadable !== null) return unreadable
    const { packet } = skb
    const at = context.transportOffset
    return (
      explainPorts('sport', sourcePorts, header.sourcePort(packet, at)) ??
      explainPorts('dport', destinationPorts, header.destinationPort(packet, at)) ??
      (chunks === null ? null : `its chunks are ${chunks.inverted ? '' : 'not '}${printChunks(chunks.value)}`)
    )
  },
})

const negatable = <T>(seen: Seen<T> | undefined): Negatable<T> | null =>
  seen === undefined ? null : { value: seen.value, inverted: seen.inverted }

/** The full range is printed too, unlike that of tcp. */
const printPorts = (option: string, ports: Negatable<Range> | null): string =>
  ports === null ? '' : `${ports.inverted ? '! ' : ''}${option} ${printRange(ports.value)}`

const analyseFields = ({ sourcePorts, destinationPorts }: Sctp, space: PacketSpace): PacketSet =>
  withHeader(space, header.headerBytes)
    .and(analysePorts(sourcePorts, 'sourcePort', space))
    .and(analysePorts(destinationPorts, 'destinationPort', space))

function factOf(asked: string, skb: Skb, context: HookContext) {
  const { packet } = skb
  if (packet.fragmentOffset !== 0 || packet.endOffset - context.transportOffset < header.headerBytes)
    return 'missing'
  return findChunks(JSON.parse(asked) as ChunkTest, packet, context.transportOffset)
}
