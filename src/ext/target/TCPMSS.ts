/**
 * `-j TCPMSS`: lower the maximum segment size that a SYN announces.
 *
 * Kernel: net/netfilter/xt_TCPMSS.c, `tcpmss_mangle_packet()`, Linux 6.18. Syntax: iptables extensions/libxt_TCPMSS.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { flag, value } from '../../lang/options.ts'
import type { RulePlace, RuleToCheck } from '../../lang/syntax.ts'
import type { Family } from '../../net/address.ts'
import { insertBytes, replaceU16 } from '../../net/change.ts'
import { adjustChecksum, setU16 } from '../../net/encode.ts'
import * as header from '../../net/headers/tcp.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { TargetContext } from '../context.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireHooks } from '../match/_hooks.ts'
import { requireProtocol } from '../match/_transport.ts'
import { type Tcp, tcp } from '../match/tcp.ts'
import { readableTcp, tcpOptionLength } from './_tcp.ts'

export interface TcpMss {
  /** Bytes, or `clamp`: what fits the path in both directions. */
  readonly mss: number | 'clamp'
}

const headersLength: Readonly<Record<Family, number>> = { ipv4: 40, ipv6: 60 }
/** What a sender may take for granted that hears of none. Read: RFC 1122 section 4.2.2.6, RFC 8200 section 8.3. */
const assumedMss: Readonly<Record<Family, number>> = { ipv4: 536, ipv6: 1220 }
const optionBytes = 4
const maxHeaderBytes = 60
const checksumAt = 16

export const TCPMSS = defineTarget<TcpMss>()({
  name: 'TCPMSS',
  families: bothFamilies,
  doc: 'Lower the maximum segment size that a SYN announces.',
  options: {
    'set-mss': value(
      (text, { family }) => {
        const max = 65535 - (family === 'ipv4' ? 20 : 40)
        const number = parseNumber(text, 0n, BigInt(max))
        return number === null
          ? refuse('out-of-range', `is not a number from 0 to ${max}`, {
              said: `%name: bad value for option "%option", or out of range (0-${max}).\n`,
            })
          : Number(number)
      },
      { doc: 'to so many bytes', metavar: 'BYTES' },
    ),
    'clamp-mss-to-pmtu': flag({ doc: 'to what fits the MTU of the way there, and of the way back' }),
  },
  examples: ['--set-mss 1400', '--clamp-mss-to-pmtu'],

  parse(given) {
    const last = Object.keys(given).at(-1)
    if (last === undefined)
      return refuse('no-change', 'TCPMSS needs --set-mss or --clamp-mss-to-pmtu', {
        said: 'TCPMSS target: At least one parameter is required',
      })
    return { mss: last === 'set-mss' ? given['set-mss']!.value : 'clamp' }
  },

  print: ({ mss }) => (mss === 'clamp' ? '--clamp-mss-to-pmtu' : `--set-mss ${mss}`),
  list: ({ mss }) => (mss === 'clamp' ? ' TCPMSS clamp to PMTU' : ` TCPMSS set ${mss}`),

  check: ({ mss }, rule, place) =>
    requireProtocol(ipProtocol.tcp, rule, 'target') ??
    (mss === 'clamp' ? requireWay(place) : null) ??
    (seesSynOnly(rule) ? null : noSyn),

  act({ mss }, { packet }, context) {
    const { note } = context
    if (context.fragmentOffset !== 0) return { kind: 'continue' }
    const length = readableTcp(packet)
    if (length < 0) {
      note?.('its TCP header cannot be read: dropped')
      return { kind: 'drop' }
    }
    const wanted = mss === 'clamp' ? mssOfWay(packet, context) : mss
    if (mss === 'clamp' && wanted <= 0) {
      note?.('the MTU of its way leaves no room for data: dropped')
      return { kind: 'drop' }
    }
    const told = lower(packet, length, wanted)
    note?.(told)
    return { kind: 'continue' }
  },
})

const requireWay = (place: RulePlace) =>
  requireHooks(['FORWARD', 'OUTPUT', 'POSTROUTING'], place, 'elsewhere the way is not known yet', 'target')

/** The kernel asks for a match that names SYN among the flags that must be on. Source: find_syn_match(). */
const seesSynOnly = ({ matches }: RuleToCheck): boolean =>
  matches.some((use) => {
    if (use.kind === 'unknown' || use.name !== tcp.name) return false
    const { flags } = use.data as Tcp
    return flags !== null && !flags.inverted && (flags.value.set & header.flag.syn) !== 0
  })

const noSyn = {
  code: 'needs-syn',
  message: 'TCPMSS needs a match for SYN in the same rule',
  notes: ['only packets that begin a connection announce a segment size'],
  help: '-p tcp --syn, or --tcp-flags SYN,RST SYN for the answer too',
} as const

/** Of the smaller of the two ways. */
function mssOfWay(packet: Packet, { host, out }: TargetContext): number {
  const back = host.routing.mtuToward(packet.source) ?? Number.POSITIVE_INFINITY
  const there = host.family === 'ipv4' ? Math.min(out!.mtu, 65535) : out!.mtu
  return Math.min(there, back) - headersLength[host.family]
}

/** Never more than what was announced; says what it did. */
function lower(packet: Packet, headerLength: number, wanted: number): string {
  const { bytes, transportOffset: at } = packet
  for (
    let offset = at + header.headerBytes;
    offset <= at + headerLength - optionBytes;
    offset += tcpOptionLength(bytes, offset)
  ) {
    if (bytes[offset] !== header.optionKind.mss || bytes[offset + 1] !== optionBytes) continue
    const announced = packet.u16(offset + 2)
    if (announced <= wanted) return `its segment size ${announced} is no larger than ${wanted}`
    // The kernel takes the number for one that stands at an even place, whether it does or not.
    replaceU16(bytes, offset + 2, wanted, at + checksumAt)
    return `segment size ${announced} becomes ${wanted}`
  }
  if (headerLength < packet.transportLength) return 'it has data, so no segment size is added'
  if (maxHeaderBytes <= headerLength) return 'its header has no room for a segment size'
  const mss = Math.min(wanted, assumedMss[packet.family!])
  announce(packet, headerLength, mss)
  return `it announced no segment size: ${mss} is added`
}

/** Puts the option in front of the others. Preconditions: nothing follows the header. */
function announce(packet: Packet, headerLength: number, mss: number): void {
  const option = Uint8Array.of(header.optionKind.mss, optionBytes, mss >>> 8, mss & 255)
  insertBytes(packet, packet.transportOffset + header.headerBytes, option)
  const { bytes, transportOffset: at } = packet
  const adjust = (before: number, after: number): void =>
    setU16(bytes, at + checksumAt, adjustChecksum(packet.u16(at + checksumAt), before, after))
  adjust(headerLength, headerLength + optionBytes)
  adjust(0, packet.u16(at + header.headerBytes))
  adjust(0, mss)
  const words = (headerLength + optionBytes) / 4
  replaceU16(bytes, at + 12, (words << 12) | (packet.u16(at + 12) & 0x0fff), at + checksumAt)
}
