/**
 * The hash types: addresses, networks, ports and interfaces in a hash table, one element or whole ranges at a time.
 *
 * Kernel: the functions `..._uadt()` and `..._kadt()` of net/netfilter/ipset/ip_set_hash_*.c, Linux 6.18. What is checked
 * first differs from type to type, and decides which error is told.
 */
import type {
  CreateAttributes,
  ElementAttributes,
  SetError,
  SetTypeName,
  Words,
} from '../../lang/ipset/kernel.ts'
import type { Family } from '../../net/address.ts'
import { ipProtocol } from '../../net/protocol.ts'
import { bucketSizeOf, HashTable } from './hash-table.ts'
import type { SetImage } from './image.ts'
import {
  decodeElement,
  type ElementWords,
  encodeElement,
  type HashLayout,
  type HashParts,
  hashLayout,
  maskNetwork,
  maskWord,
} from './layout.ts'
import { networkRange, networkWithin } from './range.ts'
import {
  type Extensions,
  elementBytes,
  kindsOf,
  type PacketTest,
  readExtensions,
  sameKinds,
} from './record.ts'
import type { PacketQuestion, SetOfKind, TestAnswer } from './set.ts'

const defaultHashsize = 1024
const defaultMaxelem = 65536

type Change = 'add' | 'del'

/** How a command's element goes on: what it may be, and which ranges it names. */
interface Plan {
  readonly parts: HashParts
  /** Addresses, ports and second addresses to go through; one of each where there is no range. */
  readonly addresses: AddressRange
  readonly ports: readonly [from: number, to: number]
  readonly seconds: AddressRange
}

/** Step 0 splits a range into networks. */
interface AddressRange {
  readonly from: number
  readonly to: number
  readonly step: number
}

const one: AddressRange = { from: 0, to: 0, step: 1 }

export class HashSet implements SetOfKind {
  readonly type: SetTypeName
  readonly family: Family
  readonly dimension: number
  readonly #layout: HashLayout
  readonly #table: HashTable
  readonly #attributes: CreateAttributes
  readonly #mask: Words | null
  readonly #hostBits: number
  /** Interfaces by number: twice their place here, plus one for those that only have to begin so. */
  readonly #interfaces: string[] = []

  constructor(type: SetTypeName, family: Family, attributes: CreateAttributes, hz: number, drawn: number) {
    this.type = type
    this.family = family
    this.dimension = type.split(',').length
    this.#layout = hashLayout(type, family)
    this.#hostBits = family === 'ipv4' ? 32 : 128
    this.#mask = maskOf(attributes, family)
    const kinds = kindsOf(attributes)
    this.#attributes = {
      ...attributes,
      maxelem: attributes.maxelem ?? defaultMaxelem,
      initval: attributes.initval ?? drawn,
    }
    if (attributes.netmask === this.#hostBits) delete this.#attributes.netmask
    if (attributes.bitmask?.every((word) => word === 0xffffffff)) delete this.#attributes.bitmask
    this.#table = new HashTable(
      this.#layout,
      {
        hashsize: attributes.hashsize ?? defaultHashsize,
        maxelem: attributes.maxelem ?? defaultMaxelem,
        bucketsize: bucketSizeOf(attributes.bucketsize),
        initval: attributes.initval ?? drawn,
        forceadd: attributes.forceadd ?? false,
        kinds,
        elementBytes: elementBytes(kinds, this.#layout.bytes, 4),
        hz,
      },
      (stored, sought) => this.#sameInterface(stored, sought),
    )
  }

  get create(): CreateAttributes {
    const { hashsize, bucketsize } = this.#table
    return { ...this.#attributes, hashsize, bucketsize }
  }

  get changes(): number {
    return this.#table.changes
  }

  image(): SetImage {
    const { facts, arrays } = this.#table.image()
    return { facts: { table: facts, interfaces: this.#interfaces }, arrays }
  }

  /** Becomes what another set of the same type and attributes was; false where the image is of no such set. */
  become({ facts, arrays }: SetImage): boolean {
    const { table, interfaces } = facts as { table: unknown; interfaces: readonly string[] }
    if (!this.#table.become({ facts: table, arrays })) return false
    this.#interfaces.splice(0, this.#interfaces.length, ...interfaces)
    return true
  }

  memoryBytes(): number {
    return this.#table.memoryBytes
  }

  count(nowTicks: number): number {
    return this.#table.count(nowTicks)
  }

  flush(): void {
    this.#table.flush()
  }

  sweep(nowTicks: number): void {
    this.#table.sweep(nowTicks)
  }

  isLike(other: SetOfKind): boolean {
    if (!(other instanceof HashSet) || other.type !== this.type) return false
    const [a, b] = [this.#attributes, other.#attributes]
    return (
      a.maxelem === b.maxelem &&
      sameKinds(kindsOf(a), kindsOf(b)) &&
      String(this.#mask) === String(other.#mask)
    )
  }

  *members(nowTicks: number, exact: boolean): Iterable<ElementAttributes> {
    for (const { words, at, record, nomatch } of this.#table.each(nowTicks)) {
      const element = decodeElement(this.#layout, words, at)
      if (this.#layout.isMulti) {
        const number = words[at + this.#layout.hashed]!
        element.iface = this.#interfaces[number >> 1]!
        if ((number & 1) === 1) element.wildcard = true
      }
      if (nomatch) element.nomatch = true
      this.#table.records.list(record, element, nowTicks, exact)
      yield element
    }
  }

  // --- Commands

  change(kind: Change, element: ElementAttributes, exist: boolean, nowTicks: number): SetError | null {
    const extensions = readExtensions(this.#table.records.kinds, element)
    if (typeof extensions === 'string') return extensions
    const plan = this.#plan(element, false)
    if (typeof plan === 'string') return plan
    return this.#walk(kind, plan, extensions, { exist, nomatch: element.nomatch ?? false }, nowTicks)
  }

  test(element: ElementAttributes, nowTicks: number): boolean {
    const plan = this.#plan(element, true)
    if (typeof plan === 'string') return false
    const answer = this.#table.test(this.#encode(plan.parts, true), null, nowTicks)
    // With `nomatch` those are sought that turn matches round.
    return (element.nomatch ?? false) ? answer === 'nomatch' : answer === 'yes'
  }

  /** What is wrong with an element, or what is to be done with it. */
  #plan(element: ElementAttributes, isTest: boolean): Plan | SetError {
    const { type, family } = this
    const isIpv4 = family === 'ipv4'
    if (!isIpv4 && element.ipTo !== undefined) return 'HASH_RANGE_UNSUPPORTED'
    const isNetFirst = type.startsWith('hash:net')
    if (!isIpv4 && !isNetFirst && element.cidr !== undefined && element.cidr !== 128) return 'INVALID_CIDR'
    const ip = this.#masked(element.ip!)
    if (this.#mask !== null || type === 'hash:ip' || type === 'hash:ip,port') {
      if (ip.every((word) => word === 0)) {
        if (type === 'hash:ip') return 'HASH_ELEM'
        if (type === 'hash:ip,port') return 'EINVAL'
      }
    }
    const length = (isNetFirst ? element.cidr : element.cidr2) ?? this.#hostBits
    if (this.#layout.net !== null && length === 0 && type !== 'hash:net,iface') return 'INVALID_CIDR'
    let { port = 0, proto = 0 } = element
    let hasPorts = false
    if (type.includes('port')) {
      if (proto === 0) return 'HASH_INVALID_PROTO'
      hasPorts = protocolsWithPorts.has(proto)
      if (!hasPorts && proto !== (isIpv4 ? ipProtocol.icmp : ipProtocol.icmp6)) port = 0
    }
    const parts: HashParts = {
      ip,
      port,
      proto,
      ip2: element.ip2 ?? [],
      length,
      iface: element.iface ?? '',
      physdev: element.physdev ?? false,
      wildcard: element.wildcard ?? false,
    }
    const alone: Plan = { parts, addresses: one, ports: [port, port], seconds: one }
    if (isTest) return alone
    return isIpv4
      ? this.#planRanges(element, alone, hasPorts)
      : { ...alone, ports: hasPorts ? portRange(port, element.portTo) : [port, port] }
  }

  /** IPv4 knows ranges of addresses and ports. */
  #planRanges(element: ElementAttributes, alone: Plan, hasPorts: boolean): Plan | SetError {
    const { type } = this
    const { parts } = alone
    const isNetFirst = type.startsWith('hash:net')
    const hasPortRange = hasPorts && element.portTo !== undefined
    const hasRange =
      element.ipTo !== undefined ||
      element.ip2To !== undefined ||
      hasPortRange ||
      (!isNetFirst && element.cidr !== undefined)
    const from = parts.ip[0]!
    const own: AddressRange = { from, to: from, step: 1 }
    const second = parts.ip2[0] ?? 0
    if (!hasRange) return { ...alone, addresses: own, seconds: { from: second, to: second, step: 1 } }
    const addresses = isNetFirst
      ? networksOf(from, element.ipTo?.[0], parts.length)
      : this.#hostsOf(element, from)
    if (typeof addresses === 'string') return addresses
    const ports =
      hasPorts || type === 'hash:ip,port,net' || type === 'hash:net,port'
        ? portRange(parts.port, element.portTo)
        : ([parts.port, parts.port] as const)
    if (type !== 'hash:ip,port,net') {
      return { parts, addresses, ports, seconds: { from: second, to: second, step: 1 } }
    }
    const seconds = networksOf(second, element.ip2To?.[0], parts.length)
    return typeof seconds === 'string' ? seconds : { parts, addresses, ports, seconds }
  }

  #hostsOf({ ipTo, cidr }: ElementAttributes, from: number): AddressRange | SetError {
    const { netmask } = this.#attributes
    const step = this.type === 'hash:ip' && netmask !== undefined ? 2 ** (32 - netmask) : 1
    if (ipTo !== undefined) {
      const to = ipTo[0]!
      if (from <= to) return { from, to, step }
      return to === 0 && this.type === 'hash:ip' ? 'HASH_ELEM' : { from: to, to: from, step }
    }
    if (cidr === undefined) return { from, to: from, step }
    if (cidr === 0) return 'INVALID_CIDR'
    const [first, last] = networkRange(from, cidr)
    return { from: first, to: last, step }
  }

  #walk(
    kind: Change,
    { parts, addresses, ports, seconds }: Plan,
    extensions: Extensions,
    options: { readonly exist: boolean; readonly nomatch: boolean },
    nowTicks: number,
  ): SetError | null {
    if (this.family === 'ipv6') {
      for (let port = ports[0]; port <= ports[1]; port++) {
        const words = this.#encode({ ...parts, port }, true)
        const error = this.#changeOne(kind, words, extensions, options, nowTicks)
        if (error !== null) return error
      }
      return null
    }
    // Most elements are no range.
    const isOne = (range: AddressRange) => range.from === range.to && range.step > 0
    if (isOne(addresses) && isOne(seconds) && ports[0] === ports[1]) {
      const only = { ...parts, ip: [addresses.from], port: ports[0] }
      if (parts.ip2.length > 0) only.ip2 = [seconds.from]
      return this.#changeOne(kind, this.#encode(only, true), extensions, options, nowTicks)
    }
    const isSecondNet = this.type === 'hash:ip,port,net'
    for (const [ip, length] of pieces(addresses)) {
      for (let port = ports[0]; port <= ports[1]; port++) {
        for (const [ip2, length2] of pieces(seconds)) {
          const words = this.#encode(
            {
              ...parts,
              ip: [ip],
              port,
              ip2: parts.ip2.length === 0 ? parts.ip2 : [ip2],
              length: (isSecondNet ? length2 : length) ?? parts.length,
            },
            (isSecondNet ? length2 : length) === null,
          )
          const error = this.#changeOne(kind, words, extensions, options, nowTicks)
          if (error !== null) return error
        }
      }
    }
    return null
  }

  #changeOne(
    kind: Change,
    words: ElementWords,
    extensions: Extensions,
    options: { readonly exist: boolean; readonly nomatch: boolean },
    nowTicks: number,
  ): SetError | null {
    if (kind === 'del') return this.#table.delete(words, nowTicks) || options.exist ? null : 'EXIST'
    for (;;) {
      const answer = this.#table.add(words, extensions, options, nowTicks)
      if (answer === 'added') return null
      if (answer !== 'EAGAIN') return answer === 'EXIST' && options.exist ? null : answer
      this.#table.grow(nowTicks)
    }
  }

  #encode(parts: HashParts, isMasked: boolean): ElementWords {
    const words = encodeElement(
      this.#layout,
      parts,
      this.#layout.isMulti ? this.#interfaceNumber(parts.iface, parts.wildcard) : 0,
    )
    if (isMasked && this.#layout.net !== null) maskNetwork(words, this.#layout, parts.length)
    return words
  }

  #masked(words: Words): Words {
    const mask = this.#mask
    return mask === null ? words : words.map((word, at) => (word & mask[at]!) >>> 0)
  }

  #interfaceNumber(name: string, wildcard: boolean): number {
    let at = this.#interfaces.indexOf(name)
    if (at < 0) at = this.#interfaces.push(name) - 1
    return at * 2 + Number(wildcard)
  }

  #sameInterface(stored: number, sought: number): boolean {
    const [own, other] = [this.#interfaces[stored >> 1]!, this.#interfaces[sought >> 1]!]
    return (stored & 1) === 1 ? other.startsWith(own) : own === other
  }

  // --- Packets

  testPacket(question: PacketQuestion, packet: PacketTest, nowTicks: number): TestAnswer {
    const words = this.#ofPacket(question, this.#hostBits)
    return words === null ? 'no' : this.#table.test(words, packet, nowTicks)
  }

  changeByPacket(
    kind: Change,
    question: PacketQuestion,
    extensions: Extensions,
    exist: boolean,
    nowTicks: number,
  ): boolean {
    const length = this.#layout.net === null ? this.#hostBits : (this.#table.longest ?? this.#hostBits)
    if (length === 0 && this.type === 'hash:net') return false
    const words = this.#ofPacket(question, length)
    if (words === null) return false
    if (kind === 'del') return this.#table.delete(words, nowTicks)
    // A packet never makes the table grow.
    return this.#table.add(words, extensions, { exist, nomatch: false }, nowTicks) === 'added'
  }

  #ofPacket(question: PacketQuestion, length: number): ElementWords | null {
    const { type } = this
    const [first = true, second = true, third = true] = question.isSource
    const ports = type.includes('port') ? question.port(second) : { port: 0, proto: 0 }
    if (ports === null) return null
    const ip = this.#masked(question.address(first))
    const mustBe = type === 'hash:ip' || type === 'hash:ip,port'
    if (mustBe && ip.every((word) => word === 0)) return null
    const iface = type === 'hash:net,iface' ? question.device(second) : ''
    if (type === 'hash:net,iface' && iface === '') return null
    const hasSecond = type === 'hash:ip,port,ip' || type === 'hash:ip,port,net'
    return this.#encode(
      {
        ...ports,
        ip,
        ip2: hasSecond ? question.address(third) : [],
        length,
        iface,
        physdev: false,
        wildcard: false,
      },
      true,
    )
  }
}

const protocolsWithPorts: ReadonlySet<number> = new Set([
  ipProtocol.tcp,
  ipProtocol.udp,
  ipProtocol.sctp,
  ipProtocol.udplite,
])

/** Networks of a range, or the one network that is named. */
function networksOf(from: number, to: number | undefined, length: number): AddressRange | SetError {
  if (to === undefined) {
    const [first, last] = networkRange(from, length)
    return { from: first, to: last, step: 0 }
  }
  const [low, high] = from <= to ? [from, to] : [to, from]
  return low === 0 && high === 0xffffffff ? 'HASH_RANGE' : { from: low, to: high, step: 0 }
}

function portRange(port: number, portTo: number | undefined): readonly [number, number] {
  if (portTo === undefined) return [port, port]
  return port <= portTo ? [port, portTo] : [portTo, port]
}

/** The addresses of a range, or its networks with their lengths. */
function* pieces({
  from,
  to,
  step,
}: AddressRange): Iterable<readonly [address: number, length: number | null]> {
  if (step > 0) {
    for (let address = from; address <= to; address += step) yield [address, null]
    return
  }
  for (let address = from; ; ) {
    const { length, last } = networkWithin(address, to)
    yield [address, length]
    if (last >= to) return
    address = last + 1
  }
}

function maskOf({ netmask, bitmask }: CreateAttributes, family: Family): Words | null {
  if (bitmask !== undefined) return bitmask
  if (netmask === undefined) return null
  const count = family === 'ipv4' ? 1 : 4
  return Array.from({ length: count }, (_, at) => maskWord(Math.min(32, Math.max(0, netmask - 32 * at))))
}
