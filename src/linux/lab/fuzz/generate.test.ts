import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matches, targets } from '../../../ext/registry.ts'
import { SourceText } from '../../../lang/source.ts'
import { readScenario } from '../../../scenario/read.ts'
import type { Case } from '../../../scenario/scenario.ts'
import { caseOf, saveTextOf } from './draft.ts'
import { generateCase, randomMoments } from './generate.ts'
import { Random } from './random.ts'
import { randomRules } from './rules.ts'
import { scenarioFileOf } from './scenario-file.ts'
import { drawConversations } from './state/moves.ts'
import { undrawnMatches, undrawnTargets } from './undrawn.ts'

const taste = { avoidsNftDifferences: false }

test('a seed gives the same case again', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const [one, other] = [generateCase(seed, taste), generateCase(seed, taste)]
      expect(one).toEqual(other)
      expect(scenarioFileOf(one, [])).toBe(scenarioFileOf(other, []))
    }),
    { numRuns: 30 },
  )
})

const actionsOf = ({ steps }: Case) => steps.map((step) => 'action' in step && step.action)
const textsOf = ({ rules }: Case) =>
  rules.map(({ source }) => source.text.trim()).filter((text) => text !== '')

test('a case is read back from its file as it is', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const draft = generateCase(seed, taste)
    const file = new SourceText('case.yaml', scenarioFileOf(draft, []))
    const { scenario, diagnostics } = await readScenario(file, () => Promise.reject(new Error('no file')))
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    const [mine, other]: readonly Case[] = [caseOf(draft), scenario!.cases[0]!]
    expect(actionsOf(other!)).toEqual(actionsOf(mine!))
    expect(other!.host.interfaces).toEqual(mine!.host.interfaces)
    expect(textsOf(other!)).toEqual(textsOf(mine!))
  }
})

test('no two moments are within 100 ms of a multiple of half a second apart', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const moments = randomMoments(new Random(seed))
      expect(moments[0]).toBe(0)
      for (const [at, later] of moments.entries()) {
        for (const earlier of moments.slice(0, at)) {
          const rest = (later - earlier) % 500
          expect(Math.min(rest, 500 - rest)).toBeGreaterThanOrEqual(110)
        }
      }
    }),
  )
})

test('chains lead only to chains that are declared, and later', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      for (const { tables } of generateCase(seed, taste).rules) {
        for (const { chains } of tables) {
          const order = chains.map(({ name }) => name)
          for (const [at, { rules }] of chains.entries()) {
            for (const { target } of rules) {
              const jump = /^-[jg] (u\d+)$/.exec(target)
              if (jump !== null) expect(order.indexOf(jump[1]!)).toBeGreaterThan(at)
            }
          }
        }
      }
    }),
    { numRuns: 50 },
  )
})

test('the variety is there', () => {
  const drafts = Array.from({ length: 300 }, (_, seed) => generateCase(seed, taste))
  const text = drafts.flatMap(({ rules }) => rules.map(saveTextOf)).join('')
  const wanted = [
    '-m recent',
    '-m limit',
    '-m conntrack',
    '-m state',
    '-m tcp',
    '-m udp',
    '-m icmp ',
    '-m icmp6',
    '-m multiport',
    '-m comment',
    '-m mark',
    '-m mac',
    '-m iprange',
    '-m addrtype',
    '-m length',
    '-m ttl',
    '-m hl',
    '-m pkttype',
    '-m owner',
    '-j LOG',
    '-j REJECT',
    '-j MARK',
    '-j NOTRACK',
    '-j RETURN',
    '-g u',
    '! -s',
    '! -f',
    '! --update',
    '--reap',
    '--rttl',
    '--mask',
    '--rdest',
    '--hitcount 33',
    '*raw',
    '*mangle',
    '*security',
    '*nat',
    '-j SNAT',
    '-j DNAT',
    '-j MASQUERADE',
    '-j REDIRECT',
    '-j NETMAP',
  ]
  for (const part of wanted) expect(text, part).toContain(part)
  const kinds = new Set(drafts.flatMap((draft) => caseOf(draft).steps.map(({ action }) => action.kind)))
  expect(kinds).toEqual(new Set(['receive', 'send', 'write']))
})

test('every extension is drawn, but for those with a reason', () => {
  const seeds = Array.from({ length: 1500 }, (_, at) => at)
  const rules = [
    ...seeds.flatMap((seed) => {
      const random = new Random(seed)
      return [randomRules(random, 'ipv4', taste), randomRules(random, 'ipv6', taste)]
    }),
    ...seeds.slice(0, 200).map((seed) => drawConversations(seed).rules),
  ]
  const text = rules.map(saveTextOf).join('')
  const undrawn = (names: readonly string[], option: string): string[] => {
    const drawn = new Set([...text.matchAll(new RegExp(`-${option} (\\S+)`, 'g'))].map(([, name]) => name))
    return names.filter((name) => !drawn.has(name)).sort()
  }
  expect(undrawn(names(matches), 'm')).toEqual(Object.keys(undrawnMatches).sort())
  expect(undrawn(names(targets), 'j')).toEqual(Object.keys(undrawnTargets).sort())
})

const names = (extensions: readonly { readonly name: string }[]): string[] => [
  ...new Set(extensions.map(({ name }) => name)),
]
