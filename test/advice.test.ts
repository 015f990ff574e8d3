/** What `check` says about rules that load and yet do not do what they seem to. */
import { describe, expect, it } from 'vitest'
import { registry } from '../src/ext/registry.ts'
import { isOneLetterOff } from '../src/lang/advice-memory.ts'
import { parseRules } from '../src/lang/read.ts'
import { SourceText } from '../src/lang/source.ts'

function advice(lines: string): string[] {
  const text = `*filter\n${lines.replaceAll(' | ', '\n')}\nCOMMIT\n`
  const { diagnostics } = parseRules(new SourceText('rules', text), { syntax: registry, advice: true })
  return diagnostics.map(
    ({ severity, code, span }) => `${severity} ${code} ${span?.source.locate(span.start).line ?? 0}`,
  )
}

describe('advice', () => {
  it.each([
    ['-A INPUT -j ACCEPT', []],
    [':web - [0:0]', ['note chain/unused 2']],
    [':web - [0:0] | -A web -j DROP', ['note chain/unused 2']],
    [':web - [0:0] | -A INPUT -j web', ['note chain/empty 3']],
    [':web - [0:0] | -A INPUT -j web | -A web -j DROP', []],
    [
      '-A INPUT -m recent --name knoks --rcheck | -A INPUT -s 10.0.0.0/8 -m recent --name knocks --set',
      ['warning recent/list-misspelt 2'],
    ],
    ['-A INPUT -m recent --name a --update --hitcount 3', ['warning recent/never-set 2']],
    [
      '-A INPUT -m recent --name a --update --seconds 60 --rttl',
      ['note recent/set-elsewhere 2', 'note recent/rttl 2'],
    ],
    ['-A INPUT -m recent --name authok --rcheck', ['note recent/set-elsewhere 2']],
    [
      '-A INPUT -m recent --name a --set | -A INPUT -m recent --name a --update --hitcount 3',
      ['note recent/list-cap 2'],
    ],
    ['-A INPUT -s 10.0.0.0/8 -m recent --set | -A INPUT -m recent --rcheck', ['note recent/no-name 2']],
    [
      '-A INPUT -p tcp --dport 22 -m recent --set | -A INPUT -p tcp --dport 80 -m recent --rcheck -j DROP',
      ['warning recent/shared-default 2', 'note recent/list-cap 2'],
    ],
    [
      '-A INPUT -p tcp --dport 22 -m recent --name a --set -j ACCEPT | ' +
        '-A INPUT -p tcp --dport 22 -m recent --name a --update --hitcount 3 -j DROP',
      ['note recent/list-cap 2', 'warning recent/asked-too-late 3'],
    ],
    ['-A INPUT -j REJECT | -A INPUT -p tcp -j ACCEPT', ['warning rule/unreachable 3']],
    ['-A INPUT -p tcp -j DROP | -A INPUT -p tcp -j DROP', ['warning rule/repeated 3']],
    ['-A INPUT -p tcp -m limit -j DROP | -A INPUT -p tcp -m limit -j DROP', []],
    ['-A INPUT -s 10.0.0.1/8 -j DROP', ['note address/host-bits 2']],
    ['-A INPUT -m state --state NEW -j DROP', ['note state/old-form 2']],
    ['-A INPUT -j LOG --log-prefix drop', ['note LOG/prefix-without-blank 2']],
    ['-A INPUT -j LOG --log-prefix "drop: "', []],
    ['-A INPUT -p tcp --dport 22 -j ACCEPT', ['warning chain/keeps-nothing-out 2']],
    ['-A INPUT -p tcp --dport 22 -j ACCEPT | -A INPUT -p tcp -j DROP', []],
    [
      '-A INPUT -m recent --set | -A INPUT -m recent --rcheck | -A INPUT -m recent --name b --set',
      ['note recent/shared-default 2', 'note recent/list-cap 2'],
    ],
    [':INPUT DROP [0:0] | -A INPUT -p tcp --dport 22 -j ACCEPT', ['note chain/no-loopback 3']],
    ['-A INPUT -p tcp --dport 22 -j ACCEPT | -A INPUT -j DROP', ['note chain/no-loopback 3']],
    [':INPUT DROP [0:0] | -A INPUT -i lo -j ACCEPT', []],
    [':INPUT DROP [0:0] | -A INPUT -s 127.0.0.0/8 -j ACCEPT', []],
    [':INPUT DROP [0:0]', []],
  ] as [string, string[]][])('%s', (lines, expected) => expect(advice(lines)).toEqual(expected))

  it('says nothing of what may be missing when rules with errors were left out', () => {
    expect(advice(':web - [0:0] | -A INPUT -p tpc -j web')).toEqual(['error protocol/unknown 3'])
  })

  it('is silent where a comment says that it is meant', () => {
    const lines = ':web - [0:0] | :ftp - [0:0]'
    expect(advice(lines)).toEqual(['note chain/unused 2', 'note chain/unused 3'])
    expect(advice(`# postern: allow chain/unused | # by hand | ${lines}`)).toEqual(['note chain/unused 5'])
    expect(advice(`# postern: allow-file chain/unused | ${lines}`)).toEqual([])
    const script = 'iptables -N web # postern: allow chain/unused\niptables -A web -j DROP\n'
    const found = (text: string) =>
      parseRules(new SourceText('script', text), { syntax: registry, advice: true }).diagnostics.map(
        ({ code }) => code,
      )
    expect(found(script.replace(/ #.*/, ''))).toEqual(['chain/unused'])
    expect(found(script)).toEqual([])
    expect(advice(`# postern: allow-file chain/empty, chain/unused | ${lines}`)).toEqual([])
    expect(advice('# postern: allow-file protocol/unknown | -A INPUT -p tpc')).toEqual([
      'error protocol/unknown 3',
    ])
  })

  it.each([
    ['knocks', 'knoks', true],
    ['knoks', 'knocks', true],
    ['abc', 'acb', true],
    ['abc', 'axc', true],
    ['abc', 'abc', false],
    ['abc', 'cba', false],
    ['seenping', 'seenecho', false],
  ])('%s and %s: %s', (a, b, expected) => expect(isOneLetterOff(a, b)).toBe(expected))
})
