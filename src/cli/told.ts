/** What `postern trace` is told to run: packets, and flows, a line each. */
import { decodeFrame, decodeIp } from '../net/decode.ts'
import { encodePacketLine, type PacketLine, parsePacketLine } from '../net/notation.ts'
import { Packet } from '../net/packet.ts'
import { type FlowLine, type LineProblem, parseFlowLine } from '../scenario/flow/line.ts'
import { FlowReader } from '../scenario/flow/read.ts'
import { frameOfLine } from '../scenario/frame.ts'
import { canBeOwn, type Observed } from '../scenario/guess-host.ts'
import type { Action, HostConfig } from '../scenario/scenario.ts'
import { UsageError } from './environment.ts'

export type Told =
  | { readonly kind: 'packet'; readonly text: string; readonly line: PacketLine }
  | { readonly kind: 'flow'; readonly text: string; readonly flow: FlowLine }

/** A flow begins with its name or with what opens it, a packet with an interface. */
const isFlow = (text: string): boolean => /^\s*([^\s:[\]]+:\s|(connect|udp|ping)\s)/.test(text)

/** Throws UsageError, with a caret, for what is neither. */
export function readTold(text: string): Told {
  if (isFlow(text)) {
    const parsed = parseFlowLine(text)
    if ('problem' in parsed) throw wrong(text, parsed.problem)
    return { kind: 'flow', text, flow: parsed.line }
  }
  const parsed = parsePacketLine(text)
  if ('error' in parsed) throw wrong(text, parsed.error)
  return { kind: 'packet', text, line: parsed.line }
}

function wrong(text: string, { message, start, end, help }: LineProblem): UsageError {
  const caret = `${' '.repeat(start)}${'^'.repeat(Math.max(1, end - start))}`
  return new UsageError(`${message}\n  ${text}\n  ${caret}`, help ?? null)
}

/** Throws UsageError for a flow that goes on with one that does not stand, or that this host cannot have. */
export function checkFlows(all: readonly Told[], config: HostConfig): void {
  const reader = new FlowReader(config)
  for (const { kind, text } of all) {
    if (kind !== 'flow') continue
    reader.read(text, (_, message, help) => {
      throw new UsageError(`${message}\n  ${text}`, help ?? null)
    })
  }
}

/** Addresses given by hand are the whole truth; what is told then only names interfaces. */
export function observedOf(all: readonly Told[], base: HostConfig): Observed[] {
  const isGiven = base.interfaces.some(({ addresses }) => addresses.length > 0)
  const observed = all.flatMap((told) =>
    told.kind === 'packet' ? observePacket(told.line) : observeFlow(told.flow),
  )
  return isGiven ? observed.map((one) => ({ ...one, own: [] })) : observed
}

/** An arriving packet goes to the host, a sent one comes from it. */
function observePacket(line: PacketLine): Observed[] {
  const packet = decodeLine(line)
  if (packet.family === null || packet.defect === 'ip-truncated') return []
  const own = line.device === null ? packet.source : packet.destination
  const isLoopback = own.words.length === 1 && own.words[0]! >>> 24 === 127
  return [{ device: line.device ?? 'eth0', own: canBeOwn(own) && !isLoopback ? [own] : [], mac: null }]
}

function observeFlow({ opening }: FlowLine): Observed[] {
  if (opening === null) return []
  const { device, source, destination } = opening
  return [{ device: device ?? 'eth0', own: [device === null ? source : destination], mac: null }]
}

function decodeLine(line: PacketLine): Packet {
  const packet = new Packet()
  if (line.content.kind === 'frame') decodeFrame(packet, line.content.bytes)
  else decodeIp(packet, encodePacketLine(line))
  return packet
}

/** What happens for a packet line. A sender that nobody named is nobody's. */
export function actionOf(line: PacketLine, config: HostConfig): Action {
  const { device, mark, circumstances, uid, gid } = line
  if (device !== null) {
    return { kind: 'receive', device, frame: frameOfLine(config, line), mark, circumstances }
  }
  const isAnonymous = uid === null && gid === null
  const socket = { uid: uid ?? 0, gid: gid ?? 0, ...(isAnonymous && { isAnonymous: true as const }) }
  return { kind: 'send', packet: encodePacketLine(line), socket, mark, circumstances }
}
