import { expect, it } from 'vitest'
import { registry } from '../../ext/registry.ts'
import { linux618 } from '../profile.ts'
import { newRuleset } from '../rule.ts'
import { runIptables } from './iptables.ts'

const help = (words: string) =>
  runIptables(words.split(' '), 'ipv4', {
    rulesets: { ipv4: newRuleset('ipv4'), ipv6: newRuleset('ipv6') },
    syntax: registry,
    profile: linux618,
  })

it('prints the forms and options', () => {
  const { exitCode, stdout, stderr } = help('-h')
  expect([exitCode, stderr]).toEqual([0, ''])
  expect(stdout).toContain(
    'Usage: iptables -[ACD] chain rule-specification [options]\n       iptables -I chain',
  )
  expect(stdout).toMatch(/^ {4}-A --append chain +add a rule/m)
})

it('prints the options of what is named before, that of the protocol too', () => {
  const { stdout } = help('-p tcp -m ttl -j LOG --help')
  expect([...stdout.matchAll(/^(\w+) options:$/gm)].map(([, name]) => name)).toEqual(['tcp', 'ttl', 'LOG'])
  expect(stdout).toContain('[!] --ttl-eq NUMBER')
  expect(stdout).toMatch(/ {4} --log-prefix \w+ /)
})
