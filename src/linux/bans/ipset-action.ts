/**
 * Bans in a set of the kernel for each family, with timeouts, and rules that ask it: the same work for one address as
 * for a hundred thousand. The kernel lets go of a ban by itself should the guard not come back.
 */
import type { Ban } from '../../guard/ban.ts'
import { banEndMs } from '../../guard/decide/index.ts'
import type { Family } from '../../net/address.ts'
import { type ActionContext, type BanAction, families, kernelName, networkOfBan } from './action.ts'
import { Iptables } from './iptables.ts'
import { portMatches, type RuleOptions, verdictTargets } from './rule-words.ts'
import { type RunProgram, runOrFail } from './run-program.ts'

/** The longest timeout an entry takes, in seconds (IPSET_MAX_TIMEOUT, include/linux/netfilter/ipset/ip_set_timeout.h). */
const longestTimeout = 2_147_483
/** How many entries a set may hold; the kernel's default of 65,536 has been too few for others. */
const maxEntries = 1_000_000
const longestSetName = 31

export class IpsetAction implements BanAction {
  readonly name: string
  readonly #context: ActionContext
  readonly #options: RuleOptions
  readonly #run: RunProgram
  /** Families that this machine's iptables can handle, found at the start. */
  #families: readonly Family[] = []

  constructor(name: string, context: ActionContext, options: RuleOptions, run: RunProgram) {
    this.name = name
    this.#context = context
    this.#options = options
    this.#run = run
  }

  async start(): Promise<void> {
    const usable: Family[] = []
    for (const family of families) {
      try {
        await this.#makeSet(family)
        await new Iptables(family, this.#run).ensureRules(this.#options.chain, this.#rules(family))
        usable.push(family)
      } catch (error) {
        if (family === 'ipv4') throw error
        this.#context.say('warning', `no bans of IPv6 addresses: ${(error as Error).message}`)
      }
    }
    this.#families = usable
  }

  async ban(bans: readonly Ban[]): Promise<void> {
    const nowMs = this.#context.nowMs()
    await this.#restore(
      bans.flatMap((ban) => this.#entry(ban).map((entry) => `add ${entry} timeout ${timeoutOf(ban, nowMs)}`)),
    )
  }

  async prolong(ban: Ban): Promise<void> {
    await this.ban([ban])
  }

  async unban(bans: readonly Ban[]): Promise<void> {
    await this.#restore(bans.flatMap((ban) => this.#entry(ban).map((entry) => `del ${entry}`)))
  }

  async check(bans: readonly Ban[]): Promise<boolean> {
    for (const family of this.#families) {
      const { status, stdout } = await this.#run('ipset', ['list', '-t', this.#set(family)])
      if (status !== 0) return false
      const entries = Number(/^Number of entries: (\d+)$/m.exec(stdout)?.[1] ?? 0)
      const wanted = new Set(
        bans
          .map(networkOfBan)
          .filter((found) => found?.family === family)
          .map((found) => found!.text),
      )
      if (entries < wanted.size) return false
      const iptables = new Iptables(family, this.#run)
      for (const words of this.#rules(family))
        if (!(await iptables.hasRule(this.#options.chain, words))) return false
    }
    return true
  }

  async stop(): Promise<void> {
    for (const family of this.#families) {
      await new Iptables(family, this.#run).removeRules(this.#options.chain, this.#rules(family))
      await this.#run('ipset', ['destroy', this.#set(family)])
    }
  }

  #set(family: Family): string {
    return kernelName(family === 'ipv4' ? 'postern-' : 'postern6-', this.#context.jail, longestSetName)
  }

  async #makeSet(family: Family): Promise<void> {
    const kind = ['hash:net', 'family', family === 'ipv4' ? 'inet' : 'inet6', 'maxelem', `${maxEntries}`]
    await runOrFail(this.#run, 'ipset', ['create', this.#set(family), ...kind, 'timeout', '0', '-exist'])
  }

  #rules(family: Family): string[][] {
    const ask = ['-m', 'set', '--match-set', this.#set(family), 'src']
    return portMatches(this.#options).flatMap((match) =>
      verdictTargets(this.#options, family).map((target) => [...match, ...ask, ...target]),
    )
  }

  #entry(ban: Ban): string[] {
    const network = networkOfBan(ban)
    return network !== null && this.#families.includes(network.family)
      ? [`${this.#set(network.family)} ${network.text}`]
      : []
  }

  async #restore(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return
    await runOrFail(this.#run, 'ipset', ['restore', '-exist'], { input: `${lines.join('\n')}\n` })
  }
}

/** Seconds that an entry stays, one more than the ban so that the guard is first; 0 for one without end or too long. */
function timeoutOf(ban: Ban, nowMs: number): number {
  const seconds = Math.max(1, Math.ceil((banEndMs(ban) - nowMs) / 1000) + 1)
  return seconds > longestTimeout ? 0 : seconds
}
