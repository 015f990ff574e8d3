/** `postern replay`: what a capture would have met. */
import type { HostConfig } from '../engine/config.ts'
import { Host } from '../engine/host.ts'
import type { TraceEvent } from '../engine/outcome.ts'
import { fold } from '../lang/display.ts'
import type { Ruleset } from '../lang/rule.ts'
import { CaptureReader, type CaptureRecord, PcapngWriter } from '../net/capture.ts'
import { decodeFrame } from '../net/decode.ts'
import { describePacket, printPacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { type NamedDevices, nameDevices } from '../scenario/any-devices.ts'
import { durationSeconds } from '../scenario/duration.ts'
import { guessHost } from '../scenario/guess-host.ts'
import { learnLinks } from '../scenario/learn-links.ts'
import { observeCapture } from '../scenario/observe.ts'
import { Replay, type ReplayedPacket } from '../scenario/replay.ts'
import { loadRulesets } from '../scenario/rules.ts'
import { type Command, familyOptions, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, type FileSink, UsageError } from './environment.ts'
import { hostOfOptions, hostOptions } from './host-options.ts'
import { progressOf } from './progress.ts'
import { headline, reasonsOf } from './report/reason.ts'
import { renderTally, type Tally, tallyOf } from './report/tally.ts'
import { readRules, reportErrors } from './rules-input.ts'
import { paintVerdict, palette } from './style.ts'

/** Records looked at to learn which side of the capture is the host. */
const observedRecords = 2000

export const replay: Command = {
  name: 'replay',
  summary: 'run a capture through rules',
  description:
    'Runs every packet of a pcap or pcapng file through the rules at its own time, so that recency lists, limits and ' +
    'connections are what they would have been, and prints which rule decided how many packets. Files of any size ' +
    'are read as a stream.\n\nPackets that the host itself sent pass OUTPUT. Of a capture made on a gateway, at both sides, what came in is run; ' +
    'what left because of it is held against what the rules let out, translation included.\n\nWithout --host or --address the capture ' +
    'says which side is the host (directions in the file, else the address that stands in the most packets), and ' +
    'the assumption is printed.',
  arguments: [
    { name: '<rules>', doc: 'save file or script of iptables commands' },
    { name: '<capture>', doc: 'pcap or pcapng file; - for standard input' },
  ],
  options: [
    ...familyOptions,
    ...hostOptions,
    { flags: '--write <file>', doc: 'write the accepted packets to a pcapng file' },
    { flags: '-v, --verbose', doc: 'tell of every packet: time, verdict, rule, and why' },
    { flags: '--arriving', doc: 'with -v, only of packets that arrive' },
    jsonOption,
  ],
  examples: [
    {
      does: 'who gets in?',
      command: 'postern replay examples/port-knock/rules.v4 examples/port-knock/right.pcapng',
    },
    {
      does: 'at both sides of a gateway: does it let out what it should?',
      command:
        'postern replay examples/gateway/rules.v4 examples/gateway/web.pcapng --host examples/gateway/scenario.yaml',
    },
    {
      does: 'each packet',
      command: 'postern replay -v examples/port-knock/rules.v4 examples/port-knock/right.pcapng',
    },
  ],

  async run([rulesPath, capturePath], options, environment) {
    const rules = await readRules(rulesPath!, options, environment)
    if (reportErrors(rulesPath!, rules, environment)) return exit.finding
    if (rulesPath === '-' && capturePath === '-') throw new UsageError('only one of the two can be -')
    const writer =
      options.write === undefined ? null : await AcceptedWriter.create(String(options.write), environment)
    const base = await hostOfOptions(options, environment)
    const run = new ReplayRun([...rules.rulesets.values()], writer, base, options, environment)
    const reader = new CaptureReader()
    for await (const chunk of environment.readChunks(capturePath!)) {
      reader.read(chunk, run.take)
      await run.tookChunk(chunk.length)
      if (environment.signal.aborted || reader.problem !== null) break
    }
    const isCut = environment.signal.aborted && reader.problem === null
    if (!isCut) reader.end()
    await run.finish()
    if (isCut) {
      environment.stderr(`interrupted: ${countPackets(run.packets)} of ${nameOf(capturePath!)} counted\n`)
      return exit.interrupted
    }
    if (reader.problem === null) {
      if (run.packets === 0) environment.stderr(`${capturePath}: holds no packets\n`)
      return exit.ok
    }
    reportDamage(capturePath!, reader.problem, run.packets, environment)
    return exit.finding
  },
}

/** Writes accepted packets as they come; what one chunk of input brought is held at most. */
class AcceptedWriter {
  readonly #format = new PcapngWriter()
  readonly #file: FileSink
  #pending: Uint8Array[] = []

  private constructor(file: FileSink) {
    this.#file = file
    this.#pending.push(this.#format.header())
  }

  static async create(path: string, { createFile }: Environment): Promise<AcceptedWriter> {
    return new AcceptedWriter(await createFile(path))
  }

  add(record: CaptureRecord): void {
    this.#pending.push(this.#format.record(record))
  }

  async flush(): Promise<void> {
    const parts = this.#pending
    this.#pending = []
    for (const part of parts) await this.#file.write(part)
  }

  async close(): Promise<void> {
    await this.flush()
    await this.#file.close()
  }
}

const nameOf = (path: string): string => (path === '-' ? 'standard input' : path)

const countPackets = (count: number): string => `${count} ${count === 1 ? 'packet' : 'packets'}`

function reportDamage(
  path: string,
  { offset, what }: NonNullable<CaptureReader['problem']>,
  packets: number,
  environment: Environment,
): void {
  const name = nameOf(path)
  const place = offset === 0 ? name : `${name}: at byte ${offset}`
  environment.stderr(`error: ${place}: ${what}\n`)
  if (packets > 0)
    environment.stderr(`  the ${packets === 1 ? 'packet' : countPackets(packets)} before it counted\n`)
  const hint = /gzip/.test(what)
    ? 'gunzip -c FILE | postern replay RULES -'
    : packets === 0
      ? 'a capture is what tcpdump -w FILE or Wireshark write'
      : null
  if (hint !== null) environment.stderr(`  try: ${hint}\n`)
}

class ReplayRun {
  readonly #rulesets: readonly Ruleset[]
  /** As far as the options say. */
  readonly #base: HostConfig
  readonly #options: OptionValues
  readonly #environment: Environment
  readonly #progress: ReturnType<typeof progressOf>
  readonly #tally: Tally
  readonly #writer: AcceptedWriter | null
  /** Held back until the host is known. */
  #waiting: CaptureRecord[] = []
  #replay: Replay | null = null
  #devices: NamedDevices | null = null
  #bytes = 0
  #packets = 0

  constructor(
    rulesets: readonly Ruleset[],
    writer: AcceptedWriter | null,
    base: HostConfig,
    options: OptionValues,
    environment: Environment,
  ) {
    this.#rulesets = rulesets
    this.#base = base
    this.#options = options
    this.#environment = environment
    this.#progress = progressOf(environment)
    this.#tally = tallyOf(rulesets)
    this.#writer = writer
  }

  readonly take = (record: CaptureRecord): void => {
    if (this.#replay !== null) this.#run(this.#devices!.name(record))
    else {
      this.#waiting.push(record)
      if (this.#waiting.length === observedRecords) this.#start()
    }
  }

  async tookChunk(bytes: number): Promise<void> {
    this.#bytes += bytes
    if (this.#replay !== null) this.#showProgress()
    await this.#writer?.flush()
  }

  async finish(): Promise<void> {
    if (this.#replay === null && this.#waiting.length > 0) {
      this.#start()
      this.#showProgress()
    }
    this.#progress.clear()
    await this.#writer?.close()
    if (this.#options.json === true) {
      this.#environment.stdout(
        `${JSON.stringify({ end: true, packets: this.#packets, ...this.#tally.json() })}\n`,
      )
    } else if (this.#packets > 0) {
      const colors = palette(this.#environment.color.stdout)
      this.#environment.stdout(`${renderTally(this.#tally, colors, this.#environment.columns).join('\n')}\n`)
    }
  }

  #showProgress(): void {
    this.#progress.show(() => `${this.#packets} packets, ${(this.#bytes / 1e6).toFixed(1)} MB`)
  }

  /** Packets so far. */
  get packets(): number {
    return this.#packets
  }

  #start(): void {
    const base = this.#base
    this.#devices = nameDevices(this.#waiting, base)
    this.#waiting = this.#waiting.map(this.#devices.name)
    const observed = observeCapture(this.#waiting)
    // Addresses given by hand are the whole truth; the capture then only names the interfaces.
    const given = base.interfaces.some(({ addresses }) => addresses.length > 0)
    const guessed = guessHost(given ? observed.map((one) => ({ ...one, own: [] })) : observed, base)
    const { host: config, assumptions } = learnLinks(this.#waiting, guessed.host)
    for (const line of [...this.#devices.assumptions, ...guessed.assumptions, ...assumptions]) {
      this.#environment.stderr(`assumed: ${line}\n`)
    }
    const host = new Host(config)
    loadRulesets(host, this.#rulesets)
    this.#replay = new Replay(host, config)
    const waiting = this.#waiting
    this.#waiting = []
    for (const record of waiting) this.#run(record)
  }

  #run(record: CaptureRecord): void {
    const wantsReasons = this.#options.verbose === true && this.#options.json !== true
    const events: TraceEvent[] = wantsReasons ? [] : noEvents
    const packet = this.#replay!.run(record, wantsReasons ? (event) => void events.push(event) : null)
    this.#packets++
    this.#tally.count(packet)
    if (packet.outcome?.verdict === 'accept') this.#writer?.add(record)
    if (this.#options.json === true) this.#environment.stdout(`${JSON.stringify(jsonOf(packet))}\n`)
    else if (wantsReasons && !this.#isHidden(packet)) {
      this.#environment.stdout(`${this.#linesOf(packet, events).join('\n')}\n`)
    }
  }

  #isHidden({ isSent, outcome }: ReplayedPacket): boolean {
    return this.#options.arriving === true && (isSent || outcome === null)
  }

  #linesOf(packet: ReplayedPacket, events: readonly TraceEvent[]): string[] {
    const { atNs, outcome, skipped, departure } = packet
    const text = packet.describe()
    const { color, columns } = this.#environment
    const colors = palette(color.stdout)
    const time = colors.dim(`${durationSeconds(atNs).toFixed(3)}s`.padStart(9))
    if (outcome === null) {
      const what = text === '' ? '' : `${headline(text)}: `
      return [`${time}  ${colors.dim(`-       ${what}${skipped}${expectedOf(departure)}`)}`]
    }
    const { verdict, by } = outcome
    const indent = ' '.repeat(19)
    const rule =
      by === 'policy' ? `policy of ${outcome.policies.at(-1) ?? ''}` : `${by} ${this.#tally.ruleText(by)}`
    const decided = rule.replaceAll('filter/', '').replaceAll(/ --mask (255\.){3}255 --rsource/g, '')
    return [
      `${time}  ${colors.bold(paintVerdict(colors, verdict, verdict.padEnd(6)))}  ${headline(text)}`,
      ...fold(decided, indent, columns).map((line) => colors.dim(line)),
      ...reasonsOf(events, outcome).flatMap((line) => fold(line, indent, columns).map(colors.cyan)),
    ]
  }
}

/** Where nobody asks for reasons. */
const noEvents: TraceEvent[] = []

/** What the rules let out in place of a packet that left. */
function expectedOf(departure: ReplayedPacket['departure']): string {
  if (departure?.kind !== 'differs' || departure.frame === null) return ''
  const packet = new Packet()
  decodeFrame(packet, departure.frame)
  return `, which is ${headline(printPacketLine(describePacket(packet, null, { brief: true })))}`
}

function jsonOf(packet: ReplayedPacket): object {
  const { number, atNs, outcome, skipped, departure } = packet
  const common = { packet: number, at: durationSeconds(atNs), text: packet.describe() }
  if (departure !== null) {
    return { ...common, verdict: null, skipped, leaves: departure.kind, because: departure.cause }
  }
  if (outcome === null) return { ...common, verdict: null, skipped }
  const { verdict, by, why, hits, policies, delivered, log } = outcome
  return {
    ...common,
    verdict,
    by,
    why,
    hits: hits.map((ref) => `${ref.table}/${ref.chain}:${ref.number}`),
    policies,
    delivered,
    log,
  }
}
