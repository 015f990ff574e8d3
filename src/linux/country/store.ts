/** Good lists, kept: what was read last and could be used, by country, and what is in force. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { replaceFile } from '../files.ts'
import type { Validators } from './download.ts'

const partShape = z.object({
  etag: z.string().nullable(),
  modified: z.string().nullable(),
  isThere: z.boolean(),
})
const statusShape = z.object({
  /** Milliseconds since 1970. */
  syncedAtMs: z.number(),
  set: z.string(),
  countries: z.array(z.object({ code: z.string(), networks: z.number() })),
  prefixes: z.object({ ipv4: z.number(), ipv6: z.number() }),
  allow: z.array(z.string()),
  forward: z.boolean(),
  outgoing: z.boolean(),
  refuse: z.enum(['drop', 'reject']),
  warnings: z.array(z.string()),
  /** Who keeps it in force, where that is not a person: `up`. */
  by: z.string().optional(),
})
const fetchedShape = z.object({ atMs: z.number(), what: z.string() })

/** What the last sync put in force. */
export type CountryStatus = z.infer<typeof statusShape>

export class CountryStore {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o755 })
  }

  /** The list that was good, with what the server said of it; null when there is none. */
  async list(code: string, part: number): Promise<{ bytes: Uint8Array; validators: Validators } | null> {
    const [bytes, about] = await Promise.all([
      this.#read(`${code}.${part}.zone`),
      this.#read(`${code}.${part}.json`),
    ])
    if (bytes === null || about === null) return null
    const read = partShape.safeParse(parsed(about))
    return read.success && read.data.isThere ? { bytes, validators: read.data } : null
  }

  /** The list first: a server is never asked about one that is not there. */
  async keep(code: string, part: number, bytes: Uint8Array, validators: Validators): Promise<void> {
    await replaceFile(join(this.folder, `${code}.${part}.zone`), bytes)
    await this.#write(`${code}.${part}.json`, { ...validators, isThere: true })
  }

  async status(): Promise<CountryStatus | null> {
    const bytes = await this.#read('status.json')
    const read = bytes === null ? null : statusShape.safeParse(parsed(bytes))
    return read?.success ? read.data : null
  }

  keepStatus(status: CountryStatus): Promise<void> {
    return this.#write('status.json', status)
  }

  /** When all lists were had from their servers, in milliseconds since 1970; null when these never were. */
  async fetchedAtMs(what: string): Promise<number | null> {
    const bytes = await this.#read('fetched.json')
    const read = bytes === null ? null : fetchedShape.safeParse(parsed(bytes))
    return read?.success && read.data.what === what ? read.data.atMs : null
  }

  keepFetched(atMs: number, what: string): Promise<void> {
    return this.#write('fetched.json', { atMs, what })
  }

  /** The merged list of a country, as the last sync used it; null when there is none. */
  async used(code: string): Promise<string | null> {
    const bytes = await this.#read(`${code}.used`)
    return bytes === null ? null : new TextDecoder().decode(bytes)
  }

  keepUsed(code: string, text: string): Promise<void> {
    return replaceFile(join(this.folder, `${code}.used`), new TextEncoder().encode(text))
  }

  async forgetStatus(): Promise<void> {
    await this.#write('status.json', null)
  }

  #write(name: string, value: unknown): Promise<void> {
    return replaceFile(join(this.folder, name), new TextEncoder().encode(`${JSON.stringify(value)}\n`))
  }

  async #read(name: string): Promise<Uint8Array | null> {
    try {
      return await readFile(join(this.folder, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return null
  }
}
