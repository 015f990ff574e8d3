/** Bans in sets of nftables, in the table `inet postern`: a base chain and two sets for each jail. */
import type { Ban } from '../../guard/ban.ts'
import { banEndMs } from '../../guard/decide/index.ts'
import type { Family } from '../../net/address.ts'
import { type ActionContext, type BanAction, families, kernelName, networkOfBan } from './action.ts'
import type { RuleOptions } from './rule-words.ts'
import { type RunProgram, runOrFail } from './run-program.ts'

const table = 'inet postern'
/** Names of sets in nftables may be longer; this is long enough. */
const longestName = 60
/** Before the rules of others at the usual priority. */
const priority = -10
/** Seconds that the kernel keeps an element longer than the ban: the guard takes it out first. */
const spareSeconds = 5

export class NftAction implements BanAction {
  readonly name: string
  readonly #context: ActionContext
  readonly #options: RuleOptions
  readonly #run: RunProgram
  readonly #chain: string

  constructor(name: string, context: ActionContext, options: RuleOptions, run: RunProgram) {
    this.name = name
    this.#context = context
    this.#options = options
    this.#run = run
    // nft's names know neither blanks nor dots at the beginning.
    this.#chain = kernelName('jail-', context.jail, longestName).replaceAll('~', '_')
  }

  async start(): Promise<void> {
    await this.#script([
      `add table ${table}`,
      `add chain ${table} ${this.#chain} { type filter hook input priority ${priority}; policy accept; }`,
      ...families.map(
        (family) => `add set ${table} ${this.#set(family)} { type ${family}_addr; flags interval,timeout; }`,
      ),
      `flush chain ${table} ${this.#chain}`,
      ...families.flatMap((family) =>
        this.#rules(family).map((rule) => `add rule ${table} ${this.#chain} ${rule}`),
      ),
    ])
  }

  async ban(bans: readonly Ban[]): Promise<void> {
    const nowMs = this.#context.nowMs()
    await this.#elements('add', bans, (ban) => {
      const seconds = Math.ceil((banEndMs(ban) - nowMs) / 1000) + spareSeconds
      return Number.isFinite(seconds) ? ` timeout ${Math.max(1, seconds)}s` : ''
    })
  }

  async prolong(ban: Ban): Promise<void> {
    await this.unban([ban])
    await this.ban([ban])
  }

  async unban(bans: readonly Ban[]): Promise<void> {
    try {
      await this.#elements('delete', bans, () => '')
    } catch {
      // One that is not there makes nft refuse all.
      for (const ban of bans) await this.#elements('delete', [ban], () => '').catch(() => {})
    }
  }

  async check(bans: readonly Ban[]): Promise<boolean> {
    const rules = await this.#run('nft', ['-n', 'list', 'chain', 'inet', 'postern', this.#chain])
    if (rules.status !== 0 || !families.every((family) => rules.stdout.includes(`@${this.#set(family)}`)))
      return false
    for (const family of families) {
      const wanted = bans.filter((ban) => networkOfBan(ban)?.family === family).length
      if (wanted === 0) continue
      const { status, stdout } = await this.#run('nft', [
        '-j',
        'list',
        'set',
        'inet',
        'postern',
        this.#set(family),
      ])
      if (status !== 0 || elementCount(stdout) < wanted) return false
    }
    return true
  }

  async stop(): Promise<void> {
    const parts = [
      `chain ${table} ${this.#chain}`,
      ...families.map((family) => `set ${table} ${this.#set(family)}`),
    ]
    for (const part of parts) await this.#run('nft', ['-f', '-'], { input: `delete ${part}\n` })
    const { stdout } = await this.#run('nft', ['list', 'table', 'inet', 'postern'])
    // The last jail takes the table away.
    if (!/\b(chain|set)\b/.test(stdout))
      await this.#run('nft', ['-f', '-'], { input: `delete table ${table}\n` })
  }

  #set(family: Family): string {
    return `${this.#chain}-${family}`
  }

  #rules(family: Family): string[] {
    const { protocols, ports, verdict, logPrefix } = this.#options
    const from = `${family === 'ipv4' ? 'ip' : 'ip6'} saddr @${this.#set(family)}`
    const portSet = ports.map((port) => port.replace(':', '-')).join(', ')
    const matches =
      protocols.length === 0
        ? ['']
        : protocols.map((protocol) =>
            ports.length === 0 ? `meta l4proto ${protocol} ` : `${protocol} dport { ${portSet} } `,
          )
    const log = verdict.startsWith('log') ? [`log prefix "${logPrefix.replaceAll('"', '')}"`] : []
    const end = verdict.endsWith('drop') ? ['drop'] : verdict.endsWith('reject') ? ['reject'] : []
    return matches.map((match) => [`${match}${from} counter`, ...log, ...end].join(' '))
  }

  async #elements(verb: 'add' | 'delete', bans: readonly Ban[], more: (ban: Ban) => string): Promise<void> {
    const byFamily: Record<Family, string[]> = { ipv4: [], ipv6: [] }
    for (const ban of bans) {
      const network = networkOfBan(ban)
      if (network !== null) byFamily[network.family].push(`${network.text}${more(ban)}`)
    }
    await this.#script(
      families
        .filter((family) => byFamily[family].length > 0)
        .map((family) => `${verb} element ${table} ${this.#set(family)} { ${byFamily[family].join(', ')} }`),
    )
  }

  async #script(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await runOrFail(this.#run, 'nft', ['-f', '-'], { input: `${lines.join('\n')}\n` })
  }
}

function elementCount(json: string): number {
  try {
    const { nftables } = JSON.parse(json) as { nftables: { set?: { elem?: unknown[] } }[] }
    return nftables.reduce((sum, { set }) => sum + (set?.elem?.length ?? 0), 0)
  } catch {
    return 0
  }
}
