/**
 * How elements of hash sets lie in the kernel's memory, as little-endian words: the hash is over them, so they decide in
 * which order sets are listed.
 *
 * Kernel: struct hash_ip4_elem and its kin, net/netfilter/ipset/ip_set_hash_*.c, Linux 6.18, on a 64-bit machine.
 */
import type { ElementAttributes, SetTypeName, Words } from '../../lang/ipset/kernel.ts'
import type { Family } from '../../net/address.ts'

/** An element in words of memory. Prefix lengths and `nomatch` are kept in it where the kernel keeps them. */
export type ElementWords = number[]

export interface HashParts {
  readonly ip: Words
  readonly port: number
  readonly proto: number
  readonly ip2: Words
  /** Of the address that is a network. */
  readonly length: number
  readonly iface: string
  readonly physdev: boolean
  readonly wildcard: boolean
}

export interface HashLayout {
  readonly type: SetTypeName
  readonly family: Family
  /** Words of an element, of which the first `hashed` are hashed. */
  readonly words: number
  readonly hashed: number
  /** Bytes of an element without what is kept beside it. */
  readonly bytes: number
  /** Bytes of an empty set with one region. */
  readonly emptyBytes: number
  /** Where the network stands in the words; null where there is none. */
  readonly net: {
    readonly at: number
    readonly lengthWord: number
    readonly lengthShift: number
    readonly stored: 0 | 1
  } | null
  /** Elements may share hash and network, and differ in the interface. */
  readonly isMulti: boolean
}

type Shape = Omit<HashLayout, 'type' | 'family' | 'words' | 'hashed' | 'net'> & {
  /** Words behind the addresses. */
  readonly tail: number
  readonly addresses: 1 | 2
  readonly net: null | { readonly address: 0 | 1; readonly shift: number; readonly stored: 0 | 1 }
}

const plain = { isMulti: false, addresses: 1, net: null } as const

/** Bytes and empty bytes were measured; they are those of Linux 6.18. */
const shapes: Readonly<Partial<Record<SetTypeName, Readonly<Record<Family, Shape>>>>> = {
  'hash:ip': {
    ipv4: { ...plain, tail: 0, bytes: 4, emptyBytes: 216 },
    ipv6: { ...plain, tail: 0, bytes: 16, emptyBytes: 224 },
  },
  'hash:ip,port': {
    ipv4: { ...plain, tail: 1, bytes: 8, emptyBytes: 216 },
    ipv6: { ...plain, tail: 1, bytes: 20, emptyBytes: 232 },
  },
  'hash:ip,port,ip': {
    ipv4: { ...plain, addresses: 2, tail: 1, bytes: 12, emptyBytes: 208 },
    ipv6: { ...plain, addresses: 2, tail: 1, bytes: 36, emptyBytes: 232 },
  },
  'hash:ip,port,net': {
    ipv4: {
      ...plain,
      addresses: 2,
      tail: 1,
      bytes: 12,
      emptyBytes: 464,
      net: { address: 1, shift: 16, stored: 1 },
    },
    ipv6: {
      ...plain,
      addresses: 2,
      tail: 1,
      bytes: 36,
      emptyBytes: 1256,
      net: { address: 1, shift: 16, stored: 1 },
    },
  },
  'hash:net': {
    ipv4: { ...plain, tail: 1, bytes: 8, emptyBytes: 456, net: { address: 0, shift: 24, stored: 0 } },
    ipv6: { ...plain, tail: 1, bytes: 20, emptyBytes: 1240, net: { address: 0, shift: 24, stored: 0 } },
  },
  'hash:net,port': {
    ipv4: { ...plain, tail: 1, bytes: 8, emptyBytes: 456, net: { address: 0, shift: 24, stored: 1 } },
    ipv6: { ...plain, tail: 1, bytes: 20, emptyBytes: 1240, net: { address: 0, shift: 24, stored: 1 } },
  },
  'hash:net,iface': {
    ipv4: {
      isMulti: true,
      addresses: 1,
      tail: 1,
      bytes: 28,
      emptyBytes: 488,
      net: { address: 0, shift: 8, stored: 0 },
    },
    ipv6: {
      isMulti: true,
      addresses: 1,
      tail: 1,
      bytes: 40,
      emptyBytes: 1264,
      net: { address: 0, shift: 8, stored: 0 },
    },
  },
}

export function hashLayout(type: SetTypeName, family: Family): HashLayout {
  const shape = shapes[type]?.[family]
  if (shape === undefined) throw new Error(`${type} is no hash`)
  const { tail, addresses, net, ...rest } = shape
  const addressWords = family === 'ipv4' ? 1 : 4
  const hashed = addressWords * addresses + tail
  return {
    ...rest,
    type,
    family,
    // The interface stands behind what is hashed, as a number.
    words: hashed + Number(rest.isMulti),
    hashed,
    net: net && {
      at: net.address * addressWords,
      lengthWord: hashed - 1,
      lengthShift: net.shift,
      stored: net.stored,
    },
  }
}

export const swapBytes = (word: number): number =>
  ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word & 0xff00) << 8) | (word << 24)) >>> 0

const swapPort = (port: number): number => ((port & 255) << 8) | (port >>> 8)

const masks = Array.from({ length: 33 }, (_, length) =>
  length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0,
)

/** The mask of a prefix length of 0 to 32. */
export const maskWord = (length: number): number => masks[length]!

/** Clears what is behind a prefix length, in memory's words. */
export function maskNetwork(words: ElementWords, { family, net }: HashLayout, length: number): void {
  const { at, lengthWord, lengthShift, stored } = net!
  if (family === 'ipv4') {
    words[at] = (words[at]! & swapBytes(masks[length]!)) >>> 0
  } else {
    for (let index = 0; index < 4; index++) {
      const ones = Math.min(32, Math.max(0, length - 32 * index))
      words[at + index] = (words[at + index]! & swapBytes(masks[ones]!)) >>> 0
    }
  }
  const cleared = words[lengthWord]! & ~(fieldMask(stored) << lengthShift)
  words[lengthWord] = (cleared | ((length - stored) << lengthShift)) >>> 0
}

/** Where lengths are kept less one, they share their byte with `nomatch`. */
const fieldMask = (stored: 0 | 1): number => (stored === 1 ? 0x7f : 0xff)

export function networkLength(words: ArrayLike<number>, start: number, { net }: HashLayout): number {
  const { lengthWord, lengthShift, stored } = net!
  return ((words[start + lengthWord]! >>> lengthShift) & fieldMask(stored)) + stored
}

/** Writes parts as words; networks still have to be masked. `ifaceNumber` stands for the interface. */
export function encodeElement(layout: HashLayout, parts: HashParts, ifaceNumber: number): ElementWords {
  const { type, net } = layout
  const words: ElementWords = parts.ip.map(swapBytes)
  const length = net === null ? 0 : parts.length - net.stored
  switch (type) {
    case 'hash:ip':
      break
    case 'hash:ip,port':
      words.push(portWord(parts))
      break
    case 'hash:ip,port,ip':
      words.push(...parts.ip2.map(swapBytes), portWord(parts))
      break
    case 'hash:ip,port,net':
      words.push(
        ...parts.ip2.map(swapBytes),
        (swapPort(parts.port) | (length << 16) | (parts.proto << 24)) >>> 0,
      )
      break
    case 'hash:net':
      words.push((length << 24) >>> 0)
      break
    case 'hash:net,port':
      words.push((portWord(parts) | (length << 24)) >>> 0)
      break
    case 'hash:net,iface':
      words.push((Number(parts.physdev) | (length << 8) | (1 << 24)) >>> 0, ifaceNumber)
      break
    default:
      throw new Error(`${type} is no hash`)
  }
  return words
}

const portWord = ({ port, proto }: HashParts): number => swapPort(port) | (proto << 16)

/** The element of a record as listings name it. */
export function decodeElement(
  layout: HashLayout,
  words: ArrayLike<number>,
  start: number,
): ElementAttributes {
  const { type, family } = layout
  const count = family === 'ipv4' ? 1 : 4
  const address = (from: number): number[] =>
    Array.from({ length: count }, (_, at) => swapBytes(words[start + from + at]!))
  const element: ElementAttributes = { ip: address(0) }
  const last = words[start + layout.hashed - 1]!
  if (type === 'hash:ip,port,ip' || type === 'hash:ip,port,net') element.ip2 = address(count)
  if (type.includes('port')) {
    element.port = swapPort(last & 0xffff)
    element.proto = type === 'hash:ip,port,net' ? last >>> 24 : (last >>> 16) & 255
  }
  if (layout.net !== null) {
    const length = networkLength(words, start, layout)
    if (type === 'hash:ip,port,net') element.cidr2 = length
    else element.cidr = length
  }
  if (type === 'hash:net,iface' && (last & 1) === 1) element.physdev = true
  return element
}
