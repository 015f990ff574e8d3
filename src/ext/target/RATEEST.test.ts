import { describeTarget } from '../_testing/describe-target.ts'
import { RATEEST } from './RATEEST.ts'

// Rules that share a name must agree, and the kernel has the old table until it has taken the new one.
const rule = (name: string, interval: string, average: string) =>
  `--rateest-name ${name} --rateest-interval ${interval} --rateest-ewmalog ${average}`

describeTarget(RATEEST, {
  hook: 'INPUT',
  text: {
    [rule('r1', '250ms', '0.5s')]: rule('r1', '250.0ms', '500.0ms'),
    [rule('r2', '1s', '4s')]: rule('r2', '1.0s', '4.0s'),
    [rule('r3', '8sec', '60secs')]: rule('r3', '8.0s', '64.0s'),
    [rule('r4', '300000', '1e6us')]: rule('r4', '500.0ms', '1.0s'),
    [rule('r5', '8.1s', '60s')]: 'error RATEEST/interval-too-long',
    [rule('r6', '1s', '1s')]: 'error RATEEST/bad-average',
    [rule('r7', '1m', '1s')]: 'error RATEEST/bad-time',
    '--rateest-name a --rateest-interval 1s': 'error RATEEST/missing-option',
    '--rateest-name 0123456789abcdef --rateest-interval 250.0ms --rateest-ewmalog 500.0ms':
      '--rateest-name 0123456789abcde --rateest-interval 250.0ms --rateest-ewmalog 500.0ms',
  },
})
