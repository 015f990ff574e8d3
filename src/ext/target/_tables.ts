/** Targets that only one table may hold. */
import type { Refusal } from '../../lang/diagnostic.ts'
import type { TableName } from '../../lang/rule.ts'
import type { RulePlace } from '../../lang/syntax.ts'

/** Refuses a rule of another table. Source: `table` of struct xt_target, checked by xt_check_target(), x_tables.c. */
export function requireTable(table: TableName, place: RulePlace, why: string): Refusal | null {
  if (place.table === table) return null
  return {
    code: 'wrong-table',
    message: `this target cannot be used in the ${place.table} table`,
    notes: [why],
    help: `put the rule in the ${table} table`,
  }
}
