import { defineConfig } from 'vitest/config'

/** Tests that run packets through the kernel at their own times: they come last, when the processors are free. */
const timed = [
  'test/kernel/examples.test.ts',
  'test/kernel/sockets.test.ts',
  'src/linux/lab/fuzz/fuzz.test.ts',
]
const limits = { testTimeout: 120_000, hookTimeout: 120_000 }

export default defineConfig({
  test: {
    reporters: [['default', { summary: false }], './test/reporter.ts'],
    projects: [
      {
        test: {
          name: 'all',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: timed,
          sequence: { groupOrder: 0 },
          ...limits,
        },
      },
      { test: { name: 'timed', include: timed, sequence: { groupOrder: 1 }, ...limits } },
    ],
  },
})
