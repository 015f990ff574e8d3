import type { CaseReport } from '../../scenario/run.ts'
import type { Case } from '../../scenario/scenario.ts'

/** What `postern test` found in one file, before any rendering. */
export interface FileReport {
  readonly name: string
  readonly cases: readonly CaseReport[]
  /** Cases in which engine and kernel part; empty when only one of them ran. */
  readonly differences: readonly Difference[]
  /** Why the file could not be run at all, or null. */
  readonly problem: string | null
}

/** The first place where engine and kernel part. */
export interface Difference {
  readonly part: Case
  readonly engine: CaseReport
  readonly kernel: CaseReport
  /** From 1; null when only the end differs. */
  readonly step: number | null
  /** What differs, in words. */
  readonly what: string
}
