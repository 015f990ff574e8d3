/** What random comparisons say where they cannot run. */
import { type Backend, labLack } from '../index.ts'

/** Whether this machine lacks what the lab needs; says so on stderr. */
export function saysLack(backend: Backend): boolean {
  const lack = labLack(backend)
  if (lack === null) return false
  process.stderr.write(`error: ${lack.message}\n${lack.hint === null ? '' : `  try: ${lack.hint}\n`}`)
  return true
}
