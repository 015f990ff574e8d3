/**
 * A host: packets and frames go in, outcomes come out. Both families in one, with the recency lists they share.
 *
 * Nothing here reads a clock or draws at random: `nowNs` says when, and whatever the kernel would choose by chance
 * (IP ids, `random()` of extensions) follows from the seed. Ids of packets that the host numbers count up by one from
 * a number that the seed gives.
 */
import type { Account, HostServices, LocalSocket } from '../ext/context.ts'
import { registry as allExtensions, type Registry } from '../ext/registry.ts'
import type { SetKernel } from '../lang/ipset/kernel.ts'
import { printRuleset } from '../lang/print.ts'
import type { Rule, Ruleset, Table } from '../lang/rule.ts'
import type { Address, Family } from '../net/address.ts'
import { type Circumstances, nothingSaid } from '../net/circumstances.ts'
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { refreshIpv4Checksum, setAddress, setU16 } from '../net/encode.ts'
import type { Packet } from '../net/packet.ts'
import { checkTable, type LoadRefusal } from './check-table.ts'
import { type LoadedTable, loadTable, unloadTable } from './compile.ts'
import type { HostConfig } from './config.ts'
import { tickAt } from './conntrack/connection.ts'
import { Conntrack } from './conntrack/conntrack.ts'
import { printExpectation } from './conntrack/expectation.ts'
import { printConnection } from './conntrack/listing.ts'
import { readSettings } from './conntrack/settings.ts'
import { FlowPath, type Tracked } from './flow/flow-path.ts'
import { HelperRunner } from './helper/run.ts'
import { tableIsFull } from './hook-run.ts'
import { planHooks } from './hooks.ts'
import { Interfaces } from './interfaces.ts'
import { droppedByHost, type Fate, Journey } from './journey.ts'
import { classifyFrame, defectText, withoutPriorityTags } from './link.ts'
import { Nat } from './nat/nat.ts'
import type { Outcome, TraceSink } from './outcome.ts'
import { type Chance, seededChance } from './random.ts'
import { ReceiveBuffer } from './receive-buffer.ts'
import { RecentLists, type RecentWrite } from './recent.ts'
import { rehearse } from './rehearse.ts'
import type { FamilyRouting } from './routing.ts'
import { Ipv4Routing } from './routing-ipv4.ts'
import { Ipv6Routing } from './routing-ipv6.ts'
import { heldSet, setOf } from './set/held-set.ts'
import { restoreSets } from './set/restore.ts'
import { Sets } from './set/sets.ts'
import { SharedThings } from './shared.ts'
import { HostSkb } from './skb.ts'
import { LocalStack, type Speaker } from './sockets/local-stack.ts'
import { Stack } from './stack.ts'
import type { Supposition } from './suppositions.ts'
import { defaultTtlOf } from './sysctls.ts'

const families: readonly Family[] = ['ipv4', 'ipv6']

export interface PacketOptions {
  /** Told of everything that happens, as it happens. */
  readonly trace?: TraceSink
  /** Ask rules one by one by the interpreter, which is the reference, as for a trace. Slower, and the same outcome. */
  readonly isInterpreted?: boolean
  /** The packet's mark before any table sees it. */
  readonly mark?: number
  /** What is said of it that it does not say itself. */
  readonly circumstances?: Circumstances
  /** What is to be supposed where nobody said. */
  readonly suppositions?: readonly Supposition[]
}

export interface SendOptions extends PacketOptions {
  /** Who sends it; a raw socket of root by default. */
  readonly socket?: LocalSocket
}

export interface LoadOptions {
  /** Take packet and byte counters from the rules, as `iptables-restore -c` does; else they begin at zero. */
  readonly counters?: boolean
}

/** What a family has in force. */
interface FamilyState {
  readonly routing: FamilyRouting
  readonly services: HostServices
  readonly stack: Stack
  readonly tables: Map<Table['name'], LoadedTable>
}

const root: LocalSocket = { uid: 0, gid: 0 }

export class Host {
  readonly config: HostConfig
  readonly interfaces: Interfaces
  readonly recent: RecentLists
  /** The sets of ipset, for both families. */
  readonly sets: Sets
  readonly #registry: Registry
  readonly #shared = new SharedThings()
  readonly #received = new ReceiveBuffer()
  /** Of the step at hand: one after the other, so that one of each will do. */
  readonly #journey = new Journey()
  readonly #skb = new HostSkb('main')
  readonly #accounts: ReadonlyMap<string, Account>
  readonly #random: () => number
  readonly #conntrack: Conntrack
  readonly #nat: Nat
  readonly #helpers: HelperRunner
  readonly #localStack: LocalStack | null
  readonly #flows: FlowPath
  readonly #families: Readonly<Record<Family, FamilyState>>
  #lastId: number
  #lastFragmentId: number

  /**
   * `chance` stands for whatever a kernel draws at random; it follows from the seed unless given.
   *
   * Throws an Error where the configuration contradicts itself: a gateway out of reach, a device that is not there.
   */
  constructor(
    config: HostConfig,
    registry: Registry = allExtensions,
    chance: Chance = seededChance(config.seed),
  ) {
    this.config = config
    this.interfaces = new Interfaces(config)
    this.recent = new RecentLists(config.profile)
    this.sets = new Sets({ hz: config.profile.hz, random: () => this.#random() })
    this.#registry = registry
    this.#accounts = new Map(
      config.accounts.map((account) => [account.name, { ...account, packets: 0n, bytes: 0n }]),
    )
    this.#random = () => chance.word()
    this.#conntrack = new Conntrack(readSettings(config.profile.hz, config.sysctls), config.seed)
    this.#nat = new Nat(this.#conntrack, (manipulation) => chance.port(manipulation))
    this.#helpers = new HelperRunner(this.#conntrack, this.#nat, this.#random)
    this.#localStack = config.sockets === null ? null : new LocalStack(config.sockets, this.#random)
    this.#lastId = this.#random() & 0xffff
    this.#lastFragmentId = this.#random()
    this.#families = { ipv4: this.#makeFamily('ipv4'), ipv6: this.#makeFamily('ipv6') }
    const { services, routing, stack } = this.#families.ipv4
    const isForwarding = config.forwarding.ipv4
    this.#flows = new FlowPath(services, this.#conntrack, {
      services,
      routing,
      stack,
      nat: this.#nat,
      isForwarding,
    })
    const complaint = config.sets === undefined ? null : restoreSets(this.sets, config.sets, 0)
    if (complaint !== null) throw new Error(`the sets of the host: ${complaint}`)
  }

  #makeFamily(family: Family): FamilyState {
    const { config, interfaces } = this
    // The hop limit of IPv6 is a device's own setting, and 64 on each.
    const defaultTtl = family === 'ipv4' ? defaultTtlOf(config) : 64
    const routing =
      family === 'ipv4' ? new Ipv4Routing(config, interfaces) : new Ipv6Routing(config, interfaces)
    const services: HostServices = {
      family,
      profile: config.profile,
      routing,
      defaultTtl,
      acquireRecentList: (name, mask, slots) => this.recent.acquire(name, mask, slots),
      releaseRecentList: (list) => this.recent.release(list),
      acquireSet: (name) => heldSet(this.sets, name),
      releaseSet: (held) => this.sets.release(setOf(held)),
      tracking: this.#conntrack,
      share: (kind, name, make) => this.#shared.acquire(kind, name, make),
      unshare: (kind, name) => this.#shared.release(kind, name),
      startsAtUnixNs: config.startsAtUnixNs,
      minutesWest: config.minutesWest,
      circumstances: config.circumstances,
      account: (name) => this.#accounts.get(name) ?? null,
      random: this.#random,
    }
    const stack = new Stack({
      family,
      services,
      routing,
      neighbours: config.neighbours,
      loopback: interfaces.loopback,
      deviceNamed: (name) => interfaces.named(name),
      conntrack: this.#conntrack,
      nat: this.#nat,
      helpers: this.#helpers,
      localStack: this.#localStack,
      isForwarding: config.forwarding[family],
      seed: config.seed,
      sysctls: config.sysctls,
      defaultTtl,
      nextId: () => this.#nextId(),
      nextFragmentId: () => this.#nextFragmentId(),
    })
    return { routing, services, stack, tables: new Map() }
  }

  #nextId(): number {
    this.#lastId = this.#lastId === 0xffff ? 1 : this.#lastId + 1
    return this.#lastId
  }

  #nextFragmentId(): number {
    this.#lastFragmentId = this.#lastFragmentId === 0xffffffff ? 1 : this.#lastFragmentId + 1
    return this.#lastFragmentId
  }

  // --- Rules

  /**
   * Puts the tables of the ruleset in force, each in place of the one of its name; other tables stay. When the kernel
   * would refuse any rule, no table changes and all refusals are returned.
   *
   * Table by table the new state is made before the old is released, so what both share (a recency list) survives.
   */
  load(ruleset: Ruleset, { counters = false }: LoadOptions = {}): LoadRefusal[] {
    const { family } = ruleset
    const { profile } = this.config
    const { tables, services, stack } = this.#families[family]
    const tracked = wantConntrack(tables.values())
    const inForce = families.flatMap((each) =>
      [...this.#families[each].tables.values()].map((loaded) => ({ family: each, table: loaded.table })),
    )
    const accounts = new Set(this.#accounts.keys())
    const refusals = [...ruleset.tables.values()].flatMap((table) => {
      const found = checkTable(table, {
        family,
        syntax: this.#registry,
        profile,
        inForce,
        accounts,
        sets: this.sets.known,
      })
      inForce.push({ family, table })
      return found
    })
    const [first] = refusals
    if (first !== undefined) {
      const refs = refusals.map(({ ref }) => ref)
      const order = [...ruleset.tables.values()]
      const end = order.findIndex(({ name }) => name === first.ref.table)
      rehearse(order.slice(0, end + 1), this.#registry, services, refs)
      return refusals
    }
    for (const table of ruleset.tables.values()) {
      const old = tables.get(table.name)
      tables.set(table.name, loadTable(table, this.#registry, services, counters))
      if (old !== undefined) unloadTable(old, services)
    }
    const tracks = wantConntrack(tables.values())
    if (tracks && !tracked) this.#conntrack.resume(family)
    const plan = planHooks(tables.values(), tracks)
    stack.install(plan)
    if (family === 'ipv4') this.#flows.install(plan)
    return []
  }

  /** The rules in force, with their counters as they are now. A copy: `load` it, with counters, to change them. */
  ruleset(family: Family): Ruleset {
    const tables = new Map<Table['name'], Table>()
    for (const [name, loaded] of this.#families[family].tables) tables.set(name, copyTable(loaded))
    return { family, tables }
  }

  /** The sets as the program ipset sees and changes them. */
  setsAt(nowNs: bigint): SetKernel {
    return this.sets.at(this.jiffiesAt(nowNs))
  }

  // --- Packets

  /** A frame arrives on a device; one that does not exist throws. */
  receive(frame: Uint8Array, device: string, nowNs: bigint, options: PacketOptions = {}): Outcome {
    const isPlain = this.#isPlain(options)
    if (isPlain) {
      const outcome = this.#flows.receive(frame, device, nowNs, this.jiffiesAt(nowNs))
      if (outcome !== null) return outcome
      if (this.#flows.tracked !== null) {
        return this.#receive(frame, device, nowNs, options, false, this.#flows.tracked)
      }
    }
    return this.#receive(frame, device, nowNs, options, isPlain, null)
  }

  /** Whether nothing is said or asked of a packet that is not in its bytes, and nobody waits for time to pass. */
  #isPlain({ trace, isInterpreted, mark, circumstances, suppositions }: PacketOptions): boolean {
    const { ipv4, ipv6 } = this.#families
    return (
      trace === undefined &&
      isInterpreted !== true &&
      (mark === undefined || mark === 0) &&
      (circumstances === undefined || isNothing(circumstances)) &&
      (suppositions === undefined || suppositions.length === 0) &&
      this.#localStack === null &&
      !ipv4.stack.hasFragments &&
      !ipv6.stack.hasFragments
    )
  }

  /** `tracked`: the packet comes from tracking, which said that. */
  #receive(
    frame: Uint8Array,
    device: string,
    nowNs: bigint,
    options: PacketOptions,
    isPlain: boolean,
    tracked: Tracked | null,
  ): Outcome {
    const arrivesOn = this.interfaces.named(device)
    if (arrivesOn === null) throw new Error(`the host has no interface ${device}`)
    const journey = this.#begin(nowNs, options)
    const skb = this.#skb.reset()
    skb.device = arrivesOn
    skb.mark = (options.mark ?? 0) >>> 0
    skb.circumstances = options.circumstances ?? nothingSaid
    const own = this.#received.copy(frame)
    const { packet } = skb
    decodeFrame(packet, withoutPriorityTags(own))
    skb.frame = own
    if (packet.vlanCount > 0)
      return journey.outcome(droppedByHost('it is for a VLAN that is not there'), null)
    if (packet.linkOffset >= 0 && packet.defect !== 'link-truncated') {
      skb.packetType = classifyFrame(packet, arrivesOn)
    }
    if (skb.packetType === 'otherhost') return journey.outcome(droppedByHost('it is for another MAC'), null)
    if (packet.family === null) return journey.outcome(droppedByHost(defectText[packet.defect!]), null)
    skb.conntrack = tracked?.conntrack ?? null
    const isFull = tracked?.verdict === 'drop'
    const fate = isFull ? tableIsFull : this.#stackOf(packet).receive(skb, journey, tracked !== null)
    const outcome = this.#finish(skb, journey, fate)
    if (skb.frame === null) this.#received.giveAway(own)
    if (isPlain) this.#flows.learn(frame, skb)
    return outcome
  }

  /**
   * The host sends a packet through a raw socket that brings its own IP header: the kernel fills in the IPv4 checksum
   * and total length, and where they are zero source and id (the id not with DF).
   *
   * Source: raw_send_hdrinc(), net/ipv4/raw.c; rawv6_send_hdrinc(), net/ipv6/raw.c.
   */
  send(bytes: Uint8Array, nowNs: bigint, options: SendOptions = {}): Outcome {
    const journey = this.#begin(nowNs, options)
    const skb = this.#skb.reset()
    skb.socket = options.socket ?? root
    skb.mark = (options.mark ?? 0) >>> 0
    skb.circumstances = options.circumstances ?? nothingSaid
    const { packet } = skb
    decodeIp(packet, bytes.slice())
    if (packet.family === null || packet.defect === 'ip-header-length' || packet.defect === 'ip-truncated') {
      return journey.outcome(droppedByHost(defectText[packet.defect ?? 'ip-version']), null)
    }
    // All the bytes go out, whatever the IPv6 header says of their number (measured).
    packet.endOffset = bytes.length
    const stack = this.#stackOf(packet)
    const route = stack.routeOut(skb)
    if (route.kind === 'refused') return journey.outcome(droppedByHost(route.why), null)
    if (bytes.length > route.device.mtu) {
      const why = `a raw socket sends no packet larger than the MTU of ${route.device.name}`
      return journey.outcome(droppedByHost(why), null)
    }
    if (packet.family === 'ipv4') {
      this.#fillHeader(packet, this.#families.ipv4.routing.sourceFor(route, packet.destination, null))
    }
    this.#localStack?.leaveAlone(packet)
    return this.#finish(skb, journey, stack.sendOut(skb, route, journey))
  }

  /**
   * A process of the host does something with a socket that `Outcome.accepted` named: it sends, sends no more, or
   * resets. `error` says why it cannot; the verdict is on the first packet that it sends.
   */
  useSocket(
    name: string,
    does: 'send' | 'close' | 'abort',
    payload: Uint8Array,
    nowNs: bigint,
    options: PacketOptions = {},
  ): Outcome & { readonly error: string | null } {
    const journey = this.#begin(nowNs, options)
    const speakerOf = (family: Family): Speaker => this.#families[family].stack.speaker
    const error =
      this.#localStack === null
        ? 'the host has no sockets'
        : this.#localStack.act(name, does, payload, speakerOf, journey)
    this.#runBacklog(journey)
    const { fate, skb } = journey.began ?? { fate: droppedByHost(error ?? 'nothing is sent'), skb: null }
    return { ...journey.outcome(fate, skb && stateOf(skb)), error }
  }

  #fillHeader(packet: Packet, source: Address | null): void {
    const { bytes } = packet
    setU16(bytes, 2, bytes.length)
    if (packet.u32(12) === 0 && source !== null) setAddress(bytes, 12, source)
    if (packet.id === 0 && !packet.dontFragment) setU16(bytes, 4, this.#nextId())
    refreshIpv4Checksum(bytes)
    decodeIp(packet, bytes)
  }

  /** What time has brought about since the last step comes first. */
  #begin(nowNs: bigint, { trace, suppositions, isInterpreted = false }: PacketOptions): Journey {
    const journey = this.#journey
    journey.begin(
      nowNs,
      this.jiffiesAt(nowNs),
      trace ?? null,
      isInterpreted,
      this.#localStack !== null,
      suppositions,
    )
    const { ipv4, ipv6 } = this.#families
    if (ipv4.stack.hasFragments) ipv4.stack.expireFragments(journey)
    if (ipv6.stack.hasFragments) ipv6.stack.expireFragments(journey)
    return journey
  }

  /** Once the packet has run: what came back by `lo` does, in the order in which it was sent. */
  #finish(skb: HostSkb, journey: Journey, first: Fate): Outcome {
    const fate = this.#runBacklog(journey) ?? first
    return journey.outcome(fate, stateOf(skb))
  }

  /** What became of the main packet behind `lo`; null where it did not come back. */
  #runBacklog(journey: Journey): Fate | null {
    let fate: Fate | null = null
    for (let looped = journey.nextBack(); looped !== undefined; looped = journey.nextBack()) {
      const itsFate = this.#stackOf(looped.packet).receive(looped, journey)
      if (looped.role === 'main') fate = itsFate
    }
    return fate
  }

  #stackOf({ family }: Packet): Stack {
    const { ipv4, ipv6 } = this.#families
    return family === 'ipv4' ? ipv4.stack : ipv6.stack
  }

  // --- Listings

  /** The tables of a family as `iptables-save` prints them, without the dated comments. */
  save(family: Family, { counters = false }: { readonly counters?: boolean } = {}): string {
    return printRuleset(this.ruleset(family), this.#registry, { withCounters: counters })
  }

  /** Tracked connections, as `nf_conntrack_count` counts: ended ones too until they are swept away. */
  get connectionCount(): number {
    return this.#conntrack.count
  }

  /** The lines of `/proc/net/nf_conntrack`, in the order in which the connections began. */
  connections(nowNs: bigint): string[] {
    const tick = this.jiffiesAt(nowNs)
    return this.#conntrack
      .list(nowNs)
      .map((connection) => printConnection(connection, tick, this.#conntrack.settings))
  }

  /** The lines of `/proc/net/nf_conntrack_expect`, in the order in which they were announced. */
  expectations(nowNs: bigint): string[] {
    const tick = this.jiffiesAt(nowNs)
    const { expectations, settings } = this.#conntrack
    return expectations.list(tick).map((expectation) => printExpectation(expectation, tick, settings.hz))
  }

  /** What rules share under a name (`HostServices.share`); null where none is loaded that does. */
  shared<T>(kind: string, name: string): T | null {
    return this.#shared.get<T>(kind, name)
  }

  /** Writes to `/proc/net/xt_recent/NAME`; `recent` has the lists themselves. */
  writeRecent(name: string, text: string, nowNs: bigint): RecentWrite {
    return this.recent.write(name, text, this.jiffiesAt(nowNs))
  }

  /** Timer ticks since the first step. */
  jiffiesAt(nowNs: bigint): number {
    return tickAt(nowNs, this.config.profile.hz)
  }

  /** Families that have a table in force. */
  get loadedFamilies(): readonly Family[] {
    return families.filter((family) => this.#families[family].tables.size > 0)
  }
}

function isNothing(circumstances: Circumstances): boolean {
  for (const _ in circumstances) return false
  return true
}

/** A template is no connection. */
const stateOf = ({ conntrack }: HostSkb): string | null =>
  conntrack !== null && conntrack.connection?.template == null ? conntrack.state : null

const wantConntrack = (tables: Iterable<LoadedTable>): boolean =>
  [...tables].some(({ needsConntrack }) => needsConntrack)

function copyTable({ table, chains }: LoadedTable): Table {
  const copies = new Map<string, Table['chains'] extends Map<string, infer C> ? C : never>()
  for (const [name, chain] of table.chains) {
    const { counters, rules } = chains.get(name)!
    copies.set(name, {
      ...chain,
      counters: { packets: counters.packets, bytes: counters.bytes },
      rules: rules.map(
        ({ rule, counters: { packets, bytes } }): Rule => ({ ...rule, counters: { packets, bytes } }),
      ),
    })
  }
  return { name: table.name, chains: copies }
}
