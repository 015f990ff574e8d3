/**
 * What FTP says about data connections: `PORT`, `EPRT`, and the answers 227 and 229.
 *
 * Kernel: find_pattern() and what it calls, net/netfilter/nf_conntrack_ftp.c, Linux 6.18, whose view of the protocol is
 * a narrow one: the command at the beginning of a segment, one blank, numbers.
 * Read first: RFC 959 sections 4.1.2 and 4.2.1, RFC 1123 section 4.1.2.6, RFC 2428.
 */
import {
  type Address,
  addressOf,
  type Family,
  parseAddress,
  printAddress,
  printLongAddress,
} from '../../net/address.ts'

export type FtpKind = 'PORT' | 'EPRT' | '227' | '229'

/** An address and port that one end names. */
export interface FtpWords {
  readonly kind: FtpKind
  /** Null where none is said (229): then it is the address of who says so. */
  readonly address: Address | null
  /** 0 to 65535. */
  readonly port: number
  /** Where the numbers stand in the text: what translation replaces. */
  readonly offset: number
  readonly length: number
}

/** What is found at the beginning of a segment; `partial` where it begins like one of them and does not hold it all. */
export type FtpFinding = FtpWords | { readonly kind: 'partial'; readonly of: FtpKind } | null

interface Numbers {
  readonly address: Address | null
  readonly port: number
  /** From the beginning of the text given. */
  readonly offset: number
  readonly length: number
}

interface Pattern {
  readonly kind: FtpKind
  readonly begins: string
  /** Everything up to this letter is passed over; null where the numbers are looked for. */
  readonly skipTo: string | null
  read(text: string, family: Family): Numbers | null
}

const patterns: readonly [fromClient: readonly Pattern[], fromServer: readonly Pattern[]] = [
  [
    { kind: 'PORT', begins: 'PORT', skipTo: ' ', read: (text) => readSix(text, '\r') },
    { kind: 'EPRT', begins: 'EPRT', skipTo: ' ', read: readExtendedPort },
  ],
  [
    { kind: '227', begins: '227 ', skipTo: null, read: readPassive },
    { kind: '229', begins: '229 ', skipTo: '(', read: readExtendedPassive },
  ],
]

/** Reads a segment's text (one letter a byte); `direction` 0 is from the client. */
export function findFtpWords(text: string, family: Family, direction: 0 | 1): FtpFinding {
  for (const pattern of patterns[direction]) {
    const found = matchPattern(text, family, pattern)
    if (found !== null) return found
  }
  return null
}

function matchPattern(text: string, family: Family, { kind, begins, skipTo, read }: Pattern): FtpFinding {
  if (text.length === 0) return null
  const head = text.slice(0, begins.length).toUpperCase()
  if (!begins.startsWith(head)) return null
  if (text.length <= begins.length) return { kind: 'partial', of: kind }
  const stop = skipTo === null ? begins.length - 1 : text.indexOf(skipTo, begins.length)
  // The letter must not be the last one either.
  if (stop < 0 || (skipTo !== null && stop === text.length - 1)) return { kind: 'partial', of: kind }
  const numbers = read(text.slice(stop + 1), family)
  if (numbers === null) return { kind: 'partial', of: kind }
  return { kind, ...numbers, offset: stop + 1 + numbers.offset }
}

/** `192,0,2,1,195,80` up to the letter `end`, or up to whatever follows where that is null. */
function readSix(text: string, end: string | null): Numbers | null {
  const read = readNumbers(text, 6, ',', end)
  if (read === null) return null
  const [a, b, c, d, high, low] = read.numbers as [number, number, number, number, number, number]
  return {
    address: addressOf('ipv4', [((a << 24) | (b << 16) | (c << 8) | d) >>> 0]),
    port: ((high << 8) | low) & 0xffff,
    offset: 0,
    length: read.length,
  }
}

/** RFC 1123 lets servers answer as they like: the first digit begins the numbers. */
function readPassive(text: string): Numbers | null {
  const start = text.search(/\d/)
  const numbers = start < 0 ? null : readSix(text.slice(start), null)
  return numbers === null ? null : { ...numbers, offset: start }
}

/** `|1|192.0.2.1|50000|`, `|2|2001:db8::1|50000|`, with any delimiter. */
function readExtendedPort(text: string, family: Family): Numbers | null {
  const delimiter = text[0]!
  if (text.length <= 3 || !isDelimiter(delimiter) || text[2] !== delimiter) return null
  if (text[1] !== (family === 'ipv4' ? '1' : '2')) return null
  const rest = text.slice(3)
  const read = family === 'ipv4' ? readDotted(rest, delimiter) : readIpv6(rest, delimiter)
  return read === null || read.length === 0
    ? null
    : readPort(text, 3 + read.length + 1, delimiter, read.address)
}

function readDotted(text: string, delimiter: string): { address: Address; length: number } | null {
  const read = readNumbers(text, 4, '.', delimiter)
  if (read === null) return null
  const [a, b, c, d] = read.numbers as [number, number, number, number]
  return {
    address: addressOf('ipv4', [((a << 24) | (b << 16) | (c << 8) | d) >>> 0]),
    length: read.length,
  }
}

function readIpv6(text: string, delimiter: string): { address: Address; length: number } | null {
  const [written] = text.split(delimiter)
  const address = parseAddress(written!)
  return address?.family === 'ipv6' ? { address, length: written!.length } : null
}

/** `|||50000|`, with any delimiter. */
function readExtendedPassive(text: string): Numbers | null {
  const delimiter = text[0]!
  if (text.length <= 3 || !isDelimiter(delimiter)) return null
  if (text[1] !== delimiter || text[2] !== delimiter) return null
  return readPort(text, 3, delimiter, null)
}

const isDelimiter = (letter: string): boolean => letter >= '!' && letter <= '~' && !isDigit(letter)

const isDigit = (letter: string): boolean => letter >= '0' && letter <= '9'

/** A port from `start` up to the delimiter; the numbers then reach from the beginning to behind the delimiter. */
function readPort(text: string, start: number, delimiter: string, address: Address | null): Numbers | null {
  let port = 0
  for (let at = start; at < text.length; at++) {
    const letter = text[at]!
    if (letter === delimiter) return port === 0 ? null : { address, port, offset: 0, length: at + 1 }
    if (!isDigit(letter)) return null
    port = (port * 10 + Number(letter)) & 0xffff
  }
  return null
}

/** So many numbers, and how many letters they take; null where anything else stands there or the end is missing. */
function readNumbers(
  text: string,
  count: number,
  separator: string,
  end: string | null,
): { numbers: number[]; length: number } | null {
  const numbers = Array<number>(count).fill(0)
  let at = 0
  for (let length = 0; length < text.length && at < count; length++) {
    const letter = text[length]!
    if (isDigit(letter)) numbers[at] = (Math.imul(numbers[at]!, 10) + Number(letter)) >>> 0
    else if (letter === separator) at++
    else return (letter === end || end === null) && at === count - 1 ? { numbers, length } : null
  }
  return null
}

/** The numbers as translation writes them. Source: nf_nat_ftp_fmt_cmd(). */
export function printFtpNumbers(kind: FtpKind, address: Address, port: number): string {
  switch (kind) {
    case 'PORT':
    case '227':
      return `${printAddress(address).replaceAll('.', ',')},${port >> 8},${port & 255}`
    case 'EPRT':
      return address.family === 'ipv4'
        ? `|1|${printAddress(address)}|${port}|`
        : `|2|${printLongAddress(address)}|${port}|`
    case '229':
      return `|||${port}|`
  }
}
