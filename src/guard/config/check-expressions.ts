/** What is wrong with the expressions of a filter, and which could search without end: told with their places. */
import type { Diagnostic } from '../../lang/diagnostic.ts'
import { createFilter } from '../filter/index.ts'
import { resolveTags } from '../filter/tags.ts'
import type { FilterDefinition } from '../filter-definition.ts'
import { compilePython } from '../regex/python-regex.ts'
import { errorOf, noteOf } from './complaint.ts'
import type { ValueOrigins } from './settings.ts'
import { spanOf } from './value.ts'

export function checkExpressions(
  filter: FilterDefinition,
  values: ValueOrigins,
  say: (diagnostic: Diagnostic) => void,
): void {
  const { problems } = createFilter(filter)
  const spanFor = (option: string, expression: string) => {
    const value = values.get(`filter.${option}`) ?? values.get(option)
    if (value === undefined) return null
    const at = value.text.indexOf(expression)
    return at < 0 ? value.key : spanOf(value, at, at + expression.length)
  }
  for (const { option, index, expression, message } of problems) {
    say(
      errorOf(
        'bad-expression',
        spanFor(option, expression),
        `${option} ${index + 1} cannot be used: ${message}`,
        {
          notes: ['the filter works without it', expression],
          help: message.includes('<HOST>') ? '<HOST> or <ADDR> where the address stands' : null,
        },
      ),
    )
  }
  const bad = new Set(problems.map(({ expression }) => expression))
  const all = [
    ...(filter.prefregex ? [['prefregex', filter.prefregex] as const] : []),
    ...filter.failregex.map((expression) => ['failregex', expression] as const),
    ...filter.ignoreregex.map((expression) => ['ignoreregex', expression] as const),
  ]
  for (const [option, expression] of all) {
    if (bad.has(expression) || !isEndless(expression, filter.usedns)) continue
    say(
      noteOf(
        'slow-expression',
        spanFor(option, expression),
        `a line made for it keeps this ${option} busy without end`,
        { notes: ['fail2ban hangs on such a line; Postern searches it within bounds', expression] },
      ),
    )
  }
}

const isEndless = (expression: string, usedns: string): boolean =>
  compilePython(resolveTags(expression, usedns)).degree === Number.POSITIVE_INFINITY
