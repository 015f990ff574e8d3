/** A country block from its lists into the kernel: all of it, or nothing. */
import { type Family, lengthOfMask, parseAddress, parsePrefix, prefixContains } from '../../net/address.ts'
import { PrefixUnion } from '../../net/prefix-union.ts'
import type { RunProgram } from '../bans/run-program.ts'
import { exclusively } from '../files.ts'
import { gather } from './gather.ts'
import { ensureRules, loadSets, type Networks } from './in-force.ts'
import type { CountrySettings } from './settings.ts'
import { type CountryStatus, CountryStore } from './store.ts'

export interface SyncOptions {
  /** Go on although an address of a session of the administrator would be refused. */
  readonly force: boolean
  /** Read and check everything, change nothing in the kernel. */
  readonly dryRun: boolean
  /** Ask no server: take the last good lists. Default false. */
  readonly offline?: boolean
  /** Who keeps the block in force, where that is not a person. */
  readonly by?: string
  /** Addresses that must not be cut off. */
  readonly sessions: readonly string[]
  nowMs(): number
  run: RunProgram
}

export interface Synced {
  readonly status: CountryStatus
  /** Milliseconds of our own, and of ipset and iptables; downloads are in neither. */
  readonly ownMs: number
  readonly programsMs: number
}

/** Which lists settings ask for, as a text to compare. */
export const listsOf = ({ source, countries }: CountrySettings): string => JSON.stringify([source, countries])

/** A session of the administrator would be cut off. */
export class WouldCutOff extends Error {}

/** Throws NoList, WouldCutOff, ActionFailed; the kernel then has what it had before. */
export async function sync(settings: CountrySettings, options: SyncOptions): Promise<Synced> {
  const store = new CountryStore(settings.stateFolder)
  const work = async (): Promise<Synced> => {
    const { byCountry, warnings } = await gather(settings, store, options.offline)
    const startMs = performance.now()
    const whole = new PrefixUnion()
    const used = new Map<string, string[]>()
    for (const [code, union] of byCountry) {
      used.set(code, [...union.merged('ipv4'), ...union.merged('ipv6')])
      whole.addAll(union)
    }
    refuseCutOff(whole, settings.allow, options)
    const networks: Networks = { ipv4: whole.merged('ipv4'), ipv6: whole.merged('ipv6') }
    let ownMs = performance.now() - startMs
    const status: CountryStatus = {
      syncedAtMs: options.nowMs(),
      set: settings.set,
      countries: [...used].map(([code, list]) => ({ code, networks: list.length })),
      prefixes: { ipv4: networks.ipv4.length, ipv6: networks.ipv6.length },
      allow: [...settings.allow],
      forward: settings.forward,
      outgoing: settings.outgoing,
      refuse: settings.refuse,
      warnings: [...warnings],
      ...(options.by !== undefined && { by: options.by }),
    }
    if (options.offline !== true && warnings.length === 0 && settings.source.kind === 'url')
      await store.keepFetched(options.nowMs(), listsOf(settings))
    let programsMs = 0
    if (!options.dryRun) {
      const run: RunProgram = async (...call) => {
        const beforeMs = performance.now()
        try {
          return await options.run(...call)
        } finally {
          programsMs += performance.now() - beforeMs
        }
      }
      const loadMs = performance.now()
      await loadSets(settings.set, networks, settings.allow, run)
      await ensureRules(settings, run)
      for (const [code, list] of used) await store.keepUsed(code, `${list.join('\n')}\n`)
      await store.keepStatus(status)
      ownMs += performance.now() - loadMs - programsMs
    }
    return { status, ownMs, programsMs }
  }
  // Nothing is kept, and nothing changed.
  if (options.dryRun && (settings.source.kind !== 'url' || options.offline === true)) return work()
  await store.open()
  return exclusively(`${settings.stateFolder}/status.json`, work)
}

function refuseCutOff(whole: PrefixUnion, allow: readonly string[], { sessions, force }: SyncOptions): void {
  for (const session of sessions) {
    const address = parseAddress(session)
    if (address === null || isAllowed(address, allow) || !whole.has(address)) continue
    if (force) continue
    throw new WouldCutOff(`${session}, from where you are logged in, would be refused`)
  }
}

const isAllowed = (
  address: NonNullable<ReturnType<typeof parseAddress>>,
  allow: readonly string[],
): boolean => allow.some((text) => prefixContains(parsePrefix(text)!, address))

export interface Answer {
  readonly address: string
  /** What becomes of its packets. */
  readonly verdict: 'allowed' | 'refused' | 'passes'
  /** The country and network that say so, or the entry of the allow-list; null for `passes`. */
  readonly because: string | null
}

/** What the block that is in force does with an address. */
export async function testAddress(text: string, status: CountryStatus, store: CountryStore): Promise<Answer> {
  const address = parseAddress(text)
  if (address === null) throw new RangeError(`${text} is not an address`)
  const allowed = status.allow.find((each) => prefixContains(parsePrefix(each)!, address))
  if (allowed !== undefined)
    return { address: text, verdict: 'allowed', because: `${allowed} of the allow-list` }
  for (const { code } of status.countries) {
    const list = (await store.used(code)) ?? ''
    const network = list.split('\n').find((each) => each !== '' && contains(each, address))
    if (network !== undefined) return { address: text, verdict: 'refused', because: `${network} of ${code}` }
  }
  return { address: text, verdict: 'passes', because: null }
}

function contains(network: string, address: NonNullable<ReturnType<typeof parseAddress>>): boolean {
  if (network.includes(':') !== (address.family === 'ipv6')) return false
  const prefix = parsePrefix(network)
  return prefix !== null && lengthOfMask(prefix.mask) !== null && prefixContains(prefix, address)
}

export type { Family }
