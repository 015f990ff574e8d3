/**
 * The listening sockets of a host, written nearly as `ss -l` prints them: `tcp 22`, `udp 203.0.113.1:53`,
 * `tcp [::]:443`, `tcp *:80 dev eth0 uid 33`.
 */
import { type Address, type Family, parseAddress, printAddress } from '../../net/address.ts'

export interface SocketConfig {
  readonly protocol: 'tcp' | 'udp'
  /** Null listens on every address of `family`. */
  readonly address: Address | null
  /** Null listens in both families. */
  readonly family: Family | null
  readonly port: number
  /** The interface it is bound to (SO_BINDTODEVICE), or null. */
  readonly device: string | null
  /** Owner of the process, for `-m owner`. */
  readonly uid: number
  readonly gid: number
}

/** Reads one socket, or returns what is wrong as text. */
export function parseSocket(text: string): SocketConfig | string {
  const [protocol, place = '', ...rest] = text.trim().split(/\s+/)
  if (protocol !== 'tcp' && protocol !== 'udp') return `"${protocol}" is neither tcp nor udp`
  const parts = /^(?:(\*|[0-9.]+|\[[0-9a-fA-F:.]+\]):)?(\d{1,5})$/.exec(place)
  const port = Number(parts?.[2] ?? 0)
  if (parts === null || port < 1 || port > 65535) return `"${place}" is no port, nor an address with one`
  const addressText = parts[1]?.replace(/[[\]]/g, '') ?? '*'
  const address = addressText === '*' ? null : parseAddress(addressText)
  if (address === null && addressText !== '*') return `"${addressText}" is no address`
  const given = new Map<string, string>()
  while (rest.length > 0) {
    const [name, value] = rest.splice(0, 2)
    if (!['dev', 'uid', 'gid'].includes(name!)) return `"${name}" is not dev, uid or gid`
    if (value === undefined) return `"${name}" needs a value`
    given.set(name!, value)
  }
  const ids = (['uid', 'gid'] as const).map((name) => given.get(name) ?? '0')
  const wrong = ids.find((id) => !/^\d{1,9}$/.test(id))
  if (wrong !== undefined) return `"${wrong}" is no user or group number`
  const isAny = address?.words.every((word) => word === 0) ?? true
  return {
    protocol,
    address: isAny ? null : address,
    family: address?.family ?? null,
    port,
    device: given.get('dev') ?? null,
    uid: Number(ids[0]),
    gid: Number(ids[1]),
  }
}

/** One end as text: `203.0.113.1:22`, `[2001:db8::1]:22`. */
export const printEnd = (address: Address, port: number): string =>
  address.family === 'ipv4' ? `${printAddress(address)}:${port}` : `[${printAddress(address)}]:${port}`
