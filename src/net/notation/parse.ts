/** Text of the notation to a `PacketLine`. The grammar is in `../notation.ts`. */
import { type Circumstances, circumstanceNames, parseCircumstance } from '../circumstances.ts'
import { parseMac } from '../headers/ethernet.ts'
import { defaultLine, withoutDefaults } from './encode.ts'
import type { Content, PacketLine } from './line.ts'
import { isProtocolWord, keyNames, readIpText } from './parse-ip.ts'
import { type Key, number, parseHex } from './values.ts'
import { Complaint, Cursor, Given, type NotationError, splitWords, type Word } from './words.ts'

export interface ParseOptions {
  /**
   * Fills in what the text leaves out: device, protocol, addresses, ports and fields. With it `ttl=5`, `> :22 syn` and
   * `udp > :53` are lines, too.
   */
  readonly base?: PacketLine
}

export type ParsedLine = { readonly line: PacketLine } | { readonly error: NotationError }

/** Never throws: what is wrong is told with the offsets of the words that are. */
export function parsePacketLine(text: string, options: ParseOptions = {}): ParsedLine {
  try {
    return { line: readLine(new Cursor(splitWords(text), text.length), options.base ?? null) }
  } catch (complaint) {
    if (complaint instanceof Complaint) return { error: complaint.error }
    throw complaint
  }
}

function readLine(cursor: Cursor, base: PacketLine | null): PacketLine {
  const device = readDevice(cursor, base)
  const given = new Given()
  const content = readContent(cursor, base, given)
  const line = {
    ...(base ?? defaultLine),
    ...readAttributes(given, device),
    circumstances: { ...base?.circumstances, ...readCircumstances(given, device) },
    device,
    content,
  }
  const packetKeys = content.kind === 'ip' ? keyNames(content.packet) : ['hex']
  given.refuseRest([...Object.keys(attributeKeys), 'mac', 'dmac', ...circumstanceNames, ...packetKeys])
  return line
}

function readDevice(cursor: Cursor, base: PacketLine | null): string | null {
  const word = cursor.peek
  if (word === null) {
    if (base !== null) return base.device
    throw new Complaint(
      cursor.end,
      'the line is empty',
      'for example: eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn',
    )
  }
  if (word.text === 'out') {
    cursor.take()
    return null
  }
  const isFollowedByProtocol = isContentWord(cursor.peekSecond)
  if (base !== null && !isFollowedByProtocol) return base.device
  if (!isFollowedByProtocol && isContentWord(word)) {
    throw new Complaint(word, 'the interface is missing', `begin with the interface it arrives on, or "out"`)
  }
  if (!isDeviceName(word.text)) {
    throw new Complaint(
      word,
      `"${word.text}" is no interface name`,
      'a line begins with an interface, or "out"',
    )
  }
  cursor.take()
  return word.text
}

const isContentWord = (word: Word | null): boolean =>
  word !== null && (word.text === 'raw' || word.text === 'frame' || isProtocolWord(word.text))

/** Source: dev_valid_name(), net/core/dev.c, and IFNAMSIZ. */
const isDeviceName = (text: string): boolean =>
  /^[^\s/:="[\]>]{1,15}$/.test(text) && text !== '.' && text !== '..'

function readContent(cursor: Cursor, base: PacketLine | null, given: Given): Content {
  const word = cursor.peek
  if (word?.text === 'raw' || word?.text === 'frame') {
    cursor.take()
    cursor.takeGiven(given)
    const hex = given.take('hex')
    if (hex === null) throw new Complaint(word, `${word.text} wants the bytes`, `${word.text} hex=4500...`)
    const bytes = parseHex(hex.value)
    if (bytes === null) throw new Complaint(hex.at, `"${hex.value}" is not hex: two digits a byte`)
    return { kind: word.text, bytes }
  }
  const text = base?.content.kind === 'ip' ? base.content.packet : null
  const packet = readIpText(cursor, text, given)
  if (cursor.peek !== null) throw new Complaint(cursor.peek, 'this ] closes nothing')
  return { kind: 'ip', packet: withoutDefaults(packet) }
}

const attributeKeys: Readonly<Record<'mark' | 'vlan' | 'uid' | 'gid', Key>> = {
  mark: number(32, 'firewall mark', { hex: true }),
  vlan: number(16, '802.1Q tag: the VLAN id, with priority bits above'),
  uid: number(32, 'user id of the sending socket'),
  gid: number(32, 'group id of the sending socket'),
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function readAttributes(given: Given, device: string | null): Partial<PacketLine> {
  const attributes: Partial<Mutable<PacketLine>> = {}
  for (const name of ['mark', 'vlan', 'uid', 'gid'] as const) {
    const item = given.take(name)
    if (item === null) continue
    if (device !== null && (name === 'uid' || name === 'gid')) {
      throw new Complaint(
        item.word,
        `a packet that arrives has no ${name}`,
        'only "out" packets have a sending socket',
      )
    }
    attributes[name] = item.parse(attributeKeys[name]) as number
  }
  for (const [name, field] of [
    ['mac', 'sourceMac'],
    ['dmac', 'destinationMac'],
  ] as const) {
    const item = given.take(name)
    if (item === null) continue
    const mac = parseMac(item.value)
    if (mac === null)
      throw new Complaint(item.at, `"${item.value}" is no MAC address`, 'like 02:00:00:00:00:01')
    attributes[field] = mac
  }
  return attributes
}

/** Control groups are those of a sending socket's process. */
const ofSender: readonly string[] = ['cgroup', 'classid']

function readCircumstances(given: Given, device: string | null): Circumstances {
  let circumstances: Circumstances = {}
  for (const name of circumstanceNames) {
    const item = given.take(name)
    if (item === null) continue
    if (device !== null && ofSender.includes(name)) {
      throw new Complaint(
        item.word,
        `a packet that arrives has no ${name}`,
        'only "out" packets have a sending socket',
      )
    }
    const read = parseCircumstance(name, item.value)
    if (typeof read === 'string') throw new Complaint(item.at, read)
    circumstances = { ...circumstances, ...read }
  }
  return circumstances
}
