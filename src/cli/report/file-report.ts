import type { CaseReport } from '../../scenario/run.ts'

/** What `postern test` found in one file, before any rendering. */
export interface FileReport {
  readonly name: string
  readonly cases: readonly CaseReport[]
  /** Why the file could not be run at all, or null. */
  readonly problem: string | null
}
