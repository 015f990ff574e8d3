import { expect, it } from 'vitest'
import { describeMatch } from '../_testing/describe-match.ts'
import { readOptions } from '../_testing/read-options.ts'
import { recent } from './recent.ts'

const tail = '--name DEFAULT --mask 255.255.255.255 --rsource'

/** Without `--mask`: the printed mask is another one to iptables -D. */
const withoutMask = {
  '--set': `--set ${tail}`,
  '! --set --rdest': '! --set --name DEFAULT --mask 255.255.255.255 --rdest',
  '--rdest --rsource --set': `--set ${tail}`,
  '--rsource --rdest --set': '--set --name DEFAULT --mask 255.255.255.255 --rdest',
  '--rcheck --hitcount 0': `--rcheck ${tail}`,
  '! --remove': `! --remove ${tail}`,
  '--rcheck --hitcount 65535': `--rcheck --hitcount 65535 ${tail}`,
  '--update --seconds 4294967295': `--update --seconds -1 ${tail}`,
  '--set --name ...': '--set --name ... --mask 255.255.255.255 --rsource',
  [`--set --name ${'n'.repeat(300)}`]: `--set --name ${'n'.repeat(199)} --mask 255.255.255.255 --rsource`,
}

describeMatch(recent, {
  family: 'ipv4',
  text: {
    ...withoutMask,
    '--rttl --hitcount 010 --reap --seconds 0x10 --name a-b --mask 255.0.255.0 --update':
      '--update --seconds 16 --reap --hitcount 8 --rttl --name a-b --mask 255.0.255.0 --rsource',
    '--set --mask 24': '--set --name DEFAULT --mask 0.0.0.24 --rsource',
    '--set --mask 255.255.255': '--set --name DEFAULT --mask 255.255.0.255 --rsource',
    '--set --mask /24': 'error recent/bad-address',
    '--rcheck --hitcount 65536': 'error recent/hitcount-too-large',
    '--set --hitcount 1': 'error recent/condition-without-check',
    '--remove --seconds 1': 'error recent/condition-without-check',
    '--set --name ""': 'error recent/bad-name',
    '--set --name ..': 'error recent/bad-name',
    '--set --name a/b': 'error recent/bad-name',
    '-m recent --name a': 'error recent/no-mode',
    '--rcheck --seconds 0': 'error recent/out-of-range',
    '--rcheck --seconds 4294967296': 'error recent/out-of-range',
    '--set --rttl': 'error recent/excluded',
    '--set --update': 'error recent/excluded',
    '--rcheck --reap': 'error recent/needs',
    '! --rcheck ! --seconds 1': 'error recent/not-invertible',
  },
  lossy: Object.keys(withoutMask),
})

const whole6 = '--mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource'

describeMatch(recent, {
  family: 'ipv6',
  text: {
    '--set': `--set --name DEFAULT ${whole6}`,
    '! --update --seconds 1 --name x --rdest': `! --update --seconds 1 --name x ${whole6.replace('rsource', 'rdest')}`,
    '--set --mask ffff:ffff::': '--set --name DEFAULT --mask ffff:ffff:: --rsource',
    '--set --mask 64': 'error recent/bad-address',
  },
})

it('tells a mask left out from the same mask written, in IPv4 only: iptables -D does', () => {
  const written = readOptions(recent, '--set --mask 255.255.255.255')
  expect(readOptions(recent, '--set')).not.toEqual(written)
  const whole = '--set --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'
  const written6 = readOptions(recent, whole, { family: 'ipv6' })
  expect(readOptions(recent, '--set', { family: 'ipv6' })).toEqual(written6)
})
