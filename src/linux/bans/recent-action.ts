/**
 * Bans as entries of a recency list: the rules that ask the list decide what the banned may still do.
 */
import type { Ban } from '../../guard/ban.ts'
import { RecencyList, type RecentFiles } from '../recency-list.ts'
import type { BanAction } from './action.ts'
import { networkOfBan } from './action.ts'

export class RecentAction implements BanAction {
  readonly name: string
  readonly #list: RecencyList

  constructor(name: string, list: string, files?: RecentFiles) {
    this.#list = new RecencyList(list, files)
    this.name = name
  }

  start(): Promise<void> {
    return this.#list.mustExist()
  }

  async ban(bans: readonly Ban[]): Promise<void> {
    for (const address of addressesOf(bans)) await this.#list.add(address)
  }

  async unban(bans: readonly Ban[]): Promise<void> {
    for (const address of addressesOf(bans)) await this.#list.remove(address)
  }

  async check(bans: readonly Ban[]): Promise<boolean> {
    try {
      const listed = await this.#list.addresses()
      return addressesOf(bans).every((address) => listed.has(address))
    } catch {
      return false
    }
  }

  async stop(bans: readonly Ban[]): Promise<void> {
    await this.unban(bans).catch(() => {})
  }
}

/** A list holds addresses, no networks. */
const addressesOf = (bans: readonly Ban[]): string[] =>
  bans
    .map(networkOfBan)
    .flatMap((network) => (network === null || network.text.includes('/') ? [] : [network.text]))
