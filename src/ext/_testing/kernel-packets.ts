/**
 * Packets through the real kernel, one rule each: in a namespace of its own every pair of rule and packet gets a
 * user chain of raw/PREROUTING, chosen by the packet's IPv4 id or IPv6 flow label, where counters tell the answer.
 */
import type { Family } from '../../net/address.ts'
import { refreshIpv4Checksum, setU16, setU32 } from '../../net/encode.ts'
import { onKernelHost } from './kernel-host.ts'

export interface PacketQuestion {
  /** Conditions and match, without chain and target. */
  readonly rule: string
  /** With an untagged Ethernet header; its IPv4 id or IPv6 flow label is replaced. */
  readonly frame: Uint8Array
  readonly mark: number
}

/** `drop`: at once, by hotdrop. `lost`: the kernel never showed it to the tables. */
export type PacketAnswer = 'yes' | 'no' | 'drop' | 'lost'

const linkBytes = 14

/** Preconditions: at most 65535 questions. */
export const askKernelPackets = (
  family: Family,
  questions: readonly PacketQuestion[],
): Promise<PacketAnswer[]> =>
  onKernelHost(family, (host) => {
    host.load(rulesText(family, questions))
    for (const [at, { frame }] of questions.entries()) host.arrive(numbered(family, frame, at + 1))
    return answersIn(host.save('raw'), questions.length)
  })

function rulesText(family: Family, questions: readonly PacketQuestion[]): string {
  const place = family === 'ipv4' ? '2&0xFFFF' : '0&0xFFFFF'
  return [
    '*raw',
    ...questions.map((_, at) => `:Q${at + 1} -`),
    ...questions.map((_, at) => `-A PREROUTING -m u32 --u32 "${place}=${at + 1}" -g Q${at + 1}`),
    ...questions.flatMap(({ rule, mark }, at) => [
      `-A Q${at + 1} -j MARK --set-mark ${mark}`,
      `-A Q${at + 1} ${rule}`,
      `-A Q${at + 1} -j DROP`,
    ]),
    'COMMIT\n',
  ].join('\n')
}

/** The frame with a number where the rules look for it: the one that `askKernelPackets` sends for question `number - 1`. */
export function numbered(family: Family, frame: Uint8Array, number: number): Uint8Array {
  const bytes = Uint8Array.from(frame)
  if (family === 'ipv4') {
    setU16(bytes, linkBytes + 4, number)
    refreshIpv4Checksum(bytes, linkBytes)
  } else {
    const trafficClass = ((bytes[linkBytes]! & 15) << 4) | (bytes[linkBytes + 1]! >>> 4)
    setU32(bytes, linkBytes, (0x60000000 | (trafficClass << 20) | number) >>> 0)
  }
  return bytes
}

function answersIn(saved: string, count: number): PacketAnswer[] {
  const counters = new Map<string, number[]>()
  for (const [, packets, chain] of saved.matchAll(/^\[(\d+):\d+\] -A (Q\d+) /gm))
    counters.set(chain!, [...(counters.get(chain!) ?? []), Number(packets)])
  return Array.from({ length: count }, (_, at) => {
    const [arrived, matched, passed] = counters.get(`Q${at + 1}`)!
    if (arrived === 0) return 'lost'
    if (passed === 0) return 'drop'
    return matched === 1 ? 'yes' : 'no'
  })
}
