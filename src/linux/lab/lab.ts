/**
 * The real kernel as judge: a throw-away network namespace made into the host of a scenario, with the rules loaded
 * by the real iptables. It takes the same steps as the engine and answers with the same results.
 *
 * A process can hold many labs. All waiting is asynchronous; what a step does is synchronous, so the log lines and
 * counters of two steps never mix.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { HostConfig } from '../../engine/config.ts'
import { type Address, addressOf, type Family, parseAddress } from '../../net/address.ts'
import { type Circumstances, printCircumstances } from '../../net/circumstances.ts'
import * as tcp from '../../net/headers/tcp.ts'
import { decodeFrame, decodeIp, ipProtocol, Packet } from '../../net/index.ts'
import type { Action, EndResult, Judge, RulesText, Step, StepResult } from '../../scenario/scenario.ts'
import { setLines } from '../../scenario/set-lines.ts'
import { errnoName, type Libc, loadLibc, O_CLOEXEC, O_WRONLY } from '../_libc.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from '../_netlink.ts'
import { makeAccounts } from './_accounts.ts'
import { buildHost, Neighbours } from './_build.ts'
import { KernelClock, type TimeBase } from './_clock.ts'
import type { CounterReader, TableCounters } from './_counters.ts'
import { CounterDifference, derive } from './_derive.ts'
import { Fence, stayOnProcessor } from './_fence.ts'
import { type Arrivals, HelperTable, kindOf, kindsOf, type PacketKind, sinceThen } from './_helper-table.ts'
import { KernelLog } from './_kernel-log.ts'
import { LegacyCounterReader } from './_legacy-counters.ts'
import {
  type Backend,
  commandName,
  completeTables,
  isIpset,
  loadRules,
  loadSets,
  runIptables,
  runTool,
  splitWords,
  zeroPolicies,
} from './_load.ts'
import { NetworkNamespace } from './_namespace.ts'
import { NftCounterReader } from './_nft-counters.ts'
import { sendRaw } from './_send.ts'
import { LabSockets } from './_sockets.ts'
import type { Tap } from './_tap.ts'
import { requireLab } from './requirements.ts'

export interface LabOptions {
  readonly backend: Backend
  /** Which times recency lists show; `nominal` by default. */
  readonly time?: TimeBase
  /**
   * Whether this thread stays on one processor until the lab is closed, not for each step anew: on a busy machine that
   * saves most of the time of a step.
   */
  readonly staysOnProcessor?: boolean
}

/** What the kernel did in a step, and how far the lab can be trusted with it. */
export interface KernelStepResult extends StepResult {
  /** False where the counters have several explanations, so that `verdict` and `by` are guesses. */
  readonly certain: boolean
  /** Nothing tells whether it was the packet that was delivered, or an answer to it. */
  readonly isDeliveryUnclear?: true
  /** Milliseconds by which the step was done later than the scenario says. */
  readonly lateMs: number
  /** Timer ticks that came while it was done. */
  readonly ticks: number
  /** When it really was: nanoseconds from the tick in which the case began to the tick before the step. */
  readonly actualNs: bigint
  /** The processor that handled it. */
  readonly cpu: number
}

type PacketAction = Extract<Action, { kind: 'receive' | 'send' | 'socket' }>

type Timing = Pick<KernelStepResult, 'lateMs' | 'ticks' | 'actualNs' | 'cpu'>

const recentFolder = '/proc/thread-self/net/xt_recent'
const ETHERTYPE_ARP = 0x0806

type Closer = () => void | Promise<void>

interface Parts {
  readonly libc: Libc
  readonly namespace: NetworkNamespace
  readonly taps: readonly Tap[]
  readonly fence: Fence
  readonly helper: HelperTable
  readonly neighbours: Neighbours
  readonly counters: CounterReader
  readonly log: KernelLog | null
  /** Null where the host is given none. */
  readonly sockets: LabSockets | null
  readonly closers: readonly Closer[]
}

export class Lab implements Judge {
  readonly name: string
  /** Ticks that came while the rules were loaded: so uncertain is when their timers began. */
  readonly loadTicks: number
  readonly #parts: Parts
  readonly #backend: Backend
  readonly #families: readonly Family[]
  readonly #clock: KernelClock
  readonly #packet = new Packet()
  /** Lets the thread off its processor. */
  #release: (() => void) | null = null
  #counters: TableCounters[]
  #arrivals: Arrivals
  /** Monotonic time at which the case began; null before the first step. */
  #startNs: bigint | null = null
  #isClosed = false
  #hasSets: boolean
  /** Whether any rule may write to the kernel log, which is one for all processes: steps wait for each other's. */
  #mayLog: boolean
  /** Whether any rule may take a packet and speak for itself. */
  #mayProxy: boolean

  /**
   * Builds the host and loads the rules.
   *
   * Throws `UnavailableError` when the machine lacks something, `RulesRefusedError` when iptables refuses the rules.
   */
  static async open(host: HostConfig, rules: readonly RulesText[], options: LabOptions): Promise<Lab> {
    requireLab(options.backend)
    const libc = await loadLibc()
    const release = options.staysOnProcessor === true ? stayOnProcessor(libc) : null
    try {
      const lab = new Lab(libc, host, rules, options)
      lab.#release = release
      return lab
    } catch (error) {
      release?.()
      throw error
    }
  }

  private constructor(libc: Libc, host: HostConfig, rules: readonly RulesText[], options: LabOptions) {
    const { backend, time = 'nominal' } = options
    this.name = `kernel ${backend}`
    this.#hasSets = host.sets !== undefined
    this.#backend = backend
    this.#families = (['ipv4', 'ipv6'] as const).filter((family) =>
      rules.some((text) => text.family === family),
    )
    this.#clock = new KernelClock(libc, host.profile.hz, time)
    this.#mayLog = rules.some(({ source }) => /LOG|TRACE/.test(source.text))
    this.#mayProxy = rules.some(({ source }) => /SYNPROXY/.test(source.text))
    this.#parts = assemble(libc, host, backend)
    try {
      const { namespace, neighbours } = this.#parts
      let loadTicks = 0
      ;[this.#counters, this.#arrivals] = namespace.run(() => {
        if (host.sets !== undefined) loadSets(host.sets)
        loadTicks = this.#clock.loading(() => {
          for (const { family, source } of rules) loadRules(source.text, family, backend)
        })
        if (backend === 'nft') completeTables(this.#parts.counters.read())
        neighbours.learn(rules.flatMap(({ source }) => addressesIn(source.text)))
        return this.#readCounters()
      })
      this.loadTicks = loadTicks
    } catch (error) {
      void this.close()
      throw error
    }
  }

  #readCounters(): [TableCounters[], Arrivals] {
    return [this.#parts.counters.read(), this.#parts.helper.read()]
  }

  /** Waits until the step is due, counted from the first one, and takes it. */
  async step(step: Step): Promise<KernelStepResult> {
    this.#startNs ??= process.hrtime.bigint() - step.atNs
    await waitUntil(this.#startNs + step.atNs)
    return this.#parts.namespace.run(() => this.#take(step))
  }

  #take(step: Step): KernelStepResult {
    const { action } = step
    switch (action.kind) {
      case 'write': {
        let error: string | null = null
        const timing = this.#time(step, () => {
          error = this.#writeRecent(action.list, action.text)
        })
        return { ...this.#quietResult(step, timing), error }
      }
      case 'run': {
        let error: string | null = null
        const words = splitWords(action.command)
        if (isIpset(words)) this.#hasSets = true
        this.#mayLog = true
        this.#mayProxy ||= words.includes('SYNPROXY')
        const timing = this.#time(step, () => {
          const { status, stderr } = runIptables(words, this.#backend)
          error = status === 0 ? null : stderr.trim()
        })
        if (this.#backend === 'nft') {
          completeTables(this.#parts.counters.read())
          if (error === null) zeroPolicies(this.#parts.counters.read(), words)
        }
        ;[this.#counters, this.#arrivals] = this.#readCounters()
        return { ...this.#quietResult(step, timing), error }
      }
      default:
        return this.#takePacket(step, action)
    }
  }

  #time(step: Step, action: () => void): Timing {
    const { tickNs, ticks } = this.#clock.during(step.atNs, action)
    const lateMs = Number(process.hrtime.bigint() - this.#startNs! - step.atNs) / 1e6
    return { lateMs, ticks, actualNs: tickNs, cpu: this.#parts.libc.currentCpu() }
  }

  /** Of a step that is no packet. */
  #quietResult(step: Step, timing: Timing): KernelStepResult {
    return {
      step: step.number,
      at: Number(step.atNs) / 1e9,
      verdict: null,
      by: null,
      hits: [],
      policies: [],
      sent: [],
      delivered: false,
      log: [],
      recent: this.#readRecent(),
      certain: true,
      ...timing,
    }
  }

  #takePacket(step: Step, action: PacketAction): KernelStepResult {
    const { libc, fence, log, helper, taps, sockets } = this.#parts
    this.#learn(action)
    const kinds = action.kind === 'socket' ? (['other'] as const) : kindsOf(this.#packet)
    const flags = connectionFlags(this.#packet)
    const family = action.kind === 'socket' ? familyOf(action.connection) : (this.#packet.family ?? 'ipv4')
    for (const tap of taps) tap.readAll()
    helper.setMark(action.kind === 'receive' ? action.mark : 0)
    let timing: Timing | null = null
    let error: string | null = action.kind === 'socket' ? null : cannotMake(action.circumstances ?? {})
    const act = (): void => {
      if (action.kind === 'receive') this.#tap(action.device).write(action.frame)
      else if (action.kind === 'send') sendRaw(libc, action.packet, action.socket, action.mark)
      else error = useSocket(sockets, action)
      sockets?.settle()
    }
    const fenced = (): void =>
      fence.around(() => {
        timing = this.#time(step, act)
      })
    const lines = logged(this.#mayLog ? log : null, () =>
      sockets === null ? fenced() : sockets.during(fenced),
    )
    const accepted = sockets?.take(action.kind === 'receive' ? this.#destination() : null)
    const frames = this.#readSent()
    const sent = frames.map(({ if: name, frame }) => ({ if: name, hex: Buffer.from(frame).toString('hex') }))
    const before = { counters: this.#counters, arrivals: this.#arrivals }
    ;[this.#counters, this.#arrivals] = this.#readCounters()
    const derived = derive(
      {
        origin: action.kind === 'receive' ? 'receive' : 'send',
        kinds,
        emitted:
          this.#mayProxy && action.kind !== 'socket'
            ? this.#emittedAs(flags, frames)
            : frames.map(({ frame }) => this.#kindOfFrame(frame)),
        isAnswered: sockets !== null,
      },
      new CounterDifference(before.counters, this.#counters, family),
      sinceThen(before.arrivals, this.#arrivals),
    )
    return {
      ...this.#quietResult(step, timing!),
      ...derived,
      sent,
      log: lines,
      ...(accepted !== undefined && { accepted }),
      ...(action.kind === 'socket' && { error }),
    }
  }

  #destination(): Address | null {
    const packet = this.#packet
    return hasAddresses(packet) ? packet.destination : null
  }

  /** What left. Who is asked for by ARP gets a link address, so that what waits for it leaves, too. */
  #readSent(): { if: string; frame: Uint8Array }[] {
    const sent: { if: string; frame: Uint8Array }[] = []
    for (;;) {
      const asked: Address[] = []
      for (const tap of this.#parts.taps) {
        for (const frame of tap.readAll()) {
          const isArp = ((frame[12]! << 8) | frame[13]!) === ETHERTYPE_ARP
          if (isArp) asked.push(...askedBy(frame))
          else sent.push({ if: tap.name, frame })
        }
      }
      if (asked.length === 0) return sent
      this.#parts.neighbours.learn(asked)
    }
  }

  #kindOfFrame(frame: Uint8Array): PacketKind {
    decodeFrame(this.#packet, frame)
    return kindOf(this.#packet)
  }

  /** Of the frames that may be the step's packet: what a SYN proxy says for itself has other flags. */
  #emittedAs(flags: number | null, frames: readonly { frame: Uint8Array }[]): PacketKind[] {
    return frames.flatMap(({ frame }) => {
      const kind = this.#kindOfFrame(frame)
      return connectionFlags(this.#packet) === flags ? [kind] : []
    })
  }

  #tap(device: string): Tap {
    const tap = this.#parts.taps.find(({ name }) => name === device)
    if (tap === undefined) throw new Error(`the host has no interface ${device}`)
    return tap
  }

  /** Reads the packet's addresses and gives them link addresses. */
  #learn(action: PacketAction): void {
    const packet = this.#packet
    if (action.kind === 'receive') decodeFrame(packet, action.frame)
    else if (action.kind === 'send') decodeIp(packet, action.packet)
    else return
    if (hasAddresses(packet)) this.#parts.neighbours.learn([packet.source, packet.destination])
    if (action.kind === 'send' && this.#parts.sockets !== null) this.#leavePortAlone(packet)
  }

  /** The stack must not answer what comes to the process that is thought to send the packet. */
  #leavePortAlone({ protocol, transportOffset, transportLength, view }: Packet): void {
    const hasPorts = (protocol === ipProtocol.tcp || protocol === ipProtocol.udp) && transportLength >= 4
    if (hasPorts) this.#parts.helper.leaveAlone(protocol, view.getUint16(transportOffset))
  }

  #writeRecent(list: string, text: string): string | null {
    if (list.includes('/') || list === '.' || list === '..') return 'ENOENT'
    const { libc } = this.#parts
    const file = libc.open(`${recentFolder}/${list}`, O_WRONLY | O_CLOEXEC)
    if (file < 0) return errnoName(-file)
    const written = libc.write(file, Buffer.from(text))
    libc.close(file)
    return written < 0 ? errnoName(-written) : null
  }

  #readRecent(): Record<string, string[]> {
    const lists: Record<string, string[]> = {}
    for (const name of readdirSync(recentFolder).sort()) {
      const lines = readFileSync(`${recentFolder}/${name}`, 'utf8').split('\n')
      lists[name] = lines.filter((line) => line !== '').map((line) => this.#clock.translate(line))
    }
    return lists
  }

  async end(): Promise<EndResult> {
    return this.#parts.namespace.run(() => {
      const save = this.#families.map((family) => this.#save(family)).join('')
      const expectations = this.#readLines('/proc/thread-self/net/nf_conntrack_expect')
      return {
        end: true as const,
        save,
        conntrack: this.connections(),
        ...(expectations.length > 0 && { expectations }),
        ...this.#setLines(),
      }
    })
  }

  /** A machine without ipset has no sets. */
  #setLines(): Pick<EndResult, 'sets'> {
    if (!this.#hasSets) return {}
    return setLines(runTool('ipset', ['save']).stdout)
  }

  /** The lines of `/proc/net/nf_conntrack` at this moment. */
  connections(): string[] {
    return this.#parts.namespace.run(() => this.#readLines('/proc/thread-self/net/nf_conntrack'))
  }

  #readLines(path: string): string[] {
    return readFileSync(path, 'latin1')
      .split('\n')
      .filter((line) => line !== '')
  }

  #save(family: Family): string {
    const command = commandName(family, this.#backend, '-save')
    const { status, stdout, stderr } = runTool(command, ['-c'])
    if (status !== 0) throw new Error(`${command}: ${stderr.trim()}`)
    return stdout.replace(/^#.*\n/gm, '')
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#release?.()
    await Promise.all(this.#parts.closers.map((closer) => closer()))
  }
}

/** Makes the namespace and everything in it but the rules; undoes what it did when something fails. */
function assemble(libc: Libc, host: HostConfig, backend: Backend): Parts {
  const closers: Closer[] = []
  const keep = <T extends { close(): void | Promise<void> }>(part: T): T => {
    closers.unshift(() => part.close())
    return part
  }
  try {
    const namespace = keep(new NetworkNamespace(libc))
    const log = KernelLog.acquire(libc)
    if (log !== null) closers.unshift(() => KernelLog.release())
    return namespace.run(() => {
      const netfilter = keep(new NetlinkSocket(libc, NETLINK_NETFILTER))
      makeAccounts(netfilter, host.accounts)
      const helper = new HelperTable(netfilter, host.sockets !== null)
      const taps = buildHost(libc, host, (tap) => keep(tap))
      const sockets = host.sockets === null ? null : keep(new LabSockets(libc, host))
      const neighbours = new Neighbours(host, keep(new NetlinkSocket(libc, NETLINK_ROUTE)))
      const counters = keep(
        backend === 'legacy' ? new LegacyCounterReader(libc) : new NftCounterReader(netfilter),
      )
      return {
        libc,
        namespace,
        taps,
        fence: keep(new Fence(libc)),
        helper,
        neighbours,
        counters,
        log,
        sockets,
        closers,
      }
    })
  } catch (error) {
    for (const closer of closers) void closer()
    throw error
  }
}

function logged(log: KernelLog | null, act: () => void): string[] {
  if (log !== null) return log.during(act)
  act()
  return []
}

/** Of a connection, by its name. */
const familyOf = (connection: string): Family => (connection.includes('[') ? 'ipv6' : 'ipv4')

const hasAddresses = (packet: Packet): boolean =>
  packet.family !== null && packet.destinationOffset + addressBytes(packet.family) <= packet.bytes.length

function useSocket(
  sockets: LabSockets | null,
  { connection, does, payload }: Extract<Action, { kind: 'socket' }>,
): string | null {
  return sockets === null ? 'the host has no sockets' : sockets.use(connection, does, payload)
}

const { syn, ack, fin, rst } = tcp.flag

/** The flags that open and close connections; null where it is no TCP. */
function connectionFlags(packet: Packet): number | null {
  const { protocol, transportOffset, transportLength, fragmentOffset } = packet
  const isTcp = protocol === ipProtocol.tcp && fragmentOffset === 0 && transportLength >= tcp.headerBytes
  return isTcp ? tcp.flags(packet, transportOffset) & (syn | ack | fin | rst) : null
}

const addressBytes = (family: Family): number => (family === 'ipv4' ? 4 : 16)

/** Addresses that rules name, with or without a port, so that a translated packet finds its neighbour. */
function addressesIn(text: string): Address[] {
  const words = text.match(/[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]+/g) ?? []
  return words.flatMap((word) => parseAddress(word) ?? parseAddress(word.replace(/:\d+$/, '')) ?? [])
}

/** Whom an ARP request asks for. Source: RFC 826. */
function askedBy(frame: Uint8Array): Address[] {
  const view = Buffer.from(frame)
  const isRequest = view.length >= 42 && view.readUInt16BE(20) === 1
  return isRequest ? [addressOf('ipv4', [view.readUInt32BE(38)])] : []
}

async function waitUntil(dueNs: bigint): Promise<void> {
  for (;;) {
    const leftMs = Number(dueNs - process.hrtime.bigint()) / 1e6
    if (leftMs <= 0) return
    await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, 2 ** 30)))
  }
}

/** What nobody can have a kernel believe of a packet; that IPsec does nothing to it is true here. */
function cannotMake(circumstances: Circumstances): string | null {
  const [first] = printCircumstances(circumstances).filter((word) => !/^policy-(in|out)=none$/.test(word))
  return first === undefined ? null : `${first} cannot be made true on a kernel`
}
