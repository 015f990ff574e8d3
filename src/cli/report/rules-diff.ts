/** What changes between two rulesets, in colours. */
import type { ChainChange } from '../../lang/rules-diff.ts'
import { rulesDiffLines } from '../../lang/rules-diff-text.ts'
import type { Palette } from '../style.ts'

export { summarizeRulesDiff } from '../../lang/rules-diff-text.ts'

export const renderRulesDiff = (changes: readonly ChainChange[], colors: Palette): string[] =>
  rulesDiffLines(changes).map(({ kind, text }) => {
    switch (kind) {
      case 'table':
        return colors.bold(text)
      case 'chain':
        return text
      case 'new':
      case 'added':
        return colors.green(text)
      case 'gone':
      case 'removed':
        return colors.red(text)
    }
  })
