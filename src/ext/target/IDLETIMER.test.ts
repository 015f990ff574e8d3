import { describeTarget } from '../_testing/describe-target.ts'
import { IDLETIMER } from './IDLETIMER.ts'

describeTarget(IDLETIMER, {
  hook: 'INPUT',
  text: {
    '--label postern-a --timeout 0x10': '--timeout 16 --label postern-a',
    '--timeout 2147482 --label postern-b': '--timeout 2147482 --label postern-b',
    '--timeout 1 --label 0123456789012345678901234567': '--timeout 1 --label 012345678901234567890123456',
    '--timeout 0 --label postern-c': 'error IDLETIMER/no-timeout',
    '--timeout 2147483 --label postern-c': 'error IDLETIMER/timeout-too-long',
    '--timeout 1 --label ""': 'error IDLETIMER/no-label',
    '--timeout 1 --label power': 'error IDLETIMER/taken-label',
    '--timeout 1': 'error IDLETIMER/missing-option',
    '-p tcp -j IDLETIMER': 'error IDLETIMER/missing-option',
  },
})
