/** What happens in a step: exactly one of `packet`, `flow`, `frame`, `local`, `write`, `run`. */
import type { HostConfig } from '../engine/config.ts'
import { encodePacketLine, parsePacketLine } from '../net/notation.ts'
import type { FlowLine } from './flow/line.ts'
import { checkDevice, type FlowReader } from './flow/read.ts'
import { frameOfLine } from './frame.ts'
import type { Complain } from './host-file.ts'
import type { Action } from './scenario.ts'
import type { StepFile } from './schema.ts'

export type ReadAction = { readonly text: string } & (
  | { readonly action: Action }
  | { readonly flow: FlowLine }
)

const kinds = ['packet', 'flow', 'frame', 'local', 'write', 'run'] as const

/** The action and its line for timelines, or null after a complaint. */
export function readAction(
  file: StepFile,
  host: HostConfig,
  flows: FlowReader,
  complain: Complain,
): ReadAction | null {
  const given = kinds.filter((kind) => file[kind] !== undefined)
  if (given.length !== 1) {
    const seen = given.length === 0 ? 'none of them' : given.join(' and ')
    complain([], `a step is one of ${kinds.join(', ')}; this one has ${seen}`)
    return null
  }
  if (file.packet !== undefined) return readPacket(file.packet, host, complain)
  if (file.flow !== undefined) {
    const flow = flows.read(file.flow, complain)
    return flow === null ? null : { flow, text: file.flow }
  }
  if (file.frame !== undefined) return readFrame(file.frame, host, complain)
  if (file.local !== undefined) return readLocal(file.local, complain)
  if (file.write !== undefined) {
    const { recent, text } = file.write
    return {
      action: { kind: 'write', list: recent, text },
      text: `write ${JSON.stringify(text)} to recent list ${recent}`,
    }
  }
  const command = file.run!
  const [program = ''] = command.trim().split(/\s+/, 1)
  if (!/^(.*\/)?(ip6?tables|ipset)$/.test(program)) {
    complain(
      ['run'],
      `"${program}" is not iptables, ip6tables or ipset`,
      'run: "iptables -I INPUT 1 -j DROP"',
    )
    return null
  }
  return { action: { kind: 'run', command }, text: command }
}

function readPacket(text: string, host: HostConfig, complain: Complain): ReadAction | null {
  const parsed = parsePacketLine(text)
  if ('error' in parsed) {
    const { message, start, end, help } = parsed.error
    const place = text.slice(start, end)
    const said = place === '' || message.includes(place) ? message : `${message}: "${place}"`
    complain(['packet'], said, help, { start, end: Math.max(end, start + 1) })
    return null
  }
  const { line } = parsed
  const { mark, circumstances } = line
  if (line.device === null) {
    if (line.content.kind === 'frame') {
      complain(['packet'], 'the host sends IP packets, not frames', 'out raw hex=...')
      return null
    }
    const packet = encodePacketLine(line)
    const socket = { uid: line.uid ?? 0, gid: line.gid ?? 0 }
    return { action: { kind: 'send', packet, socket, mark, circumstances }, text }
  }
  if (!checkDevice(line.device, host, ['packet'], complain)) return null
  const frame = frameOfLine(host, line)
  return { action: { kind: 'receive', device: line.device, frame, mark, circumstances }, text }
}

function readFrame(
  file: NonNullable<StepFile['frame']>,
  host: HostConfig,
  complain: Complain,
): ReadAction | null {
  const frame = readHex(file.hex, ['frame', 'hex'], complain)
  if (frame === null || !checkDevice(file.in, host, ['frame', 'in'], complain)) return null
  return {
    action: { kind: 'receive', device: file.in, frame, mark: file.mark ?? 0 },
    text: `${file.in} frame of ${frame.length} bytes`,
  }
}

function readLocal(file: NonNullable<StepFile['local']>, complain: Complain): ReadAction | null {
  const packet = readHex(file.hex, ['local', 'hex'], complain)
  if (packet === null) return null
  const socket = { uid: file.uid ?? 0, gid: file.gid ?? 0 }
  return {
    action: { kind: 'send', packet, socket, mark: file.mark ?? 0 },
    text: `out packet of ${packet.length} bytes`,
  }
}

/** Hex with any blanks, colons or line breaks between the bytes. */
function readHex(text: string, path: readonly string[], complain: Complain): Uint8Array | null {
  const digits = text.replace(/[\s:]/g, '')
  if (digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits)) {
    return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
  }
  complain(path, 'this is not hex', 'two hexadecimal digits a byte')
  return null
}
