/**
 * Whether two judges saw the same thing. Everything is compared exactly but for what a kernel may choose freely:
 *
 * - IP ids of packets that the host itself makes (in frames, their header checksums, and `ID=` of log lines), and
 *   fragment ids of IPv6; ids that the step's own packet carries stay;
 * - the order of hits and policies (the kernel only counts), of frames that leave by different interfaces, of lines
 *   in recency lists and conntrack (hash order);
 * - jiffies, within three; timeouts of conntrack and of sets, within two seconds, and the former's `use=` counts;
 * - `verdict`, `by` and whether a fragment was delivered, where the lab had to guess (see `_derive.ts`), and `why` and `state`, which a kernel does not tell;
 * - sequence numbers of connections that the host's own sockets took, which count from the first of each; their windows
 *   (`_host-numbers.ts`);
 * - the wording of errors.
 */
import { decodeFrame, decodeIp, Packet } from '../../net/index.ts'
import type { Action, EndResult, Step, StepResult } from '../../scenario/scenario.ts'
import type { HostNumbers } from './_host-numbers.ts'

const jiffiesTolerance = 3
const timeoutToleranceSeconds = 2

/** A step result that may say how certain it is of its `by`. */
type Judged = StepResult & { readonly certain?: boolean; readonly isDeliveryUnclear?: true }

/**
 * One sentence on the first thing in which two results of the same step part; null when they agree. `slackJiffies`: by
 * how much more stamps may differ, because a step so far took so long. `numbers`: where the host has sockets.
 */
export function compareSteps(
  step: Step,
  engine: Judged,
  kernel: Judged,
  slackJiffies = 0,
  numbers: readonly [engine: HostNumbers, kernel: HostNumbers] | null = null,
): string | null {
  const ids = idsOf(step.action)
  const [mine, other] = [engine, kernel].map((judged, at) =>
    framesOf(step.action, judged, ids, numbers?.[at] ?? null),
  )
  const line = (text: string): string => blankNumbers(logLine(ids)(text), numbers !== null)
  const isCertain = engine.certain !== false && kernel.certain !== false
  return (
    (isCertain ? differ('verdict', engine.verdict, kernel.verdict) : null) ??
    differList('rules hit', engine.hits, kernel.hits, sorted) ??
    differList('policies', engine.policies, kernel.policies, sorted) ??
    (kernel.isDeliveryUnclear ? null : differ('delivered', engine.delivered, kernel.delivered)) ??
    differList('frames sent', mine!, other!, sorted) ??
    differList('sockets got', engine.accepted ?? [], kernel.accepted ?? [], sorted) ??
    // What the kernel says of a bad write to a recency list is rate-limited for the whole machine.
    (step.action.kind === 'write'
      ? null
      : differList('log', engine.log.map(line), kernel.log.map(line), (lines) => lines)) ??
    differRecent(engine.recent, kernel.recent, jiffiesTolerance + slackJiffies) ??
    (isCertain ? differ('decided by', engine.by, kernel.by) : null) ??
    differ('accepted', engine.error == null, kernel.error == null)
  )
}

/** The same for the state at the end. */
export function compareEnds(engine: EndResult, kernel: EndResult): string | null {
  return (
    differList('counters', saveLines(engine.save), saveLines(kernel.save), (lines) => lines) ??
    differTimed('connections', connectionTime, engine.conntrack, kernel.conntrack) ??
    differTimed('expectations', expectationTime, engine.expectations ?? [], kernel.expectations ?? []) ??
    differTimed(
      'sets',
      setTime,
      withoutFading(engine.sets ?? [], kernel.sets ?? []),
      withoutFading(kernel.sets ?? [], engine.sets ?? []),
    )
  )
}

function differ(what: string, engine: unknown, kernel: unknown): string | null {
  return engine === kernel ? null : `${what}: the engine says ${String(engine)}, the kernel ${String(kernel)}`
}

function differList(
  what: string,
  engine: readonly string[],
  kernel: readonly string[],
  arrange: (lines: readonly string[]) => readonly string[],
): string | null {
  const left = arrange(engine)
  const right = arrange(kernel)
  const at = left.findIndex((line, index) => line !== right[index])
  if (at < 0 && left.length === right.length) return null
  const index = at < 0 ? left.length : at
  const show = (lines: readonly string[]): string =>
    lines[index] ?? (lines.length === 0 ? 'nothing' : 'no more')
  return `${what}, entry ${index + 1}: the engine says ${show(left)}, the kernel ${show(right)}`
}

const sorted = (lines: readonly string[]): readonly string[] => [...lines].sort()

const scratch = new Packet()

/** IP ids that the step's own packet carries: a fragment's, or what is quoted and forwarded. */
function idsOf(action: Action): ReadonlySet<number> {
  if (action.kind === 'receive') decodeFrame(scratch, action.frame)
  else if (action.kind === 'send') decodeIp(scratch, action.packet)
  else return new Set()
  return new Set(scratch.family === null ? [] : [scratch.id])
}

function framesOf(
  action: Action,
  result: StepResult,
  ids: ReadonlySet<number>,
  numbers: HostNumbers | null,
): string[] {
  const hexes = result.sent.map(({ hex }) => hex)
  const plain = numbers?.normalise(action, hexes) ?? hexes
  return plain.map((hex, at) => `${result.sent[at]!.if} ${blankId(hex, ids)}`)
}

/** Numbers of TCP in a log line, which hold what a kernel chose. */
const blankNumbers = (line: string, hasSockets: boolean): string =>
  hasSockets ? line.replace(/\b(WINDOW|SEQ|ACK)=\d+/g, '$1=*') : line

const etherTypeEnd = 14
const ipv6FragmentHeader = 44

/** The frame with an id of the host's own choice, and the header checksum that covers it, blanked. */
function blankId(hex: string, ids: ReadonlySet<number>): string {
  const bytes = Uint8Array.from({ length: hex.length / 2 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  )
  decodeFrame(scratch, bytes)
  const { family, networkOffset, id } = scratch
  if (family === null || networkOffset < etherTypeEnd || ids.has(id)) return hex
  if (family === 'ipv4') {
    bytes.fill(0, networkOffset + 4, networkOffset + 6)
    bytes.fill(0, networkOffset + 10, networkOffset + 12)
  } else if (bytes[networkOffset + 6] === ipv6FragmentHeader) {
    bytes.fill(0, networkOffset + 44, networkOffset + 48)
  } else return hex
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * The line with ids of the host's own choice blanked, decimal in IPv4 and hexadecimal in IPv6; also that of a packet
 * which an ICMP error quotes, in IPv4, where a raw socket left it to the host.
 */
const logLine =
  (ids: ReadonlySet<number>) =>
  (line: string): string =>
    line.replace(
      /(IN=\S* OUT=[^[]*?\bID|\[SRC=[\d.]+ DST=[^[]*?\bID)(=\d+|:[0-9a-f]{8})/g,
      (whole, head: string, [separator, ...digits]: string) =>
        ids.has(Number.parseInt(digits.join(''), separator === ':' ? 16 : 10))
          ? whole
          : `${head}${separator}*`,
    )

function differRecent(
  engine: StepResult['recent'],
  kernel: StepResult['recent'],
  tolerance: number,
): string | null {
  const names = differList('recency lists', Object.keys(engine), Object.keys(kernel), sorted)
  if (names !== null) return names
  for (const [name, lines] of Object.entries(engine)) {
    const left = sorted(lines)
    const right = sorted(kernel[name] ?? [])
    for (let at = 0; at < Math.max(left.length, right.length); at++) {
      if (sameRecentLine(left[at], right[at], tolerance)) continue
      const [mine, other] = [left[at] ?? 'no more', right[at] ?? 'no more']
      return `recency list ${name}: the engine says ${mine}, the kernel ${other}`
    }
  }
  return null
}

/** Equal but for jiffies, which may be off by a few. */
function sameRecentLine(left: string | undefined, right: string | undefined, tolerance: number): boolean {
  if (left === undefined || right === undefined) return false
  const [mine, other] = [left, right].map((line) =>
    /^(src=\S+ ttl: \d+) last_seen: (-?\d+) oldest_pkt: (\d+)(.*)$/.exec(line),
  )
  if (mine == null || other == null) return left === right
  const stamps = (parts: RegExpExecArray): number[] => [
    Number(parts[2]),
    ...(parts[4]!.match(/-?\d+/g) ?? []).map(Number),
  ]
  const [ours, theirs] = [stamps(mine), stamps(other)]
  return (
    mine[1] === other[1] &&
    mine[3] === other[3] &&
    ours.length === theirs.length &&
    ours.every((stamp, at) => Math.abs(stamp - theirs[at]!) <= tolerance)
  )
}

/** Tables in the order of their names, each line with its table in front. */
function saveLines(save: string): string[] {
  const tables = save.split(/^(?=\*)/m).filter((text) => text.trim() !== '')
  return tables.sort().flatMap((text) => text.trim().split('\n'))
}

/** Where a line tells the seconds that are left. */
const connectionTime = /^(\S+\s+\d+\s+\S+\s+\d+ )(\d+)( .*)$/
const expectationTime = /^()(\d+)( .*)$/
const setTime = /^(add .* timeout )([1-9]\d*)(.*)$/

/** Without elements that are about to be forgotten, which the other judge, asked a moment later, has forgotten. */
const withoutFading = (lines: readonly string[], others: readonly string[]): readonly string[] =>
  lines.filter((line) => {
    const [, head, seconds] = setTime.exec(line) ?? []
    const isFading = head !== undefined && Number(seconds) <= timeoutToleranceSeconds
    return !isFading || others.some((other) => other.startsWith(head))
  })

function differTimed(
  what: string,
  timeoutField: RegExp,
  engine: readonly string[],
  kernel: readonly string[],
): string | null {
  const parse = (line: string) => {
    const [, head, timeout, rest] = timeoutField.exec(line.replace(/ use=\d+/, '')) ?? [null, line, '0', '']
    return { head: head!.replace(/\s+/g, ' '), timeout: Number(timeout), rest: rest!.trim() }
  }
  const arrange = (lines: readonly string[]) =>
    lines.map(parse).sort((a, b) => compareText(a.rest, b.rest) || compareText(a.head, b.head))
  const left = arrange(engine)
  const right = arrange(kernel)
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [mine, other] = [left[at], right[at]]
    const isSame =
      mine !== undefined &&
      other !== undefined &&
      mine.head === other.head &&
      mine.rest === other.rest &&
      Math.abs(mine.timeout - other.timeout) <= timeoutToleranceSeconds
    if (isSame) continue
    const show = (entry: typeof mine): string =>
      entry ? `${entry.head}${entry.timeout} ${entry.rest}` : 'no more'
    return `${what}, entry ${at + 1}: the engine says ${show(mine)}, the kernel ${show(other)}`
  }
  return null
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
