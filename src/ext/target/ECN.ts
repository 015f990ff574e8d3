/**
 * `-j ECN`: change the bits of Explicit Congestion Notification in IPv4 and TCP headers.
 *
 * Kernel: net/ipv4/netfilter/ipt_ECN.c, `ecn_tg()`, Linux 6.18. Syntax: iptables extensions/libipt_ECN.c, 1.8.9. Read first:
 * RFC 3168.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { flag, uint8 } from '../../lang/options.ts'
import { replaceU16, setTos } from '../../net/change.ts'
import * as header from '../../net/headers/tcp.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { defineTarget } from '../define.ts'
import { requireProtocol } from '../match/_transport.ts'
import { requireTable } from './_tables.ts'

/** What each is set to; null leaves it. */
export interface Ecn {
  /** Of TCP, 0 or 1. */
  readonly ece: number | null
  readonly cwr: number | null
  /** Of IPv4, 0 to 3. */
  readonly ect: number | null
}

const nothing: Ecn = { ece: null, cwr: null, ect: null }
const checksumAt = 16

export const ECN = defineTarget<Ecn>()({
  name: 'ECN',
  families: ['ipv4'],
  doc: 'Change the bits of Explicit Congestion Notification.',
  options: {
    'ecn-tcp-remove': flag({ doc: 'clear ECE and CWR of TCP', excludes: ['ecn-tcp-cwr', 'ecn-tcp-ece'] }),
    'ecn-tcp-cwr': uint8({ doc: 'set or clear CWR of TCP', max: 1, excludes: ['ecn-tcp-remove'] }),
    'ecn-tcp-ece': uint8({ doc: 'set or clear ECE of TCP', max: 1, excludes: ['ecn-tcp-remove'] }),
    'ecn-ip-ect': uint8({ doc: 'set the two bits of IPv4', max: 3 }),
  },
  examples: ['--ecn-tcp-remove', '--ecn-ip-ect 2'],

  parse(given) {
    let data = nothing
    for (const name of Object.keys(given) as (keyof typeof given)[]) {
      // As in iptables, this one forgets what stands before it.
      if (name === 'ecn-tcp-remove') data = { ...nothing, ece: 0, cwr: 0 }
      else if (name === 'ecn-tcp-cwr') data = { ...data, cwr: given[name]!.value }
      else if (name === 'ecn-tcp-ece') data = { ...data, ece: given[name]!.value }
      else data = { ...data, ect: given[name]!.value }
    }
    return data === nothing
      ? refuse('no-change', 'ECN does not say which bits to change', {
          said: 'ECN target: An operation is required',
        })
      : data
  },

  print(data) {
    if (removesAll(data)) return '--ecn-tcp-remove'
    const { ece, cwr, ect } = data
    return [
      ece === null ? [] : [`--ecn-tcp-ece ${ece}`],
      cwr === null ? [] : [`--ecn-tcp-cwr ${cwr}`],
      ect === null ? [] : [`--ecn-ip-ect ${ect}`],
    ]
      .flat()
      .join(' ')
  },

  list(data) {
    if (removesAll(data)) return ' ECN TCP remove'
    const { ece, cwr, ect } = data
    const words = [
      ece === null ? '' : ` ECE=${ece}`,
      cwr === null ? '' : ` CWR=${cwr}`,
      ect === null ? '' : ` ECT codepoint=${ect}`,
    ]
    return ` ECN${words.join('')}`
  },

  check({ ece, cwr }, rule, place) {
    const misplaced = requireTable('mangle', place, 'other tables do not change packets so')
    if (misplaced !== null || (ece === null && cwr === null)) return misplaced
    return requireProtocol(ipProtocol.tcp, rule, 'target')
  },

  act({ ece, cwr, ect }, { packet }, { note }) {
    if (ect !== null) {
      setTos(packet, (packet.tos & ~3) | ect)
      note?.(`the ECN bits of the IP header become ${ect}`)
    }
    if ((ece === null && cwr === null) || packet.protocol !== ipProtocol.tcp) return { kind: 'continue' }
    if (packet.transportLength < header.headerBytes) {
      note?.('the TCP header is cut off: dropped')
      return { kind: 'drop' }
    }
    setTcpBits(packet, ece, cwr)
    note?.(`ECE ${ece ?? 'stays'}, CWR ${cwr ?? 'stays'}`)
    return { kind: 'continue' }
  },
})

const removesAll = ({ ece, cwr, ect }: Ecn): boolean => ece === 0 && cwr === 0 && ect === null

/** In later fragments, too, where there is no TCP header at all: the kernel does not look. */
function setTcpBits({ bytes, transportOffset: at }: Packet, ece: number | null, cwr: number | null): void {
  const { flag } = header
  let flags = bytes[at + 13]!
  if (ece !== null) flags = (flags & ~flag.ece) | (ece * flag.ece)
  if (cwr !== null) flags = (flags & ~flag.cwr) | (cwr * flag.cwr)
  replaceU16(bytes, at + 12, (bytes[at + 12]! << 8) | flags, at + checksumAt)
}
