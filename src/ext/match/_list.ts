/** What several matches say of themselves in `iptables -L`. */
import { protocolName, serviceName } from '../../lang/names.ts'
import type { Range } from '../../lang/option.ts'
import type { Negatable } from '../../lang/rule.ts'
import type { ListForm } from '../../lang/syntax.ts'

/** `spi:!5` or `spis:1:9`; '' for the full range that is not inverted. */
export function listRange(
  word: string,
  { low, high, inverted }: Range & { readonly inverted: boolean },
  most: number,
  print: (number: number) => string = String,
): string {
  const not = inverted ? '!' : ''
  if (low === 0 && high === most && !inverted) return ''
  return low === high ? `${word}:${not}${print(low)}` : `${word}s:${not}${print(low)}:${print(high)}`
}

/** ` spt:ssh`, ` dpts:!1:9`: with the names of services unless numbers are asked for; '' where any port fits. */
export function listPorts(
  word: string,
  ports: Negatable<Range> | null,
  protocol: string,
  { numeric }: ListForm,
): string {
  if (ports === null) return ''
  const print = (port: number): string => (numeric ? null : serviceName(port, protocol)) ?? String(port)
  const text = listRange(word, { ...ports.value, inverted: ports.inverted }, 0xffff, print)
  return text === '' ? '' : ` ${text}`
}

/** How ports of the rule's protocol are printed: by the names of services unless numbers are asked for. */
export const portPrinter =
  ({ numeric, protocol }: ListForm) =>
  (port: number): string =>
    (numeric ? null : serviceName(port, protocolName(protocol))) ?? String(port)
