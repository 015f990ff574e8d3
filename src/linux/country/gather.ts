/** The networks of each country, from wherever they are listed; where that fails, from the last good list. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeText } from '../../lang/bytes.ts'
import { PrefixUnion } from '../../net/prefix-union.ts'
import { readMmdb } from '../../recipe/mmdb.ts'
import { readCsv, readLocations, readZone, ZoneRefused } from '../../recipe/zone.ts'
import { download } from './download.ts'
import type { CountrySettings } from './settings.ts'
import type { CountryStore } from './store.ts'

export interface Gathered {
  readonly byCountry: ReadonlyMap<string, PrefixUnion>
  /** What was wrong although there is a list for every country. */
  readonly warnings: readonly string[]
}

/** There is no list for a country, neither now nor from before. */
export class NoList extends Error {}

/** Files asked for at one time. */
const atOnce = 4

/** `offline`: nobody is asked; lists by URL are the last good ones. Throws `NoList`. */
export async function gather(
  settings: CountrySettings,
  store: CountryStore,
  offline = false,
): Promise<Gathered> {
  const warnings: string[] = []
  const { source } = settings
  if (source.kind === 'csv') return { byCountry: await fromCsv(settings, source), warnings }
  if (source.kind === 'mmdb') return { byCountry: await fromMmdb(settings, source.file), warnings }
  const byCountry = new Map<string, PrefixUnion>()
  const waiting = [...settings.countries]
  const worker = async () => {
    for (let code = waiting.shift(); code !== undefined; code = waiting.shift()) {
      const union =
        source.kind === 'folder'
          ? await fromFolder(source.folder, code, settings.maximumBytes)
          : await fromUrls(source.patterns, code, settings, store, offline ? null : warnings)
      byCountry.set(code, union)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, waiting.length) }, worker))
  // In the order in which they were named.
  return { byCountry: new Map(settings.countries.map((code) => [code, byCountry.get(code)!])), warnings }
}

async function fromUrls(
  patterns: readonly string[],
  code: string,
  settings: CountrySettings,
  store: CountryStore,
  warnings: string[] | null,
): Promise<PrefixUnion> {
  const union = new PrefixUnion()
  let found = 0
  for (const [part, pattern] of patterns.entries()) {
    const url = pattern.replaceAll('{cc}', code)
    const list =
      warnings === null
        ? await keptZone(code, part, store)
        : await zoneOf(url, code, part, settings, store, warnings)
    if (list === null) continue
    found++
    union.addAll(list)
  }
  if (found === 0)
    throw new NoList(
      warnings === null ? `no list of ${code} is kept` : `no list of ${code} at ${patterns.join(' or ')}`,
    )
  return union
}

async function keptZone(code: string, part: number, store: CountryStore): Promise<PrefixUnion | null> {
  const kept = await store.list(code, part)
  return kept === null ? null : readZone(decodeText(kept.bytes))
}

/** A list that is no list, or that cannot be had, leaves the last good one in its place. Null where the server has none. */
async function zoneOf(
  url: string,
  code: string,
  part: number,
  settings: CountrySettings,
  store: CountryStore,
  warnings: string[],
): Promise<PrefixUnion | null> {
  const kept = await store.list(code, part)
  try {
    const got = await download(url, kept?.validators ?? null, settings)
    if (got.kind === 'new') {
      const union = readZone(decodeText(got.bytes))
      await store.keep(code, part, got.bytes, got.validators)
      return union
    }
    if (got.kind === 'none') {
      if (kept === null) return null
      throw new Error(`${url}: the server has it no longer`)
    }
  } catch (error) {
    const message = error instanceof ZoneRefused ? `${url}: ${error.message}` : (error as Error).message
    if (kept === null) throw new NoList(message)
    warnings.push(`${message}; the last good list of ${code} stays`)
  }
  return readZone(decodeText(kept!.bytes))
}

async function fromFolder(folder: string, code: string, maximumBytes: number): Promise<PrefixUnion> {
  const union = new PrefixUnion()
  let found = 0
  for (const name of [`${code}.zone`, `${code}.v6.zone`]) {
    const path = join(folder, name)
    const bytes = await readBounded(path, maximumBytes)
    if (bytes === null) continue
    found++
    union.addAll(refusedAt(path, () => readZone(decodeText(bytes))))
  }
  if (found === 0) throw new NoList(`${folder} has no ${code}.zone`)
  return union
}

async function fromCsv(
  { countries, maximumBytes }: CountrySettings,
  { files, locations }: Extract<CountrySettings['source'], { kind: 'csv' }>,
): Promise<Map<string, PrefixUnion>> {
  const need = async (path: string): Promise<string> => decodeText(await readDatabase(path, maximumBytes))
  const places =
    locations === null
      ? undefined
      : refusedAt(locations, await need(locations).then((text) => () => readLocations(text)))
  const wanted = new Set(countries)
  const all = new Map(countries.map((code) => [code, new PrefixUnion()]))
  for (const path of files) {
    const text = await need(path)
    for (const [code, union] of refusedAt(path, () => readCsv(text, wanted, places)))
      all.get(code)!.addAll(union)
  }
  return withNetworks(all, files.join(', '))
}

async function fromMmdb(
  { countries, maximumBytes }: CountrySettings,
  path: string,
): Promise<ReadonlyMap<string, PrefixUnion>> {
  const bytes = await readDatabase(path, maximumBytes)
  return withNetworks(
    refusedAt(path, () => readMmdb(bytes, new Set(countries))),
    path,
  )
}

function withNetworks(all: Map<string, PrefixUnion>, place: string): Map<string, PrefixUnion> {
  for (const [code, union] of all) {
    if (union.count('ipv4') + union.count('ipv6') === 0) throw new NoList(`${place}: no network of ${code}`)
  }
  return all
}

/** A database has all countries in one file. */
const largestDatabase = 1 << 29

async function readDatabase(path: string, maximumBytes: number): Promise<Uint8Array> {
  const bytes = await readBounded(path, Math.max(maximumBytes, largestDatabase))
  if (bytes === null) throw new NoList(`there is no file ${path}`)
  return bytes
}

function refusedAt<T>(place: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ZoneRefused)) throw error
    throw new NoList(`${place}: ${error.message}`)
  }
}

/** A file, or null where there is none. Its size is looked at first: a device or a gigabyte is left alone. */
async function readBounded(path: string, maximumBytes: number): Promise<Uint8Array | null> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new NoList(`${path}: ${error.message}`)
  })
  if (file === null) return null
  try {
    const about = await file.stat()
    if (!about.isFile()) throw new NoList(`${path} is no file`)
    if (about.size > maximumBytes) throw new NoList(`${path}: larger than ${maximumBytes} bytes`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}
