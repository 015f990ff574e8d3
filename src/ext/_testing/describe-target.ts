/**
 * The tests of a target's text, through the rule parser and the real iptables; see `RuleReader` for what a text is.
 *
 *   describeTarget(MARK, { table: 'mangle', text: { '--set-mark 5': '--set-xmark 0x5/0xffffffff' } })
 */
import { describe } from 'vitest'
import type { Hook, TableName } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'
import type { TargetDefinition } from '../define.ts'
import { describeText, RuleReader, type TextFixtures, textsOf } from './rule-reader.ts'

export interface TargetFixtures extends TextFixtures {
  /** Of what may run in both families. Default: the first family of the target. */
  readonly family?: Family
  /** Table and base chain of the rules that name none. Default filter and OUTPUT. */
  readonly table?: TableName
  readonly hook?: Hook
  /** Words before `-j NAME` in texts that are only its options. */
  readonly rule?: string
}

export function describeTarget<Data, State>(
  target: TargetDefinition<Data, State>,
  { family = target.families[0]!, table = 'filter', hook = 'OUTPUT', rule = '', ...texts }: TargetFixtures,
): void {
  const place = { table, chain: hook }
  const reader = new RuleReader<Data>(target, { family, flag: '-j', place, conditions: rule })
  const loadable = textsOf(target, reader, texts.text)
  describe(`${target.name} in ${family}`, () => describeText(target, reader, loadable, texts))
}
