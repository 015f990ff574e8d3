/** What a country block is made of: countries, where their networks are listed, and what becomes of their packets. */
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { parsePrefix } from '../../net/address.ts'
import { readCodes } from '../../recipe/zone.ts'
import { parseDuration } from '../../scenario/duration.ts'

export const timeShape = z
  .string()
  .refine((text) => parseDuration(text) !== null, 'is not a time such as 20s')
const url = z
  .string()
  .refine(
    (text) => /^https?:\/\/[^/\s{}]+\/\S*$/.test(text) && text.includes('{cc}'),
    'is not a URL with {cc} in its path',
  )

export const countryShape = z.strictObject({
  countries: z.array(z.string()).optional().describe('codes of two letters'),
  list: z.string().optional().describe('a file of codes, such as langblock.cfg'),
  url: z
    .union([url, z.array(url)])
    .optional()
    .describe('zone files; {cc} is the code in lower case'),
  folder: z.string().optional().describe('a folder of zone files, cn.zone and cn.v6.zone, instead of a URL'),
  csv: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe('CSV files of a database, instead'),
  mmdb: z.string().optional().describe('a database of MaxMind’s binary form, instead'),
  locations: z.string().optional().describe('MaxMind’s file of locations, for csv'),
  set: z
    .string()
    .regex(/^[A-Za-z][\w-]{0,19}$/, 'is not a name of up to 20 letters, digits, _ and -')
    .optional()
    .describe('the name of the set; `country` by default'),
  allow: z
    .array(z.string().refine((text) => parsePrefix(text) !== null, 'is not an address or prefix'))
    .optional()
    .describe('never refused'),
  refuse: z.enum(['drop', 'reject']).optional(),
  forward: z.boolean().optional().describe('forwarded packets, too'),
  outgoing: z.boolean().optional().describe('packets to those networks, too'),
  timeout: timeShape.optional().describe('for one file; 30s by default'),
  retries: z.number().int().min(0).max(10).optional().describe('2 by default'),
  maximum: z.number().int().min(1).optional().describe('bytes of one file; 32 MiB by default'),
  state: z.string().optional().describe('where good lists are kept; /var/lib/postern/country by default'),
})

export type CountryFile = z.infer<typeof countryShape>

export interface CountrySettings {
  /** Lower case, each once. */
  readonly countries: readonly string[]
  readonly source:
    | { readonly kind: 'url'; readonly patterns: readonly string[] }
    | { readonly kind: 'folder'; readonly folder: string }
    | { readonly kind: 'csv'; readonly files: readonly string[]; readonly locations: string | null }
    | { readonly kind: 'mmdb'; readonly file: string }
  readonly set: string
  readonly allow: readonly string[]
  readonly refuse: 'drop' | 'reject'
  readonly forward: boolean
  readonly outgoing: boolean
  readonly timeoutMs: number
  readonly retries: number
  readonly maximumBytes: number
  readonly stateFolder: string
}

/** The article's source, by its aggregated lists and by TLS. */
export const defaultUrls: readonly string[] = [
  'https://www.ipdeny.com/ipblocks/data/aggregated/{cc}-aggregated.zone',
  'https://www.ipdeny.com/ipv6/ipaddresses/aggregated/{cc}-aggregated.zone',
]

/** A file of its own, or the section `country` of a postern.yaml. Throws an Error with the file's name and the field. */
export function readCountryFile(text: string, name: string): CountryFile {
  let value: unknown
  try {
    value = parse(text) ?? {}
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message.split('\n')[0]}`)
  }
  const section = sectionOf(value)
  return section === null
    ? checkCountryFile(value, name)
    : ofFolder(checkCountryFile(section, name), dirname(name))
}

function sectionOf(value: unknown): object | null {
  const section = typeof value === 'object' && value !== null && 'country' in value ? value.country : null
  if (typeof section !== 'object' || section === null) return null
  // How often the daemon fetches the lists.
  const { refresh: _, ...rest } = section as { refresh?: unknown }
  return rest
}

/** Paths of a section are as seen from its file. */
const ofFolder = (file: CountryFile, folder: string): CountryFile => ({
  ...file,
  ...Object.fromEntries(
    (['list', 'folder', 'locations', 'state'] as const).flatMap((key) =>
      file[key] === undefined ? [] : [[key, resolve(folder, file[key])]],
    ),
  ),
  ...(file.csv !== undefined && { csv: [file.csv].flat().map((path) => resolve(folder, path)) }),
})

export function checkCountryFile(value: unknown, name: string): CountryFile {
  const read = countryShape.safeParse(value)
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw new Error(`${name}: ${path.join('.') || 'the whole'}: ${message}`)
}

/** `codes`: the text of the file of codes, where one is named. Throws an Error for what is wrong. */
export function settingsOf(file: CountryFile, codes: string | null): CountrySettings {
  const countries = readCodes([...(file.countries ?? []), codes ?? ''].join('\n'))
  if (countries.length === 0) throw new Error('no countries are named')
  const given = [file.url, file.folder, file.csv, file.mmdb].filter((each) => each !== undefined)
  if (given.length > 1) throw new Error('url, folder, csv and mmdb exclude each other')
  return {
    countries,
    source:
      file.folder !== undefined
        ? { kind: 'folder', folder: file.folder }
        : file.csv !== undefined
          ? { kind: 'csv', files: [file.csv].flat(), locations: file.locations ?? null }
          : file.mmdb !== undefined
            ? { kind: 'mmdb', file: file.mmdb }
            : { kind: 'url', patterns: file.url === undefined ? defaultUrls : [file.url].flat() },
    set: file.set ?? 'country',
    allow: file.allow ?? [],
    refuse: file.refuse ?? 'drop',
    forward: file.forward ?? false,
    outgoing: file.outgoing ?? false,
    timeoutMs: Number(parseDuration(file.timeout ?? '30s')! / 1_000_000n),
    retries: file.retries ?? 2,
    maximumBytes: file.maximum ?? 32 << 20,
    stateFolder: file.state ?? '/var/lib/postern/country',
  }
}
