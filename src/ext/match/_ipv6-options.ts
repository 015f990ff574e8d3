/**
 * What `-m dst` and `-m hbh` share: all but the header they look for.
 *
 * Kernel: net/ipv6/netfilter/ip6t_hbh.c, `hbh_mt6()`. Syntax: iptables extensions/libip6t_dst.c, libip6t_hbh.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint32, value } from '../../lang/options.ts'
import type { Negatable } from '../../lang/rule.ts'
import { headerLength } from '../../net/headers/ipv6-extension.ts'
import type { Packet } from '../../net/packet.ts'
import { defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { explainMissingWhole, locateWholeHeader } from './_header.ts'

export interface OptionTest {
  /** 0 to 255; 0 is Pad1, which has no length. */
  readonly type: number
  /** Bytes of its data, or null for any. */
  readonly length: number | null
}

export interface Ipv6Options {
  /** Bytes of the whole header; null when not asked. */
  readonly length: Negatable<number> | null
  /** The first options of the header, in this order; null when not asked. */
  readonly options: readonly OptionTest[] | null
}

interface Kind {
  readonly name: 'dst' | 'hbh'
  readonly protocol: number
  /** For people. */
  readonly header: string
}

/** IP6T_OPTS_OPTSNR. */
const mostOptions = 16
/** Type and length of the header itself. */
const fixedBytes = 2

export function defineIpv6Options({ name, protocol, header }: Kind) {
  const [lengthOption, optionsOption] = [`${name}-len`, `${name}-opts`] as const

  function firstMiss({ length, options }: Ipv6Options, packet: Packet, at: number): string | null {
    const actual = headerLength(packet, at, protocol)
    if (packet.endOffset - at < actual) return `its ${header} is cut off`
    if (length !== null && (actual === length.value) === length.inverted)
      return `length ${actual} is ${length.inverted ? '' : 'not '}${length.value}`
    return options === null || optionsHold(options, packet, at + fixedBytes, actual - fixedBytes)
      ? null
      : `its options are not ${printOptions(options)}`
  }

  return defineMatch<Ipv6Options>()({
    name,
    families: ['ipv6'],
    doc: `Match packets by their ${header}.`,
    options: {
      [lengthOption]: uint32({ doc: 'length of the whole header in bytes', invertible: true }),
      [optionsOption]: value(parseOptions, {
        doc: 'the options it begins with, by type and length',
        metavar: 'TYPE[:LENGTH],...',
      }),
    },
    examples: [`--${lengthOption} 8`, `! --${lengthOption} 8 --${optionsOption} 1:2,0,5`],

    parse: (given) => {
      const length = given[lengthOption] as { value: number; inverted: boolean } | undefined
      const options = given[optionsOption] as { value: readonly OptionTest[] } | undefined
      return {
        length: length === undefined ? null : { value: length.value, inverted: length.inverted },
        options: options?.value ?? null,
      }
    },

    print: ({ length, options }) =>
      [
        length === null ? '' : `${length.inverted ? '! ' : ''}--${lengthOption} ${length.value}`,
        options === null ? '' : `--${optionsOption} ${printOptions(options)}`,
      ]
        .filter((words) => words !== '')
        .join(' '),

    list: ({ length, options }) =>
      [
        ` ${name}`,
        length === null ? '' : ` length:${length.inverted ? '!' : ''}${length.value}`,
        options === null ? '' : ` opts ${printOptions(options)}`,
      ].join(''),

    ...opaque<Ipv6Options>(name, (data, skb, context) => {
      const at = locateWholeHeader(skb, context, protocol, fixedBytes)
      return at >= 0 && firstMiss(data, skb.packet, at) === null
    }),

    explain: (data, skb, context) =>
      explainMissingWhole(skb, protocol, fixedBytes, header) ??
      firstMiss(data, skb.packet, locateWholeHeader(skb, context, protocol, fixedBytes)),
  })
}

/** Whether the options stand there, the last of them perhaps reaching beyond the header. */
function optionsHold(tests: readonly OptionTest[], packet: Packet, begin: number, length: number): boolean {
  let at = begin
  let left = length
  for (const [place, { type, length: wanted }] of tests.entries()) {
    if (left < 1 || packet.endOffset <= at) return false
    if (packet.u8(at) !== type) return false
    let bytes = 1
    if (type !== 0) {
      if (left < 2 || packet.endOffset <= at + 1) return false
      const found = packet.u8(at + 1)
      if (wanted !== null && wanted !== found) return false
      bytes = found + 2
    }
    const isBeyond = at > packet.endOffset - bytes || left < bytes
    if (isBeyond && place < tests.length - 1) return false
    at += bytes
    left -= bytes
  }
  return true
}

const printOptions = (options: readonly OptionTest[]): string =>
  options.map(({ type, length }) => (length === null ? `${type}` : `${type}:${length}`)).join(',')

/** Numbers are cut to a byte; a length of 255 stands for any. Source: parse_options(). */
function parseOptions(text: string): readonly OptionTest[] {
  const places = text.split(',')
  if (places.length > mostOptions) return refuse('too-many', `names more than ${mostOptions} options`)
  return places.map((place, at) => {
    const colon = place.indexOf(':')
    if (colon >= 0 && at === mostOptions - 1)
      return refuse('too-many', `gives a length to the last of ${mostOptions} options`)
    const type = parseByte(colon < 0 ? place : place.slice(0, colon))
    if (colon < 0) return { type, length: null }
    if (type === 0) return refuse('pad-length', 'gives a length to Pad1 (option 0), which has none')
    const length = parseByte(place.slice(colon + 1))
    return { type, length: length === 255 ? null : length }
  })
}

/** As `strtoul` reads it. */
function parseByte(text: string): number {
  const [, sign, digits] = /^[ \t\n\v\f\r]*([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text) ?? []
  if (digits === undefined) return refuse('bad-option', `has "${text}", which is no number`)
  const number = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits)
  if (number >= 1n << 64n) return refuse('bad-option', `has ${text}, which is too large`)
  return Number(BigInt.asUintN(8, sign === '-' ? -number : number))
}
