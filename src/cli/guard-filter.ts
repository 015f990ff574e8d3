/** Which filter the words of a command mean: a name with options, a file, or an expression. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { readFilter } from '../guard/config/read-filter.ts'
import { type Zone, zoneOf } from '../guard/dates/zone.ts'
import type { FilterDefinition } from '../guard/filter-definition.ts'
import { ownFilters } from '../guard/filters/index.ts'
import { nearest } from '../lang/suggest.ts'
import { machineFiles } from '../linux/config-files.ts'
import type { OptionValues } from './command.ts'
import { type Environment, UsageError } from './environment.ts'
import { renderDiagnostics } from './report/diagnostics.ts'

/** The zone of this machine, or of TZ. */
export const localZone: Zone = zoneOf((utcMs) => -new Date(utcMs).getTimezoneOffset())

const reference = /^[\w./-]+(?:\[.*\])*$/s

/** The filter that a word means, with what the command's options replace in it. */
export function filterOf(word: string, options: OptionValues, environment: Environment): FilterDefinition {
  const found = reference.test(word) ? namedFilter(word, options, environment) : expressionFilter(word)
  const text = (name: string): string | undefined =>
    typeof options[name] === 'string' ? options[name] : undefined
  const maxlines = text('maxlines')
  if (maxlines !== undefined && !/^[1-9]\d*$/.test(maxlines)) {
    throw new UsageError(`--maxlines ${maxlines}: a number of lines is needed`)
  }
  const ignoreregex = text('ignoreregex')
  const datepattern = text('datepattern')
  const logtimezone = text('timezone')
  return {
    ...found,
    ...(maxlines === undefined ? {} : { maxlines: Number(maxlines) }),
    ...(ignoreregex === undefined ? {} : { ignoreregex: [ignoreregex] }),
    ...(datepattern === undefined ? {} : { datepattern }),
    ...(logtimezone === undefined ? {} : { logtimezone }),
    usedns: (text('usedns') as FilterDefinition['usedns']) ?? found.usedns,
  }
}

function namedFilter(word: string, options: OptionValues, environment: Environment): FilterDefinition {
  const folder = typeof options.etc === 'string' ? options.etc : '/etc/fail2ban'
  const [, name, rest] = /^([^[]+)(.*)$/s.exec(word)!
  // a file has a slash or a suffix; the reader adds .conf itself
  const isFile = name!.includes('/') || name!.endsWith('.conf')
  if (isFile && !existsSync(name!)) throw new UsageError(`${name}: no such file`)
  const full = isFile ? resolve(name!).replace(/\.conf$/, '') + rest! : word
  const { definition, diagnostics } = readFilter(machineFiles, full, {
    folder,
    filters: ownFilters,
  })
  // a name that nobody knows stands in no file that could be shown
  const errors = diagnostics.filter(
    ({ severity, code }) => severity === 'error' && code !== 'guard/unknown-filter',
  )
  if (errors.length > 0) environment.stderr(renderDiagnostics(errors, environment, 'stderr'))
  if (definition === null || errors.length > 0) {
    const stock = (machineFiles.list(`${folder}/filter.d`) ?? []).map((file) =>
      file.replace(/\.(?:conf|local)$/, ''),
    )
    const near = nearest(name!, [...Object.keys(ownFilters), ...stock])
    const known = near ?? `one of ${Object.keys(ownFilters).sort().join(', ')}`
    throw new UsageError(
      errors.length > 0
        ? `the filter ${name} cannot be used`
        : `there is no filter ${name}, neither in ${folder}/filter.d nor of Postern's own`,
      `${known}; a file; or an expression with <HOST>`,
    )
  }
  return definition
}

const expressionFilter = (expression: string): FilterDefinition => ({
  name: 'expression',
  failregex: [expression],
  ignoreregex: [],
  maxlines: 1,
  usedns: 'warn',
  logtype: 'file',
  journalmatch: [],
})
