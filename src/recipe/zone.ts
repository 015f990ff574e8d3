/**
 * Lists of a country's networks, as others publish them: zone files with a network a line, and databases as CSV. What is
 * no such list is refused as a whole: half a list would be another block than somebody asked for.
 */
import { type Address, type Family, parseAddress } from '../net/address.ts'
import { PrefixUnion } from '../net/prefix-union.ts'

/** Why a list is none; `line` counts from 1. */
export class ZoneRefused extends Error {
  readonly line: number | null
  constructor(message: string, line: number | null = null) {
    super(line === null ? message : `line ${line}: ${message}`)
    this.line = line
  }
}

/** No registry gives anybody more at once: a wider network is a mistake, or malice. */
const widest: Readonly<Record<Family, number>> = { ipv4: 8, ipv6: 16 }

/** Networks of no country, as first address and length: a list that has them would cut off the host's own. */
const nobodys: readonly (readonly [string, number])[] = [
  ...([
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['224.0.0.0', 3],
  ] as const),
]
const nobodysIpv4 = nobodys.map(([text, length]) => {
  const first = parseAddress(text)!.words[0]!
  return { first, last: first + 2 ** (32 - length) - 1, text: `${text}/${length}` }
})

/** Throws ZoneRefused for a network that is no country’s; `line`: where it is said, if it is a text. */
export function checkIpv4(word: number, length: number, line: number | null): void {
  if (length < widest.ipv4) throw new ZoneRefused(`/${length} is wider than any country’s network`, line)
  const last = word + 2 ** (32 - length) - 1
  for (let at = 0; at < nobodysIpv4.length; at++) {
    const { first, last: end, text } = nobodysIpv4[at]!
    if (word <= end && first <= last) throw new ZoneRefused(`${text} belongs to no country`, line)
  }
}

/** As `checkIpv4`. */
export function checkIpv6({ words }: Address, length: number, line: number | null): void {
  if (length < widest.ipv6) throw new ZoneRefused(`/${length} is wider than any country’s network`, line)
  // 2000::/3 is all that is given to anybody (RFC 4291, IANA's registry of IPv6 global unicast addresses).
  if (words[0]! >>> 29 !== 1) throw new ZoneRefused('only networks of 2000::/3 belong to countries', line)
}

/** Networks above which nobody reads on: the whole of the internet's routes is about a million. */
const mostNetworks = 2_000_000

/**
 * Reads a zone file: a network or address of either family a line; `#` and `;` begin comments. Throws ZoneRefused for
 * anything else, for networks that no country has, and for a list of none.
 */
export function readZone(text: string): PrefixUnion {
  const union = new PrefixUnion()
  const start = /^\ufeff?\s*/.exec(text)![0].length
  if (text[start] === '<') throw new ZoneRefused('this is a page of HTML, not a list of networks')
  if (text.includes('\0')) throw new ZoneRefused('this is no text')
  let line = 0
  let count = 0
  for (let at = start; at < text.length; ) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    line++
    const ipv4 = parseIpv4Network(text, at, text.charCodeAt(end - 1) === 13 ? end - 1 : end)
    if (ipv4 >= 0) {
      checkIpv4(Math.floor(ipv4 / 64), ipv4 % 64, line)
      union.addIpv4(Math.floor(ipv4 / 64), ipv4 % 64)
      count++
    } else {
      const entry = text
        .slice(at, end)
        .replace(/[#;].*/, '')
        .trim()
      if (entry !== '') {
        addNetwork(union, entry, line)
        count++
      }
    }
    if (mostNetworks < count) throw new ZoneRefused(`more than ${mostNetworks} networks`)
    at = end + 1
  }
  if (count === 0) throw new ZoneRefused('there is no network in it')
  return union
}

function addNetwork(union: PrefixUnion, entry: string, line: number): void {
  const ipv4 = parseIpv4Network(entry, 0, entry.length)
  if (ipv4 >= 0) {
    const word = Math.floor(ipv4 / 64)
    checkIpv4(word, ipv4 % 64, line)
    union.addIpv4(word, ipv4 % 64)
    return
  }
  const [left = '', right = '128', more] = entry.split('/')
  const address = left.includes(':') ? parseAddress(left) : null
  const length = Number(right)
  if (address === null || more !== undefined || !/^\d{1,3}$/.test(right) || 128 < length) {
    throw new ZoneRefused(`"${printable(entry)}" is not a network`, line)
  }
  checkIpv6(address, length, line)
  union.addIpv6(address, length)
}

const printable = (text: string): string => text.slice(0, 40).replace(/[^\x20-\x7e]/g, '?')

/**
 * Word times 64, and the length, of `1.2.3.0/24` from `start` to `end`; -1 for anything else. By hand, and without a copy:
 * there are hundreds of thousands.
 */
function parseIpv4Network(text: string, start: number, end: number): number {
  let word = 0
  let part = -1
  let parts = 0
  let at = start
  for (; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code >= 48 && code <= 57) {
      part = part < 0 ? code - 48 : part * 10 + code - 48
      if (part > 255) return -1
    } else if (code === 46 && part >= 0 && parts < 3) {
      word = word * 256 + part
      parts++
      part = -1
    } else if (code === 47) break
    else return -1
  }
  if (parts !== 3 || part < 0) return -1
  word = word * 256 + part
  if (at >= end) return word * 64 + 32
  const digits = end - at - 1
  if (digits < 1 || 2 < digits) return -1
  let length = 0
  for (at++; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code < 48 || 57 < code) return -1
    length = length * 10 + code - 48
  }
  return length <= 32 ? word * 64 + length : -1
}

/**
 * Two-letter codes of a file such as langblock.cfg, a code or several a line, in lower case, each once. Throws ZoneRefused
 * for what is no code: names become parts of addresses and of paths.
 */
export function readCodes(text: string): string[] {
  const codes = new Set<string>()
  for (const [at, line] of text.split('\n').entries()) {
    for (const word of line.replace(/[#;].*/, '').split(/[\s,]+/)) {
      if (word === '') continue
      if (!/^[A-Za-z]{2}$/.test(word))
        throw new ZoneRefused(`"${printable(word)}" is not a code of two letters`, at + 1)
      codes.add(word.toLowerCase())
    }
  }
  return [...codes]
}

// --- Databases as CSV

/** Cells of a line of CSV (RFC 4180, without line ends in cells). */
function cellsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',')
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  )
}

/** Country codes by MaxMind's numbers of places: GeoLite2-Country-Locations-en.csv. */
export function readLocations(text: string): ReadonlyMap<string, string> {
  const [head = '', ...lines] = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const columns = cellsOf(head)
  const [id, code] = ['geoname_id', 'country_iso_code'].map((name) => columns.indexOf(name)) as [
    number,
    number,
  ]
  if (id < 0 || code < 0)
    throw new ZoneRefused('a file of locations has the columns geoname_id and country_iso_code', 1)
  const found = new Map<string, string>()
  for (const line of lines) {
    const cells = cellsOf(line)
    const country = cells[code] ?? ''
    if (country !== '') found.set(cells[id]!, country.toLowerCase())
  }
  return found
}

/**
 * Networks of the wanted countries from CSV: MaxMind's blocks (`network,geoname_id,...`, with locations), or lines
 * of `FIRST,LAST,CODE` (addresses) or `NETWORK,CODE`. Lines of other countries are not looked at any further.
 */
export function readCsv(
  text: string,
  wanted: ReadonlySet<string>,
  locations: ReadonlyMap<string, string> = new Map(),
): Map<string, PrefixUnion> {
  const found = new Map<string, PrefixUnion>([...wanted].map((code) => [code, new PrefixUnion()]))
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const columns = cellsOf(lines[0] ?? '')
  const network = columns.indexOf('network')
  const place = columns.indexOf('geoname_id')
  const registered = columns.indexOf('registered_country_geoname_id')
  const isBlocks = network >= 0 && place >= 0
  if (isBlocks && locations.size === 0)
    throw new ZoneRefused('blocks of MaxMind need its file of locations, too')
  for (let at = isBlocks ? 1 : 0; at < lines.length; at++) {
    if (lines[at] === '') continue
    const cells = cellsOf(lines[at]!)
    const code = isBlocks
      ? locations.get(cells[place] || cells[registered] || '')
      : cells.at(cells.length === 2 ? 1 : 2)?.toLowerCase()
    if (!isBlocks && (cells.length < 2 || !/^[a-z]{2}$/.test(code ?? ''))) {
      // A head of names, or somebody who is nowhere (ZZ has letters, `-` has none).
      if (at === 0 || code === '' || code === '-') continue
      throw new ZoneRefused(`"${printable(lines[at]!)}" has no network and country`, at + 1)
    }
    const union = code === undefined ? undefined : found.get(code)
    if (union === undefined) continue
    if (isBlocks) addNetwork(union, cells[network]!, at + 1)
    else if (cells.length === 2) addNetwork(union, cells[0]!, at + 1)
    else addRange(union, cells[0]!, cells[1]!, at + 1)
  }
  return found
}

function addRange(union: PrefixUnion, from: string, to: string, line: number): void {
  const [first, last] = [parseAddress(from), parseAddress(to)]
  if (first === null || last === null || first.family !== last.family) {
    throw new ZoneRefused(`"${printable(`${from},${to}`)}" is no range of addresses`, line)
  }
  if (first.family === 'ipv4') {
    const [low, high] = [first.words[0]!, last.words[0]!]
    if (high < low || 2 ** 24 < high - low + 1)
      throw new ZoneRefused('a range wider than any country’s network', line)
    for (const { first: begin, last: end, text } of nobodysIpv4) {
      if (low <= end && begin <= high) throw new ZoneRefused(`${text} belongs to no country`, line)
    }
    union.addIpv4Range(low, high)
    return
  }
  checkIpv6(first, 128, line)
  checkIpv6(last, 128, line)
  const isAfter = first.words.findIndex((word, at) => word !== last.words[at])
  if (isAfter >= 0 && first.words[isAfter]! > last.words[isAfter]!)
    throw new ZoneRefused('a range that ends before it begins', line)
  if (first.words[0]! >>> 16 !== last.words[0]! >>> 16)
    throw new ZoneRefused('a range wider than any country’s network', line)
  union.addIpv6Range(first, last)
}
