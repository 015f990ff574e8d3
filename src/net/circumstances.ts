/**
 * What no packet says of itself, and rules ask all the same: the processor that handles it, the process behind it, the
 * IPsec transformations that it has behind or before it. Words of the packet notation, or of a host, say it:
 *
 *     cpu=0 cgroup=/system.slice/web.service classid=0x10001
 *     policy-in=none policy-out=esp/tunnel/198.51.100.1-203.0.113.1/spi=0x100/reqid=7,ah/transport
 */
import { type Address, parseAddress, printAddress } from './address.ts'

/** Each is absent where nobody said it. */
export interface Circumstances {
  /** Number of the processor that handles the packet, from 0. */
  readonly cpu?: number
  /** Control group (version 2) of the process whose socket sent it: an absolute path. */
  readonly cgroup?: string
  /** Class id of that process's group (version 1, net_cls): unsigned 32 bits. */
  readonly classid?: number
  /** Transformations that were undone when it came, the innermost first; none when empty. */
  readonly 'policy-in'?: readonly Transformation[]
  /** Transformations that it will undergo when it leaves, the innermost first; none when empty. */
  readonly 'policy-out'?: readonly Transformation[]
}

export const circumstanceNames = ['cpu', 'cgroup', 'classid', 'policy-in', 'policy-out'] as const
export type CircumstanceName = (typeof circumstanceNames)[number]

export const nothingSaid: Circumstances = {}

const protocols = ['esp', 'ah', 'ipcomp'] as const
const modes = ['transport', 'tunnel'] as const

/** One IPsec transformation (`struct xfrm_state`), as far as rules ask. */
export interface Transformation {
  readonly protocol: (typeof protocols)[number]
  readonly mode: (typeof modes)[number]
  /** Ends of the tunnel, or of the connection; null where not said, which fits no question. */
  readonly source: Address | null
  readonly destination: Address | null
  /** Unsigned 32 bits; 0 when not said. */
  readonly spi: number
  readonly reqid: number
}

/** Reads one value; a text says what is wrong with it. */
export function parseCircumstance(name: CircumstanceName, text: string): Circumstances | string {
  switch (name) {
    case 'cpu':
    case 'classid': {
      const number = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
      return number <= 0xffffffff ? { [name]: number } : `"${text}" is not a number from 0 to 4294967295`
    }
    case 'cgroup':
      return /^\/(\S*[^/\s])?$/.test(text) ? { cgroup: text } : `"${text}" is no path of a control group`
    default: {
      if (text === 'none') return { [name]: [] }
      const transformations: Transformation[] = []
      for (const part of text.split(',')) {
        const transformation = parseTransformation(part)
        if (typeof transformation === 'string') return transformation
        transformations.push(transformation)
      }
      return { [name]: transformations }
    }
  }
}

/** The words that parse back: `cpu=0`, `policy-in=none`. */
export function printCircumstances(circumstances: Circumstances): string[] {
  return circumstanceNames.flatMap((name) => {
    const value = circumstances[name]
    if (value === undefined) return []
    if (typeof value === 'object')
      return [`${name}=${value.length === 0 ? 'none' : value.map(printTransformation).join(',')}`]
    return [`${name}=${name === 'classid' ? `0x${value.toString(16)}` : value}`]
  })
}

function parseTransformation(text: string): Transformation | string {
  const [protocolWord = '', modeWord = '', ...rest] = text.split('/')
  const protocol = protocols.find((each) => each === protocolWord)
  if (protocol === undefined) return `"${protocolWord}" is none of none, ${protocols.join(', ')}`
  const mode = modes.find((each) => each === modeWord)
  if (mode === undefined) return `"${modeWord}" behind ${protocol}/ is neither transport nor tunnel`
  const numbers = { spi: 0, reqid: 0 }
  let ends: readonly [Address, Address] | null = null
  for (const part of rest) {
    const [, name, digits] = /^(spi|reqid)=(0x[0-9a-f]+|\d+)$/i.exec(part) ?? []
    if (name !== undefined && Number(digits) <= 0xffffffff) {
      numbers[name as 'spi' | 'reqid'] = Number(digits)
      continue
    }
    const addresses = part.split('-').map(parseAddress)
    const [source, destination] = addresses
    if (addresses.length !== 2 || !source || !destination)
      return `"${part}" is neither FROM-TO, spi=NUMBER nor reqid=NUMBER`
    ends = [source, destination]
  }
  return { protocol, mode, source: ends?.[0] ?? null, destination: ends?.[1] ?? null, ...numbers }
}

function printTransformation({ protocol, mode, source, destination, spi, reqid }: Transformation): string {
  return [
    protocol,
    mode,
    ...(source === null || destination === null
      ? []
      : [`${printAddress(source)}-${printAddress(destination)}`]),
    ...(spi === 0 ? [] : [`spi=0x${spi.toString(16)}`]),
    ...(reqid === 0 ? [] : [`reqid=${reqid}`]),
  ].join('/')
}
