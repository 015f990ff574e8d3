/** Ends a test run with what was skipped and why, and with the plain counts. */
import type { Reporter, TestCase, TestModule } from 'vitest/node'

export default class ClosingReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const counts = { passed: 0, failed: 0, skipped: 0 }
    const reasons = new Map<string, number>()
    for (const module of modules) {
      if (module.state() === 'failed' && module.errors().length > 0) counts.failed++
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed' || state === 'failed') counts[state]++
        else {
          counts.skipped++
          const reason = skipReason(test)
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        }
      }
    }
    for (const [reason, count] of reasons) console.log(`skipped ${count}: ${reason}`)
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}

function skipReason(test: TestCase): string {
  const result = test.result()
  return ('note' in result ? result.note : undefined) ?? `no reason given: ${test.fullName}`
}
