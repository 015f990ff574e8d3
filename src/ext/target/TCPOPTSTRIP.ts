/**
 * `-j TCPOPTSTRIP`: write padding over options of a TCP header.
 *
 * Kernel: net/netfilter/xt_TCPOPTSTRIP.c, `tcpoptstrip_mangle_packet()`, Linux 6.18. Syntax: iptables
 * extensions/libxt_TCPOPTSTRIP.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { value } from '../../lang/options.ts'
import { didYouMean } from '../../lang/suggest.ts'
import { adjustChecksum, setU16 } from '../../net/encode.ts'
import * as header from '../../net/headers/tcp.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { bothFamilies, defineTarget } from '../define.ts'
import { requireProtocol } from '../match/_transport.ts'
import { requireTable } from './_tables.ts'
import { readableTcp, tcpOptionLength } from './_tcp.ts'

export interface StripOptions {
  /** Each 2 to 255, ascending; none changes nothing. */
  readonly kinds: readonly number[]
}

const kindNames = {
  wscale: header.optionKind.windowScale,
  mss: header.optionKind.mss,
  'sack-permitted': header.optionKind.sackPermitted,
  sack: header.optionKind.sack,
  timestamp: header.optionKind.timestamps,
  md5: header.optionKind.md5,
} as const

const nameOf = (kind: number): string =>
  Object.entries(kindNames).find(([, each]) => each === kind)?.[0] ?? String(kind)

export const TCPOPTSTRIP = defineTarget<StripOptions>()({
  name: 'TCPOPTSTRIP',
  families: bothFamilies,
  doc: 'Write padding over options of a TCP header.',
  options: {
    'strip-options': value(parseKinds, { doc: 'numbers from 2 to 255, or names', metavar: 'KIND[,...]' }),
  },
  examples: ['--strip-options 2,3,4,5,6,7'],

  parse: (given) => ({ kinds: given['strip-options']?.value ?? [] }),
  print: ({ kinds }) => (kinds.length === 0 ? '' : `--strip-options ${kinds.join(',')}`),
  list: ({ kinds }, { numeric }) =>
    kinds.length === 0 ? '' : ` TCPOPTSTRIP options ${(numeric ? kinds : kinds.map(nameOf)).join(',')}`,

  check: (_data, rule, place) =>
    requireTable('mangle', place, 'other tables do not change packets so') ??
    requireProtocol(ipProtocol.tcp, rule, 'target'),

  act({ kinds }, { packet }, { note, fragmentOffset }) {
    if (fragmentOffset !== 0) return { kind: 'continue' }
    const length = readableTcp(packet)
    if (length < 0) {
      note?.('its TCP header cannot be read: dropped')
      return { kind: 'drop' }
    }
    const stripped = strip(packet, length, kinds)
    note?.(
      stripped.length === 0 ? 'it has none of these options' : `without ${stripped.map(nameOf).join(', ')}`,
    )
    return { kind: 'continue' }
  },
})

/** The kinds that were found. */
function strip(
  { bytes, transportOffset: at }: Packet,
  headerLength: number,
  kinds: readonly number[],
): number[] {
  const found: number[] = []
  let optionLength: number
  for (let offset = header.headerBytes; offset < headerLength - 1; offset += optionLength) {
    optionLength = tcpOptionLength(bytes, at + offset)
    if (headerLength < offset + optionLength) break
    const kind = bytes[at + offset]!
    if (!kinds.includes(kind)) continue
    found.push(kind)
    for (let byte = offset; byte < offset + optionLength; byte++) padOver(bytes, at, byte)
  }
  return found
}

/** Makes one byte of the header a NOP. */
function padOver(bytes: Uint8Array, at: number, offset: number): void {
  const shift = offset % 2 === 0 ? 8 : 0
  const checksum = (bytes[at + 16]! << 8) | bytes[at + 17]!
  const before = bytes[at + offset]! << shift
  setU16(bytes, at + 16, adjustChecksum(checksum, before, header.optionKind.nop << shift))
  bytes[at + offset] = header.optionKind.nop
}

function parseKinds(text: string): number[] {
  const kinds = new Set<number>()
  for (const part of text.split(',')) {
    const number = Object.hasOwn(kindNames, part)
      ? kindNames[part as keyof typeof kindNames]
      : parseNumber(part, 0n, 255n)
    if (number === null) {
      return refuse('bad-option', `has "${part}", which is no TCP option`, {
        ...didYouMean(part, Object.keys(kindNames)),
        said: `Bad TCP option value "${part}"`,
      })
    }
    const kind = Number(number)
    if (kind < 2) {
      return refuse('padding', `has ${kind}, which is padding: options begin with 2`, {
        said: 'Option value may not be 0 or 1',
      })
    }
    if (kinds.has(kind)) {
      return refuse('repeated', `names ${part} twice`, { said: `Option "${part}" already specified` })
    }
    kinds.add(kind)
  }
  return [...kinds].sort((a, b) => a - b)
}
