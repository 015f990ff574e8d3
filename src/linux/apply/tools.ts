/**
 * The system's own programs that change the firewall: found by absolute path, started with words and a small environment,
 * never through a shell.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { UnavailableError } from '../unavailable.ts'

export type Backend = 'legacy' | 'nft'
export type Family = 'ipv4' | 'ipv6'
export const families: readonly Family[] = ['ipv4', 'ipv6']

/** Where programs of the system are; the variable PATH is not asked. */
const folders = [
  '/usr/sbin',
  '/sbin',
  '/usr/bin',
  '/bin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/run/current-system/sw/bin',
]

/** The absolute path of a program; null where the system has none. */
export function findProgram(name: string): string | null {
  for (const folder of folders) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK)
      return `${folder}/${name}`
    } catch {
      // The next one may have it.
    }
  }
  return null
}

export interface Ran {
  /** 124 when it took too long, 128 when a signal ended it. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  /** A descriptor that is its standard input, in place of `input`: what it reads does not depend on us any more. */
  readonly inputFd?: number
  readonly timeoutMs?: number
  readonly variables?: Readonly<Record<string, string>>
}

/** What programs are given of the environment. */
const environment = (): Record<string, string> => ({
  PATH: folders.join(':'),
  LC_ALL: 'C',
  // For tests and containers; it names the file that the programs lock.
  ...(process.env.XTABLES_LOCKFILE === undefined ? {} : { XTABLES_LOCKFILE: process.env.XTABLES_LOCKFILE }),
})

/** Runs a program to its end. Never throws for what the program does. */
export function runTool(path: string, args: readonly string[], options: RunOptions = {}): Ran {
  const { input, inputFd, timeoutMs = 60_000, variables } = options
  const { status, stdout, stderr, error, signal } = spawnSync(path, [...args], {
    stdio: [inputFd ?? (input === undefined ? 'ignore' : 'pipe'), 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
    env: { ...environment(), ...variables },
    encoding: 'utf8',
    maxBuffer: 1 << 29,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const tooLong = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT'
  const said = tooLong ? 'took too long' : (error?.message ?? '')
  return {
    status: tooLong ? 124 : (status ?? (signal === null ? 127 : 128)),
    stdout: stdout ?? '',
    stderr: `${stderr ?? ''}${said}`,
  }
}

/** The programs of one backend, by absolute path, and those around them. */
export interface Tools {
  readonly backend: Backend
  readonly save: Readonly<Record<Family, string>>
  readonly restore: Readonly<Record<Family, string>>
  /** Null where it is not installed. */
  readonly ipset: string | null
  readonly nft: string | null
}

const commandOf = (family: Family, suffix: string, backend: Backend | null): string =>
  `${family === 'ipv4' ? 'iptables' : 'ip6tables'}${backend === null ? '' : `-${backend}`}${suffix}`

/**
 * The backend that the system's own `iptables` speaks. Throws `UnavailableError` where there is none.
 */
export function systemBackend(): Backend {
  const iptables = need('iptables')
  // Versions before 1.8 know one backend only, and do not say so.
  return /\(nf_tables\)/.test(runTool(iptables, ['-V']).stdout) ? 'nft' : 'legacy'
}

/** Throws `UnavailableError` with the package's name where a program is missing. */
export function findTools(chosen: Backend | null = null): Tools {
  const backend = chosen ?? systemBackend()
  const both = (suffix: string): Record<Family, string> => {
    const find = (family: Family): string =>
      findProgram(commandOf(family, suffix, backend)) ??
      (chosen === null || backend === systemBackend()
        ? need(commandOf(family, suffix, null))
        : need(commandOf(family, suffix, backend)))
    return { ipv4: find('ipv4'), ipv6: find('ipv6') }
  }
  return {
    backend,
    save: both('-save'),
    restore: both('-restore'),
    ipset: findProgram('ipset'),
    nft: findProgram('nft'),
  }
}

function need(name: string): string {
  const found = findProgram(name)
  if (found === null) throw new UnavailableError(`${name} is not installed`, 'apt-get install iptables')
  return found
}

/** Bit of CAP_NET_ADMIN. Source: include/uapi/linux/capability.h. */
const netAdmin = 12n

/** Throws `UnavailableError` for whoever may not change the firewall, or look at it. */
export function requirePrivilege(what: string, hint: string): void {
  if (process.platform !== 'linux') throw new UnavailableError(`${what} needs Linux`)
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  if (((BigInt(`0x${capabilities}`) >> netAdmin) & 1n) === 0n)
    throw new UnavailableError(`${what} needs CAP_NET_ADMIN`, hint)
}
