/** Why a rule did not match, in the rule's own words and in plain ones. For traces. */
import type { HookContext } from '../ext/context.ts'
import type { Negatable } from '../lang/rule.ts'
import { type Prefix, printAddress, printPrefix } from '../net/address.ts'
import { ipProtocol } from '../net/protocol.ts'
import type { LoadedRule } from './compile.ts'
import type { HostSkb } from './skb.ts'
import type { Miss } from './traverse.ts'

export interface Failure {
  readonly condition: string
  readonly why: string
}

const protocolNames = new Map<number, string>(
  Object.entries(ipProtocol).map(([name, number]) => [number, name]),
)

/** A protocol's name, or its number. */
export const protocolName = (protocol: number): string => protocolNames.get(protocol) ?? String(protocol)

export function describeMiss(
  { rule, matches }: LoadedRule,
  miss: Exclude<Miss, null>,
  skb: HostSkb,
  context: HookContext,
): Failure {
  const { packet } = skb
  switch (miss) {
    case 'source':
      return prefixFailure('-s', rule.source!, `the source is ${printAddress(packet.source)}`)
    case 'destination':
      return prefixFailure('-d', rule.destination!, `the destination is ${printAddress(packet.destination)}`)
    case 'inInterface':
      return { condition: word('-i', rule.inInterface!), why: cameBy(context) }
    case 'outInterface':
      return { condition: word('-o', rule.outInterface!), why: leavesBy(context) }
    case 'protocol': {
      const { value, inverted } = rule.protocol!
      const condition = word('-p', { value: protocolName(value), inverted })
      if (packet.protocol < 0) return { condition, why: 'the extension headers are broken: dropped' }
      return { condition, why: `the protocol is ${protocolName(packet.protocol)}` }
    }
    case 'fragment':
      return {
        condition: rule.fragment!.inverted ? '! -f' : '-f',
        why: packet.fragmentOffset > 0 ? 'it is a later fragment' : 'it is no later fragment',
      }
    default: {
      const { use, definition, data, state } = matches[miss]!
      const options = definition.print(data, context.host.family)
      const condition = `-m ${use.name}${options === '' ? '' : ` ${options}`}`
      if (context.unknown !== null) return { condition, why: `unknown: nobody said ${context.unknown.what}` }
      const why = context.hotdrop ? 'the header it looks at is cut off: dropped' : null
      return { condition, why: why ?? definition.explain?.(data, skb, context, state) ?? 'it does not hold' }
    }
  }
}

const word = (option: string, { value, inverted }: Negatable<string>): string =>
  `${inverted ? '! ' : ''}${option} ${value}`

const prefixFailure = (option: string, { value, inverted }: Negatable<Prefix>, why: string): Failure => ({
  condition: word(option, { value: printPrefix(value), inverted }),
  why,
})

const cameBy = (context: HookContext): string =>
  context.in === null ? 'it came by no interface' : `it came by ${context.in.name}`

const leavesBy = (context: HookContext): string =>
  context.out === null ? 'it leaves by no interface here' : `it leaves by ${context.out.name}`
