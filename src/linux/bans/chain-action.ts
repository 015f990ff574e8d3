/**
 * Bans as rules in a chain: one of the jail's own, or one that all share, such as INPUT-AUTO, which packets pass first.
 * Each rule carries a comment with the jail's name, so that jails that share a chain leave each other's rules alone.
 */
import type { Ban } from '../../guard/ban.ts'
import type { Family } from '../../net/address.ts'
import { type ActionContext, type BanAction, families, kernelName, networksByFamily } from './action.ts'
import { Iptables } from './iptables.ts'
import { portMatches, type RuleOptions, verdictTargets } from './rule-words.ts'
import type { RunProgram } from './run-program.ts'

/** Characters of a chain's name (XT_EXTENSION_MAXNAMELEN less one). */
const longestChainName = 28

export interface ChainOptions extends RuleOptions {
  /** A chain that others use, too; it is never taken away. Absent: a chain of the jail's own. */
  readonly sharedChain?: string
}

export class ChainAction implements BanAction {
  readonly name: string
  readonly #context: ActionContext
  readonly #options: ChainOptions
  readonly #chain: string
  readonly #iptables: Readonly<Record<Family, Iptables>>
  /** Networks that have their rules, as far as we know. */
  readonly #present: Record<Family, Set<string>> = { ipv4: new Set(), ipv6: new Set() }
  #families: readonly Family[] = []

  constructor(name: string, context: ActionContext, options: ChainOptions, run: RunProgram) {
    this.name = name
    this.#context = context
    this.#options = options
    this.#chain = options.sharedChain ?? kernelName('postern-', context.jail, longestChainName)
    this.#iptables = { ipv4: new Iptables('ipv4', run), ipv6: new Iptables('ipv6', run) }
  }

  async start(): Promise<void> {
    const usable: Family[] = []
    for (const family of families) {
      try {
        const iptables = this.#iptables[family]
        if (!(await iptables.hasChain(this.#chain))) await iptables.addChain(this.#chain)
        await iptables.ensureRules(this.#options.chain, this.#jumps())
        await this.#learn(family)
        usable.push(family)
      } catch (error) {
        if (family === 'ipv4') throw error
        this.#context.say('warning', `no bans of IPv6 addresses: ${(error as Error).message}`)
      }
    }
    this.#families = usable
  }

  async ban(bans: readonly Ban[]): Promise<void> {
    for (const [family, networks] of this.#wanted(bans)) {
      const missing = networks.filter((network) => !this.#present[family].has(network))
      await this.#iptables[family].change(missing.flatMap((network) => this.#commands('-A', family, network)))
      for (const network of missing) this.#present[family].add(network)
    }
  }

  async unban(bans: readonly Ban[]): Promise<void> {
    for (const [family, networks] of this.#wanted(bans)) {
      const there = networks.filter((network) => this.#present[family].has(network))
      const commands = there.flatMap((network) => this.#commands('-D', family, network))
      try {
        await this.#iptables[family].change(commands)
      } catch {
        // Somebody took one of them: those that are left go by their numbers.
        await this.#removeByNumber(family, new Set(there))
      }
      for (const network of there) this.#present[family].delete(network)
    }
  }

  async check(bans: readonly Ban[]): Promise<boolean> {
    for (const family of this.#families) {
      for (const words of this.#jumps())
        if (!(await this.#iptables[family].hasRule(this.#options.chain, words))) return false
      if (!(await this.#learn(family))) return false
    }
    return this.#wanted(bans).every(([family, networks]) =>
      networks.every((network) => this.#present[family].has(network)),
    )
  }

  async stop(): Promise<void> {
    for (const family of this.#families) {
      const iptables = this.#iptables[family]
      if (this.#options.sharedChain === undefined) {
        await iptables.removeRules(this.#options.chain, this.#jumps())
        await iptables.removeChain(this.#chain)
      } else {
        await this.#removeByNumber(family, this.#present[family])
      }
      this.#present[family].clear()
    }
  }

  /** Rules that lead into the chain; a shared one gets all packets, and its rules look at ports. */
  #jumps(): string[][] {
    const matches = this.#options.sharedChain === undefined ? portMatches(this.#options) : [[]]
    return matches.map((match) => [...match, '-j', this.#chain])
  }

  #commands(verb: '-A' | '-D', family: Family, network: string): string[][] {
    const matches = this.#options.sharedChain === undefined ? [[]] : portMatches(this.#options)
    const mark = ['-m', 'comment', '--comment', this.#comment()]
    return matches.flatMap((match) =>
      verdictTargets(this.#options, family).map((target) => [
        verb,
        this.#chain,
        '-s',
        network,
        ...match,
        ...mark,
        ...target,
      ]),
    )
  }

  #comment(): string {
    return kernelName('postern:', this.#context.jail, 200)
  }

  #wanted(bans: readonly Ban[]): [Family, readonly string[]][] {
    const networks = networksByFamily(bans)
    return this.#families.map((family) => [family, networks[family]])
  }

  /** Looks which networks have rules of this jail; false when there is no chain. */
  async #learn(family: Family): Promise<boolean> {
    const rules = await this.#iptables[family].rules(this.#chain)
    this.#present[family].clear()
    for (const rule of rules ?? []) {
      const network = this.#networkOf(rule)
      if (network !== null) this.#present[family].add(network)
    }
    return rules !== null
  }

  #networkOf(rule: string): string | null {
    const comment = /--comment ("?)([^" ]+)\1(?: |$)/.exec(rule)?.[2]
    if (comment !== this.#comment()) return null
    const source = / -s (\S+)/.exec(rule)?.[1] ?? ''
    return source.replace(source.includes(':') ? /\/128$/ : /\/32$/, '')
  }

  async #removeByNumber(family: Family, networks: ReadonlySet<string>): Promise<void> {
    const rules = (await this.#iptables[family].rules(this.#chain)) ?? []
    const numbers = rules.flatMap((rule, at) => {
      const network = this.#networkOf(rule)
      return network !== null && networks.has(network) ? [at + 1] : []
    })
    await this.#iptables[family].change(numbers.reverse().map((number) => ['-D', this.#chain, `${number}`]))
  }
}
