/**
 * Bans as entries of a recency list, through /proc/net/xt_recent: the rules that ask the list decide what the banned may
 * still do. The list is there as soon as a rule names it.
 */
import { readFile, writeFile } from 'node:fs/promises'
import type { Ban } from '../../guard/ban.ts'
import { canonicalAddress } from '../../guard/decide/index.ts'
import { UnavailableError } from '../unavailable.ts'
import type { BanAction } from './action.ts'
import { networkOfBan } from './action.ts'

export interface RecentFiles {
  read(path: string): Promise<string>
  write(path: string, text: string): Promise<void>
}

const realFiles: RecentFiles = {
  read: (path) => readFile(path, 'utf8'),
  write: (path, text) => writeFile(path, text),
}

export class RecentAction implements BanAction {
  readonly name: string
  readonly #list: string
  readonly #files: RecentFiles

  constructor(name: string, list: string, files: RecentFiles = realFiles) {
    if (!/^[\w.-]{1,199}$/.test(list)) throw new Error(`"${list}" cannot be the name of a recency list`)
    this.name = name
    this.#list = list
    this.#files = files
  }

  async start(): Promise<void> {
    try {
      await this.#files.read(this.#path)
    } catch {
      throw new UnavailableError(
        `no rule names the recency list ${this.#list}`,
        `iptables -I INPUT -m recent --rcheck --name ${this.#list} -j DROP`,
      )
    }
  }

  async ban(bans: readonly Ban[]): Promise<void> {
    await this.#write('+', bans)
  }

  async unban(bans: readonly Ban[]): Promise<void> {
    await this.#write('-', bans)
  }

  async check(bans: readonly Ban[]): Promise<boolean> {
    try {
      const listed = new Set(
        [...(await this.#files.read(this.#path)).matchAll(/^src=(\S+)/gm)].map((found) =>
          shortText(found[1]!),
        ),
      )
      return bans.every((ban) => addressesOf([ban]).every((address) => listed.has(address)))
    } catch {
      return false
    }
  }

  async stop(bans: readonly Ban[]): Promise<void> {
    await this.#write('-', bans).catch(() => {})
  }

  get #path(): string {
    return `/proc/net/xt_recent/${this.#list}`
  }

  /** The kernel takes one address a write. */
  async #write(sign: '+' | '-', bans: readonly Ban[]): Promise<void> {
    for (const address of addressesOf(bans)) await this.#files.write(this.#path, `${sign}${address}\n`)
  }
}

/** The list shows IPv6 addresses in eight groups of four digits. */
const shortText = (text: string): string => canonicalAddress(text) ?? text

/** A list holds addresses, no networks. */
const addressesOf = (bans: readonly Ban[]): string[] =>
  bans
    .map(networkOfBan)
    .flatMap((network) => (network === null || network.text.includes('/') ? [] : [network.text]))
