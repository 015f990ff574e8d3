/**
 * IPv4 and IPv6 addresses and prefixes as big-endian 32-bit words: one word for IPv4, four for IPv6.
 *
 * Words compare and mask with plain integer operations, in both families by the same loop.
 * Read first: RFC 791 section 3.1, RFC 4291 section 2.2 (text), RFC 5952 (canonical text).
 */

export type Family = 'ipv4' | 'ipv6'

export interface Address {
  readonly family: Family
  /** Unsigned 32-bit words in network order: 1 for IPv4, 4 for IPv6. */
  readonly words: readonly number[]
}

/** An address and a mask of any bit pattern; netfilter masks need not be contiguous. */
export interface Prefix {
  readonly address: Address
  readonly mask: Address
}

export const wordCount = (family: Family): number => (family === 'ipv4' ? 1 : 4)

export const addressBits = (family: Family): number => 32 * wordCount(family)

/** The address made of the given 32-bit words, each brought into the unsigned range. */
export function addressOf(family: Family, words: readonly number[]): Address {
  return { family, words: words.map((word) => word >>> 0) }
}

/** Strict dotted-quad text to an address, or null: four decimal octets, no leading sign or blanks. */
export function parseIpv4(text: string): Address | null {
  let word = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 46) {
      if (digits === 0) return null
      word = word * 256 + octet
      octet = digits = 0
      dots++
    } else if (code >= 48 && code <= 57 && digits < 3) {
      octet = octet * 10 + code - 48
      digits++
      if (octet > 255) return null
    } else return null
  }
  return dots === 3 && digits > 0 ? { family: 'ipv4', words: [word * 256 + octet] } : null
}

/** RFC 4291 text (with `::` and an embedded dotted quad) to an address, or null. Zone ids are refused. */
export function parseIpv6(text: string): Address | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const groups = halves.map(parseGroups)
  const [head, tail] = groups
  if (head == null || tail === null) return null
  if (tail === undefined) return head.length === 8 ? fromGroups(head) : null
  const missing = 8 - head.length - tail.length
  return missing < 1 ? null : fromGroups([...head, ...Array<number>(missing).fill(0), ...tail])
}

function parseGroups(text: string): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const embedded = index === parts.length - 1 ? parseIpv4(part) : null
    if (embedded === null) return null
    groups.push(embedded.words[0]! >>> 16, embedded.words[0]! & 0xffff)
  }
  return groups
}

function fromGroups(groups: readonly number[]): Address {
  const words = [0, 2, 4, 6].map((at) => groups[at]! * 65536 + groups[at + 1]!)
  return { family: 'ipv6', words }
}

/** Strict text of either family to an address, or null. */
export function parseAddress(text: string): Address | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Dotted quad, or RFC 5952 text as inet_ntop prints it. */
export function printAddress(address: Address): string {
  return address.family === 'ipv4' ? printIpv4Word(address.words[0]!) : printIpv6Words(address.words)
}

/** Dotted quad of one unsigned word. */
export function printIpv4Word(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`
}

/** As the kernel shows addresses in logs and tables: IPv6 in eight groups of four digits (`%pI6`). */
export function printLongAddress(address: Address): string {
  if (address.family === 'ipv4') return printAddress(address)
  return ipv6Groups(address.words)
    .map((group) => group.toString(16).padStart(4, '0'))
    .join(':')
}

/** The eight 16-bit groups of an IPv6 address. */
export function ipv6Groups(words: readonly number[]): number[] {
  return words.flatMap((word) => [word >>> 16, word & 0xffff])
}

function printIpv6Words(words: readonly number[]): string {
  const groups = ipv6Groups(words)
  const run = longestZeroRun(groups)
  if (run.start === 0 && (run.length === 6 || (run.length === 5 && groups[5] === 0xffff))) {
    return `::${run.length === 5 ? 'ffff:' : ''}${printIpv4Word(words[3]!)}`
  }
  const text = groups.map((group) => group.toString(16))
  if (run.length < 2) return text.join(':')
  return `${text.slice(0, run.start).join(':')}::${text.slice(run.start + run.length).join(':')}`
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let end = start
    while (end < groups.length && groups[end] === 0) end++
    if (best.length < end - start) best = { start, length: end - start }
  }
  return best
}

/** An IPv4 address as a socket for both families has it (`::ffff:192.0.2.1`) is one of IPv4 (RFC 4291, section 2.5.5.2). */
export const unmapped = (address: Address): Address =>
  address.family === 'ipv6' && address.words[0] === 0 && address.words[1] === 0 && address.words[2] === 0xffff
    ? addressOf('ipv4', [address.words[3]!])
    : address

/** Equal family and words. */
export function sameAddress(a: Address, b: Address): boolean {
  if (a.family !== b.family) return false
  for (let at = 0; at < a.words.length; at++) if (a.words[at] !== b.words[at]) return false
  return true
}

/** The address with every bit cleared that the mask clears. */
export function maskAddress(address: Address, mask: Address): Address {
  return addressOf(
    address.family,
    address.words.map((word, at) => word & mask.words[at]!),
  )
}

/**
 * The mask of `length` leading one bits.
 *
 * Preconditions: 0 <= length <= addressBits(family).
 */
export function maskOfLength(family: Family, length: number): Address {
  const known = masks[family][length]
  if (known !== undefined) return known
  const words = Array.from({ length: wordCount(family) }, (_, at) => {
    const ones = Math.min(32, Math.max(0, length - 32 * at))
    return ones === 0 ? 0 : (0xffffffff << (32 - ones)) >>> 0
  })
  const mask = { family, words }
  masks[family][length] = mask
  return mask
}

/** The masks that were asked for, by their length: many rules share few. */
const masks: Readonly<Record<Family, Address[]>> = { ipv4: [], ipv6: [] }

/** The number of leading ones, or null when the mask is not contiguous. */
export function lengthOfMask(mask: Address): number | null {
  let length = 0
  for (const word of mask.words) length += Math.clz32(~word >>> 0)
  const whole = maskOfLength(mask.family, length)
  return sameAddress(whole, mask) ? length : null
}

/** Whether the address lies in the prefix; false when the families differ. */
export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false
  return prefix.mask.words.every(
    (mask, at) => ((address.words[at]! ^ prefix.address.words[at]!) & mask) === 0,
  )
}

/** `ADDRESS/LENGTH`, or `ADDRESS/MASK` where the mask is not contiguous. */
export function printPrefix({ address, mask }: Prefix): string {
  return `${printAddress(address)}/${lengthOfMask(mask) ?? printAddress(mask)}`
}

/** `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK` to a prefix that keeps its host bits, or null. */
export function parsePrefix(text: string): Prefix | null {
  const [left, right, extra] = text.split('/')
  const address = parseAddress(left ?? '')
  if (address === null || extra !== undefined) return null
  const { family } = address
  if (right === undefined) return { address, mask: maskOfLength(family, addressBits(family)) }
  if (/^\d{1,3}$/.test(right)) {
    return Number(right) <= addressBits(family)
      ? { address, mask: maskOfLength(family, Number(right)) }
      : null
  }
  const mask = parseAddress(right)
  return mask?.family === family ? { address, mask } : null
}
