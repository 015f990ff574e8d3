/**
 * Which rules of a long chain a packet can match at all, found without asking each of them.
 *
 * Every rule stands in one index only, by the condition that fewest other rules share (an address, a port, a protocol, an
 * interface), or among those that are always asked. A packet is looked up once in each index; what that gives are lists
 * of rules in the chain's order, which a cursor merges. Rules that are passed over would have missed by a condition that
 * reads the packet and writes nothing, so counters, state and verdicts are those of the interpreter, which still asks
 * every rule that the cursor comes to.
 */
import { lengthOfMask } from '../net/address.ts'
import type { Packet } from '../net/packet.ts'
import { ipProtocol } from '../net/protocol.ts'
import { AddressIndex } from './address-index.ts'
import type { AddressTest, InterfaceTest, LoadedRule } from './compile.ts'

/** Below this many rules asking each costs less than looking them up. */
const leastRules = 12
/** A rule with more ports than this stands under its protocol. */
const mostPorts = 64
/** The header that matches of ports want to see whole, at most; a packet that ends before is theirs to drop. */
const portHeaderBytes: Readonly<Record<number, number>> = {
  [ipProtocol.tcp]: 20,
  [ipProtocol.udp]: 8,
  [ipProtocol.udplite]: 8,
  [ipProtocol.sctp]: 12,
  [ipProtocol.dccp]: 12,
}

type Dimension = 'source' | 'destination' | 'port' | 'inInterface' | 'outInterface' | 'protocol'

export class ChainIndex {
  readonly #length: number
  readonly #always: Int32Array
  readonly #source: AddressIndex | null
  readonly #destination: AddressIndex | null
  /** By protocol * 65536 + destination port. */
  readonly #ports: ReadonlyMap<number, Int32Array>
  readonly #protocols: ReadonlyMap<number, Int32Array>
  readonly #inInterfaces: ReadonlyMap<string, Int32Array>
  readonly #outInterfaces: ReadonlyMap<string, Int32Array>

  private constructor(rules: readonly LoadedRule[]) {
    const placed = place(rules)
    this.#length = rules.length
    this.#always = Int32Array.from(placed.always)
    this.#source = indexAddresses(rules, placed.source, 'source')
    this.#destination = indexAddresses(rules, placed.destination, 'destination')
    this.#ports = listsBy(placed.port, (at) => portKeys(rules[at]!)!)
    this.#protocols = listsBy(placed.protocol, (at) => [rules[at]!.protocol!.value])
    this.#inInterfaces = listsBy(placed.inInterface, (at) => [rules[at]!.inInterface!.name])
    this.#outInterfaces = listsBy(placed.outInterface, (at) => [rules[at]!.outInterface!.name])
  }

  /** Null where a chain is too short, or every rule of it would have to be asked anyway. */
  static of(rules: readonly LoadedRule[]): ChainIndex | null {
    if (rules.length < leastRules) return null
    const index = new ChainIndex(rules)
    return index.#always.length === rules.length ? null : index
  }

  /** The rules to ask about a packet; null where a rule may act on it that does not match (a cut or later fragment). */
  open(packet: Packet, inDevice: string, outDevice: string): Cursor | null {
    const { protocol } = packet
    if (protocol < 0 || packet.fragmentOffset > 0) return null
    const cursor = new Cursor(this.#length)
    cursor.add(this.#always)
    this.#source?.collect(packet, packet.sourceOffset, cursor)
    this.#destination?.collect(packet, packet.destinationOffset, cursor)
    if (this.#ports.size > 0) {
      const headerBytes = portHeaderBytes[protocol]
      if (headerBytes !== undefined) {
        if (packet.transportLength < headerBytes) return null
        cursor.add(this.#ports.get(portKey(protocol, packet.u16(packet.transportOffset + 2))))
      }
    }
    if (this.#protocols.size > 0) cursor.add(this.#protocols.get(protocol))
    if (this.#inInterfaces.size > 0) cursor.add(this.#inInterfaces.get(inDevice))
    if (this.#outInterfaces.size > 0) cursor.add(this.#outInterfaces.get(outDevice))
    return cursor
  }
}

/** Several ascending lists of rules, read as one. */
export class Cursor {
  readonly #end: number
  readonly #lists: Int32Array[] = []
  readonly #next: number[] = []

  /** `end` is what comes behind the last rule. */
  constructor(end: number) {
    this.#end = end
  }

  add(list: Int32Array | undefined): void {
    if (list === undefined || list.length === 0) return
    this.#lists.push(list)
    this.#next.push(0)
  }

  /** The first rule to ask from `from` on, or the chain's end. Never goes back: `from` only grows. */
  seek(from: number): number {
    const lists = this.#lists
    const next = this.#next
    let first = this.#end
    for (let each = 0; each < lists.length; each++) {
      const list = lists[each]!
      let at = next[each]!
      while (at < list.length && list[at]! < from) at++
      next[each] = at
      if (at < list.length && list[at]! < first) first = list[at]!
    }
    return first
  }
}

// --- Where each rule stands

/** The numbers of the rules in each index, ascending. */
type Placed = Readonly<Record<Dimension | 'always', number[]>>

/** Of conditions that are as rare, the first here is the quickest to look up or the likeliest to miss. */
const dimensions: readonly Dimension[] = [
  'source',
  'destination',
  'port',
  'inInterface',
  'outInterface',
  'protocol',
]

function place(rules: readonly LoadedRule[]): Placed {
  const placed: Placed = {
    source: [],
    destination: [],
    port: [],
    inInterface: [],
    outInterface: [],
    protocol: [],
    always: [],
  }
  const keys = rules.map((rule) => dimensions.map((dimension) => keyIn(rule, dimension)))
  const crowds = dimensions.map(() => new Map<string, number>())
  for (const ofRule of keys) {
    ofRule.forEach((key, each) => {
      if (key !== null) crowds[each]!.set(key, (crowds[each]!.get(key) ?? 0) + 1)
    })
  }
  keys.forEach((ofRule, at) => {
    let best: Dimension | 'always' = 'always'
    let fewest = Number.POSITIVE_INFINITY
    ofRule.forEach((key, each) => {
      const crowd = key === null ? Number.POSITIVE_INFINITY : crowds[each]!.get(key)!
      if (crowd >= fewest) return
      best = dimensions[each]!
      fewest = crowd
    })
    placed[best].push(at)
  })
  return placed
}

/** What a rule asks in one dimension, as a key that rules which ask the same share; null where it asks nothing that an index finds. */
function keyIn(rule: LoadedRule, dimension: Dimension): string | null {
  switch (dimension) {
    case 'source':
    case 'destination': {
      const test = rule[dimension]
      return test === null || test.inverted || !isPrefix(test) ? null : `${test.words}/${test.masks}`
    }
    case 'port':
      return portKeys(rule)?.join() ?? null
    case 'inInterface':
    case 'outInterface':
      return exactName(rule[dimension])
    case 'protocol':
      return rule.protocol === null || rule.protocol.inverted ? null : `${rule.protocol.value}`
  }
}

const isPrefix = ({ masks }: AddressTest): boolean =>
  lengthOfMask({ family: masks.length === 1 ? 'ipv4' : 'ipv6', words: masks }) !== null

const exactName = (test: InterfaceTest | null): string | null =>
  test === null || test.inverted || test.isPrefix ? null : test.name

const portKey = (protocol: number, port: number): number => protocol * 0x10000 + port

/**
 * Where the packets of a rule stand that begins by asking for destination ports; null for other rules. A match before
 * that one might act on packets which it lets by, so only comments may stand there.
 */
function portKeys({ protocol, matches }: LoadedRule): number[] | null {
  if (protocol === null || protocol.inverted || portHeaderBytes[protocol.value] === undefined) return null
  const first = matches.find(({ definition }) => definition.name !== 'comment')
  const ranges = first?.definition.destinationPorts?.(first.data)?.ranges
  if (ranges === undefined) return null
  const keys = new Set<number>()
  for (const { low, high } of ranges) {
    if (keys.size + high - low >= mostPorts) return null
    for (let port = low; port <= high; port++) keys.add(portKey(protocol.value, port))
  }
  return [...keys]
}

function listsBy<Key>(
  placed: readonly number[],
  keysOf: (at: number) => readonly Key[],
): Map<Key, Int32Array> {
  const lists = new Map<Key, number[]>()
  for (const at of placed) {
    for (const key of keysOf(at)) {
      const list = lists.get(key)
      if (list === undefined) lists.set(key, [at])
      else list.push(at)
    }
  }
  return new Map([...lists].map(([key, list]) => [key, Int32Array.from(list)]))
}

function indexAddresses(
  rules: readonly LoadedRule[],
  placed: readonly number[],
  side: 'source' | 'destination',
): AddressIndex | null {
  if (placed.length === 0) return null
  return new AddressIndex(placed.map((at) => ({ rule: at, test: rules[at]![side]! as AddressTest })))
}
