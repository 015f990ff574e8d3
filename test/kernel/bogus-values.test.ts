/** A value that means nothing, given to each option of each extension: refused in iptables' own words. */
import { expect, it } from 'vitest'
import { kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { matches, targets } from '../../src/ext/registry.ts'
import { expectAlike, type Line } from './real-programs.ts'

/** Protocols without which the extension is not asked. */
const protocols: Readonly<Record<string, string>> = {
  icmp6: 'icmpv6',
  ...Object.fromEntries(
    ['udp', 'sctp', 'dccp', 'icmp', 'ah', 'esp', 'ipcomp', 'mh', 'udplite'].map((name) => [name, name]),
  ),
}

/** Whose words are still ours; this list may only become shorter. */
const ours = new Set([
  'CLUSTERIP --clustermac',
  'CLUSTERIP --hashmode',
  'NETMAP --to',
  'RATEEST --rateest-name',
  'ah --ahlen',
  'ah --ahres',
  'ah --ahspi',
  'cgroup --path',
  'dst --dst-opts',
  'hashlimit --hashlimit-burst',
  'hbh --hbh-opts',
  'icmp6 --icmpv6-type',
  'ipv6header --header',
  'mh --mh-type',
  'owner --suppl-groups',
  'rt --rt-0-addrs',
  'rt --rt-0-not-strict',
  'rt --rt-0-res',
  'sctp --chunk-types',
  'tcp --tcp-option',
  'time --localtz',
])

const lines = (['-m', '-j'] as const).flatMap((letter) =>
  (letter === '-m' ? matches : targets).flatMap(({ name, families, options }) =>
    families.flatMap((family) =>
      Object.keys(options)
        .filter((option) => !ours.has(`${name} --${option}`))
        .map((option): Line => {
          const program = family === 'ipv4' ? 'iptables' : 'ip6tables'
          const args = ['-A', 'INPUT', '-p', protocols[name] ?? 'tcp', letter, name, `--${option}`, 'bogus']
          return { text: [program, ...args].join(' '), program, args, input: '' }
        }),
    ),
  ),
)

it('what no option can mean is refused as iptables refuses it', ({ skip }) => {
  if (kernelIsOutOfReach !== null) skip(kernelIsOutOfReach)
  expectAlike(lines)
  console.log(`bogus values: ${lines.length} refused as by the real iptables and ip6tables`)
  expect(lines.length).toBeGreaterThan(600)
}, 120_000)
