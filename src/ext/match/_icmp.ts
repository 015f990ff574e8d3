/**
 * What `-m icmp` and `-m icmp6` share: all but names and numbers.
 *
 * Kernel: net/netfilter/xt_tcpudp.c, `icmp_match()` and `icmp6_match()`. Syntax: iptables extensions/libxt_icmp.h,
 * `xtables_parse_icmp()`.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { parseNumber } from '../../lang/numbers.ts'
import { type Range, value } from '../../lang/options.ts'
import type { Family } from '../../net/address.ts'
import * as header from '../../net/headers/icmp.ts'
import { exactly } from '../../space/space.ts'
import { defineMatch } from '../define.ts'
import { explainHeader, readableHeader, requireProtocol, withCutHeader, withHeader } from './_transport.ts'

export interface IcmpType {
  readonly type: number
  /** Codes that fit; 0 to 255 for any. */
  readonly codes: Range
}

export interface Icmp extends IcmpType {
  readonly inverted: boolean
}

interface Kind {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly family: Family
  readonly protocol: number
  /** `--icmp-type`, without the dashes. */
  readonly option: string
  readonly doc: string
  /** The type that stands for every type; null where there is none. */
  readonly anyType: number | null
  readonly examples: readonly string[]
}

const anyCode: Range = { low: 0, high: 255 }
const isAnyCode = ({ low, high }: Range): boolean => low === anyCode.low && high === anyCode.high

export function defineIcmp(kind: Kind) {
  const { name, family, protocol, option, anyType } = kind
  const typeOption = value((text) => parseType(text, family), {
    doc: 'type by name or number, with or without code',
    metavar: 'TYPE[/CODE]|NAME',
    invertible: true,
    required: true,
  })

  const holds = ({ type, codes, inverted }: Icmp, found: number, code: number): boolean =>
    (type === anyType || (type === found && codes.low <= code && code <= codes.high)) !== inverted

  const printType = ({ type, codes }: IcmpType): string =>
    type === anyType ? 'any' : isAnyCode(codes) ? `${type}` : `${type}/${codes.low}`

  const listName = family === 'ipv4' ? 'icmp' : 'ipv6-icmp'

  return defineMatch<Icmp>()({
    name,
    ...(kind.aliases ? { aliases: kind.aliases } : {}),
    families: [family],
    doc: kind.doc,
    options: { [option]: typeOption },
    examples: kind.examples,
    impliedBy: [protocol],

    parse: (given) => {
      const { value, inverted } = given[option]!
      return { ...value, inverted }
    },

    print: (data) => `${data.inverted ? '! ' : ''}--${option} ${printType(data)}`,
    list: (data, { numeric }) => ` ${listName}${listType(data, numeric ? [] : header.namesOf(family))}`,

    check: (_, rule) => requireProtocol(protocol, rule),

    evaluate: (data, skb, context) => {
      const at = readableHeader(skb, context, header.headerBytes)
      return at >= 0 && holds(data, header.type(skb.packet, at), header.code(skb.packet, at))
    },

    analyse: ({ type, codes, inverted }, space) => {
      const fits =
        type === anyType
          ? space.all
          : space
              .equal('icmpType', BigInt(type))
              .and(space.between('icmpCode', BigInt(codes.low), BigInt(codes.high)))
      return exactly(withHeader(space, header.headerBytes).and(inverted ? fits.not() : fits))
    },

    hotdrops: (_, space) => withCutHeader(space, header.headerBytes),

    explain: (data, skb, context) => {
      const unreadable = explainHeader(skb, context, header.headerBytes)
      if (unreadable !== null) return unreadable
      const found = header.type(skb.packet, context.transportOffset)
      const code = header.code(skb.packet, context.transportOffset)
      return `type ${found}/${code} is ${data.inverted ? '' : 'not '}${printType(data)}`
    },
  })
}

/** ` echo-request`, or without a name `type 8 code 0`, with the blanks that iptables leaves out. */
function listType({ type, codes, inverted }: Icmp, names: readonly header.IcmpName[]): string {
  const name = names.find((each) => each.type === type && sameRange(codesOf(each.code), codes))
  if (name !== undefined) return ` ${inverted ? '!' : ''}${name.name}`
  const { low, high } = codes
  const code = low === high ? ` code ${low}` : isAnyCode(codes) ? '' : ` codes ${low}-${high}`
  return `${inverted ? ' !' : ''}type ${type}${code}`
}

const sameRange = (one: Range, other: Range): boolean => one.low === other.low && one.high === other.high

/** A name (any unique beginning of one will do), `TYPE` or `TYPE/CODE`. */
function parseType(text: string, family: Family): IcmpType {
  const beginning = text.toLowerCase()
  const named = header.namesOf(family).filter(({ name }) => name.toLowerCase().startsWith(beginning))
  if (named.length > 1) {
    return refuse('ambiguous-type', `is ambiguous: ${named[0]!.name} or ${named[1]!.name}?`)
  }
  const [name] = named
  if (name !== undefined) return { type: name.type, codes: codesOf(name.code) }

  const slash = text.indexOf('/')
  const type = parseNumber(slash < 0 ? text : text.slice(0, slash), 0n, 255n)
  const code = slash < 0 ? null : parseNumber(text.slice(slash + 1), 0n, 255n)
  if (type === null || (slash >= 0 && code === null)) {
    return refuse('unknown-type', `is no type that iptables knows`, {
      said: "Unknown ICMP type `%value'",
      notes: ['a type is a name, or a number from 0 to 255 with or without a code: 3, 3/4'],
    })
  }
  return { type: Number(type), codes: codesOf(code === null ? null : Number(code)) }
}

const codesOf = (code: number | null): Range => (code === null ? anyCode : { low: code, high: code })
