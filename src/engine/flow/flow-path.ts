/**
 * The short way of packets that go the way of many before them, which is the very same in all that comes of it.
 *
 * Most packets belong to few flows, and what the packets of a flow have in common settles nearly all that happens to them:
 * which rules they meet, which counters move, how they are translated, where they go. That is found once for each flow; of a
 * packet there remain its checksums, its connection's tracker, and those matches that ask for more than the flow. Whatever is
 * not known to be the same (a target that acts, options, fragments, errors, a SYN or FIN) goes the long way, which is the
 * reference: compiled.test.ts and flow.test.ts hold both together.
 */
import type { HostServices } from '../../ext/context.ts'
import { ByteArena } from '../../net/byte-arena.ts'
import { onesComplementSum } from '../../net/checksum.ts'
import { ipProtocol } from '../../net/protocol.ts'
import type { Conntrack } from '../conntrack/conntrack.ts'
import { type HookPlan, planHooks } from '../hooks.ts'
import { Journey } from '../journey.ts'
import { writeMacs } from '../neighbours.ts'
import type { Outcome } from '../outcome.ts'
import { decrementTtl } from '../rewrite.ts'
import { HostSkb } from '../skb.ts'
import { type Flow, FlowKey, FlowTable } from './flow.ts'
import { type FlowParts, makeFlow } from './make-flow.ts'
import { FlowPlace } from './place.ts'
import { translate } from './translation.ts'
import { type End, type Step, stepKind } from './way.ts'

/** So many packets of a flow go the long way before its own is made. */
const packetsBefore = 3
/** More than any frame on an Ethernet of usual MTU. */
const mostBytes = 2048

const network = 14
const transport = network + 20
const tcpHeaderBytes = 20
const udpHeaderBytes = 8

/** What conntrack said of a packet. */
export interface Tracked {
  readonly verdict: 'accept' | 'drop'
  readonly conntrack: HostSkb['conntrack']
}

export class FlowPath {
  readonly #parts: FlowParts
  readonly #conntrack: Conntrack
  readonly #table = new FlowTable()
  readonly #place: FlowPlace
  readonly #key = new FlowKey()
  /** Whether `#key` is that of the packet that came last, which can belong to a flow. */
  #isKeyed = false
  readonly #skb = new HostSkb('main')
  readonly #journey = new Journey()
  readonly #room = new Room()
  #plan: HookPlan = planHooks([], false)
  /** See `receive`. */
  tracked: Tracked | null = null

  constructor(services: HostServices, conntrack: Conntrack, parts: FlowParts) {
    this.#parts = parts
    this.#conntrack = conntrack
    this.#place = new FlowPlace(services)
  }

  /** What stands at each hook from now on. */
  install(plan: HookPlan): void {
    this.#plan = plan
    this.#table.clear()
  }

  /**
   * What becomes of a frame that arrives on a device, if it belongs to a flow; null where it does not.
   *
   * Null with `tracked` set: it does, and when it was tracked it turned out not to be as those before it. It has to go on from
   * there the long way, with what conntrack said and noted.
   */
  receive(frame: Uint8Array, device: string, nowNs: bigint, jiffies: number): Outcome | null {
    this.tracked = null
    const length = frame.length
    this.#isKeyed = false
    if (length < transport + udpHeaderBytes || mostBytes < length) return null
    // IPv4 without options, and no fragment.
    if (frame[12] !== 8 || frame[13] !== 0 || frame[14] !== 0x45) return null
    if ((frame[20]! & 0x3f) !== 0 || frame[21] !== 0) return null
    const protocol = frame[23]!
    const totalLength = (frame[16]! << 8) | frame[17]!
    const headerBytes = protocol === ipProtocol.tcp ? tcpHeaderBytes : udpHeaderBytes
    if (totalLength < 20 + headerBytes || length - network < totalLength) return null
    if (protocol === ipProtocol.tcp) {
      // ACK, perhaps with PSH.
      if ((frame[transport + 13]! & 0xf7) !== 0x10) return null
    } else if (protocol !== ipProtocol.udp) return null
    const key = this.#key
    key.device = device
    key.source = (frame[26]! << 24) | (frame[27]! << 16) | (frame[28]! << 8) | frame[29]!
    key.destination = (frame[30]! << 24) | (frame[31]! << 16) | (frame[32]! << 8) | frame[33]!
    key.ports = (frame[34]! << 24) | (frame[35]! << 16) | (frame[36]! << 8) | frame[37]!
    key.protocol = protocol
    this.#isKeyed = true
    const flow = this.#table.find(key)
    if (flow === null) return null
    if (((frame[0]! << 24) | (frame[1]! << 16) | (frame[2]! << 8) | frame[3]!) !== flow.macHigh) return null
    if (((frame[4]! << 8) | frame[5]!) !== flow.macLow) return null
    const { onward } = flow
    if (onward !== null && (frame[22]! <= 1 || onward.device.mtu < totalLength)) return null
    if (onesComplementSum(frame, network, transport) !== 0xffff) return null
    return this.#run(flow, frame, totalLength, nowNs, jiffies)
  }

  /** What happened to the packet that came last, and found no flow, may be the way of one. */
  learn(frame: Uint8Array, skb: HostSkb): void {
    if (!this.#isKeyed) return
    this.#isKeyed = false
    const arrivesOn = skb.device!
    if (skb.packetType !== 'host' || arrivesOn.kind !== 'ethernet' || skb.untracked) return
    if (skb.packet.defect !== null) return
    if (this.#table.count(this.#key) <= packetsBefore) return
    const { conntrack } = skb
    const journey = this.#journey
    const flow = makeFlow(
      this.#key,
      frame,
      arrivesOn,
      conntrack,
      this.#plan,
      this.#parts,
      this.#place,
      journey,
    )
    if (flow === null) this.#table.refuse(this.#key)
    else this.#table.keep(flow)
  }

  #run(flow: Flow, frame: Uint8Array, totalLength: number, nowNs: bigint, jiffies: number): Outcome | null {
    const skb = this.#skb
    const { packet } = skb
    let at = 0
    let bytes = frame
    if (flow.isChanged) {
      bytes = this.#room.put(frame)
      at = this.#room.at
    }
    const start = at + network
    packet.bytes = bytes
    packet.family = 'ipv4'
    packet.linkOffset = at
    packet.etherType = 0x0800
    packet.networkOffset = start
    packet.networkHeaderLength = 20
    packet.totalLength = totalLength
    packet.endOffset = start + totalLength
    packet.protocol = flow.protocol
    packet.nextHeader = flow.protocol
    packet.transportOffset = at + transport
    packet.dontFragment = (frame[20]! & 0x40) !== 0
    packet.id = (frame[18]! << 8) | frame[19]!
    packet.ttl = frame[22]!
    packet.tos = frame[15]!
    skb.device = flow.arrivesOn
    skb.conntrack = null
    if (flow.known !== null) {
      const tracked = this.#conntrack.inAgain(skb, flow.known, nowNs, jiffies)
      if (tracked === 'drop' || skb.conntrack !== flow.known) {
        // Likely those behind it are of another kind, too.
        this.#table.remove(flow)
        this.tracked = { verdict: tracked, conntrack: skb.conntrack }
        return null
      }
    }
    const journey = this.#journey
    journey.nowNs = nowNs
    journey.jiffies = jiffies
    const end = this.#go(flow, skb, totalLength)
    return end.outcome ?? this.#leave(flow, end, at, skb)
  }

  /** To the end of its way. */
  #go({ ways }: Flow, skb: HostSkb, length: number): End {
    const { context } = this.#place
    let step = ways.root
    for (;;) {
      const { counters } = step
      for (let each = 0; each < counters.length; each++) counters[each]!.add(length)
      switch (step.kind) {
        case stepKind.ask: {
          const answer = step.ask!(skb, context)
          if (context.hotdrop) return ways.hotdrop(step, answer, skb, context)
          step = (answer ? step.next : step.otherwise) ?? ways.grow(step, answer)
          continue
        }
        case stepKind.table:
          this.#enter(step, skb)
          break
        case stepKind.translation:
          if (step.station?.kind === 'translation') translate(skb.packet, step.station.translation)
          break
        case stepKind.hop:
          decrementTtl(skb.packet)
          break
        default:
          return step.end!
      }
      step = step.next ?? ways.grow(step, true)
    }
  }

  #enter({ station }: Step, skb: HostSkb): void {
    if (station?.kind !== 'table') return
    const { name, hook, in: cameBy, out } = station
    const place = this.#place
    place.begin(hook, cameBy, out)
    place.context.begin(name, skb, this.#journey)
  }

  #leave({ onward, known }: Flow, { fate, hits, policies }: End, at: number, { packet }: HostSkb): Outcome {
    const { device, mac } = onward!
    const bytes = this.#room.take(packet.endOffset - at)
    writeMacs(bytes, mac, device.mac)
    const { verdict, by, why } = fate
    const sent = [{ if: device.name, bytes }]
    if (known === null) return { verdict, by, why, hits, policies, sent, delivered: false, log: nothing }
    const { state } = known
    return { verdict, by, why, hits, policies, sent, delivered: false, log: nothing, state }
  }
}

const nothing: readonly never[] = Object.freeze([])

/** Where frames are changed: one behind the other in large arrays, each good for ever once it is taken. */
class Room {
  readonly #arena = new ByteArena()
  #whole: Uint8Array = new Uint8Array(0)
  at = 0

  /** A copy of a frame, at `at` of the array that is returned, until it is taken or another one comes. */
  put(frame: Uint8Array): Uint8Array {
    if (this.#arena.reserve(mostBytes)) this.#whole = this.#arena.whole
    this.at = this.#arena.next
    this.#whole.set(frame, this.at)
    return this.#whole
  }

  /** The first bytes of what was put last, for whoever wants them. */
  take(length: number): Uint8Array {
    const taken = this.#arena.peek(length)
    this.#arena.skip(length)
    return taken
  }
}
