/** Words and keys of the IP header. */
import { defaultBody } from './encode.ts'
import type { Checksum, Extension, IpText } from './line.ts'
import { hexBytes, type Key, number, parseHex } from './values.ts'
import { Complaint, didYouMean, type Given, type Item, type Word } from './words.ts'

const keys = {
  ttl: number(8, 'IPv4 time to live, IPv6 hop limit'),
  tos: number(8, 'IPv4 type of service, IPv6 traffic class'),
  flow: number(20, 'IPv6 flow label'),
  opts: hexBytes(40, 4, 'IPv4 options in hex'),
  id: number(16, 'IPv4 id'),
  fragmentId: number(32, 'id in the IPv6 fragment header'),
  checksum: number(16, 'checksum in the header'),
  longChecksum: number(32, 'checksum in the header'),
}

/** Keys of every packet, for suggestions. */
export const ipKeyNames = [
  'ttl',
  'id',
  'tos',
  'flow',
  'frag',
  'opts',
  'ext',
  'ipsum',
  'sum',
  'len',
  'payload',
  'cut',
]

/** Words of the IP header, which a transport must not see. */
export interface IpWords {
  readonly dontFragment: Word | null
  readonly badChecksum: Word | null
  readonly badHeaderChecksum: Word | null
}

export const takeIpWords = (given: Given): IpWords => ({
  dontFragment: given.takeWord('df'),
  badChecksum: given.takeWord('badsum'),
  badHeaderChecksum: given.takeWord('badipsum'),
})

/** `frag=185+`: offset in units of 8 bytes, and whether more follow. */
export function readFragment(given: Given, before: IpText['fragment']): IpText['fragment'] {
  const item = given.take('frag')
  if (item === null) return before
  const match = /^(\d{1,5})(\+?)$/.exec(item.value)
  const offset = Number(match?.[1])
  if (match === null)
    throw new Complaint(item.at, `"${item.value}" is no fragment`, 'an offset, + if more follow: frag=185+')
  if (offset > 8191) throw new Complaint(item.at, `${offset} is too large: 0 to 8191, in units of 8 bytes`)
  return { offset, more: match[2] === '+' }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** `text` with what the words and keys say of its IP header; `text.fragment` is settled already. */
export function readIpFields(given: Given, text: IpText, words: IpWords): IpText {
  const result: Mutable<IpText> = { ...text }
  const readNumber = (name: string, key: Key): number | null =>
    (given.take(name)?.parse(key) as number | undefined) ?? null
  result.ttl = readNumber('ttl', keys.ttl) ?? readNumber('hl', keys.ttl) ?? text.ttl
  result.tos = readNumber('tos', keys.tos) ?? text.tos
  result.transportChecksum =
    readChecksum(given, 'sum', keys.longChecksum, words.badChecksum) ?? text.transportChecksum
  return text.source.family === 'ipv4' ? readIpv4(given, result, words) : readIpv6(given, result, words)
}

function readIpv4(given: Given, text: Mutable<IpText>, words: IpWords): IpText {
  for (const name of ['flow', 'ext']) {
    const item = given.take(name)
    if (item !== null) throw new Complaint(item.word, `IPv4 has no ${name}=`)
  }
  if (words.dontFragment !== null) text.dontFragment = true
  const id = given.take('ipid') ?? given.take('id')
  if (id !== null) text.id = id.parse(keys.id) as number
  const options = given.take('opts')
  if (options !== null) text.options = options.parse(keys.opts) as Uint8Array
  text.headerChecksum =
    readChecksum(given, 'ipsum', keys.checksum, words.badHeaderChecksum) ?? text.headerChecksum
  // A fragment that would be the whole packet is just that.
  if (text.fragment?.offset === 0 && !text.fragment.more) text.fragment = null
  return text
}

function readIpv6(given: Given, text: Mutable<IpText>, words: IpWords): IpText {
  if (words.dontFragment !== null) throw new Complaint(words.dontFragment, 'IPv6 has no DF bit')
  const checksum = given.take('ipsum')?.word ?? words.badHeaderChecksum
  if (checksum !== null) throw new Complaint(checksum, 'the IPv6 header has no checksum')
  const options = given.take('opts')
  if (options !== null)
    throw new Complaint(options.word, 'IPv6 has no such options', 'use ext=hop:HEX or ext=dst:HEX')
  const id = given.take('ipid') ?? given.take('id')
  if (id !== null && text.fragment === null) {
    throw new Complaint(id.word, 'an IPv6 packet has an id only in a fragment header', 'add frag=0')
  }
  if (id !== null) text.id = id.parse(keys.fragmentId) as number
  text.flowLabel = (given.take('flow')?.parse(keys.flow) as number | undefined) ?? text.flowLabel
  const list = given.take('ext')
  if (list !== null) text.extensions = list.value === '' ? [] : readExtensions(list)
  text.extensions = withFragment(text, list)
  return text
}

/** The extensions with a fragment header iff there is a fragment; it stands last where no place is given. */
function withFragment(text: IpText, list: Item | null): readonly Extension[] {
  const count = text.extensions.filter(({ kind }) => kind === 'frag').length
  if (count > 1)
    throw new Complaint(list!.at, 'two fragment headers have no words', 'give the packet in hex: raw hex=...')
  if (text.fragment === null) {
    if (count > 0 && list !== null)
      throw new Complaint(list.at, 'frag has its place here, but no value', 'add frag=0+')
    return text.extensions.filter(({ kind }) => kind !== 'frag')
  }
  return count > 0 ? text.extensions : [...text.extensions, { kind: 'frag', body: defaultBody.frag }]
}

/** `hop:05020000,dst,frag` */
function readExtensions(item: Item): Extension[] {
  let start = item.at.start
  return item.value.split(',').map((text) => {
    const at = { start, end: start + text.length }
    start = at.end + 1
    const [name, hex, extra] = text.split(':')
    if (!isExtensionKind(name!) || extra !== undefined) {
      const kinds = Object.keys(defaultBody)
      const help = didYouMean(name!, kinds) ?? `${kinds.join(', ')}, with a body in hex: hop:05020000`
      throw new Complaint(at, `"${text}" is no extension header`, help)
    }
    if (hex === undefined) return { kind: name, body: defaultBody[name] }
    const bytes = name === 'frag' ? null : parseHex(hex)
    if (bytes === null) throw new Complaint(at, `"${hex}" is no body of ${name}`)
    return { kind: name, body: padBody(name, bytes, at) }
  })
}

const isExtensionKind = (name: string): name is Extension['kind'] => Object.hasOwn(defaultBody, name)

/** Headers are counted in 8 bytes, AH in 4; the first two are not of the body. */
function padBody(kind: Extension['kind'], bytes: Uint8Array, at: { start: number; end: number }): Uint8Array {
  const unit = kind === 'ah' ? 4 : 8
  const length = Math.max(Math.ceil((bytes.length + 2) / unit) * unit, 8) - 2
  const most = kind === 'ah' ? 257 * 4 - 2 : 256 * 8 - 2
  if (most < length) throw new Complaint(at, `${bytes.length} bytes, where ${most} fit`)
  const body = new Uint8Array(length)
  body.set(bytes)
  return body
}

function readChecksum(given: Given, name: string, key: Key, bad: Word | null): Checksum | null {
  const item = given.take(name)
  if (item !== null && bad !== null) throw new Complaint(bad, `${name}= says the checksum already`)
  return item === null ? bad && 'bad' : (item.parse(key) as number)
}
