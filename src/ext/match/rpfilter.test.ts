import { describe, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { compareAddressRules } from '../_testing/judge-addresses.ts'
import { kernelHostIsOutOfReach } from '../_testing/kernel-host.ts'
import { rpfilter } from './rpfilter.ts'

const text = {
  'raw/PREROUTING -m rpfilter': '',
  'mangle/PREROUTING -m rpfilter --invert --accept-local --loose --validmark':
    '--loose --validmark --accept-local --invert',
  'nat/PREROUTING -m rpfilter': 'error rpfilter/wrong-table',
  'filter/INPUT -m rpfilter': 'error rpfilter/wrong-hook',
  'raw/PREROUTING -m rpfilter ! --loose': 'error rpfilter/not-invertible',
}
const packets = { 'raw/PREROUTING -m rpfilter': { yes: ['| in=lo'] } }
describeMatch(rpfilter, { hook: 'PREROUTING', text, packets })
describeMatch(rpfilter, {
  family: 'ipv6',
  hook: 'PREROUTING',
  text,
  packets,
})

const rules = [
  '',
  '--loose',
  '--accept-local',
  '--accept-local --loose',
  '--invert',
  '--loose --invert --validmark',
].map((options) => `-m rpfilter ${options}`)

const lack = kernelHostIsOutOfReach
describe.skipIf(lack !== null)(
  `ways back as the kernel's routing tells them${lack ? ` (${lack})` : ''}`,
  () => {
    it('IPv4', async () => {
      const sources = [
        '203.0.113.9',
        '198.51.100.7',
        '203.0.113.1',
        '203.0.113.255',
        '10.1.2.3',
        '10.2.2.3',
        '10.3.2.3',
      ]
      const others = ['127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '0.1.2.3']
      const lines = [...sources, ...others].map((source) => `${source} > 203.0.113.1:22`)
      await compareAddressRules(rpfilter, 'ipv4', rules, [
        ...lines,
        '0.0.0.0 > 255.255.255.255:67',
        '0.0.0.0 > 224.0.0.5:9',
      ])
    })

    it('IPv6', async () => {
      const sources = [
        '2001:db8:1::9',
        '2001:db8:5::1',
        '2001:db8:6::1',
        '2001:db8:7::1',
        '2001:db8:9::1',
        'fe80::9',
        '::',
      ]
      const lines = [...sources, '2001:db8:1::1'].map((source) => `[${source}]:4000 > [2001:db8:1::1]:22`)
      await compareAddressRules(rpfilter, 'ipv6', rules, lines)
    })
  },
)
