/** Recency rules and lists alone, for timelines. */
import { readOptions } from '../../ext/_testing/read-options.ts'
import type { HookContext, HostServices, RecentList, Skb } from '../../ext/context.ts'
import { type Recent, recent } from '../../ext/match/recent.ts'
import type { KernelProfile } from '../../lang/profile.ts'
import { type Address, parseAddress } from '../../net/address.ts'
import { decodeIp } from '../../net/decode.ts'
import { encodeIpv4, encodeIpv6 } from '../../net/encode.ts'
import { Packet } from '../../net/packet.ts'
import { RecentLists } from '../recent.ts'

interface Loaded {
  readonly number: number
  readonly data: Recent
  readonly family: string
  readonly list: RecentList
}

/** The lists of a host, rules that can be loaded and unloaded, and what comes of packets and writes. */
export class Replay {
  readonly #lists: RecentLists
  readonly #profile: KernelProfile
  readonly #rules: readonly string[]
  #loaded: Loaded[] = []

  constructor(rules: readonly string[], profile: KernelProfile) {
    this.#rules = rules
    this.#profile = profile
    this.#lists = new RecentLists(profile)
  }

  load(number: number): void {
    const rule = this.#rules[number - 1]!
    const family = rule.startsWith('-6 ') ? 'ipv6' : 'ipv4'
    const data = readOptions(recent, rule.replace(/^-[46] /, ''), { family, profile: this.#profile })
    this.#loaded.push({ number, data, family, list: recent.load!(data, this.#host(family)) })
  }

  unload(number: number): void {
    for (const rule of this.#loaded) {
      if (rule.number === number) recent.unload!(rule.list, this.#host(rule.family))
    }
    this.#loaded = this.#loaded.filter((rule) => rule.number !== number)
  }

  step(milliseconds: number, action: string): string {
    const jiffies = Math.floor((milliseconds * this.#profile.hz) / 1000)
    const [verb, argument = '', ...rest] = action.split(' ')
    if (verb === 'load') return this.load(Number(argument)) ?? ''
    if (verb === 'unload') return this.unload(Number(argument)) ?? ''
    if (verb === 'show') return (this.#lists.read(argument) ?? ['-']).join(' / ')
    if (verb === 'write') {
      const text = rest.join(' ').replace(/\\n/g, '\n').replace(/\\0/g, '\0')
      const { error, written } = this.#lists.write(argument, text, jiffies)
      return error ?? String(written)
    }
    return this.#packet(parseAddress(verb!)!, action.split(' ').slice(1), jiffies)
  }

  #packet(source: Address, words: readonly string[], jiffies: number): string {
    const skb = skbOf(source, words)
    const context = this.#context(source.family, words, jiffies, null)
    return this.#loaded
      .filter((rule) => rule.family === source.family)
      .map(({ data, list }) => (recent.evaluate(data, skb, context, list) ? 'yes' : 'no'))
      .join(' ')
  }

  /** What a trace is told by the rules: notes, and the reason of each miss. */
  tell(milliseconds: number, packet: string): { notes: string[]; reasons: (string | null)[] } {
    const [address, ...words] = packet.split(' ')
    const source = parseAddress(address!)!
    const notes: string[] = []
    const skb = skbOf(source, words)
    const jiffies = Math.floor((milliseconds * this.#profile.hz) / 1000)
    const context = this.#context(source.family, words, jiffies, (text) => notes.push(text))
    const reasons = this.#loaded.flatMap(({ data, list }) =>
      recent.evaluate(data, skb, context, list) ? [] : [recent.explain!(data, skb, context, list)],
    )
    return { notes, reasons }
  }

  #context(
    family: string,
    words: readonly string[],
    jiffies: number,
    note: ((text: string) => void) | null,
  ): HookContext {
    const out = words.includes('out') ? { name: 'eth0', index: 2 } : null
    return { host: this.#host(family), jiffies, out, note } as unknown as HookContext
  }

  #host(family: string): HostServices {
    return {
      family,
      profile: this.#profile,
      acquireRecentList: (name: string, mask: Address, slots: number) =>
        this.#lists.acquire(name, mask, slots),
      releaseRecentList: (list: RecentList) => this.#lists.release(list),
    } as unknown as HostServices
  }
}

function skbOf(source: Address, words: readonly string[]): Skb {
  const packet = new Packet()
  decodeIp(packet, encode(source, Number(words.find((word) => word.startsWith('ttl='))?.slice(4) ?? 64)))
  return { packet, socket: words.includes('socket') ? { uid: 0, gid: 0 } : null } as Skb
}

function encode(source: Address, ttl: number): Uint8Array {
  const payload = new Uint8Array(8)
  if (source.family === 'ipv4') {
    return encodeIpv4({ source, destination: parseAddress('203.0.113.1')!, protocol: 17, ttl }, payload)
  }
  return encodeIpv6(
    { source, destination: parseAddress('2001:db8::1')!, nextHeader: 17, hopLimit: ttl },
    payload,
  )
}
