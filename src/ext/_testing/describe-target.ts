/**
 * The tests of a target's text, through the rule parser and the real iptables; see `RuleReader` for what a text is. With
 * `packets`, each of them goes through each rule of the table's chain, on the engine and on the kernel.
 *
 *   describeTarget(TTL, {
 *     table: 'mangle', hook: 'FORWARD', text: { '--ttl-inc 1': '--ttl-inc 1' },
 *     packets: ['eth0 udp 198.51.100.7:53 > 192.168.1.9:53 ttl=9'],
 *   })
 */
import { describe, it } from 'vitest'
import type { Hook, TableName } from '../../lang/rule.ts'
import type { Family } from '../../net/address.ts'
import type { TargetDefinition } from '../define.ts'
import { compareActs } from './compare-acts.ts'
import { kernelHostIsOutOfReach } from './kernel-host.ts'
import { describeText, RuleReader, type TextFixtures, textsOf } from './rule-reader.ts'

export interface TargetFixtures extends TextFixtures {
  /** Of what may run in both families. Default: the first family of the target. */
  readonly family?: Family
  /** Table and base chain of the rules that name none. Default filter and OUTPUT. */
  readonly table?: TableName
  readonly hook?: Hook
  /** Words before `-j NAME` in texts that are only its options. */
  readonly rule?: string
  /** In the packet notation, for the host of `compare-acts.ts`. */
  readonly packets?: readonly string[]
}

export function describeTarget<Data, State>(
  target: TargetDefinition<Data, State>,
  {
    family = target.families[0]!,
    table = 'filter',
    hook = 'OUTPUT',
    rule = '',
    packets = [],
    ...texts
  }: TargetFixtures,
): void {
  const place = { table, chain: hook }
  const reader = new RuleReader<Data>(target, { family, flag: '-j', place, conditions: rule })
  const loadable = textsOf(target, reader, texts.text)
  describe(`${target.name} in ${family}`, () => {
    describeText(target, reader, loadable, texts)
    if (packets.length === 0) return
    const reason = kernelHostIsOutOfReach
    it.skipIf(reason !== null)(`acts as the kernel does${reason ? ` (${reason})` : ''}`, async () => {
      const here = loadable.filter((text) => reader.stands(text, table, hook))
      const rules = [...new Set(here.map((text) => reader.words(text)))]
      await compareActs({ family, table, hook, rules, packets })
    })
  })
}
