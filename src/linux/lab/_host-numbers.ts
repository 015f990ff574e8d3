/**
 * Numbers that a host chooses for the TCP connections of its own sockets, and as a SYN proxy, taken out of frames so that
 * two hosts can be compared: sequence numbers count from the first one, windows and checksums are blank.
 *
 * What only passes the host keeps its numbers: neither judge chose them.
 */
import * as tcp from '../../net/headers/tcp.ts'
import { decodeFrame, Packet } from '../../net/index.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { Action } from '../../scenario/scenario.ts'

const { syn, rst, ack } = tcp.flag
const ipv4ErrorTypes = new Set([3, 4, 5, 11, 12])

export class HostNumbers {
  /** First sequence numbers by direction, of connections that the host's sockets took: its own, and the others'. */
  readonly #first = new Map<string, number>()
  readonly #packet = new Packet()

  /** The frames of a step, in order, in hex. `action`: what the step sent. */
  normalise(action: Action, frames: readonly string[]): string[] {
    const passes = action.kind === 'receive' && this.#isSynAck(Buffer.from(action.frame))
    const answered = action.kind === 'receive' ? this.#acknowledgementOf(Buffer.from(action.frame)) : null
    return frames.map((hex) => {
      const bytes = Buffer.from(hex, 'hex')
      if (!passes && this.#isSynAck(bytes)) this.#learn()
      return this.#blank(bytes, answered) ? bytes.toString('hex') : hex
    })
  }

  #acknowledgementOf(frame: Buffer): number | null {
    const packet = this.#packet
    decodeFrame(packet, frame)
    const isTcp = packet.protocol === ipProtocol.tcp && packet.transportLength >= tcp.headerBytes
    return isTcp ? tcp.acknowledgement(packet, packet.transportOffset) : null
  }

  #isSynAck(frame: Buffer): boolean {
    const packet = this.#packet
    decodeFrame(packet, frame)
    if (packet.protocol !== ipProtocol.tcp || packet.transportLength < tcp.headerBytes) return false
    return (tcp.flags(packet, packet.transportOffset) & (syn | ack)) === (syn | ack)
  }

  /** From a SYN-ACK: where the host begins. */
  #learn(): void {
    const packet = this.#packet
    this.#first.set(directionOf(packet, packet.transportOffset), tcp.sequence(packet, packet.transportOffset))
  }

  /** Whether anything was blanked. */
  #blank(frame: Buffer, answered: number | null): boolean {
    const packet = this.#packet
    decodeFrame(packet, frame)
    const { protocol, family, transportOffset: at, transportLength } = packet
    if (protocol === ipProtocol.tcp && transportLength >= tcp.headerBytes) {
      return this.#blankSegment(frame, directionOf(packet, at), at, answered)
    }
    const isIcmp = protocol === (family === 'ipv4' ? ipProtocol.icmp : ipProtocol.icmp6)
    return isIcmp && transportLength > 8 && this.#blankQuote(frame, at)
  }

  /** `answered`: what the step's packet acknowledges, which a RST outside a connection repeats. */
  #blankSegment(frame: Buffer, direction: string, at: number, answered: number | null): boolean {
    const first = this.#first.get(direction)
    if (first === undefined) return this.#blankCookie(frame, at)
    const flags = frame[at + 13]! & (rst | ack)
    const sequence = frame.readUInt32BE(at + 4)
    if (flags === (rst | ack) && sequence === 0) return false
    if (flags === rst && sequence === answered) frame.writeUInt32BE(first, at + 4)
    frame.writeUInt32BE((frame.readUInt32BE(at + 4) - first) >>> 0, at + 4)
    frame.fill(0, at + 14, at + 18)
    return true
  }

  /** A SYN proxy tells itself its cookie in the SYN to the server; and who acknowledges it may be let past. */
  #blankCookie(frame: Buffer, at: number): boolean {
    const acknowledged = frame.readUInt32BE(at + 8)
    const isOfHost = [...this.#first.values()].some((first) => (acknowledged - first) >>> 0 <= 1)
    if (!isOfHost) return false
    frame.fill(0, at + 8, at + 12)
    frame.fill(0, at + 16, at + 18)
    return true
  }

  /** An ICMP error about a packet to a socket of the host: what the packet acknowledges, and the checksums over it. */
  #blankQuote(frame: Buffer, at: number): boolean {
    const { family } = this.#packet
    const type = frame[at]!
    const isError = family === 'ipv4' ? ipv4ErrorTypes.has(type) : type < 128
    const inner = at + 8
    const headerLength = family === 'ipv4' ? (frame[inner]! & 15) * 4 : 40
    const transport = inner + headerLength
    const protocol = frame[inner + (family === 'ipv4' ? 9 : 6)]
    if (!isError || protocol !== ipProtocol.tcp || frame.length < transport + 18) return false
    const addresses = inner + (family === 'ipv4' ? 12 : 8)
    const size = family === 'ipv4' ? 4 : 16
    const [from, to] = [addresses, addresses + size].map((place) =>
      frame.toString('hex', place, place + size),
    )
    const back = `${to}:${frame.readUInt16BE(transport + 2)} ${from}:${frame.readUInt16BE(transport)}`
    if (!this.#first.has(back)) return false
    frame.fill(0, transport + 8, transport + 12)
    frame.fill(0, transport + 16, transport + 18)
    frame.fill(0, at + 2, at + 4)
    return true
  }
}

/** Both ends of a TCP packet as text, the sender first. */
function directionOf({ bytes, sourceOffset, destinationOffset, view }: Packet, at: number): string {
  const size = destinationOffset - sourceOffset
  const [from, to] = [sourceOffset, destinationOffset].map((place) =>
    Buffer.from(bytes.subarray(place, place + size)).toString('hex'),
  )
  return `${from}:${view.getUint16(at)} ${to}:${view.getUint16(at + 2)}`
}
