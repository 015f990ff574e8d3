/**
 * The half of the auth port with privilege: it puts an address into one of the configured lists for a time, takes it out
 * again, and does nothing else. It believes nothing: list, address and time are checked here, whoever asks.
 *
 * What it has put in is written to a file, so that after a crash nobody stays in.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { canonicalAddress } from '../../guard/decide/index.ts'
import { RecencyList, type RecentFiles } from '../../linux/recency-list.ts'

export interface KeeperOptions {
  readonly lists: readonly string[]
  /** No address stays in longer. */
  readonly longestSeconds: number
  /** Where it remembers whom it has put in. */
  readonly grantsFile: string
  readonly nowMs: () => number
  /** Told when something went wrong that nobody waits for. */
  readonly complain: (message: string) => void
  readonly files?: RecentFiles
}

/** What the other half may ask. */
export interface ListKeeper {
  put(list: string, address: string, seconds: number): Promise<void>
  take(list: string, address: string): Promise<void>
}

export class Keeper implements ListKeeper {
  readonly #options: KeeperOptions
  readonly #lists: ReadonlyMap<string, RecencyList>
  /** `LIST ADDRESS` to when it ends. */
  readonly #grants = new Map<string, number>()
  /** Writes follow one another: of a put and a take of one address the later one holds. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#lists = new Map(options.lists.map((name) => [name, new RecencyList(name, options.files)]))
  }

  /** Throws `UnavailableError` when a list is not there. Takes out who was left in. */
  async start(): Promise<void> {
    for (const list of this.#lists.values()) await list.mustExist()
    for (const key of this.#leftBehind()) {
      const [list, address] = key.split(' ') as [string, string]
      await this.#lists.get(list)?.remove(address)
    }
    this.#remember()
  }

  /** Throws an `Error` for what is not configured. */
  put(list: string, address: string, seconds: number): Promise<void> {
    const [key, recency, canonical] = this.#checked(list, address)
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > this.#options.longestSeconds)
      throw new Error(`${seconds} is no time between 1 and ${this.#options.longestSeconds} seconds`)
    return this.#inOrder(async () => {
      const endsAtMs = this.#options.nowMs() + seconds * 1000
      this.#grants.set(key, Math.max(endsAtMs, this.#grants.get(key) ?? 0))
      this.#remember()
      await recency.add(canonical)
    })
  }

  take(list: string, address: string): Promise<void> {
    const [key, recency, canonical] = this.#checked(list, address)
    // What it has not put in is not its to take out.
    if (!this.#grants.has(key)) return Promise.resolve()
    return this.#inOrder(async () => {
      await recency.remove(canonical)
      this.#grants.delete(key)
      this.#remember()
    })
  }

  /** Takes out whose time is over. */
  async expire(): Promise<void> {
    const nowMs = this.#options.nowMs()
    for (const [key, endsAtMs] of this.#grants)
      if (endsAtMs <= nowMs)
        await this.take(...(key.split(' ') as [string, string])).catch((error: Error) =>
          this.#options.complain(`${key} could not be taken out: ${error.message}`),
        )
  }

  /** Puts in again who was lost: a list forgets all when its rules are loaded anew. */
  repair(): Promise<void> {
    return this.#inOrder(async () => {
      for (const [name, list] of this.#lists) {
        const missing = [...this.#grants.keys()].filter((key) => key.startsWith(`${name} `))
        if (missing.length === 0) continue
        const present = await list.addresses()
        for (const key of missing) {
          const address = key.slice(name.length + 1)
          if (!present.has(address)) await list.add(address)
        }
      }
    }).catch((error: Error) => this.#options.complain(`the lists cannot be read: ${error.message}`))
  }

  /** Takes everybody out. */
  async closeAll(): Promise<void> {
    for (const key of [...this.#grants.keys()])
      await this.take(...(key.split(' ') as [string, string])).catch((error: Error) =>
        this.#options.complain(`${key} could not be taken out: ${error.message}`),
      )
  }

  #checked(list: string, address: string): [key: string, list: RecencyList, address: string] {
    const recency = this.#lists.get(list)
    if (recency === undefined) throw new Error('this list is not configured')
    const canonical = canonicalAddress(address)
    if (canonical === null) throw new Error('this is no address')
    return [`${list} ${canonical}`, recency, canonical]
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#last.then(action)
    this.#last = next.catch(() => {})
    return next
  }

  #remember(): void {
    const { grantsFile } = this.#options
    if (this.#grants.size === 0) {
      rmSync(grantsFile, { force: true })
      return
    }
    const beside = `${grantsFile}.new`
    writeFileSync(beside, `${[...this.#grants.keys()].join('\n')}\n`, { mode: 0o600 })
    renameSync(beside, grantsFile)
  }

  #leftBehind(): string[] {
    const { grantsFile } = this.#options
    if (!existsSync(grantsFile)) return []
    return readFileSync(grantsFile, 'utf8')
      .split('\n')
      .filter((line) => canonicalAddress(line.split(' ')[1] ?? '') !== null)
  }
}
