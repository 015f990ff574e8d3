/** What the matches with `--sport` and `--dport` share. */
import type { Range } from '../../lang/option.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { AskedPorts, Seen } from '../../lang/syntax.ts'
import type { PacketSet, PacketSpace } from '../../space/space.ts'

/** Ports asked for; null when any. The full range, not inverted, is "any" too. */
export type Ports = Negatable<Range> | null

const anyPort: Range = { low: 0, high: 0xffff }

const isFull = ({ low, high }: Range): boolean => low === anyPort.low && high === anyPort.high

/** The ports of an option, if it was given. */
export function givenPorts(seen: Seen<Range> | undefined): Ports {
  if (seen === undefined || (isFull(seen.value) && !seen.inverted)) return null
  return { value: seen.value, inverted: seen.inverted }
}

export const portsHold = (ports: Ports, port: number): boolean =>
  ports === null || (ports.value.low <= port && port <= ports.value.high) !== ports.inverted

/** `portsHold` for one rule, as the ends of what is asked and whether that is what must not be. */
export function boundsOf(ports: Ports): readonly [low: number, high: number, inverted: boolean] {
  return ports === null
    ? [anyPort.low, anyPort.high, false]
    : [ports.value.low, ports.value.high, ports.inverted]
}

/** What the registry tells of a test of destination ports; `alone` when the match asks for nothing else. */
export const askedPorts = (ports: Ports, alone: boolean): AskedPorts | null =>
  ports === null || ports.inverted ? null : { ranges: [ports.value], alone }

/** `--sport 1:1023`, or '' for any port; the full range is left out even when inverted, as iptables does. */
export function printPorts(option: string, ports: Ports): string {
  if (ports === null || isFull(ports.value)) return ''
  return `${ports.inverted ? '! ' : ''}${option} ${printRange(ports.value)}`
}

/** `22` or `1:1023`. */
export const printRange = ({ low, high }: Range): string => (low === high ? `${low}` : `${low}:${high}`)

export function analysePorts(
  ports: Ports,
  field: 'sourcePort' | 'destinationPort',
  space: PacketSpace,
): PacketSet {
  if (ports === null) return space.all
  const set = space.between(field, BigInt(ports.value.low), BigInt(ports.value.high))
  return ports.inverted ? set.not() : set
}

/** "dport 23 is not 22", or null when the port fits. */
export function explainPorts(word: 'sport' | 'dport', ports: Ports, port: number): string | null {
  if (ports === null || portsHold(ports, port)) return null
  const { low, high } = ports.value
  if (low === high) return `${word} ${port} is ${ports.inverted ? '' : 'not '}${low}`
  return `${word} ${port} is ${ports.inverted ? '' : 'not '}in ${printRange(ports.value)}`
}
