/**
 * What a host does with the options of IPv4 packets: it reads them when a packet arrives, writes its address and the
 * time where a sender asks for them, and repeats them in ICMP errors.
 *
 * Read first: RFC 791 section 3.1, RFC 1122 section 3.2.1.8.
 * Kernel: net/ipv4/ip_options.c (`__ip_options_compile`, `ip_forward_options`, `__ip_options_echo`,
 * `ip_options_build`), Linux 6.18. Source routes are refused, as `accept_source_route` is off.
 */
import type { RouteType } from '../ext/context.ts'
import { type Address, addressOf } from '../net/address.ts'
import { refreshIpv4Checksum, setAddress, setU32 } from '../net/encode.ts'
import { optionType } from '../net/headers/ipv4-option.ts'
import type { Packet } from '../net/packet.ts'

/** Flags of the timestamp option: times alone, times with addresses, times of addresses that the sender named. */
const timesOnly = 0
const timesAndAddresses = 1
const namedAddresses = 3

/**
 * The label of Commercial IP Security. The host has no domain of interpretation, so it refuses every label, as any
 * kernel with CONFIG_NETLABEL. Source: cipso_v4_validate(), net/ipv4/cipso_ipv4.c.
 */
const cipso = 134

const headerLength = 20
const millisecondsPerDay = 86_400_000

/** What was found in the options of one packet (`struct ip_options`). Offsets count from the IP header; 0 is none. */
export interface Ipv4Options {
  sourceRoute: number
  recordRoute: number
  timestamp: number
  securityLabel: number
  /** Slots that were taken on arrival, for this host's address or time to be written when the packet goes on. */
  recordRouteNeedsAddress: boolean
  timestampNeedsAddress: boolean
  timestampNeedsTime: boolean
  /** Whether bytes were changed and the header checksum is stale. */
  isChanged: boolean
}

export interface ReadOptions {
  /** What was found up to the problem, if there is one. */
  readonly options: Ipv4Options
  /** Offset of the octet of the IP header that is wrong, or null. */
  readonly problemAt: number | null
}

/** What reading options asks of the host. */
export interface OptionHost {
  /** The host's address on the way back to the sender, or the one it was spoken to. Source: fib_compute_spec_dst(). */
  readonly ownAddress: Address
  /** Milliseconds since midnight; the first step is at midnight. */
  readonly timeMs: number
  addressType(address: Address): RouteType
}

export const timeOfDayMs = (nowNs: bigint): number => Number(nowNs / 1_000_000n) % millisecondsPerDay

/** Reads the options of a packet that arrived, and takes slots in those that ask for it. */
export function readOptions(packet: Packet, host: OptionHost): ReadOptions {
  const { bytes, networkOffset } = packet
  const found: Ipv4Options = {
    sourceRoute: 0,
    recordRoute: 0,
    timestamp: 0,
    securityLabel: 0,
    recordRouteNeedsAddress: false,
    timestampNeedsAddress: false,
    timestampNeedsTime: false,
    isChanged: false,
  }
  const end = networkOffset + packet.networkHeaderLength
  const problemAt = (at: number): ReadOptions => ({ options: found, problemAt: at - networkOffset })
  for (let at = networkOffset + headerLength; at < end; ) {
    const type = bytes[at]!
    if (type === optionType.end) {
      clearRest(bytes, at + 1, end, found)
      break
    }
    if (type === optionType.nop) {
      at++
      continue
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0
    if (length < 2 || end < at + length) return problemAt(at)
    const wrong = readOption(type, packet, at, length, found, host)
    if (wrong !== null) return problemAt(at + wrong)
    at += length
  }
  return { options: found, problemAt: null }
}

/** What follows the end of the list is made zero. */
function clearRest(bytes: Uint8Array, start: number, end: number, found: Ipv4Options): void {
  if (bytes.subarray(start, end).every((byte) => byte === optionType.end)) return
  bytes.fill(optionType.end, start, end)
  found.isChanged = true
}

/** The index of the wrong octet within the option, or null. */
function readOption(
  type: number,
  packet: Packet,
  at: number,
  length: number,
  found: Ipv4Options,
  host: OptionHost,
): number | null {
  const offset = at - packet.networkOffset
  switch (type) {
    case optionType.looseSourceRoute:
    case optionType.strictSourceRoute:
      if (length < 3) return 1
      if (packet.u8(at + 2) < 4) return 2
      if (found.sourceRoute !== 0) return 0
      found.sourceRoute = offset
      return null
    case optionType.recordRoute:
      if (found.recordRoute !== 0) return 0
      return readRecordRoute(packet, at, length, found, host)
    case optionType.timestamp:
      if (found.timestamp !== 0) return 0
      return readTimestamp(packet, at, length, found, host)
    case optionType.routerAlert:
      return length < 4 ? 1 : null
    case cipso:
      if (found.securityLabel !== 0) return 0
      found.securityLabel = offset
      return length < 8 ? 1 : 2
    default:
      return null
  }
}

function readRecordRoute(
  { bytes, networkOffset }: Packet,
  at: number,
  length: number,
  found: Ipv4Options,
  host: OptionHost,
): number | null {
  if (length < 3) return 1
  const pointer = bytes[at + 2]!
  if (pointer < 4) return 2
  if (pointer <= length) {
    if (length < pointer + 3) return 2
    setAddress(bytes, at + pointer - 1, host.ownAddress)
    bytes[at + 2] = pointer + 4
    found.isChanged = true
    found.recordRouteNeedsAddress = true
  }
  found.recordRoute = at - networkOffset
  return null
}

function readTimestamp(
  packet: Packet,
  at: number,
  length: number,
  found: Ipv4Options,
  host: OptionHost,
): number | null {
  const { bytes, networkOffset } = packet
  if (length < 4) return 1
  const pointer = bytes[at + 2]!
  if (pointer < 5) return 2
  const slot = at + pointer - 1
  const kind = bytes[at + 3]! & 15
  if (pointer <= length) {
    const slotBytes = kind === timesAndAddresses || kind === namedAddresses ? 8 : 4
    if (length < pointer + slotBytes - 1) return 2
    if (kind === timesOnly) stampTime(bytes, at, slot, 4, found, host)
    if (kind === timesAndAddresses) {
      setAddress(bytes, slot, host.ownAddress)
      stampTime(bytes, at, slot + 4, 8, found, host)
      found.timestampNeedsAddress = true
    }
    if (kind === namedAddresses && host.addressType(addressOf('ipv4', [packet.u32(slot)])) !== 'UNICAST') {
      stampTime(bytes, at, slot + 4, 8, found, host)
    }
  } else if (kind !== namedAddresses) {
    const overflow = bytes[at + 3]! >>> 4
    if (overflow === 15) return 3
    bytes[at + 3] = kind | ((overflow + 1) << 4)
    found.isChanged = true
  }
  found.timestamp = at - networkOffset
  return null
}

function stampTime(
  bytes: Uint8Array,
  at: number,
  timeAt: number,
  slotBytes: number,
  found: Ipv4Options,
  { timeMs }: OptionHost,
): void {
  setU32(bytes, timeAt, timeMs)
  bytes[at + 2] = bytes[at + 2]! + slotBytes
  found.timestampNeedsTime = true
  found.isChanged = true
}

/** Writes the address of the outgoing way into the slots taken on arrival. Behind FORWARD, before POSTROUTING. */
export function finishOptionsForForwarding(packet: Packet, found: Ipv4Options, ownAddress: Address): void {
  const { bytes, networkOffset } = packet
  if (found.recordRouteNeedsAddress) {
    const at = networkOffset + found.recordRoute
    setAddress(bytes, at + bytes[at + 2]! - 5, ownAddress)
    found.isChanged = true
  }
  if (found.timestampNeedsAddress) {
    const at = networkOffset + found.timestamp
    setAddress(bytes, at + bytes[at + 2]! - 9, ownAddress)
    found.isChanged = true
  }
  if (!found.isChanged) return
  found.isChanged = false
  refreshIpv4Checksum(bytes, networkOffset)
}

/**
 * The options of an ICMP error about a packet, a multiple of four bytes; null where they do not add up. (The kernel would
 * also reverse a source route; one only gets that far in front of another option that is wrong.)
 */
export function echoOptions(
  packet: Packet,
  found: Ipv4Options,
  source: Address,
  host: Pick<OptionHost, 'timeMs' | 'addressType'>,
): Uint8Array | null {
  const parts: Uint8Array[] = []
  if (found.recordRoute !== 0) {
    const option = copyOption(packet, found.recordRoute)
    const pointer = option[2]!
    if (found.recordRouteNeedsAddress && pointer <= option.length) {
      if (option.length < pointer + 3) return null
      option[2] = pointer + 4
      setAddress(option, pointer - 1, source)
    }
    parts.push(option)
  }
  if (found.timestamp !== 0) {
    const option = copyOption(packet, found.timestamp)
    if (!echoTimestamp(option, found, source, host)) return null
    parts.push(option)
  }
  if (found.securityLabel !== 0) parts.push(copyOption(packet, found.securityLabel))
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const echoed = new Uint8Array((length + 3) & ~3)
  let at = 0
  for (const part of parts) {
    echoed.set(part, at)
    at += part.length
  }
  return echoed
}

function copyOption({ bytes, networkOffset }: Packet, offset: number): Uint8Array {
  const at = networkOffset + offset
  return bytes.slice(at, at + bytes[at + 1]!)
}

function echoTimestamp(
  option: Uint8Array,
  found: Ipv4Options,
  source: Address,
  host: Pick<OptionHost, 'timeMs' | 'addressType'>,
): boolean {
  let pointer = option[2]!
  if (option.length < pointer) return true
  if (found.timestampNeedsAddress) {
    if (option.length < pointer + 3) return false
    setAddress(option, pointer - 1, source)
    pointer += 4
  }
  if (found.timestampNeedsTime) {
    if (option.length < pointer + 3) return false
    if ((option[3]! & 15) !== namedAddresses) {
      setU32(option, pointer - 1, host.timeMs)
      pointer += 4
    } else if (pointer + 7 <= option.length) {
      const named = addressOf('ipv4', [readU32(option, pointer - 1)])
      if (host.addressType(named) !== 'UNICAST') {
        setU32(option, pointer + 3, host.timeMs)
        pointer += 8
      }
    }
  }
  option[2] = pointer
  return true
}

const readU32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
