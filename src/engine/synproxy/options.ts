/**
 * TCP options as a SYN proxy reads and writes them, and what it hides in the timestamp of its SYN-ACK: what else the
 * client had offered, for which the cookie has no room.
 *
 * Kernel: synproxy_parse_options() and what follows it, net/netfilter/nf_synproxy_core.c, Linux 6.18.
 */
import { setU32 } from '../../net/encode.ts'
import * as tcp from '../../net/headers/tcp.ts'
import type { Packet } from '../../net/packet.ts'

/** `struct synproxy_options`. */
export interface SynOptions {
  /** Null where it was not given. */
  segmentSize: number | null
  /** 0 to 14; null where it was not given. */
  windowScale: number | null
  sackPermitted: boolean
  timestamps: Timestamps | null
  ecn: boolean
}

export interface Timestamps {
  readonly value: number
  readonly echo: number
}

const { nop, mss: segmentSize, windowScale, sackPermitted, timestamps } = tcp.optionKind

const highestScale = 14
const timestampBytes = 10

/** The options of the segment at `at`; null where its header is not all there. */
export function readSynOptions(packet: Packet, at: number): SynOptions | null {
  const end = at + tcp.headerLength(packet, at)
  if (packet.endOffset < end) return null
  const options: SynOptions = {
    segmentSize: null,
    windowScale: null,
    sackPermitted: false,
    timestamps: null,
    ecn: false,
  }
  eachOption(packet, at, end, (kind, option, length) => {
    if (kind === segmentSize && length === 4) options.segmentSize = packet.u16(option + 2)
    if (kind === windowScale && length === 3) {
      options.windowScale = Math.min(packet.u8(option + 2), highestScale)
    }
    if (kind === sackPermitted && length === 2) options.sackPermitted = true
    if (kind === timestamps && length === timestampBytes) {
      options.timestamps = { value: packet.u32(option + 2), echo: packet.u32(option + 6) }
    }
  })
  return options
}

/** As bytes, in words of four. */
export function writeSynOptions(options: SynOptions): Uint8Array {
  const { segmentSize: size, windowScale: scale, timestamps: stamps } = options
  const sack = options.sackPermitted ? [sackPermitted, 2] : [nop, nop]
  const words: number[] = []
  if (size !== null) words.push(word(segmentSize, 4, size >>> 8, size & 255))
  if (stamps !== null) words.push(word(...sack, timestamps, timestampBytes), stamps.value, stamps.echo)
  else if (options.sackPermitted) words.push(word(nop, nop, ...sack))
  if (scale !== null) words.push(word(nop, windowScale, 3, scale))
  const bytes = new Uint8Array(4 * words.length)
  words.forEach((each, index) => {
    setU32(bytes, 4 * index, each >>> 0)
  })
  return bytes
}

const word = (...octets: readonly number[]): number => octets.reduce((sum, octet) => sum * 256 + octet, 0)

// --- The cookie in the timestamp

/** The low bits of the clock give way to what the client offered. */
const hiddenBits = 0x3f
const scaleBits = 0xf
/** In place of a scale: the client offered none. */
const noScale = 0xf
const sackBit = 1 << 4
const ecnBit = 1 << 5

/** The timestamp of the SYN-ACK; `windowScale` is the client's. Source: synproxy_init_timestamp_cookie(). */
export function hideInTimestamp(offer: SynOptions, clockMs: number): number {
  const hidden =
    (offer.windowScale ?? noScale) | (offer.sackPermitted ? sackBit : 0) | (offer.ecn ? ecnBit : 0)
  return ((clockMs & ~hiddenBits) | hidden) >>> 0
}

/** What the client gives back of it. Source: synproxy_check_timestamp_cookie(). */
export function readHidden(
  options: SynOptions,
  { echo }: Timestamps,
): Pick<SynOptions, 'windowScale' | 'sackPermitted' | 'ecn'> {
  const scale = echo & scaleBits
  return {
    windowScale: scale === noScale && options.windowScale === null ? null : scale,
    sackPermitted: options.sackPermitted || (echo & sackBit) !== 0,
    ecn: options.ecn || (echo & ecnBit) !== 0,
  }
}

/** Where the timestamps of the segment at `at` stand; null where it has none that can be found. */
export function findTimestamps(packet: Packet, at: number): number | null {
  const end = at + tcp.headerLength(packet, at)
  let found: number | null = null
  if (packet.endOffset < end) return found
  eachOption(packet, at, end, (kind, option, length) => {
    if (kind === timestamps && length === timestampBytes) found ??= option
  })
  return found
}

/** Every option up to the end of the list, or up to the first that is malformed. */
function eachOption(
  packet: Packet,
  at: number,
  end: number,
  visit: (kind: number, option: number, length: number) => void,
): void {
  for (let option = at + tcp.headerBytes; option < end; ) {
    const next = tcp.nextOption(packet, option, end)
    if (next < 0) return
    visit(packet.u8(option), option, next - option)
    option = next
  }
}
