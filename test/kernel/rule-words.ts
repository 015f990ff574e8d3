/**
 * Random lines of rules, right and wrong, for comparisons with the real iptables. Words come from pools that hold the
 * edges of each kind of value; options come from the registry.
 */
import fc from 'fast-check'
import { registry } from '../../src/ext/registry.ts'
import type { Family } from '../../src/lang/rule.ts'
import type { ExtensionSyntax, OptionSpec } from '../../src/lang/syntax.ts'
import { quoteText } from '../../src/lang/words.ts'

const addresses: Record<Family, readonly string[]> = {
  ipv4: [
    '1.2.3.4',
    '10.0.0.0/8',
    '10/8',
    '1.2.3',
    '010.1.1.1',
    '0x0a.1',
    '16909060',
    '1.2.3.4/255.0.255.0',
    '1.2.3.4/255.255.255.255',
    '1.2.3.4/0',
    '0/0',
    'junk/0',
    '0.0.0.0',
    '1.2.3.4/33',
    '1.2.3.4/-1',
    '1.2.3.4/',
    '1.2.3.256',
    '1.2.3.4.5',
    '1..2',
    '1.1.1.1,2.2.2.2/24',
    '1.1.1.1,',
    'localhost',
    'loopback/8',
    '::1',
    '',
  ],
  ipv6: [
    '::1',
    '2001:DB8::/32',
    '2001:db8::1',
    '2001:db8:0:0:1:0:0:1',
    '1:0:0:2:0:0:0:3',
    '::ffff:1.2.3.4',
    '::1.2.3.4',
    '1::/129',
    'fe80::1/ffff::',
    'fe80::1/ffff::ffff',
    '::/0',
    '::',
    '1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7::',
    '1::2::3',
    '12345::',
    '::1,::2',
    '1.2.3.4',
    '',
  ],
}

const interfaces = [
  'eth0',
  'eth+',
  '+',
  'lo',
  'abcdefghijklmno',
  'abcdefghijklmnop',
  '',
  'a b',
  '!',
  'ü',
  'e"',
]
const protocols = [
  'tcp',
  'udp',
  'icmp',
  'ICMP',
  'icmpv6',
  '58',
  '0x11',
  '010',
  'all',
  '0',
  'ip',
  'gre',
  '253',
  '256',
  '-1',
  'sctp',
  'ah',
  'nope',
  '',
]
const numbers = [
  '0',
  '1',
  '5',
  '0x10',
  '010',
  '08',
  '+5',
  ' 5',
  '5 ',
  '-1',
  '255',
  '256',
  '65535',
  '65536',
  '4294967295',
  '4294967296',
  '99999999999',
  '',
  'x',
  '0x',
]
const ranges = [
  ':',
  '1:',
  ':5',
  '5:1',
  '5:5',
  '1:5',
  '1:2:3',
  '0:65535',
  '0:65536',
  '0-5',
  '5-0',
  '1,2,3',
  '1:3,7',
  '7,',
  ',7',
  '1/0xf',
  '1/',
  '/1',
]
const words = [
  'ssh',
  'http',
  'domain',
  'tftp',
  'SSH',
  'nope',
  'a b',
  "it's",
  'q"q',
  'b\\b',
  'ü',
  'DEFAULT',
  'NEW',
  'ESTABLISHED,RELATED',
  'NEW,',
  'LOCAL',
  'LOCAL,BROADCAST',
  'SYN,ACK',
  'ALL',
  'NONE',
  'echo-request',
  '8/0',
  'any',
  '3/min',
  '10/second',
  '1/day',
  'unicast',
  'warning',
  '1.2.3.4',
  '1.2.3.4-1.2.3.9',
  '1:2:3:4:5:6',
  'AA:BB:CC:DD:EE:FF',
  'tcp-reset',
  'icmp-port',
  'root',
]
const values = [...numbers, ...ranges, ...words]

const oneOf = <T>(all: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...all)
const bang = fc.boolean().chain((on) => (on ? fc.constantFrom('', '', '! ') : fc.constant('')))

/** A value in the quotes that iptables-restore needs for it. */
const shown = (value: string): string =>
  /^[^\s"]+$/.test(value) ? value : quoteText(value).replaceAll("\\'", "'")

/** Beginnings of names as people type them: mostly whole. */
const abbreviated = (name: string): fc.Arbitrary<string> =>
  fc
    .integer({ min: -8, max: 3 })
    .map((cut) => (cut <= 0 ? name : name.slice(0, Math.max(1, name.length - cut))))

const glue = fc.constantFrom(' ', ' ', ' ', '=')

function longOption(names: readonly string[], value: fc.Arbitrary<string> | null): fc.Arbitrary<string> {
  return fc
    .tuple(bang, oneOf(names).chain(abbreviated), glue, value ?? fc.constant(null))
    .map(([inverted, name, between, given]) =>
      given === null ? `${inverted}--${name}` : `${inverted}--${name}${between}${shown(given)}`,
    )
}

function shortOption(letter: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(bang, fc.constantFrom(' ', ' ', ' ', ''), value)
    .map(([inverted, between, given]) => `${inverted}-${letter}${between}${shown(given)}`)
}

function baseOption(family: Family): fc.Arbitrary<string> {
  const address = oneOf(addresses[family])
  return fc.oneof(
    shortOption('s', address),
    shortOption('d', address),
    longOption(['source', 'src', 'destination', 'dst'], address),
    shortOption('i', oneOf(interfaces)),
    shortOption('o', oneOf(interfaces)),
    longOption(['in-interface', 'out-interface'], oneOf(interfaces)),
    bang.map((inverted) => `${inverted}-f`),
    fc.constantFrom('-c 1 2', '-c 1,2', '-c 1', '-n', '--line-numbers'),
  )
}

/** Values likely for an option: words of the extension's examples, and the pools. */
function valueFor(extension: ExtensionSyntax, name: string): fc.Arbitrary<string> {
  const usual = extension.examples.flatMap((example) => {
    const given = [...example.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
      ([, quoted, bare]) => quoted ?? bare!,
    )
    return given.filter((word, at) => given[at - 1] === `--${name}` && !word.startsWith('--'))
  })
  const pool = oneOf(values)
  return usual.length === 0 ? pool : fc.oneof({ arbitrary: oneOf(usual), weight: 2 }, pool)
}

function extensionOption(
  extension: ExtensionSyntax,
  name: string,
  { alias = [], value, words: count = 1 }: OptionSpec<unknown>,
): fc.Arbitrary<string> {
  if (value === null) return longOption([name, ...alias], null)
  const given = valueFor(extension, name)
  if (count === 1) return longOption([name, ...alias], given)
  const flags = oneOf(['SYN', 'SYN,ACK', 'ALL', 'NONE', 'FIN,SYN,RST,ACK', 'syn', ''])
  return fc
    .tuple(bang, flags, flags)
    .map(([inverted, a, b]) => `${inverted}--${name} ${shown(a)} ${shown(b)}`)
}

/** `-m NAME` or `-j NAME` with some of its options. */
function extensionUse(letter: 'm' | 'j', extension: ExtensionSyntax): fc.Arbitrary<string> {
  const options = Object.entries(extension.options).map(([name, spec]) =>
    extensionOption(extension, name, spec),
  )
  const named = fc.constant(`-${letter} ${extension.name}`)
  const wholly = extension.examples.map((example) => `-${letter} ${extension.name} ${example}`)
  const free = fc
    .tuple(named, fc.array(fc.oneof(...(options.length > 0 ? options : [fc.constant('')])), { maxLength: 3 }))
    .map((parts) => parts.flat().join(' '))
  return wholly.length === 0 ? free : fc.oneof(oneOf(wholly), free, free)
}

/** Options of the protocol's own match, which load it. */
function impliedUse(family: Family): fc.Arbitrary<string> {
  const implied = registry.matches.filter(({ impliedBy, families }) => impliedBy && families.includes(family))
  return fc
    .constantFrom(...implied)
    .chain((extension) =>
      fc.oneof(
        ...Object.entries(extension.options).map(([name, spec]) => extensionOption(extension, name, spec)),
      ),
    )
}

const bareTargets = [
  '-j ACCEPT',
  '-j DROP',
  '-j RETURN',
  '-j QUEUE',
  '-j nope',
  '-g nope',
  '-j INPUT',
  '-j FORWARD',
  '-j ""',
]

export interface RuleLine {
  readonly family: Family
  readonly table: 'filter' | 'mangle' | 'raw' | 'nat'
  readonly chain: string
  /** What stands behind `-A CHAIN`. */
  readonly text: string
}

const places = fc.constantFrom(
  ['filter', 'INPUT'],
  ['filter', 'FORWARD'],
  ['filter', 'OUTPUT'],
  ['mangle', 'PREROUTING'],
  ['mangle', 'POSTROUTING'],
  ['raw', 'OUTPUT'],
  ['nat', 'OUTPUT'],
) as fc.Arbitrary<[RuleLine['table'], string]>

export const ruleLine: fc.Arbitrary<RuleLine> = fc
  .constantFrom<Family>('ipv4', 'ipv4', 'ipv6')
  .chain((family) => {
    const serves = ({ families }: ExtensionSyntax): boolean => families.includes(family)
    const match = fc.constantFrom(...registry.matches.filter(serves)).chain((each) => extensionUse('m', each))
    const target = fc.oneof(
      oneOf(bareTargets),
      fc.constantFrom(...registry.targets.filter(serves)).chain((each) => extensionUse('j', each)),
    )
    const protocol = shortOption(
      'p',
      fc.oneof(
        { arbitrary: fc.constantFrom('tcp', 'udp', family === 'ipv4' ? 'icmp' : 'icmpv6'), weight: 3 },
        oneOf(protocols),
      ),
    )
    const part = fc.oneof(
      { arbitrary: match, weight: 40 },
      { arbitrary: baseOption(family), weight: 20 },
      { arbitrary: impliedUse(family), weight: 10 },
      { arbitrary: target, weight: 10 },
      { arbitrary: fc.constantFrom('junk', '!', '--', '-', '--bogus 1', '-z'), weight: 1 },
    )
    return fc
      .tuple(
        places,
        fc.option(protocol, { freq: 2 }),
        fc.array(part, { maxLength: 3 }),
        fc.option(target, { freq: 2 }),
      )
      .map(([[table, chain], first, parts, last]) => ({
        family,
        table,
        chain,
        text: [first, ...parts, last].filter((each) => each !== null && each !== '').join(' '),
      }))
  })
