/**
 * What a recipe can be told. Options of the command line, help, manual, completion and messages derive from these
 * tables; `postern.yaml` can give the same words.
 */
import type { Family } from '../net/address.ts'
import {
  addressBits,
  lengthOfMask,
  maskAddress,
  parseAddress,
  parsePrefix,
  printAddress,
} from '../net/address.ts'
import { parseDuration } from '../scenario/duration.ts'

/** Thrown for a value that is none; `message` continues a sentence that begins with the value. */
export class ValueRefused extends Error {
  readonly help: string | null
  constructor(message: string, help: string | null = null) {
    super(message)
    this.help = help
  }
}

interface ParameterBase {
  /** One phrase for help and manual. */
  readonly doc: string
}

export interface ValueParameter<T> extends ParameterBase {
  /** How help names the value. */
  readonly metavar: string
  /** Throws ValueRefused. */
  parse(text: string, family: Family): T
}

/** It must be given unless there is a standard. */
export interface OneParameter<T> extends ValueParameter<T> {
  readonly kind: 'one'
  readonly standard: string | null
}
export interface OptionalParameter<T> extends ValueParameter<T> {
  readonly kind: 'optional'
}
/** It may be given several times; the standards stand where it is not given at all. */
export interface ManyParameter<T> extends ValueParameter<T> {
  readonly kind: 'many'
  standard(family: Family): readonly string[]
  /** How many there must be at least. */
  readonly least: number
}
export interface FlagParameter extends ParameterBase {
  readonly kind: 'flag'
}

// biome-ignore lint/suspicious/noExplicitAny: the table is heterogeneous; `ValuesOf` restores each type.
export type Parameter = OneParameter<any> | OptionalParameter<any> | ManyParameter<any> | FlagParameter
export type ParameterTable = Readonly<Record<string, Parameter>>

export type ValueOf<P extends Parameter> =
  P extends OneParameter<infer T>
    ? T
    : P extends OptionalParameter<infer T>
      ? T | null
      : P extends ManyParameter<infer T>
        ? readonly T[]
        : boolean

export type ValuesOf<Table extends ParameterTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]>
}

export const one = <T>(value: ValueParameter<T>, standard: string | null = null): OneParameter<T> => ({
  ...value,
  kind: 'one',
  standard,
})
export const optional = <T>(value: ValueParameter<T>): OptionalParameter<T> => ({
  ...value,
  kind: 'optional',
})
export const many = <T>(
  value: ValueParameter<T>,
  { least = 0, standard = () => [] }: Partial<Pick<ManyParameter<T>, 'least' | 'standard'>> = {},
): ManyParameter<T> => ({ ...value, kind: 'many', least, standard })
export const flag = (doc: string): FlagParameter => ({ kind: 'flag', doc })

// --- Kinds of values

/** A port with its protocol: `tcp/3306`. */
export interface Service {
  readonly protocol: 'tcp' | 'udp'
  /** 1 to 65535. */
  readonly port: number
}

/** A step of a knock: an echo request, or a packet to a port. */
export type Knock = Service | { readonly protocol: 'icmp'; readonly port: 0 }

export const printKnock = ({ protocol, port }: Knock): string =>
  protocol === 'icmp' ? 'icmp' : `${protocol}/${port}`

function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || 65535 < port)
    throw new ValueRefused('is not a port from 1 to 65535')
  return port
}

/** Reads `tcp/3306`; a bare number is a port of TCP. */
export function parseService(text: string): Service {
  const parts = /^(?:([a-z]+)\/)?(\d+)$/i.exec(text)
  const protocol = (parts?.[1] ?? 'tcp').toLowerCase()
  if (parts === null || (protocol !== 'tcp' && protocol !== 'udp')) {
    throw new ValueRefused('is not a port such as tcp/3306 or udp/53', 'tcp/3306')
  }
  return { protocol, port: portNumber(parts[2]!) }
}

/** Reads `icmp` or a service. */
export function parseKnock(text: string): Knock {
  if (/^icmp(v6|6)?$/i.test(text)) return { protocol: 'icmp', port: 0 }
  try {
    return parseService(text)
  } catch (error) {
    if (!(error instanceof ValueRefused) || /^(tcp|udp|)\/?\d+$/.test(text)) throw error
    throw new ValueRefused('is not a knock such as icmp, tcp/8000 or udp/53', 'icmp tcp/8000 udp/53')
  }
}

export const service = (doc: string): ValueParameter<Service> => ({
  doc,
  metavar: 'port',
  parse: parseService,
})
export const knock = (doc: string): ValueParameter<Knock> => ({ doc, metavar: 'knock', parse: parseKnock })

/** Whole seconds, from a number of them or a time such as `5m`. */
export const seconds = (doc: string, least = 1): ValueParameter<number> => ({
  doc,
  metavar: 'time',
  parse(text) {
    const time = parseDuration(text)
    const count = time === null ? Number.NaN : Number(time) / 1e9
    // More would overflow the kernel's jiffies at 1000 a second.
    if (!Number.isInteger(count) || count < least || 2_147_483 < count) {
      throw new ValueRefused(`is not a time of whole seconds from ${least}s to 24d`, '10s, 5m, 1h')
    }
    return count
  },
})

export const count = (doc: string, most: number): ValueParameter<number> => ({
  doc,
  metavar: 'count',
  parse(text) {
    const value = Number(text)
    if (!/^\d{1,9}$/.test(text) || value < 1 || most < value) {
      throw new ValueRefused(`is not a number from 1 to ${most}`)
    }
    return value
  },
})

/** A name that chains, lists and sets can carry. */
export const name = (doc: string, longest: number): ValueParameter<string> => ({
  doc,
  metavar: 'name',
  parse(text) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text)) {
      throw new ValueRefused('is not a name of letters, digits and any of _ . -')
    }
    if (longest < text.length) throw new ValueRefused(`has more than ${longest} characters`)
    return text
  },
})

export const networkDevice = (doc: string): ValueParameter<string> => ({
  doc,
  metavar: 'interface',
  parse(text) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,14}\+?$/.test(text) || 15 < text.length) {
      throw new ValueRefused('is not the name of an interface', 'eth0')
    }
    return text
  },
})

/** A prefix with its host bits cleared, in canonical text. */
export const prefix = (doc: string): ValueParameter<string> => ({
  doc,
  metavar: 'prefix',
  parse(text, family) {
    const found = parsePrefix(text)
    const length = found === null ? null : lengthOfMask(found.mask)
    if (found === null || length === null)
      throw new ValueRefused('is not an address or prefix', '192.0.2.0/24')
    if (found.address.family !== family) throw new ValueRefused(`is not of ${familyName(family)}`)
    const address = printAddress(maskAddress(found.address, found.mask))
    return length === addressBits(family) ? address : `${address}/${length}`
  },
})

/** An address with a port: `192.168.1.43:80`, `[2001:db8::43]:80`. */
export interface EndPoint {
  readonly address: string
  readonly port: number
}

export const endPoint = (doc: string): ValueParameter<EndPoint> => ({
  doc,
  metavar: 'address:port',
  parse(text, family) {
    const parts = /^\[([^\]]+)\]:(\d+)$|^([^:[\]]+):(\d+)$/.exec(text)
    const address = parseAddress(parts?.[1] ?? parts?.[3] ?? '')
    if (parts === null || address === null) {
      throw new ValueRefused('is not an address with a port', '192.168.1.43:80 or [2001:db8::43]:80')
    }
    if (address.family !== family) throw new ValueRefused(`is not of ${familyName(family)}`)
    return { address: printAddress(address), port: portNumber(parts[2] ?? parts[4]!) }
  },
})

/** What stands in front of each line in the log: at most 29 characters in the kernel. */
export const logPrefix = (doc: string): ValueParameter<string> => ({
  doc,
  metavar: 'text',
  parse(text) {
    if (!/^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,29}$/.test(text)) {
      throw new ValueRefused('is not a text of 1 to 29 printable characters without " and \\')
    }
    return text
  },
})

export const choice = <const T extends string>(doc: string, words: readonly T[]): ValueParameter<T> => ({
  doc,
  metavar: words.join('|'),
  parse(text) {
    const found = words.find((word) => word === text)
    if (found === undefined) throw new ValueRefused(`is none of ${words.join(', ')}`)
    return found
  },
})

const familyName = (family: Family): string => (family === 'ipv4' ? 'IPv4' : 'IPv6')

// --- Reading

/** What somebody gave, by the parameter's name. */
export type GivenWords = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

export interface ParameterProblem {
  readonly parameter: string
  /** A sentence without its end. */
  readonly message: string
  readonly help: string | null
}

/** Thrown where values are wrong, missing, or do not go together; for people. */
export class RecipeRefused extends Error {
  readonly problems: readonly ParameterProblem[]
  constructor(problems: readonly ParameterProblem[]) {
    super(problems.map(({ message }) => message).join('; '))
    this.problems = problems
  }
}

export const refuseParameter = (parameter: string, message: string, help: string | null = null): never => {
  throw new RecipeRefused([{ parameter, message, help }])
}

/** All values, or RecipeRefused with everything that is wrong. */
export function readParameters<Table extends ParameterTable>(
  table: Table,
  given: GivenWords,
  family: Family,
): ValuesOf<Table> {
  const problems: ParameterProblem[] = []
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(given)) {
    if (given[name] !== undefined && !Object.hasOwn(table, name)) {
      problems.push({ parameter: name, message: `there is no parameter ${name}`, help: null })
    }
  }
  for (const [name, parameter] of Object.entries(table)) {
    const words = wordsOf(given[name])
    if (parameter.kind === 'flag') {
      values[name] = given[name] === true || words[0] === 'true'
      continue
    }
    const read = (text: string): unknown => {
      try {
        return parameter.parse(text, family)
      } catch (error) {
        if (!(error instanceof ValueRefused)) throw error
        problems.push({ parameter: name, message: `--${name}: "${text}" ${error.message}`, help: error.help })
        return null
      }
    }
    if (parameter.kind === 'many') {
      const texts = words.length === 0 ? parameter.standard(family) : words
      if (texts.length < parameter.least) {
        const least = parameter.least === 1 ? 'one' : `${parameter.least} of them`
        problems.push({
          parameter: name,
          message: `--${name} is missing: at least ${least}`,
          help: `--${name} <${parameter.metavar}>: ${parameter.doc}`,
        })
      }
      values[name] = texts.map(read)
      continue
    }
    const text = words.at(-1) ?? (parameter.kind === 'one' ? parameter.standard : null)
    if (text === null && parameter.kind === 'one') {
      problems.push({
        parameter: name,
        message: `--${name} is missing`,
        help: `--${name} <${parameter.metavar}>: ${parameter.doc}`,
      })
    }
    values[name] = text === null ? null : read(text)
  }
  if (problems.length > 0) throw new RecipeRefused(problems)
  return values as ValuesOf<Table>
}

const wordsOf = (given: GivenWords[string]): readonly string[] =>
  given === undefined || typeof given === 'boolean'
    ? given === true
      ? ['true']
      : []
    : typeof given === 'string'
      ? [given]
      : given
