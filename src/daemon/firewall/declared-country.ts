/** The section `country` as settings. */
import { join } from 'node:path'
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { type CountryFile, type CountrySettings, settingsOf } from '../../linux/country/index.ts'
import { readCodes } from '../../recipe/zone.ts'
import { parseDuration } from '../../scenario/duration.ts'
import type { ConfigFile } from '../config/index.ts'
import { pathFrom, readText } from './declared-file.ts'

export interface CountryDeclared {
  /** Null where something is wrong. */
  readonly settings: CountrySettings | null
  readonly refreshMs: number
  readonly wrong: readonly Diagnostic[]
}

const leastRefreshMs = 60_000
/** Timers of Node count to 2^31 milliseconds. */
const mostRefreshMs = 24 * 86_400_000

/** `stateFolder`: of the daemon; good lists are kept below it unless the section says otherwise. */
export function settleCountry(file: ConfigFile, stateFolder = '/var/lib/postern'): CountryDeclared {
  const wrong: Diagnostic[] = []
  const { refresh, ...section } = file.config!.country!
  const at = (key: string) => ['country', key]
  const path = (value: string): string => pathFrom(file, value)
  const given = (['url', 'folder', 'csv', 'mmdb'] as const).filter((key) => section[key] !== undefined)
  if (given.length > 1) wrong.push(file.errorAt(at(given[1]!), `${given.join(' and ')} exclude each other`))
  for (const [place, code] of (section.countries ?? []).entries())
    complain(file, [...at('countries'), place], code, wrong)
  const listed = section.list === undefined ? null : readText(file, at('list'), section.list, wrong)
  if (listed !== null) complain(file, at('list'), listed, wrong)
  const refreshMs = Number(parseDuration(refresh ?? '7d')! / 1_000_000n)
  if (refreshMs < leastRefreshMs || mostRefreshMs < refreshMs)
    wrong.push(
      file.errorAt(at('refresh'), 'the lists are fetched every 60s at most, every 24d at least', '7d'),
    )
  if (wrong.length > 0) return { settings: null, refreshMs, wrong }
  const resolved = {
    ...section,
    ...(section.folder !== undefined && { folder: path(section.folder) }),
    ...(section.csv !== undefined && { csv: [section.csv].flat().map(path) }),
    ...(section.mmdb !== undefined && { mmdb: path(section.mmdb) }),
    ...(section.locations !== undefined && { locations: path(section.locations) }),
    state: section.state === undefined ? join(stateFolder, 'country') : path(section.state),
  } as CountryFile
  try {
    return { settings: settingsOf(resolved, listed), refreshMs, wrong }
  } catch (error) {
    const help = 'countries: [cn, ru], or list: langblock.cfg'
    return { settings: null, refreshMs, wrong: [file.errorAt(['country'], (error as Error).message, help)] }
  }
}

function complain(
  file: ConfigFile,
  at: readonly (string | number)[],
  codes: string,
  wrong: Diagnostic[],
): void {
  try {
    readCodes(codes)
  } catch (error) {
    wrong.push(file.errorAt(at, (error as Error).message.replace(/^line 1: (?=")/, '')))
  }
}
