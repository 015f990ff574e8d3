/**
 * A recency list of this machine, through /proc/net/xt_recent (net/netfilter/xt_recent.c, Linux 6.18). It is there as
 * soon as a rule names it, and keeps addresses of both families.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { canonicalAddress } from '../guard/decide/index.ts'
import { UnavailableError } from './unavailable.ts'

/** How lists are reached; tests put their own in the place. */
export interface RecentFiles {
  read(path: string): Promise<string>
  write(path: string, text: string): Promise<void>
}

const realFiles: RecentFiles = {
  read: (path) => readFile(path, 'utf8'),
  write: (path, text) => writeFile(path, text),
}

/** What the kernel takes as a list's name and what is safe as the name of a file. */
export const isListName = (name: string): boolean => /^(?!\.{1,2}$)[\w.-]{1,199}$/.test(name)

export class RecencyList {
  readonly name: string
  readonly #files: RecentFiles

  /** Throws where no list can have that name. */
  constructor(name: string, files: RecentFiles = realFiles) {
    if (!isListName(name)) throw new Error(`"${name}" cannot be the name of a recency list`)
    this.name = name
    this.#files = files
  }

  /** Throws `UnavailableError` when no rule names the list. */
  async mustExist(): Promise<void> {
    try {
      await this.#files.read(this.#path)
    } catch {
      throw new UnavailableError(
        `no rule names the recency list ${this.name}`,
        `iptables -I INPUT -m recent --rcheck --name ${this.name} -j DROP`,
      )
    }
  }

  /** Its addresses, canonical. The list shows IPv6 addresses in eight groups of four digits. */
  async addresses(): Promise<Set<string>> {
    const text = await this.#files.read(this.#path)
    return new Set(
      [...text.matchAll(/^src=(\S+)/gm)].map(([, address]) => canonicalAddress(address!) ?? address!),
    )
  }

  /** Adds an address, or makes it new. The kernel takes one a write. */
  add(address: string): Promise<void> {
    return this.#files.write(this.#path, `+${address}\n`)
  }

  remove(address: string): Promise<void> {
    return this.#files.write(this.#path, `-${address}\n`)
  }

  get #path(): string {
    return `/proc/net/xt_recent/${this.name}`
  }
}
