import { expect, it } from 'vitest'
import { rulesOf } from '../../engine/_testing/journey-case.ts'
import { Host } from '../../engine/host.ts'
import { actingHost, compareActs } from '../_testing/compare-acts.ts'
import { kernelHostIsOutOfReach } from '../_testing/kernel-host.ts'
import { readOptions } from '../_testing/read-options.ts'
import { nfacct } from './nfacct.ts'

const host = {
  ...actingHost,
  accounts: [
    { name: 'all', quota: null },
    { name: 'few', quota: { unit: 'packets', most: 2n } },
    { name: 'small', quota: { unit: 'bytes', most: 60n } },
  ] as const,
}
const rules = ['all', 'few', 'small'].map((name) => `-A INPUT -m nfacct --nfacct-name ${name}`)
const text = `*filter\n${rules.join('\n')}\nCOMMIT\n`

it('prints as iptables does', () => {
  expect(nfacct.print(readOptions(nfacct, '--nfacct-name "two words"'), 'ipv4')).toBe(
    '--nfacct-name  "two words"',
  )
})

it('is refused where there is no such object', () => {
  const refusals = new Host(host).load(rulesOf(text.replace('few', 'none'), 'ipv4'))
  expect(refusals.map(({ code, ref }) => `${code} ${ref.number}`)).toEqual(['nfacct/no-such-object 2'])
})

const lack = kernelHostIsOutOfReach
it.skipIf(lack !== null)(`counts as in the kernel${lack ? ` (${lack})` : ''}`, async () => {
  const packets = Array.from({ length: 4 }, (_, at) => `eth0 udp 198.51.100.7:4000 > 203.0.113.1:5${at}`)
  const rules = ['all', 'few', 'small'].map((name) => `-m nfacct --nfacct-name ${name} -j ACCEPT`)
  await compareActs({ family: 'ipv4', table: 'filter', hook: 'INPUT', host, rules, packets })
  await compareActs({ family: 'ipv6', table: 'filter', hook: 'INPUT', host, rules, packets: packets6 })
})

const packets6 = Array.from({ length: 3 }, () => 'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:1::1]:53')
