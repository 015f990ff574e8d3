/** Configurations at random, most of which fail2ban takes. */
import fc from 'fast-check'
import { basics, jail } from './config-table.ts'
import type { ConfigTable } from './fail2ban.ts'

const pick = <T>(...items: readonly T[]) => fc.constantFrom(...items)

/** Pieces that values are put together of: each of them means something somewhere. */
const plainPieces = [
  'a',
  '5',
  '10m',
  ' ',
  ',',
  'x y',
  '/l',
  '^p <HOST>',
  'true',
  '[',
  ']',
  '=',
  '"',
  "'",
  'é',
  '%%',
]
const tagPieces = [
  '<x>',
  '<y>',
  '<mode>',
  '<w-<mode>>',
  '<known/x>',
  '<ip>',
  '<Init/x>',
  '<sect/v>',
  '<DEFAULT/y>',
]
const references = [
  '%(x)s',
  '%(y)s',
  '%(X)s',
  '%(port)s',
  '%(known/x)s',
  '%(default/y)s',
  '%(sect/v)s',
  '%(__name__)s',
]
/** Most configurations with these are refused. */
const wildPieces = [
  '%',
  '%(z)s',
  '%(known/failregex)s',
  '%(Sect/v)s',
  ' ; c',
  '# c',
  ';',
  ':',
  '\t',
  '%(sect/w)s',
]

const textOf = (...pieces: readonly (readonly [weight: number, items: readonly string[]])[]) => {
  const piece = fc.oneof(...pieces.map(([weight, items]) => ({ weight, arbitrary: pick(...items) })))
  const line = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join(''))
  return fc
    .tuple(fc.array(line, { minLength: 1, maxLength: 3 }), pick('\n  ', '\n\t', '\n\n    ', '\n  # c\n  '))
    .map(([lines, join]) => lines.join(join))
}

/** For what tags lead to: in a ring of tags texts double until fail2ban has no memory left. */
const leaf = textOf([4, plainPieces], [1, ['%(x)s', '%(port)s', '%(sect/v)s']])
const tame = textOf([4, plainPieces], [2, tagPieces], [2, references])
const wild = textOf([4, plainPieces], [2, tagPieces], [2, references], [1, wildPieces])

const sectionOf = (names: readonly string[], most: number, text: fc.Arbitrary<string>) =>
  fc
    .uniqueArray(fc.tuple(pick(...names), pick(' = ', '=', ': ', ' : ', ' =\n  '), text), {
      selector: ([name]) => name,
      maxLength: most,
    })
    .map((options) => options.map(([name, delimiter, value]) => `${name}${delimiter}${value}\n`).join(''))

const bracketed = pick('1', '"a, b"', "'q'", 'w z', '%(x)s', '', '<ip>', 'hard')
const referenceTo = (name: string) =>
  fc
    .array(fc.tuple(pick('x', 'y', 'mode', 'name', 'port', 'logtype'), bracketed), { maxLength: 3 })
    .map((options) =>
      options.length === 0
        ? name
        : `${name}[${options.map(([option, text]) => `${option}=${text}`).join(', ')}]`,
    )

const jailNames = 'maxretry bantime ignoreip failregex logpath journalmatch usedns maxlines Ignoreregex'
  .concat(' datepattern mode bantime.increment prefregex')
  .split(' ')
const leafNames = ['u', 'v', 'w-hard', 'w-1']
const definitionNames = 'ignoreregex prefregex maxlines journalmatch actionunban actionstart'
  .concat(' norestored date')
  .split(' ')

/** What references lead to, so that most of them lead somewhere. */
const ground = '[DEFAULT]\nx = dx\ny = d<u>\nport = 22\n[sect]\nv = sv\n'

/** The frame is well-formed; what stands in it is not always. */
const configOf = (text: fc.Arbitrary<string>): fc.Arbitrary<ConfigTable> => {
  const jailOf = (name: string) =>
    fc
      .tuple(referenceTo('f'), referenceTo('a'), sectionOf(jailNames, 5, text))
      .map(
        ([named, done, options]) =>
          `[${name}]\nenabled = true\nfilter = ${named}\naction = ${done}\n${options}`,
      )
  const definition = fc
    .tuple(
      pick('failregex = ^f <HOST>\nactionban = ban <x>\n', 'failregex = <u>\n', 'actionban = %(x)s <v>\n'),
      sectionOf(definitionNames, 5, text),
      sectionOf(leafNames, 4, leaf),
      sectionOf(['x', 'mode', 'port'], 3, leaf),
      sectionOf(['x', 'mode'], 2, leaf),
      fc.integer({ min: 0, max: 3 }),
    )
    .map(([first, options, leaves, init, family, shape]) =>
      [
        `${ground}[Definition]\n${first}${options}${leaves}`,
        shape > 0 ? `[Init]\n${init.replaceAll('%(x)s', '%(port)s').replaceAll('%(X)s', 'X')}` : '',
        shape > 1 ? `[Init?family=inet6]\n${family}` : '',
      ].join(''),
    )
  const local = (names: readonly string[]) => fc.option(sectionOf(names, 3, text), { nil: null })
  return fc
    .tuple(jailOf('j'), jailOf('k'), local(jailNames), definition, local(definitionNames), definition)
    .map(([first, second, jailLocal, filterText, filterLocal, actionText]) => ({
      'jail.conf': `${ground}${first}${second}`,
      ...(jailLocal !== null && { 'jail.local': `[j]\n${jailLocal}` }),
      'filter.d/f.conf': filterText,
      ...(filterLocal !== null && { 'filter.d/f.local': `[Definition]\n${filterLocal}` }),
      'action.d/a.conf': actionText,
    }))
}

export const randomConfig = fc.oneof(
  { weight: 4, arbitrary: configOf(tame) },
  { weight: 1, arbitrary: configOf(wild) },
)

/** Lines of any kind in any order, over a jail that shows what came of them. */
const anyLine = fc.oneof(
  {
    weight: 3,
    arbitrary: pick('x = 1', 'y: 2', 'X=3', 'z =', 'z = a ; b', 'w = a;b # c', 'v = "q"', '[DEFAULT]'),
  },
  { weight: 3, arbitrary: pick('  more', '\tmore ; c', '    [j]', '  u = 5', ' y = 6', '      deep') },
  { weight: 3, arbitrary: pick('', '   ', '# c', '  # c', '; c', '  ; c', '\t') },
  {
    weight: 1,
    arbitrary: pick(
      '[k]',
      '[ j ]',
      '[a]b]',
      '[j] ; c',
      't : = 7',
      's == 8',
      'r\u00a0=\u00a09\u2003',
      '\u000b q = 1',
    ),
  },
)
const badLine = pick('plain', '= 9', ': 9', '[]', '[j', 'x', 'maxretry', '\ufeffx = 1')
export const randomLines = fc
  .tuple(
    fc.uniqueArray(anyLine, { minLength: 2, maxLength: 9 }),
    fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: badLine }),
    pick('\n', '\r\n', '\r'),
  )
  .map(
    ([lines, bad, end]): ConfigTable => ({
      ...basics,
      'jail.conf': `[DEFAULT]\n${[...'qrstuvwxyz'].map((name) => `${name} = ${name}0\n`).join('')}${jail}ignoreip = ${[...'qrstuvwxyz'].map((name) => `%(${name})s|`).join('')}\nfailregex = %(known/x)s\n`,
      'jail.local': ['[j]', ...lines, ...(bad === null ? [] : [bad])].join(end),
    }),
  )
