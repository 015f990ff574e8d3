/** Options whose values are ports: numbers or service names. */
import { refuse } from './diagnostic.ts'
import { protocolName, serviceNames, servicePort } from './names.ts'
import { parseSmallNumber } from './numbers.ts'
import { type OptionText, type Range, value } from './option.ts'
import { nearest } from './suggest.ts'
import type { OptionEnvironment, OptionSpec } from './syntax.ts'

interface Service {
  /**
   * Protocol whose service names are understood: a name, `rule` for the one of the rule's `-p`, or `any`.
   * Default `rule`.
   */
  readonly service?: string
}

/** The protocol to look services up for; null for any. */
function serviceProtocol(service: string | undefined, { protocol }: OptionEnvironment): string | null {
  if (service === 'any') return null
  if (service !== undefined && service !== 'rule') return service
  return protocol === null ? null : protocolName(protocol.number)
}

/** C number or service name; `whole` is the value it is part of. Source: `xtables_parse_port()`. */
function parsePort(given: string, protocol: string | null, whole = given): number {
  const port = parseSmallNumber(given, 0, 0xffff)
  if (port !== null) return port
  return servicePort(given, protocol) ?? refusePort(given, protocol, whole)
}

function refusePort(
  given: string,
  protocol: string | null,
  whole: string,
  said = `invalid port/service \`${given}' specified`,
): never {
  if (whole.includes(',')) {
    return refuse('list-of-ports', 'is a list, and this option takes one port or range', {
      help: `-m multiport, whose --sports, --dports and --ports take lists`,
      said,
    })
  }
  const [digits] = /^\s*[-+]?\d+/.exec(given) ?? []
  if (/^\d+-\d+$/.test(whole)) {
    const fix = whole.replace('-', ':')
    return refuse('bad-port', 'is not a port: a range has a colon', { help: fix, fix, said })
  }
  if (digits !== undefined)
    return refuse('bad-port', `is not a port: ${given} is not a number from 0 to 65535`, { said })
  const elsewhere = ['tcp', 'udp', 'sctp'].find((other) => servicePort(given, other) !== null)
  if (elsewhere !== undefined) {
    const fix = whole.replace(given, String(servicePort(given, elsewhere)))
    const why = `is not a port: ${given} is a service of ${elsewhere}, not of ${protocol}`
    return refuse('unknown-service', why, { help: fix, fix, said })
  }
  const near = nearest(given, serviceNames(protocol ?? 'tcp'))
  const fix = near === null ? null : whole.replace(given, near)
  return refuse(
    'unknown-service',
    `is not a port: there is no service "${given}"${protocol === null ? '' : ` of ${protocol}`}`,
    fix === null ? { said } : { help: fix, fix, said },
  )
}

export function port({ service, ...spec }: OptionText & Service): OptionSpec<number> {
  return value((given, environment) => parsePort(given, serviceProtocol(service, environment)), {
    metavar: 'PORT',
    ...spec,
  })
}

/** `80`, `1024:`, `:100`, `ssh:http`; refuses a low port above the high one. Source: `parse_tcp_ports()`. */
export function portRange({ service, ...spec }: OptionText & Service): OptionSpec<Range> {
  return value(
    (given, environment) => {
      const protocol = serviceProtocol(service, environment)
      const colon = given.indexOf(':')
      if (colon < 0) {
        const port = parsePort(given, protocol)
        return { low: port, high: port }
      }
      const [left, right] = [given.slice(0, colon), given.slice(colon + 1)]
      const low = left === '' ? 0 : parsePort(left, protocol, given)
      const high = right === '' ? 0xffff : parsePort(right, protocol, given)
      return low <= high ? { low, high } : refuseReversed(right, left)
    },
    { metavar: 'PORT[:PORT]', ...spec },
  )
}

const refuseReversed = (low: string, high: string, said = 'invalid portrange (min > max)'): never =>
  refuse('reversed-range', 'runs backwards: the low port comes first', {
    help: `${low}:${high}`,
    fix: `${low}:${high}`,
    said,
  })

/**
 * A range as `getaddrinfo` reads its ports, which is what udp, sctp's kin and dccp do: decimal only, cut to 16
 * bits, service names of any protocol, reversed ranges taken. Source: `xtopt_parse_mport()`.
 */
export function looselyParsedPortRange(spec: OptionText): OptionSpec<Range> {
  return value(
    (given) => {
      const parts = given.split(':')
      if (parts.length > 2) return refuse('too-many-parts', 'has more than two parts')
      const [low, high] = parts.map((part) => (part === '' ? null : parseLoosePort(part, given)))
      if (high === undefined) return { low: low ?? 0, high: low ?? 0 }
      return { low: low ?? 0, high: high ?? 0xffff }
    },
    { metavar: 'PORT[:PORT]', ...spec },
  )
}

/** One port as `getaddrinfo` reads it: decimal only, cut to 16 bits, or a service of any protocol. Source: `xtopt_parse_port()`. */
export function looselyParsedPort(spec: OptionText): OptionSpec<number> {
  return value((given) => parseLoosePort(given, given), { metavar: 'PORT', ...spec })
}

function parseLoosePort(given: string, whole: string): number {
  const [, digits] = /^[ \t\n\v\f\r]*\+?(\d+)$/.exec(given) ?? []
  // strtoul into an int: what becomes negative is looked up as a name, and fails.
  const number = digits === undefined ? -1n : BigInt.asIntN(32, BigInt(digits))
  if (0n <= number) return Number(number & 0xffffn)
  return (
    servicePort(given, null) ??
    refusePort(given, null, whole, `Port "${given}" does not resolve to anything.\n`)
  )
}

/** Ports and ranges `a:b` (low below high), at most 15 where a range counts two. Source: libxt_multiport.c. */
export function portList({ service, ...spec }: OptionText & Service): OptionSpec<readonly Range[]> {
  return value((given, environment) => parsePortList(given, serviceProtocol(service, environment)), {
    metavar: 'PORT[:PORT][,...]',
    ...spec,
  })
}

const portListSlots = 15

function parsePortList(given: string, protocol: string | null): Range[] {
  let slots = 0
  const ranges = given.split(',').map((part): Range => {
    const colon = part.indexOf(':')
    slots += colon < 0 ? 1 : 2
    if (slots > portListSlots) {
      return refuse('too-many-ports', `names more than ${portListSlots} ports`, {
        notes: ['a range counts as two'],
        help: 'split the ports over two rules',
      })
    }
    const left = colon < 0 ? part : part.slice(0, colon)
    const right = colon < 0 ? part : part.slice(colon + 1)
    if (left === '' || right === '') {
      return refuse('bad-port', 'has an empty place', {
        said: "invalid port/service `' specified",
        notes: ['multiport wants both ends of a range; there is no short form'],
        ...(colon < 0 ? {} : { help: `${left || 0}:${right || 65535}` }),
      })
    }
    const low = parsePort(left, protocol, given)
    const high = parsePort(right, protocol, given)
    if (0 <= colon && high < low) return refuseReversed(right, left, 'invalid portrange specified')
    if (0 <= colon && low === high) {
      return refuse('empty-range', `has the range ${part}, whose ends are equal`, {
        help: left,
        said: 'invalid portrange specified',
      })
    }
    return { low, high }
  })
  return ranges
}
