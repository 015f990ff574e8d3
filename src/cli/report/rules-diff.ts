/** What changes between two rulesets, in colours. */
import type { ChainChange } from '../../lang/rules-diff.ts'
import { type DiffLine, rulesDiffLines } from '../../lang/rules-diff-text.ts'
import type { Palette } from '../style.ts'

export { summarizeRulesDiff } from '../../lang/rules-diff-text.ts'

export const renderRulesDiff = (changes: readonly ChainChange[], colors: Palette): string[] => {
  const plain = (text: string): string => text
  const paint: Readonly<Record<DiffLine['kind'], (text: string) => string>> = {
    table: colors.bold,
    chain: plain,
    new: colors.green,
    added: colors.green,
    gone: colors.red,
    removed: colors.red,
  }
  return rulesDiffLines(changes).map(({ kind, text }) => paint[kind](text))
}
