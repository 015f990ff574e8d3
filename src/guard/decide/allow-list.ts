/** Addresses that are never banned: `ignoreip`, one's own, and what `postern allow` added. */
import {
  addressBits,
  type Family,
  lengthOfMask,
  parseAddress,
  parsePrefix,
  prefixContains,
} from '../../net/address.ts'
import { PrefixTrie } from '../../net/prefix-trie.ts'
import { canonicalAddress } from './subject.ts'

/** Addresses, prefixes and names; names count by what they were last resolved to. */
export class AllowList {
  readonly #tries: Readonly<Record<Family, PrefixTrie<string>>> = {
    ipv4: new PrefixTrie('ipv4'),
    ipv6: new PrefixTrie('ipv6'),
  }
  /** Each name with the addresses it stands for. */
  readonly #names = new Map<string, readonly string[]>()
  /** Words that are neither, such as a filter's own ids: they allow exactly themselves. */
  readonly #entries = new Set<string>()

  constructor(entries: Iterable<string> = []) {
    for (const entry of entries) this.add(entry)
  }

  /** Adds an address, `address/length`, `address/mask` or a name; words of a mask with holes are kept as names. */
  add(entry: string): void {
    this.#entries.add(entry)
    const prefix = this.#prefixOf(entry)
    if (prefix === null) this.#names.set(entry, [])
    else this.#tries[prefix.family].set(prefix.address, prefix.length, entry)
  }

  remove(entry: string): boolean {
    const prefix = this.#prefixOf(entry)
    if (prefix === null) this.#names.delete(entry)
    else this.#tries[prefix.family].delete(prefix.address, prefix.length)
    return this.#entries.delete(entry)
  }

  get entries(): readonly string[] {
    return [...this.#entries]
  }

  /** Names whose addresses somebody should look up. */
  get names(): readonly string[] {
    return [...this.#names.keys()]
  }

  /** Tells what a name stands for now. */
  resolve(name: string, addresses: readonly string[]): void {
    if (this.#names.has(name)) this.#names.set(name, addresses)
  }

  /** The entry that allows this address or id, or null. */
  allows(id: string): string | null {
    const address = parseAddress(id)
    if (address === null) return this.#entries.has(id) ? id : this.#allowsNetwork(id)
    const entry = this.#tries[address.family].match(address)
    if (entry !== null) return entry.value
    for (const [name, addresses] of this.#names) if (addresses.includes(id)) return name
    return null
  }

  /** The entry within a network, or around it: a network is never banned with an allowed address in it. */
  #allowsNetwork(id: string): string | null {
    const network = id.includes('/') ? parsePrefix(id) : null
    if (network === null) return null
    const around = this.#tries[network.address.family].match(network.address)
    if (around !== null) return around.value
    for (const { address, value } of this.#tries[network.address.family])
      if (prefixContains(network, address)) return value
    for (const [name, addresses] of this.#names)
      if (addresses.some((text) => prefixContains(network, parseAddress(text)!))) return name
    return null
  }

  #prefixOf(entry: string) {
    const [left = '', right] = entry.split('/')
    const text = right === undefined ? (canonicalAddress(left) ?? entry) : entry
    const prefix = parsePrefix(text)
    const length = prefix === null ? null : lengthOfMask(prefix.mask)
    if (prefix === null || length === null) return null
    const { address } = prefix
    return { family: address.family, address, length: Math.min(length, addressBits(address.family)) }
  }
}
