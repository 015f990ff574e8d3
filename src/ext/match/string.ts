/**
 * `-m string`: bytes somewhere in the packet, headers included.
 *
 * Kernel: net/netfilter/xt_string.c, `string_mt()`; net/core/skbuff.c, `skb_find_text()`; lib/ts_bm.c, lib/ts_kmp.c.
 * Syntax: iptables extensions/libxt_string.c.
 */
import { encodeText } from '../../lang/bytes.ts'
import { refuse } from '../../lang/diagnostic.ts'
import { flag, text, uint16, value } from '../../lang/options.ts'
import type { Packet } from '../../net/packet.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'

export interface StringMatch {
  /** Bytes, at most 128; at least one, or the kernel refuses. */
  readonly pattern: readonly number[]
  /** How the kernel searches: `bm` or `kmp`; the answer is the same. */
  readonly algorithm: string
  /** Where the search begins, in bytes from the IP header. */
  readonly from: number
  /** The match must end there or before. */
  readonly to: number
  readonly ignoreCase: boolean
  readonly inverted: boolean
}

/** XT_STRING_MAX_PATTERN_SIZE. */
const mostBytes = 128
/** XT_STRING_MAX_ALGO_NAME_SIZE, with the zero behind. */
const algorithmBytes = 16
const wholePacket = 0xffff

export const string = defineMatch<StringMatch>()({
  name: 'string',
  families: bothFamilies,
  doc: 'Match packets that hold a string.',
  options: {
    string: value(literalBytes, {
      doc: 'the string',
      metavar: 'TEXT',
      invertible: true,
      excludes: ['hex-string'],
    }),
    'hex-string': value(parseHexString, {
      doc: 'the string, with bytes in hex between bars: |0d 0a|',
      metavar: 'TEXT',
      invertible: true,
      excludes: ['string'],
    }),
    algo: text({
      doc: 'how to search: bm or kmp',
      metavar: 'bm|kmp',
      maxLength: algorithmBytes - 1,
      required: true,
    }),
    from: uint16({ doc: 'where to begin, in bytes from the IP header' }),
    to: uint16({ doc: 'where it must have ended' }),
    icase: flag({ doc: 'capital and small letters are the same' }),
  },
  examples: [
    '--string "GET /" --algo bm',
    '! --hex-string "|0d0a0d0a|" --algo kmp --from 40 --to 200 --icase',
  ],

  checkFirst: (given) => {
    if (given.string !== undefined || given['hex-string'] !== undefined) return
    refuse('no-string', 'string needs --string or --hex-string', {
      said: "STRING match: You must specify `--string' or `--hex-string'",
    })
  },
  parse: (given) => {
    const seen = (given.string ?? given['hex-string'])!
    return {
      pattern: seen.value,
      algorithm: given.algo!.value,
      from: given.from?.value ?? 0,
      to: given.to?.value ?? wholePacket,
      ignoreCase: given.icase !== undefined,
      inverted: seen.inverted,
    }
  },

  print: ({ pattern, algorithm, from, to, ignoreCase, inverted }) =>
    [
      `${inverted ? '! ' : ''}${printPattern(pattern)}`,
      `--algo ${algorithm}`,
      from === 0 ? '' : `--from ${from}`,
      to === wholePacket ? '' : `--to ${to}`,
      ignoreCase ? '--icase' : '',
    ]
      .filter((words) => words !== '')
      .join(' '),

  list: ({ pattern, algorithm, from, to, ignoreCase, inverted }) =>
    [
      ` STRING match ${inverted ? '!' : ''} ${quotedPattern(pattern)} ALGO name ${algorithm}`,
      from === 0 ? '' : ` FROM ${from}`,
      to === wholePacket ? '' : ` TO ${to}`,
      ignoreCase ? ' ICASE' : '',
    ].join(''),

  check: ({ pattern, algorithm, from, to }) => {
    if (to < from) {
      const message = `--to ${to} lies before --from ${from}`
      return { code: 'reversed-range', message, help: `--from ${to} --to ${from}` }
    }
    if (pattern.length === 0) return { code: 'empty', message: 'the kernel searches for no empty string' }
    if (algorithm === 'bm' || algorithm === 'kmp') return null
    return {
      code: 'unknown-algorithm',
      message: `the kernel has no way to search called "${algorithm}"`,
      said: 'No chain/target/match by that name',
      help: '--algo bm',
    }
  },

  ...opaque<StringMatch>('string', (data, { packet }) => find(data, packet) >= 0 !== data.inverted, {
    isComplement: true,
  }),

  explain: (data, { packet }) =>
    data.inverted ? `it holds the string at ${find(data, packet)}` : 'it does not hold the string',
})

/** Offset from the IP header, or -1. Only the first place counts: when that one ends too late, so do the others. */
function find({ pattern, from, to, ignoreCase }: StringMatch, packet: Packet): number {
  const { networkOffset, endOffset } = packet
  const fold = ignoreCase ? upper : same
  const wanted = pattern.map(fold)
  const last = Math.min(endOffset - networkOffset, to) - wanted.length
  for (let at = from; at <= last; at++) {
    let same = 0
    while (same < wanted.length && fold(packet.u8(networkOffset + at + same)) === wanted[same]) same++
    if (same === wanted.length) return at
  }
  return -1
}

const same = (byte: number): number => byte

/** The kernel's toupper(), which takes bytes for Latin-1. Source: lib/ctype.c. */
function upper(byte: number): number {
  const isLower = (0x61 <= byte && byte <= 0x7a) || (0xdf <= byte && byte !== 0xf7)
  return isLower ? byte - 32 : byte
}

// --- Text

function literalBytes(text: string): readonly number[] {
  const bytes = [...encodeText(text)]
  return bytes.length <= mostBytes ? bytes : refuseLong()
}

const refuseLong = (): never =>
  refuse('too-long', `is longer than ${mostBytes} bytes`, { said: 'STRING too long "%value"' })

const bar = 0x7c
const backslash = 0x5c
const blank = 0x20

/**
 * Text with bytes in hex between bars; a backslash outside takes the next byte as it is. Reads as iptables does, oddities
 * included: the byte behind a closing bar is always plain text.
 */
function parseHexString(text: string): readonly number[] {
  const bytes = encodeText(text)
  if (bytes.length === 0) return refuse('empty', 'is empty')
  const pattern: number[] = []
  let inHex = false
  for (let at = 0; at < bytes.length; ) {
    if (pattern.length >= mostBytes) return refuseLong()
    const isEscape = bytes[at] === backslash
    if (isEscape && inHex) return refuse('bad-hex', 'has a backslash between bars')
    if (bytes[at] === bar) {
      inHex = !inHex
      if (inHex) while (bytes[at + 1] === blank) at++
      at++
      if (at >= bytes.length) break
    }
    if (isEscape) {
      if (at + 1 >= bytes.length) return refuse('bad-hex', 'ends with a backslash')
      pattern.push(bytes[at + 1]!)
      at += 2
    } else if (inHex) {
      pattern.push(hexByte(bytes, at))
      at += bytes[at + 2] === blank ? 3 : 2
    } else {
      pattern.push(bytes[at]!)
      at++
    }
  }
  return pattern
}

function hexByte(bytes: Uint8Array, at: number): number {
  const digits = String.fromCharCode(...bytes.subarray(at, at + 2))
  if (!/^[0-9a-fA-F]{2}$/.test(digits))
    return refuse('bad-hex', `has "${digits}" between bars, which is no byte`)
  if (at + 2 >= bytes.length) return refuse('bad-hex', 'lacks the bar behind its bytes')
  return Number.parseInt(digits, 16)
}

/** In hex when a byte cannot be printed, or the last is a backslash, which would spoil the quotes. */
const isText = (pattern: readonly number[]): boolean =>
  pattern.every((byte) => 0x20 <= byte && byte <= 0x7e) && pattern.at(-1) !== backslash

const printPattern = (pattern: readonly number[]): string =>
  `--${isText(pattern) ? '' : 'hex-'}string ${quotedPattern(pattern)}`

function quotedPattern(pattern: readonly number[]): string {
  if (!isText(pattern)) return `"|${pattern.map((byte) => byte.toString(16).padStart(2, '0')).join('')}|"`
  return `"${String.fromCharCode(...pattern).replace(/["\\]/g, '\\$&')}"`
}
