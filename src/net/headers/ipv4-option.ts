/**
 * IPv4 options: walking them, and which of them the kernel refuses.
 *
 * Read first: RFC 791 section 3.1; net/ipv4/ip_options.c __ip_options_compile() (Linux 6.18).
 */
import type { Packet } from '../packet.ts'

export const optionType = {
  end: 0,
  nop: 1,
  recordRoute: 7,
  timestamp: 68,
  security: 130,
  looseSourceRoute: 131,
  /** Commercial IP security option. */
  cipso: 134,
  streamId: 136,
  strictSourceRoute: 137,
  routerAlert: 148,
} as const

const fixedHeaderBytes = 20

/** Where options begin; equals `optionsEnd` when there are none. Preconditions: packet.family is ipv4. */
export const optionsStart = (packet: Packet): number => packet.networkOffset + fixedHeaderBytes

export const optionsEnd = (packet: Packet): number =>
  Math.min(packet.networkOffset + packet.networkHeaderLength, packet.bytes.length)

/** The offset behind the option at `option`; -1 where the list ends there or the option is malformed. */
export function nextOption(packet: Packet, option: number, end: number): number {
  const type = packet.u8(option)
  if (end <= option || type === optionType.end) return -1
  if (type === optionType.nop) return option + 1
  const length = option + 1 < end ? packet.u8(option + 1) : 0
  return length < 2 || end < option + length ? -1 : option + length
}

/** Offset of the first option of a type, or -1. */
export function findOption(packet: Packet, type: number): number {
  const end = optionsEnd(packet)
  for (
    let option = optionsStart(packet);
    option >= 0 && option < end;
    option = nextOption(packet, option, end)
  ) {
    if (packet.u8(option) === type) return option
  }
  return -1
}

/**
 * Where the options are refused: an offset from the start of the IP header, as the ICMP parameter problem points at it, or
 * -1 when they are fine. The kernel asks this after PREROUTING, drops and answers.
 */
export function refusedOption(packet: Packet): number {
  const start = packet.networkOffset
  const end = optionsEnd(packet)
  let seen = 0
  for (let option = optionsStart(packet); option < end; ) {
    const type = packet.u8(option)
    if (type === optionType.end) return -1
    if (type === optionType.nop) {
      option++
      continue
    }
    const length = option + 1 < end ? packet.u8(option + 1) : 0
    if (length < 2 || end < option + length) return option - start
    const bit = onceBit(type)
    const fault = (seen & bit) !== 0 ? 0 : optionFault(packet, option, type, length)
    if (fault >= 0) return option + fault - start
    seen |= bit
    option += length
  }
  return -1
}

/** Options that may stand once have a bit each; both source routes share theirs. */
function onceBit(type: number): number {
  switch (type) {
    case optionType.looseSourceRoute:
    case optionType.strictSourceRoute:
      return 1
    case optionType.recordRoute:
      return 2
    case optionType.timestamp:
      return 4
    case optionType.cipso:
      return 8
    default:
      return 0
  }
}

/** Offset of the fault within the option, or -1. */
function optionFault(packet: Packet, option: number, type: number, length: number): number {
  const pointer = packet.u8(option + 2)
  switch (type) {
    case optionType.looseSourceRoute:
    case optionType.strictSourceRoute:
      if (length < 3) return 1
      return pointer < 4 ? 2 : -1
    case optionType.recordRoute:
      if (length < 3) return 1
      if (pointer < 4) return 2
      return pointer <= length && pointer + 3 > length ? 2 : -1
    case optionType.timestamp:
      return length < 4 ? 1 : timestampFault(packet, option, length)
    case optionType.routerAlert:
      return length < 4 ? 1 : -1
    case optionType.cipso:
      // Fit for a host that has no domain of interpretation configured, as hosts without NetLabel have not.
      return length < 8 ? 1 : 2
    default:
      return -1
  }
}

function timestampFault(packet: Packet, option: number, length: number): number {
  const pointer = packet.u8(option + 2)
  const overflowAndFlag = packet.u8(option + 3)
  if (pointer < 5) return 2
  if (pointer > length) return overflowAndFlag >>> 4 === 15 ? 3 : -1
  const flag = overflowAndFlag & 15
  const withAddress = flag === 1 || flag === 3
  return pointer + (withAddress ? 7 : 3) > length ? 2 : -1
}
