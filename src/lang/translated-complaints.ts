/** What is said about rules that come behind a translation. */
import { say } from './diagnostic.ts'
import type { Range } from './option.ts'
import type { Hook } from './rule.ts'

const code = 'rule/translated-before'

const printRange = ({ low, high }: Range): string => (low === high ? `${low}` : `${low}:${high}`)
export const printPorts = (ports: readonly Range[]): string =>
  `${ports.length === 1 && ports[0]!.low === ports[0]!.high ? 'port' : 'ports'} ${ports.map(printRange).join(',')}`

const order = (hook: Hook, table: string): string =>
  `${hook} of nat comes before ${table} of filter, which meets the new destination only`

export const portChanged = (asked: readonly Range[], now: Range, to: string, hook: Hook, chain: string) =>
  say(code, `what was sent to ${printPorts(asked)} has port ${printRange(now)} here`, {
    notes: [`it has been turned to ${to}; ${order(hook, chain)}`],
    help: `--dport ${printRange(now)}`,
  })

export const addressChanged = (asked: string, now: string, to: string, hook: Hook, chain: string) =>
  say(code, `what was sent to ${asked} is for ${now} here`, {
    notes: [`it has been turned to ${to}; ${order(hook, chain)}`],
    help: `-d ${now}`,
  })

export const sentElsewhere = (asked: readonly Range[], to: string, by: string | null, help: string) =>
  say(
    code,
    `what is sent to ${printPorts(asked)}${by === null ? '' : ` and comes in by ${by}`} does not get here`,
    {
      notes: [`PREROUTING of nat turns it to ${to}, so FORWARD decides about it and INPUT never meets it`],
      help,
    },
  )
