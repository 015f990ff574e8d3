import { describeTarget } from '../_testing/describe-target.ts'
import { NFLOG } from './NFLOG.ts'

const text = {
  '--nflog-group 0': '',
  '--nflog-group 65535': '--nflog-group 65535',
  '--nflog-group 65536': 'error NFLOG/out-of-range',
  '--nflog-range 0': '',
  '--nflog-range 1': '--nflog-range 1',
  '--nflog-size 0': '--nflog-size 0',
  '--nflog-size 4294967295': '--nflog-size 4294967295',
  '--nflog-size 1 --nflog-range 1': 'error NFLOG/excluded',
  '--nflog-threshold 65536': 'error NFLOG/out-of-range',
  '--nflog-prefix ""': 'error NFLOG/too-short',
  '--nflog-prefix "a \\"b\\" "': '--nflog-prefix "a \\"b\\" "',
  [`--nflog-prefix ${'x'.repeat(64)}`]: `--nflog-prefix ${'x'.repeat(63)}`,
  '--nflog-threshold 3 --nflog-size 2 --nflog-group 1 --nflog-prefix p':
    '--nflog-prefix p --nflog-group 1 --nflog-size 2 --nflog-threshold 3',
} as const

describeTarget(NFLOG, {
  family: 'ipv4',
  hook: 'INPUT',
  text,
  packets: ['eth0 udp 198.51.100.7:53 > 203.0.113.1:53 id=7'],
})
describeTarget(NFLOG, { family: 'ipv6', text })
