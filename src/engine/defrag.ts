/**
 * Putting fragments together again: IPv4 and IPv6, for the local stack and for connection tracking.
 *
 * One `Reassembler` is one of the kernel's fragment tables: `ipv4` serves both the local stack and conntrack (told
 * apart by `user` in the key), `ipv6` the local stack, `ipv6-conntrack` the hook of connection tracking. They differ
 * in what they answer to a broken fragment. `fragment.ts` cuts packets on the way out.
 *
 * Read first: RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722 (overlaps), RFC 3168 section 5.3 (ECN).
 * Kernel: net/ipv4/ip_fragment.c, net/ipv4/inet_fragment.c, net/ipv6/reassembly.c,
 * net/ipv6/netfilter/nf_conntrack_reasm.c, Linux 6.18.
 */
import type { Skb } from '../ext/context.ts'
import type { Packet } from '../net/packet.ts'
import { defaultLimits, type FragmentTable, type ReassemblerLimits } from './defrag-limits.ts'
import {
  type Fragment,
  finishIpv4,
  finishIpv6,
  joinedEcn,
  lacksUpperHeader,
  readIpv4Fragment,
} from './defrag-packet.ts'
import { fragmentHeaderLength, locateFragmentHeader } from './fragment-header.ts'
import { FragmentRuns } from './fragment-runs.ts'

/** Who asks; fragments of different users never meet. Source: enum ip_defrag_users, include/net/ip.h. */
export type DefragUser = 'local' | 'conntrack-in' | 'conntrack-out'

/** What the host keeps beside a reassembled packet, for cutting it again (see `fragment.ts`). */
export interface FragmentOrigin {
  /** Length of the longest fragment as an IP packet (`frag_max_size`). */
  readonly maxSize: number
  /** IPv4: the longest fragment had DF, so the whole packet and its new fragments have it (`IPSKB_FRAG_PMTU`). */
  readonly dontFragment: boolean
  /** Payload bytes of each fragment, in the order of their offsets. */
  readonly pieces: readonly number[]
}

/** What the host keeps beside a fragment; the whole packet has that of the fragment at offset 0. */
export type FragmentCompany = Pick<Skb, 'mark' | 'packetType'>

/** Why a fragment came to nothing. `overlap` and the ones before it threw away the whole queue (see the table). */
export type FragmentLoss =
  | 'length'
  | 'empty'
  | 'overlap'
  | 'duplicate'
  | 'too-far-in-packet'
  | 'oversized'
  | 'ecn'
  | 'memory'

export type Reassembly =
  /** Kept, waiting for the others. */
  | { readonly kind: 'held' }
  | { readonly kind: 'lost'; readonly why: FragmentLoss }
  /** Nothing to put together (or conntrack leaves it to the local stack to complain): the packet goes on as it is. */
  | { readonly kind: 'untouched' }
  /** Lost, and the host answers with an ICMPv6 parameter problem of this code that points at this octet. */
  | { readonly kind: 'problem'; readonly code: number; readonly pointer: number }
  | {
      readonly kind: 'whole'
      /** A frame: the link header of the fragment at offset 0 and the IP packet behind it. */
      readonly bytes: Uint8Array
      readonly networkOffset: number
      readonly origin: FragmentOrigin
      readonly company: FragmentCompany
    }

/** A queue whose time ran out. The host answers `first`, if it has it, with ICMP time exceeded, code 1. */
export interface ExpiredFragments {
  readonly user: DefragUser
  readonly inInterface: number
  /** Frame of the fragment at offset 0, or null when it never came. */
  readonly first: { readonly bytes: Uint8Array; readonly networkOffset: number } | null
}

/** Largest IPv4 packet and largest IPv6 payload. */
const maxLength = 65535

/** ICMPV6_HDR_FIELD and ICMPV6_HDR_INCOMP (RFC 7112). Source: include/uapi/linux/icmpv6.h. */
const headerField = 0
const headerIncomplete = 3

/** Octet of the IPv6 header at which a parameter problem about the payload length points. */
const payloadLengthField = 4

const mostRetired = 256

/** Sources whose fragments are counted for `maxDistance`; the oldest is forgotten beyond. As inet_peer_threshold. */
const maxSources = 65664

const noCompany: FragmentCompany = { mark: 0, packetType: 'host' }

class Queue {
  readonly key: string
  readonly user: DefragUser
  expiresAtNs: bigint
  inInterface = 0
  company: FragmentCompany = noCompany
  fragments: Fragment[] = []
  readonly runs = new FragmentRuns()
  /** Highest end seen; the payload length once the last fragment is in. */
  length = 0
  received = 0
  hasLast = false
  ecn = 0
  maxSize = 0
  maxDontFragmentSize = 0
  /** The source's fragment counter when this queue last took one. */
  sourceCount = 0
  memory = queueMemory

  constructor(key: string, user: DefragUser, expiresAtNs: bigint) {
    this.key = key
    this.user = user
    this.expiresAtNs = expiresAtNs
  }
}

/**
 * What the kernel counts for a queue (`struct ipq`), and for a fragment (`skb->truesize`: the frame, rounded up to cache
 * lines, and what stands around it). The latter is the driver's affair; this is a TAP's, for frames below a page.
 * Measured on Linux 6.18, `FRAG: memory` of /proc/net/sockstat.
 */
const queueMemory = 200
const fragmentMemory = (frame: Uint8Array): number => 640 + Math.ceil(frame.length / 64) * 64

const nothing: readonly ExpiredFragments[] = []

export class Reassembler {
  readonly table: FragmentTable
  readonly limits: ReassemblerLimits
  /** Oldest first: every queue of a table lives equally long. */
  readonly #queues = new Map<string, Queue>()
  readonly #sources = new Map<string, number>()
  #retired: ExpiredFragments[] = []
  #memory = 0

  constructor(table: FragmentTable, limits: Partial<ReassemblerLimits> = {}) {
    this.table = table
    this.limits = { ...defaultLimits[table], ...limits }
  }

  /** Queues that wait for fragments. */
  get size(): number {
    return this.#queues.size
  }

  /**
   * Takes one fragment.
   *
   * Preconditions: the packet is of this table's family, its header is sound, and it is a fragment (IPv4) or has a
   * fragment header (IPv6). `inInterface` is the index of the device it came by, 0 for a packet sent locally.
   * Queues whose time is over take no part; `expire` gives them out afterwards.
   */
  add(
    packet: Packet,
    user: DefragUser,
    inInterface: number,
    nowNs: bigint,
    company: FragmentCompany = noCompany,
  ): Reassembly {
    this.#retire(nowNs)
    const fragment = this.table === 'ipv4' ? readIpv4Fragment(packet) : this.#readIpv6(packet)
    if ('kind' in fragment) return fragment
    if (this.#memory > this.limits.highThreshold) return { kind: 'lost', why: 'memory' }
    const queue = this.#find(packet, fragment.id, user, inInterface, nowNs)
    if (this.table === 'ipv4' && this.#isTooFar(packet, queue)) this.#restart(queue, nowNs)
    const refusal = this.#enqueue(queue, fragment)
    if (refusal !== null) return refusal
    queue.inInterface = inInterface
    if (fragment.start === 0) queue.company = company
    const isComplete = queue.hasLast && queue.received === queue.length && queue.fragments[0]!.start === 0
    return isComplete ? this.#join(queue) : { kind: 'held' }
  }

  /** Gives out, once, the queues whose time is over; only the last 256 of them if nobody asked for long. */
  expire(nowNs: bigint): readonly ExpiredFragments[] {
    if (this.isEmpty) return nothing
    this.#retire(nowNs)
    const expired = this.#retired
    this.#retired = []
    return expired
  }

  /** Whether it holds nothing, and has nothing to say. */
  get isEmpty(): boolean {
    return this.#queues.size === 0 && this.#retired.length === 0
  }

  #retire(nowNs: bigint): void {
    for (const queue of this.#queues.values()) {
      if (nowNs < queue.expiresAtNs) return
      this.#kill(queue)
      const first = queue.fragments[0]
      this.#retired.push({
        user: queue.user,
        inInterface: queue.inInterface,
        first:
          first === undefined || first.start !== 0
            ? null
            : { bytes: first.frame, networkOffset: first.networkOffset },
      })
      if (this.#retired.length > mostRetired) this.#retired.shift()
    }
  }

  /** When `expire` next has something to give, or null. */
  get nextExpiryNs(): bigint | null {
    for (const queue of this.#queues.values()) return queue.expiresAtNs
    return null
  }

  #find(packet: Packet, id: number, user: DefragUser, inInterface: number, nowNs: bigint): Queue {
    const key = this.#keyOf(packet, id, user, inInterface)
    const found = this.#queues.get(key)
    if (found !== undefined) return found
    const queue = new Queue(key, user, this.#endOf(nowNs))
    this.#queues.set(key, queue)
    this.#memory += queueMemory
    return queue
  }

  #endOf(nowNs: bigint): bigint {
    return nowNs + BigInt(this.limits.timeoutSeconds) * 1_000_000_000n
  }

  /**
   * IPv4 tells packets apart by protocol too, IPv6 does not; IPv6 asks for the same device only where the destination
   * is link-local or multicast. Source: ip_find(), fq_find().
   */
  #keyOf(packet: Packet, id: number, user: DefragUser, inInterface: number): string {
    const addresses = []
    for (let at = packet.sourceOffset; at < packet.destinationOffset * 2 - packet.sourceOffset; at += 4) {
      addresses.push(packet.u32(at).toString(36))
    }
    if (this.table === 'ipv4') return `${user} ${addresses.join(' ')} ${id} ${packet.protocol}`
    const destination = packet.u16(packet.destinationOffset)
    const isLocalScope = (destination & 0xff00) === 0xff00 || (destination & 0xffc0) === 0xfe80
    return `${user} ${addresses.join(' ')} ${id} ${isLocalScope ? inInterface : 0}`
  }

  /** Source: ip_frag_too_far(). */
  #isTooFar(packet: Packet, queue: Queue): boolean {
    const { maxDistance } = this.limits
    if (maxDistance === 0) return false
    const source = packet.u32(packet.sourceOffset).toString(36)
    const count = (this.#sources.get(source) ?? 0) + 1
    this.#sources.set(source, count)
    if (this.#sources.size > maxSources) {
      for (const oldest of this.#sources.keys()) {
        this.#sources.delete(oldest)
        break
      }
    }
    const distance = count - queue.sourceCount
    queue.sourceCount = count
    return queue.fragments.length > 0 && distance > maxDistance
  }

  /** Forgets what came so far; the time starts anew, the sizes seen stay. Source: ip_frag_reinit(). */
  #restart(queue: Queue, nowNs: bigint): void {
    this.#queues.delete(queue.key)
    this.#queues.set(queue.key, queue)
    queue.expiresAtNs = this.#endOf(nowNs)
    this.#memory -= queue.memory - queueMemory
    queue.memory = queueMemory
    queue.fragments = []
    queue.runs.clear()
    queue.length = 0
    queue.received = 0
    queue.hasLast = false
    queue.ecn = 0
  }

  #enqueue(queue: Queue, fragment: Fragment): Reassembly | null {
    const { start, end, moreFragments } = fragment
    if (this.table !== 'ipv4') {
      if (end > maxLength) return this.#complain('too-far-in-packet', fragment.headerLength - 6)
      if (moreFragments && (end & 7) !== 0) {
        if (this.table === 'ipv6-conntrack') this.#kill(queue)
        return this.#complain('untouched', payloadLengthField)
      }
    }
    const isBeyondLast = queue.hasLast && end > queue.length
    if (!moreFragments) {
      if (end < queue.length || isBeyondLast) return this.#refuse(queue, 'length')
      queue.hasLast = true
      queue.length = end
    } else if (end > queue.length) {
      if (isBeyondLast) return this.#refuse(queue, 'length')
      queue.length = end
    }
    if (end === start) return this.#refuse(queue, 'empty')
    const place = queue.runs.insert(start, end)
    // A repetition is ignored; anything else that overlaps is an attack on somebody's reassembly.
    if (place === 'duplicate') return { kind: 'lost', why: 'duplicate' }
    if (place === 'overlap') {
      this.#kill(queue)
      return { kind: 'lost', why: 'overlap' }
    }
    insertInOrder(queue.fragments, fragment)
    queue.received += end - start
    queue.ecn |= fragment.ecn
    queue.memory += fragmentMemory(fragment.frame)
    this.#memory += fragmentMemory(fragment.frame)
    const size = fragment.headerLength + end - start
    queue.maxSize = Math.max(queue.maxSize, size)
    if (fragment.dontFragment) queue.maxDontFragmentSize = Math.max(queue.maxDontFragmentSize, size)
    return null
  }

  /** A fragment that contradicts the others ends the queue, except in conntrack's IPv6 table, where it alone goes. */
  #refuse(queue: Queue, why: FragmentLoss): Reassembly {
    if (this.table !== 'ipv6-conntrack') this.#kill(queue)
    return { kind: 'lost', why }
  }

  /** Where the local stack answers with a parameter problem, conntrack loses the fragment or lets it through. */
  #complain(inConntrack: FragmentLoss | 'untouched', pointer: number): Reassembly {
    if (this.table === 'ipv6') return { kind: 'problem', code: headerField, pointer }
    return inConntrack === 'untouched' ? { kind: 'untouched' } : { kind: 'lost', why: inConntrack }
  }

  #kill(queue: Queue): void {
    if (this.#queues.get(queue.key) !== queue) return
    this.#queues.delete(queue.key)
    this.#memory -= queue.memory
  }

  #join(queue: Queue): Reassembly {
    this.#kill(queue)
    const ecn = joinedEcn(queue.ecn)
    if (ecn === null) return { kind: 'lost', why: 'ecn' }
    const first = queue.fragments[0]!
    const headerLength = first.headerLength - (this.table === 'ipv4' ? 0 : fragmentHeaderLength)
    const countedHeader = this.table === 'ipv4' ? headerLength : headerLength - 40
    if (countedHeader + queue.length > maxLength) return { kind: 'lost', why: 'oversized' }

    const { networkOffset } = first
    const bytes = new Uint8Array(networkOffset + headerLength + queue.length)
    bytes.set(first.frame.subarray(0, networkOffset + headerLength))
    for (const { frame, networkOffset: from, headerLength: skip, start, end } of queue.fragments) {
      bytes.set(frame.subarray(from + skip, from + skip + end - start), networkOffset + headerLength + start)
    }
    const dontFragment = this.table === 'ipv4' && queue.maxDontFragmentSize === queue.maxSize
    const whole = bytes.subarray(networkOffset)
    if (this.table === 'ipv4') finishIpv4(whole, dontFragment, ecn)
    else finishIpv6(whole, first.frame.subarray(networkOffset), ecn)
    const pieces = queue.fragments.map(({ start, end }) => end - start)
    const origin = { maxSize: queue.maxSize, dontFragment, pieces }
    return { kind: 'whole', bytes, networkOffset, origin, company: queue.company }
  }

  /** Source: ipv6_frag_rcv() and ip6_frag_queue(), or nf_ct_frag6_gather() and nf_ct_frag6_queue(). */
  #readIpv6(packet: Packet): Fragment | Reassembly {
    const { bytes, networkOffset, endOffset } = packet
    const forConntrack = this.table === 'ipv6-conntrack'
    const problem = (code: number, pointer: number): Reassembly =>
      forConntrack ? { kind: 'untouched' } : { kind: 'problem', code, pointer }
    const at = locateFragmentHeader(bytes, networkOffset, endOffset)
    if (at === null) return { kind: 'untouched' }
    const payloadLength = packet.u16(networkOffset + 4)
    if (payloadLength === 0) return problem(headerField, at.header - networkOffset)
    const offsetField = packet.u16(at.header + 2)
    const start = offsetField & 0xfff8
    const moreFragments = (offsetField & 1) !== 0
    const isAtomic = start === 0 && !moreFragments
    if (isAtomic && !forConntrack) return { kind: 'untouched' }
    if (start === 0 && lacksUpperHeader(bytes, at.header, endOffset)) return problem(headerIncomplete, 0)
    const headerLength = at.header + fragmentHeaderLength - networkOffset
    const end = start + payloadLength + 40 - headerLength
    const ecn = 1 << ((packet.u8(networkOffset + 1) >>> 4) & 3)
    return {
      id: packet.u32(at.header + 4),
      frame: bytes.slice(0, endOffset),
      networkOffset,
      headerLength,
      start,
      end,
      moreFragments,
      dontFragment: false,
      ecn,
    }
  }
}

function insertInOrder(fragments: Fragment[], fragment: Fragment): void {
  let at = fragments.length
  while (at > 0 && fragments[at - 1]!.start > fragment.start) at--
  fragments.splice(at, 0, fragment)
}
