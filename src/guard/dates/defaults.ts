/** The date forms that are looked for when a filter names none: those of fail2ban 1.0.2, in its order. */
import { type DateTemplate, lineBeginMark, templateOf } from './template.ts'

const clock = '%H:%M:%S'
const paddedClock = '%k:%M:%S'
const fraction = '(?:\\.%f)?'
/** A separator that has to come again. */
const separator = (chars: string): string => `(?P<_sep>[${chars}])`
const again = '(?P=_sep)'
const weekday = '(?:%a )?'
const asctime = `${weekday}%b %d ${paddedClock}${fraction}(?: %ExY)?`

export const defaultPatterns: readonly string[] = [
  `%ExY${separator('-/.')}%m${again}%d(?:T|  ?)${clock}(?:[.,]%f)?(?:\\s*%z)?`,
  asctime,
  `${weekday}%b %d %ExY ${paddedClock}${fraction}`,
  `%d${separator('-/')}%m${again}(?:%ExY|%Exy) ${paddedClock}`,
  `%d${separator('-/')}%b${again}%ExY[ :]?${clock}${fraction}(?: %z)?`,
  `%m/%d/%ExY:${clock}`,
  `%m-%d-%ExY ${paddedClock}${fraction}`,
  'EPOCH',
  `${lineBeginMark}${clock}`,
  `^<%m/%d/%Exy@${clock}>`,
  `%Exy%Exm%Exd  ?${clock}`,
  '%b %d, %ExY %I:%M:%S %p',
  `^%b-%d-%Exy ${paddedClock}`,
  '%ExY%Exm%Exd(?:T|  ?)%ExH%ExM%ExS(?:[.,]%f)?(?:\\s*%z)?',
  `(?:%Z )?${asctime}`,
  `(?:%z )?${asctime}`,
  'TAI64N',
]

/** How much sooner a template at the beginning of a line is moved forward. */
const lineBeginWeight = 100

const cache = new Map<number, { plain: DateTemplate[]; all: DateTemplate[] }>()

/** The templates as they stand, and with those bound to the beginning of a line before them. */
export function defaultTemplates(newestYear: number): {
  readonly plain: readonly DateTemplate[]
  readonly all: readonly DateTemplate[]
} {
  const known = cache.get(newestYear)
  if (known !== undefined) return known
  const plain = defaultPatterns.map((pattern) => templateOf(pattern, newestYear))
  const bound = defaultPatterns
    .filter((pattern) => !pattern.startsWith(lineBeginMark) && !pattern.startsWith('^'))
    .map((pattern) => templateOf(lineBeginMark + pattern, newestYear, lineBeginWeight))
  const made = { plain, all: [...bound, ...plain] }
  cache.set(newestYear, made)
  return made
}
