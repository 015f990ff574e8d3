import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests that run packets through the kernel at their own times: they come last, when the processors are free. */
const timed = [
  'test/kernel/examples.test.ts',
  'test/kernel/sockets.test.ts',
  'src/linux/lab/fuzz/fuzz.test.ts',
]
/** Tests that wait for minutes and do next to nothing: they run beside all others. */
const patient = ['test/kernel/examples-long.test.ts']
const common = { testTimeout: 120_000, hookTimeout: 120_000, setupFiles: ['test/seed.ts'] }
/** The patient one, and one for each processor but that of the runner: more would spoil what is timed. */
const workers = 1 + Math.max(1, availableParallelism() - 1)

export default defineConfig({
  test: {
    reporters: [['default', { summary: false }], './test/reporter.ts'],
    projects: [
      {
        test: {
          name: 'all',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...timed, ...patient],
          sequence: { groupOrder: 0 },
          maxWorkers: workers,
          ...common,
        },
      },
      {
        test: {
          // Within a group, projects begin in the order of their names: this one before `all`.
          name: 'ahead',
          include: patient,
          sequence: { groupOrder: 0 },
          maxWorkers: workers,
          ...common,
        },
      },
      { test: { name: 'timed', include: timed, sequence: { groupOrder: 1 }, ...common } },
    ],
  },
})
