/** Numbers of rules in commands. */
import type { CommandEnvironment } from './command.ts'
import * as complain from './complaints.ts'
import { parseNumber } from './numbers.ts'
import { type TableName, tableHooks } from './rule.ts'
import type { Word } from './words.ts'

/** The number of a rule behind the chain's name, from 1; null after a complaint. */
export function ruleNumber(
  word: Word,
  chain: Word | null,
  table: TableName,
  { problems, chains }: CommandEnvironment,
): number | null {
  const number = parseNumber(word.text, 1n, 0x7fffffffn)
  if (number !== null) return Number(number)
  // `-I 12 INPUT`: the two words are the wrong way round.
  const swapped =
    chain !== null &&
    parseNumber(chain.text, 1n, 0x7fffffffn) !== null &&
    (chains(table).has(word.text) || isHookName(word.text))
  if (swapped) {
    const span = { ...chain.span, end: word.span.end }
    problems.error(complain.swappedNumber(chain.text, word.text), span)
  } else {
    problems.error(complain.badRuleNumber(word.text), word.span)
  }
  return null
}

const isHookName = (name: string): boolean => tableHooks.mangle.some((hook) => hook === name)
