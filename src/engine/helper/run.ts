/**
 * The last look at a packet before its connection is confirmed: its helper reads it, and where the helper has made
 * earlier packets longer or shorter, sequence numbers are shifted.
 *
 * Kernel: nf_confirm(), net/netfilter/nf_conntrack_proto.c, Linux 6.18.
 */
import { isModelledHelper, type ModelledHelper } from '../../ext/helper-names.ts'
import { printAddress } from '../../net/address.ts'
import { connectionStatus, type TrackedConnection, tickAt } from '../conntrack/connection.ts'
import type { Conntrack, ConntrackInfo } from '../conntrack/conntrack.ts'
import type { Expectation } from '../conntrack/expectation.ts'
import { SequenceOffset, shiftSequence } from '../conntrack/sequence.ts'
import { locateTransport, TransportPlace, tupleOf } from '../conntrack/tuple.ts'
import type { Nat } from '../nat/nat.ts'
import type { HostSkb } from '../skb.ts'
import { helpFtp } from './ftp.ts'
import { type HelpedPacket, type HelpResult, passed } from './helped-packet.ts'
import { refreshTcpChecksum } from './mangle.ts'
import { helpTftp } from './tftp.ts'

const code: Readonly<Record<ModelledHelper, (at: HelpedPacket) => HelpResult>> = {
  ftp: helpFtp,
  tftp: helpTftp,
}

export class HelperRunner {
  readonly #conntrack: Conntrack
  readonly #nat: Nat
  readonly #random: () => number

  /** `random` gives unsigned 32 bits. */
  constructor(conntrack: Conntrack, nat: Nat, random: () => number) {
    this.#conntrack = conntrack
    this.#nat = nat
    this.#random = random
  }

  /** Null where the packet may go on, else why not. `isBackByLo`: it was looked at when it left by `lo`. */
  look(
    skb: HostSkb,
    isBackByLo: boolean,
    step: { readonly nowNs: bigint; tell(text: string): void },
  ): string | null {
    const info = skb.conntrack as ConntrackInfo | null
    const connection = info?.connection ?? null
    if (info === null || connection === null) return null
    const { help } = connection
    // What this packet changes holds for the ones behind it.
    const offsets =
      isBackByLo || !connection.has(connectionStatus.sequenceAdjust) ? null : connection.sequence
    if (help === null && offsets === null) return null
    if (info.state === 'RELATED' && info.isReply) return null
    const { nowNs } = step
    const tell = (text: string): void => step.tell(text)
    const { packet } = skb
    const { bytes, networkOffset, endOffset, family } = packet
    const place = new TransportPlace()
    if (family === null || !locateTransport(place, bytes, family, networkOffset, endOffset)) return null

    const direction = info.isReply ? 1 : 0
    let isChanged = false
    const at: Omit<HelpedPacket, 'help'> = {
      packet,
      family,
      transportAt: place.offset,
      connection,
      state: info.state,
      direction,
      conntrack: this.#conntrack,
      nat: this.#nat,
      tell,
      pullTogether: () => {
        skb.pulledBytes = Number.POSITIVE_INFINITY
      },
      randomBelow: (limit) => (limit === 0 ? 0 : this.#random() % limit),
      expect: (expectation, word) => this.#expect(expectation, word, nowNs, tell),
      lengthened: (difference) => {
        isChanged = true
        noteLength(connection, direction, packet.u32(place.offset + 4), difference)
      },
    }
    const result = help === null ? passed : this.#ask({ ...at, help })
    if (result.kind === 'drop') return result.why
    if (offsets === null) return null
    if (!shiftSequence(packet, place.offset, offsets, direction)) return 'its TCP options are broken'
    if (isChanged) refreshTcpChecksum(packet, place.offset)
    return null
  }

  #ask(at: HelpedPacket): HelpResult {
    const { name } = at.help.helper
    if (isModelledHelper(name)) return code[name](at)
    at.tell(`the helper ${name} would read this packet; this engine does not know what it expects`)
    return passed
  }

  #expect(
    expectation: Expectation,
    word: string,
    nowNs: bigint,
    tell: (text: string) => void,
  ): 'expected' | 'busy' | 'full' {
    const { expectations, settings } = this.#conntrack
    const result = expectations.expect(expectation, tickAt(nowNs, settings.hz), settings.hz)
    if (result === 'expected') tell(describeExpectation(expectation, word))
    return result
  }
}

function noteLength(
  connection: TrackedConnection,
  direction: 0 | 1,
  sequence: number,
  difference: number,
): void {
  if (difference === 0) return
  connection.status |= connectionStatus.sequenceAdjust
  connection.sequence ??= [new SequenceOffset(), new SequenceOffset()]
  connection.sequence[direction].change(sequence, difference)
}

function describeExpectation({ helper, tuple }: Expectation, word: string): string {
  const { source, destination, destinationPort } = tupleOf(tuple)
  const ends = `from ${printAddress(source)} to ${printAddress(destination)} port ${destinationPort}`
  return `${helper.name}: expects a connection ${ends} (${word})`
}
