/** What the section `authport` comes down to, and what is wrong with its values. */
import { parseTime } from '../../guard/config/time.ts'
import { isListName } from '../../linux/recency-list.ts'
import { type Prefix, parseAddress, parsePrefix, printAddress } from '../../net/address.ts'
import type { Path } from '../../scenario/shape-complaints.ts'
import type { LockoutSettings } from './lockout.ts'
import type { AuthportSection } from './shape.ts'

export interface Endpoint {
  readonly address: string
  /** 1 to 65535. */
  readonly port: number
}

export interface AuthportSettings {
  readonly listen: readonly Endpoint[]
  readonly lists: readonly string[]
  readonly tls: { readonly certificate: string; readonly key: string } | null
  readonly proxies: readonly Prefix[]
  readonly usersFile: string
  readonly sessionSeconds: number
  /** Null: as many as the kernel keeps in a list. */
  readonly maxSessions: number | null
  readonly account: string
  readonly title: string
  readonly lockout: LockoutSettings
}

export const defaultUsersFile = '/etc/postern/authport.users'
export const longestSessionSeconds = 7 * 86_400

/** Tells what is wrong with the value at a path within the section. */
export type Complain = (path: Path, message: string, help?: string) => void

/** Values that were complained about are replaced by what holds without them: do not run with those settings. */
export function settleAuthport(section: AuthportSection, complain: Complain): AuthportSettings {
  const list = (value: string | readonly string[]): readonly string[] =>
    typeof value === 'string' ? [value] : value
  /** Where the n-th of a list stands, which may also be the one value itself. */
  const place = (key: string, value: unknown, at: number): Path => (Array.isArray(value) ? [key, at] : [key])

  const seconds = (
    path: Path,
    value: string | number | undefined,
    preset: number,
    longest: number,
  ): number => {
    if (value === undefined) return preset
    const found = typeof value === 'number' ? value : parseTime(value)
    if (found !== null && found >= 1 && found <= longest) return Math.floor(found)
    complain(path, `"${value}" is no time between 1 and ${longest} seconds`, '1h')
    return preset
  }

  const listen = list(section.listen).flatMap((text, at) => {
    const endpoint = parseEndpoint(text)
    if (endpoint !== null) return [endpoint]
    complain(
      place('listen', section.listen, at),
      `"${text}" is no address with a port`,
      '0.0.0.0:8443 or [::]:8443',
    )
    return []
  })
  const lists = list(section.lists)
  for (const [at, name] of lists.entries())
    if (!isListName(name))
      complain(
        place('lists', section.lists, at),
        `"${name}" cannot be the name of a recency list`,
        'letters, digits, "_", "-" and ".", as in `-m recent --name authok`',
      )
  const proxies = list(section.proxies ?? []).flatMap((text, at) => {
    const prefix = parsePrefix(text)
    if (prefix !== null) return [prefix]
    complain(
      place('proxies', section.proxies, at),
      `"${text}" is neither an address nor a prefix`,
      '127.0.0.1',
    )
    return []
  })
  const open = listen.find(({ address }) => !isLoopback(address))
  if (section.tls === undefined && proxies.length === 0 && open !== undefined)
    complain(
      ['listen'],
      `${open.address} is reached from outside, and passwords would travel unencrypted`,
      'name a certificate and key with `tls`, or the proxy in front with `proxies`',
    )
  const { failures = 5, account = 20, within, lasts } = section.lockout ?? {}
  return {
    listen,
    lists,
    tls: section.tls ?? null,
    proxies,
    usersFile: section.users ?? defaultUsersFile,
    sessionSeconds: seconds(['session'], section.session, 3600, longestSessionSeconds),
    maxSessions: section.sessions ?? null,
    account: section.user ?? 'nobody',
    title: section.title ?? 'Sign in',
    lockout: {
      addressFailures: failures,
      accountFailures: account,
      withinMs: 1000 * seconds(['lockout', 'within'], within, 600, 86_400),
      lastsMs: 1000 * seconds(['lockout', 'lasts'], lasts, 900, 86_400),
    },
  }
}

/** `192.0.2.1:8443` or `[2001:db8::1]:8443`. */
export function parseEndpoint(text: string): Endpoint | null {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const address = parseAddress(found?.[1] ?? found?.[2] ?? '')
  const port = Number(found?.[3])
  if (found === null || address === null || port < 1 || port > 65_535) return null
  if ((address.family === 'ipv6') !== (found[1] !== undefined)) return null
  return { address: printAddress(address), port }
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')
