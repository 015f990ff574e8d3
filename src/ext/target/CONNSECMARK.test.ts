import { expect, it } from 'vitest'
import { describeTarget } from '../_testing/describe-target.ts'
import type { Skb, TargetContext } from '../context.ts'
import { CONNSECMARK } from './CONNSECMARK.ts'

describeTarget(CONNSECMARK, {
  table: 'mangle',
  text: {
    '--save': '--save',
    'security/INPUT -j CONNSECMARK --restore': '--restore',
    'filter/OUTPUT -j CONNSECMARK --save': 'error CONNSECMARK/wrong-table',
    'raw/OUTPUT -j CONNSECMARK --save': 'error CONNSECMARK/wrong-table',
    '-p tcp -j CONNSECMARK': 'error CONNSECMARK/no-mode',
    '--save --restore': 'error CONNSECMARK/excluded',
  },
})

it('goes on', () => {
  expect(CONNSECMARK.act({ mode: 'save' }, {} as Skb, { note: null } as TargetContext, undefined)).toEqual({
    kind: 'continue',
  })
})
