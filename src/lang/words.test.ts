// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are of a shell.
import { describe, expect, it } from 'vitest'
import { cutBytes, decodeText, encodeText, isBinary } from './bytes.ts'
import { ShellLexer } from './shell-words.ts'
import { SourceText } from './source.ts'
import { byteLength, quoteText, splitRestoreLine, wordsOfArguments } from './words.ts'

describe('words of iptables-restore', () => {
  const split = (text: string) => {
    const { words, openQuote } = splitRestoreLine(new SourceText('test', text), 0, text.length)
    return (
      words.map((word) => word.text).join('|') + (openQuote === null ? '' : ` open at ${openQuote.start}`)
    )
  }
  // Every row was tried with iptables-restore 1.8.9.
  it.each([
    ['-A INPUT  -j\tDROP', '-A|INPUT|-j|DROP'],
    ['"a b" c', 'a b|c'],
    ['a"b c"d', 'ab c|d'],
    ['"a""b"', 'a|b'],
    ['""', ''],
    ['x "" y', 'x||y'],
    ["'a b'", "'a|b'"],
    ['a\\ b', 'a\\|b'],
    ['"a\\"b\\\\c\\n"', 'a"b\\cn'],
    ['"abc', 'abc\n open at 0'],
    ['x y"abc d', 'x|yabc d\n open at 3'],
  ])('%s', (text, expected) => expect(split(text)).toBe(expected))

  it('know their places', () => {
    const text = 'ab "c d" e'
    const { words } = splitRestoreLine(new SourceText('test', text), 0, text.length)
    expect(words.map(({ span }) => text.slice(span.start, span.end))).toEqual(['ab', '"c d"', 'e'])
  })
})

describe('words of a shell', () => {
  const variables = new Map([
    ['IPT', '/sbin/iptables -w'],
    ['IF', 'eth0'],
    ['EMPTY', ''],
  ])
  const lex = (text: string): string => {
    const lexer = new ShellLexer(new SourceText('test', text), (name) => {
      const value = variables.get(name)
      return name === 'LATER' ? { unknown: 'set by a command' } : value === undefined ? null : { text: value }
    })
    const shown: string[] = []
    for (let token = lexer.next(); token !== null; token = lexer.next()) {
      if (token.kind === 'words') {
        shown.push(...token.words.map((word) => (word.needsShell ? `?(${word.needsShell.what})` : word.text)))
      } else if (token.kind === 'operator') shown.push(`op${token.text}`)
      else shown.push(`<${token.kind}>`)
    }
    return shown.join('|')
  }
  it.each([
    ['a \'b c\' "d e"', 'a|b c|d e'],
    ['a"b"\'c\'d', 'abcd'],
    ['a\\ b \\"', 'a b|"'],
    ['a \\\n b', 'a|b'],
    ['a\\\nb', 'ab'],
    ['"a\\$b\\n"', 'a$b\\n'],
    ['""', ''],
    ['a # c\nb', 'a|<comment>|<newline>|b'],
    ['a#b', 'a#b'],
    ['$IPT -i $IF', '/sbin/iptables|-w|-i|eth0'],
    ['"$IPT"', '/sbin/iptables -w'],
    ['${IF}:1 x${IF}y', 'eth0:1|xeth0y'],
    ['a $EMPTY b', 'a|b'],
    ['"$EMPTY"', ''],
    ["'$IF'", '$IF'],
    ['\\$IF', '$IF'],
    ['${NONE:-lo} ${NONE-lo}', 'lo|lo'],
    ['$NONE', '?($NONE, which nothing above sets)'],
    ['$LATER', '?($LATER: set by a command)'],
    ['$1 ${A%x}', '?(the value of $1)|?(the value of ${A%x})'],
    ['$(ls a) `ls`', '?(the output of a command)|?(the output of a command)'],
    ['$((1+(2))) x', '?(arithmetic)|x'],
    ['$ a$', '$|a$'],
    ['a;b&&c||d|e&', 'a|op;|b|op&&|c|op|||d|op||e|op&'],
    ['a >/dev/null 2>&1 <<EOF', 'a|op>|/dev/null|op2>&|1|op<<|EOF'],
    ['a2>b', 'a2|op>|b'],
    ["a 'b\nc", 'a|<open-quote>|<newline>|c'],
    ['x "y\niptables -F\n"', 'x|<open-quote>|<newline>|iptables|-F|<newline>|<open-quote>'],
    ['a\r\nb', 'a|<newline>|b'],
  ])('%j', (text, expected) => expect(lex(text)).toBe(expected))
})

it('lays out arguments', () => {
  const words = wordsOfArguments('argv', ['-A', 'a b', "it's", ''])
  expect(words.map(({ span }) => span.source.text.slice(span.start, span.end))).toEqual([
    '-A',
    "'a b'",
    "'it'\\''s'",
    "''",
  ])
})

it.each([
  ['abc_-9', 'abc_-9'],
  ['', '""'],
  ['a b', '"a b"'],
  ['it\'s "x" \\', '"it\\\'s \\"x\\" \\\\"'],
  ['ü', '"ü"'],
])('quotes %j as %s', (text, expected) => expect(quoteText(text)).toBe(expected))

describe('bytes', () => {
  it('come back as they were', () => {
    for (const bytes of [
      [0x41, 0xff, 0x42],
      [0xc3, 0xa9, 0xc3],
      [0xf0, 0x9f, 0x98, 0x80],
      [0xed, 0xa0, 0x80],
      [0xe0, 0x80, 0x80],
    ]) {
      const padded = [...new TextEncoder().encode('a line of rules, longer than its odd bytes: '), ...bytes]
      expect([...encodeText(decodeText(Uint8Array.from(padded)))]).toEqual(padded)
    }
  })
  it('are counted and cut as UTF-8', () => {
    expect(byteLength('aé')).toBe(3)
    expect([...encodeText(cutBytes('aéé', 4))]).toEqual([0x61, 0xc3, 0xa9, 0xc3])
  })
  it('are told from text', () => {
    expect(isBinary(decodeText(Uint8Array.from([0x7f, 0x45, 0x4c, 0x46, 0, 0])))).toBe(true)
    expect(isBinary(decodeText(Uint8Array.from({ length: 4000 }, (_, at) => 1 + (at % 255))))).toBe(true)
    expect(isBinary('Grüße\n-A INPUT')).toBe(false)
    expect(isBinary('')).toBe(false)
  })
})
