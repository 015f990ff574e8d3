/** How translation changes all packets of a flow at one hook: one address and one port, and the sums over them. */
import { setU16, setU32 } from '../../net/encode.ts'
import type { Packet } from '../../net/packet.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { Manipulation } from '../nat/manipulate.ts'

export interface Translation {
  /** From the beginning of the IPv4 header. */
  readonly addressAt: number
  readonly address: number
  /** From the beginning of the transport header. */
  readonly portAt: number
  readonly port: number
  /** What the sums over them gain: to be added to the complement of a checksum. */
  readonly addressGain: number
  readonly gain: number
}

const ipv4HeaderBytes = 20

/** What a translation changed at one end of a header without options; null where its sums cannot be foretold. */
export function translationOf(
  before: Uint8Array,
  after: Uint8Array,
  network: number,
  manipulation: Manipulation,
): Translation | null {
  const addressAt = manipulation === 'source' ? 12 : 16
  const portAt = manipulation === 'source' ? 0 : 2
  const [at, port] = [network + addressAt, network + ipv4HeaderBytes + portAt]
  const address = (u16(after, at) << 16) | u16(after, at + 2)
  // Of zeros alone a sum may come out as either zero.
  if (address === 0) return null
  const addressGain = wordGain(before, after, at) + wordGain(before, after, at + 2)
  return {
    addressAt,
    address,
    portAt,
    port: u16(after, port),
    addressGain,
    gain: addressGain + wordGain(before, after, port),
  }
}

/** Writes it. Preconditions: the packet is one of the flow, whole, of TCP or UDP. */
export function translate(
  { bytes, networkOffset, transportOffset, protocol }: Packet,
  change: Translation,
): void {
  const { addressAt, address, portAt, port, addressGain, gain } = change
  setU32(bytes, networkOffset + addressAt, address)
  setU16(bytes, transportOffset + portAt, port)
  gainSum(bytes, networkOffset + 10, addressGain)
  if (protocol === ipProtocol.tcp) {
    gainSum(bytes, transportOffset + 16, gain)
    return
  }
  const at = transportOffset + 6
  if (u16(bytes, at) === 0) return
  gainSum(bytes, at, gain)
  // Zero would say that there is none (RFC 768).
  if (u16(bytes, at) === 0) setU16(bytes, at, 0xffff)
}

/** RFC 1624, of several words at once: folding the sum in one go or word by word gives the same. */
function gainSum(bytes: Uint8Array, at: number, gain: number): void {
  let sum = (~u16(bytes, at) & 0xffff) + gain
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  setU16(bytes, at, ~sum & 0xffff)
}

const wordGain = (before: Uint8Array, after: Uint8Array, at: number): number =>
  (~u16(before, at) & 0xffff) + u16(after, at)

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!
