/**
 * The `%` tokens of a `datepattern` as parts of a Python expression.
 *
 * Tokens are strptime's (documentation of Python's `datetime`), read more strictly where a log would mislead them, and
 * `%k %l %Ex..` of fail2ban: jail.conf(5), section "datepattern". Years of `%ExY` are of this century only.
 */
import { zoneName } from './zone-names.ts'

const names = {
  a: 'mon tue wed thu fri sat sun',
  A: 'wednesday thursday saturday tuesday monday friday sunday',
  b: 'jan feb mar apr may jun jul aug sep oct nov dec',
  B: 'september february november december january october august march april june july may',
}

const field = (name: string, pattern: string): string => `(?P<${name}>${pattern})`
const words = (name: keyof typeof names): string => field(name, names[name].replaceAll(' ', '|'))
const offset = '[+-][01]\\d(?::?\\d{2})?'

/** Expressions of all tokens; `newestYear` bounds `%ExY`, to the end of its decade. */
export function tokenPatterns(newestYear: number): ReadonlyMap<string, string> {
  const decade = Math.max(0, Math.min(9, Math.floor((newestYear - 2000) / 10)))
  const decades = decade === 0 ? '0' : `[${Array.from({ length: decade + 1 }, (_, at) => at).join('')}]`
  const plain: Record<string, string> = {
    '%': '%',
    a: words('a'),
    A: words('A'),
    b: words('b'),
    B: words('B'),
    d: field('d', '[1-2]\\d|[0 ]?[1-9]|3[0-1]'),
    f: field('f', '[0-9]{1,6}'),
    G: field('G', '\\d{4}'),
    H: field('H', '[0-1]?\\d|2[0-3]'),
    I: field('I', '1[0-2]|0[1-9]|[1-9]'),
    j: field('j', '36[0-6]|3[0-5]\\d|[1-2]\\d\\d|0[1-9]\\d|00[1-9]|[1-9]\\d|0[1-9]|[1-9]'),
    k: ` ?${field('H', '[0-2]?\\d')}`,
    l: ` ?${field('I', '1?\\d')}`,
    m: field('m', '0?[1-9]|1[0-2]'),
    M: field('M', '[0-5]?\\d'),
    p: field('p', 'am|pm'),
    S: field('S', '[0-5]?\\d|6[0-1]'),
    u: field('u', '[1-7]'),
    U: field('U', '5[0-3]|[0-4]\\d|\\d'),
    V: field('V', '5[0-3]|0[1-9]|[1-4]\\d|\\d'),
    w: field('w', '[0-6]'),
    W: field('W', '5[0-3]|[0-4]\\d|\\d'),
    y: field('y', '\\d{2}'),
    Y: field('Y', '\\d{4}'),
    z: field('z', `Z|UTC|GMT|${offset}`),
    Z: field('Z', 'Z|[A-Z]{3,5}'),
    Exd: field('d', '[1-2]\\d|0[1-9]|3[0-1]'),
    ExH: field('H', '[0-1]\\d|2[0-3]'),
    Exk: ` ?${field('H', '[0-1]?\\d|2[0-3]')}`,
    Exl: ` ?${field('I', '1[0-2]|\\d')}`,
    Exm: field('m', '0[1-9]|1[0-2]'),
    ExM: field('M', '[0-5]\\d'),
    ExS: field('S', '[0-5]\\d|6[0-1]'),
    Exy: field('y', '\\d{2}'),
    ExY: field('Y', `20${decades}\\d`),
    Exz: field('z', `(?:${zoneName})?${offset}|${zoneName}`),
    ExZ: field('Z', zoneName),
  }
  // the C locale's own date, time and both
  plain.x = `${plain.m}/${plain.d}/${plain.y}`
  plain.X = `${plain.H}:${plain.M}:${plain.S}`
  plain.c = `${plain.a}\\s+${plain.b}\\s+${plain.d}\\s+${plain.X}\\s+${plain.Y}`
  return new Map(Object.entries(plain))
}

/** How a template's name shows a token; others show as they are. */
const shown: Record<string, string> = {
  '%': '%',
  a: 'DAY',
  A: 'DAYNAME',
  b: 'MON',
  B: 'MONTH',
  d: 'Day',
  f: 'Microseconds',
  H: '24hour',
  I: '12hour',
  j: 'Yearday',
  m: 'Month',
  M: 'Minute',
  p: 'AMPM',
  S: 'Second',
  U: 'Yearweek',
  w: 'Weekday',
  W: 'Yearweek',
  y: 'Year2',
  Y: 'Year',
  z: 'Zone offset',
  Z: 'Zone name',
}

const token = /%(%|Ex[dHklmMSyYzZ]|.?)/gs

/** A pattern with its tokens replaced. @throws Error at a `%` that begins no token. */
export function expandTokens(pattern: string, patterns: ReadonlyMap<string, string>): string {
  return pattern.replace(token, (all, key: string) => {
    const found = patterns.get(key)
    if (found === undefined) throw new Error(`${all} is no token of a date`)
    return found
  })
}

/** A pattern as a name that tells what the tokens are. */
export function nameOfPattern(pattern: string): string {
  return pattern.replace(token, (all, key: string) => {
    const base = key.startsWith('Ex') ? key.slice(2) : key
    const name = shown[base]
    return name === undefined ? all : key === base ? name : `Ex${name}`
  })
}

/** Whether a pattern has names of days, months or halves of a day, which ignore case. */
export const hasWords = (pattern: string): boolean => /(?<!%)%[aAbBpc]/.test(pattern)

export const monthIndex = (name: string): number => indexIn(names.b, name.slice(0, 3))
export const weekdayIndex = (name: string): number => indexIn(names.a, name.slice(0, 3))

const indexIn = (list: string, name: string): number => list.split(' ').indexOf(name.toLowerCase())
