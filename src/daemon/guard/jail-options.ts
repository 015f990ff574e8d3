/**
 * What `fail2ban-client get JAIL OPTION` tells of a jail at work, in fail2ban's words, and what `set` makes of its
 * settings: one row for each option. Measured on fail2ban 1.0.2.
 */
import { existsSync } from 'node:fs'
import { repr } from '../../guard/config/python.ts'
import { parseTime } from '../../guard/config/time.ts'
import { createFilter } from '../../guard/filter/index.ts'
import type { FilterDefinition } from '../../guard/filter-definition.ts'
import type { JailSettings } from '../../guard/jail-settings.ts'
import { VerbError } from '../../linux/control-socket.ts'
import { decoderOf } from '../../linux/follow/index.ts'
import { cacheOf } from './ignore-check.ts'
import type { JailRunner } from './jail-runner.ts'

type Values = readonly string[]

interface JailOption {
  text(jail: JailRunner, values: Values): string
  /** Throws `VerbError` for values that cannot be. */
  set?(settings: JailSettings, values: Values): Partial<JailSettings>
}

/** The text of an option. Throws `VerbError` for one that is not known. */
export function optionText(jail: JailRunner, name: string, values: Values): string {
  if (!Object.hasOwn(options, name))
    throw new VerbError('Invalid command (no get action or not yet implemented)')
  return options[name]!.text(jail, values)
}

/** The option whose text answers `set`: `addlogpath` tells the paths. */
export const optionSetBy = (name: string): string => changes[name]?.tells ?? name

/** Settings with one option changed. Throws `VerbError` for what is not known or cannot be. */
export function withOption(settings: JailSettings, name: string, values: Values): JailSettings {
  const set = Object.hasOwn(changes, name)
    ? changes[name]!.set
    : Object.hasOwn(options, name)
      ? options[name]!.set
      : undefined
  if (set === undefined)
    throw new VerbError(`Invalid command '${name}' (no set action or not yet implemented)`)
  if (values.length === 0) throw new VerbError('Sorry but the command is invalid')
  return { ...settings, ...set(settings, values) }
}

const options: Readonly<Record<string, JailOption>> = {
  bantime: {
    text: ({ settings }) => `${settings.banTimeSeconds}`,
    set: (_settings, values) => ({ banTimeSeconds: secondsOf(values) }),
  },
  findtime: {
    text: ({ settings }) => `${settings.findTimeSeconds}`,
    set: (_settings, values) => ({ findTimeSeconds: secondsOf(values, 1) }),
  },
  maxretry: {
    text: ({ settings }) => `${settings.maxRetry}`,
    set: (_settings, values) => ({ maxRetry: numberOf(values, 1) }),
  },
  maxmatches: {
    text: ({ settings }) => `${settings.maxMatches}`,
    set: (_settings, values) => ({ maxMatches: numberOf(values, 0) }),
  },
  maxlines: {
    text: ({ settings }) => `${settings.filter.maxlines}`,
    set: ({ filter }, values) => ({ filter: { ...filter, maxlines: numberOf(values, 1) } }),
  },
  ignoreself: {
    text: ({ settings }) => repr(settings.ignoreSelf),
    set: (_settings, [word = '']) => ({
      ignoreSelf: ['1', 'on', 'true', 'yes'].includes(word.toLowerCase()),
    }),
  },
  ignorecommand: {
    text: ({ settings }) => settings.ignoreCommand ?? '',
    set: (_settings, [ignoreCommand = '']) => ({ ignoreCommand }),
  },
  ignorecache: {
    text: ({ settings }) => {
      if (settings.ignoreCache === undefined) return 'None'
      const { key, maxCount, maxMs } = cacheOf(settings.ignoreCache)
      return repr([key, maxCount, maxMs / 1000])
    },
    set: (_settings, [ignoreCache = '']) => {
      told(() => cacheOf(ignoreCache))
      return { ignoreCache }
    },
  },
  usedns: {
    text: ({ settings }) => settings.filter.usedns,
    set: ({ filter }, [word = '']) => {
      const usedns = (['yes', 'warn', 'no', 'raw'] as const).find((each) => each === word.toLowerCase())
      if (usedns === undefined) throw new VerbError(`usedns is yes, warn, no or raw: ${word}`)
      return { filter: { ...filter, usedns } }
    },
  },
  logencoding: {
    text: ({ settings: { logEncoding } }) =>
      `Current log encoding is set to:\n${logEncoding === 'auto' ? 'UTF-8' : logEncoding}`,
    set: (_settings, [logEncoding = '']) => {
      if (decoderOf(logEncoding) === null) throw new VerbError(`unknown encoding: ${logEncoding}`)
      return { logEncoding }
    },
  },
  logpath: {
    text: ({ files }) =>
      files.length === 0 ? 'No file is currently monitored' : tree('Current monitored log file(s):', files),
  },
  journalmatch: {
    text: ({ settings: { backend, filter } }) =>
      backend === 'files' || filter.journalmatch.length === 0
        ? 'No journal match filter set'
        : `Current match filter:\n${filter.journalmatch.join(' + ')}`,
  },
  prefregex: { text: ({ settings }) => settings.filter.prefregex ?? '' },
  failregex: { text: ({ settings }) => expressions(settings.filter.failregex) },
  ignoreregex: { text: ({ settings }) => expressions(settings.filter.ignoreregex) },
  datepattern: {
    text: ({ settings }) =>
      `Current date pattern set to: ${settings.filter.datepattern ?? 'Default Detectors'}`,
    set: ({ filter }, [datepattern = '']) => ({ filter: usable({ ...filter, datepattern }) }),
  },
  actions: {
    text: ({ name, settings: { actions } }) =>
      actions.length === 0
        ? `No actions for jail ${name}`
        : `The jail ${name} has the following actions:\n${actions.map((each) => each.name).join(', ')}`,
  },
  action: {
    text: ({ settings }, [name = '', property = '']) => {
      const action = actionOf(settings, name)
      if (property === 'timeout') return action.options.timeout ?? '60'
      if (!Object.hasOwn(action.options, property))
        throw new VerbError(`'CommandAction' object has no attribute '${property}'`)
      return action.options[property]!
    },
    set: (settings, [name = '', property = '', text]) => {
      const changed = actionOf(settings, name)
      if (text === undefined) throw new VerbError('Sorry but the command is invalid')
      const next = { ...changed, options: { ...changed.options, [property]: text } }
      return { actions: settings.actions.map((each) => (each === changed ? next : each)) }
    },
  },
}

/** What only `set` knows. */
const changes: Readonly<Record<string, { tells: string; set: NonNullable<JailOption['set']> }>> = {
  addlogpath: {
    tells: 'logpath',
    set: ({ logPaths }, [glob = '', from = 'head']) => {
      if (!existsSync(glob)) throw new VerbError(`[Errno 2] No such file or directory: ${repr(glob)}`)
      const others = logPaths.filter((path) => path.glob !== glob)
      return { logPaths: [...others, { glob, from: from === 'tail' ? 'tail' : 'head' }] }
    },
  },
  dellogpath: {
    tells: 'logpath',
    set: ({ logPaths }, [glob]) => ({ logPaths: logPaths.filter((path) => path.glob !== glob) }),
  },
  addjournalmatch: {
    tells: 'journalmatch',
    set: ({ filter }, words) => ({
      filter: { ...filter, journalmatch: [...filter.journalmatch, words.join(' ')] },
    }),
  },
  deljournalmatch: {
    tells: 'journalmatch',
    set: ({ filter }, words) => ({
      filter: { ...filter, journalmatch: filter.journalmatch.filter((match) => match !== words.join(' ')) },
    }),
  },
  ...expressionChanges('failregex'),
  ...expressionChanges('ignoreregex'),
}

function expressionChanges(name: 'failregex' | 'ignoreregex'): typeof changes {
  return {
    [`add${name}`]: {
      tells: name,
      set: ({ filter }, [text = '']) => ({
        filter: usable({ ...filter, [name]: [...filter[name], text] }),
      }),
    },
    [`del${name}`]: {
      tells: name,
      set: ({ filter }, values) => {
        const gone = numberOf(values, 0)
        return { filter: { ...filter, [name]: filter[name].filter((_each, at) => at !== gone) } }
      },
    },
  }
}

/** A filter whose expressions and dates can be read. */
function usable(filter: FilterDefinition): FilterDefinition {
  const [problem] = told(() => createFilter(filter).problems)
  if (problem !== undefined) throw new VerbError(problem.message)
  return filter
}

/** What goes wrong within is a mistake of the one who asks. */
function told<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw new VerbError((error as Error).message)
  }
}

function secondsOf([text = '']: Values, least = -1): number {
  const seconds = parseTime(text)
  if (seconds === null || seconds < least) throw new VerbError(`"${text}" is no time that could be`)
  return seconds
}

function numberOf([text = '']: Values, least: number): number {
  if (!/^\s*\d+\s*$/.test(text)) throw new VerbError(`invalid literal for int() with base 10: ${repr(text)}`)
  if (Number(text) < least) throw new VerbError(`${text} is less than ${least}`)
  return Number(text)
}

function actionOf({ actions }: JailSettings, name: string) {
  const action = actions.find((each) => each.name === name)
  if (action === undefined) throw new VerbError(`'Invalid Action name: ${name}'`)
  return action
}

const expressions = (list: readonly string[]): string =>
  list.length === 0
    ? 'No regular expression is defined'
    : tree(
        'The following regular expression are defined:',
        list.map((text, at) => `[${at}]: ${text}`),
      )

/** Lines under a title, as fail2ban-client draws them. */
export const tree = (title: string, lines: readonly string[]): string =>
  [title, ...lines.map((line, at) => `${at === lines.length - 1 ? '`-' : '|-'} ${line}`)].join('\n')
