/** Drawing conversations, and making found ones short, without any kernel. */
import { expect, test } from 'vitest'
import { registry } from '../../../../ext/registry.ts'
import { linux618 } from '../../../../lang/profile.ts'
import { parseRules } from '../../../../lang/read.ts'
import { SourceText } from '../../../../lang/source.ts'
import { saveTextOf } from '../draft.ts'
import { drawConversations, type StateDraft } from './moves.ts'
import { shrink } from './shrink.ts'
import { Talk } from './talk.ts'

const seeds = Array.from({ length: 60 }, (_, at) => 1000 + at)

test('the same seed draws the same conversations', () => {
  for (const seed of seeds) expect(drawConversations(seed)).toEqual(drawConversations(seed))
})

test('the rules have no errors', () => {
  for (const seed of seeds) {
    const { family, rules } = drawConversations(seed)
    const source = new SourceText('rules', saveTextOf(rules))
    const { diagnostics } = parseRules(source, { family, syntax: registry, profile: linux618 })
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  }
})

test('moves become packets, of every protocol', () => {
  const seen = new Set<string>()
  for (const seed of seeds) {
    const { family, flows, moves } = drawConversations(seed)
    const talk = new Talk(family, flows)
    for (const move of moves) {
      const { protocol } = flows[move.flow]!
      if (talk.actions(move).length > 0) seen.add(`${protocol} ${move.what.kind}`)
    }
  }
  const expected = [
    'tcp segment',
    'udp data',
    'echo data',
    'sctp chunk',
    'pptp data',
    'udp error',
    'tcp again',
  ]
  expect(expected.filter((name) => !seen.has(name))).toEqual([])
})

test('a difference is made short', async () => {
  const draft = drawConversations(7)
  const wanted = draft.moves.findIndex(({ what }) => what.kind === 'segment' && what.segment.flags & 2)
  const needed = draft.moves[wanted]!
  const differs = async ({ moves }: StateDraft): Promise<boolean> =>
    moves.some(({ flow, what }) => flow === needed.flow && what.kind === needed.what.kind)
  const small = await shrink(
    draft,
    draft.moves.length,
    async (one) => (await differs(one)) && one.moves.length > 1,
  )
  expect(small.moves.length).toBe(2)
  expect(small.rules.tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))).toEqual([])
})
