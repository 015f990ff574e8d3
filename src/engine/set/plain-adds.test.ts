import fc from 'fast-check'
import { expect, it } from 'vitest'
import { runIpset } from '../../lang/ipset/program.ts'
import { Sets } from './sets.ts'

function restore(text: string) {
  const sets = new Sets({ hz: 250, random: () => 7 })
  const answer = runIpset(['restore'], text, sets.at(0))
  return { answer, saved: runIpset(['save'], '', sets.at(0)).stdout }
}

const address = fc.constantFrom(
  '1.2.3.4',
  '10.0.0.0',
  '0.0.0.0',
  '255.255.255.255',
  '010.1.1.1',
  '1.2.3',
  '256.1.1.1',
)
const length = fc.constantFrom(
  '',
  '',
  '/32',
  '/24',
  '/24',
  '/1',
  '/0',
  '/33',
  '/08',
  '/',
  '/24 timeout 3',
  ' nomatch',
)
const name = fc.constantFrom('a', 'a', 'a', 'b', 'none')
const line = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(name, address, length).map(([set, ip, more]) => `add ${set} ${ip}${more}`),
  },
  fc.constantFrom(
    'swap a b',
    'flush a',
    'del a 1.2.3.4',
    'COMMIT',
    '# nothing',
    'rename b c',
    'create b hash:ip',
    '-! add a 1.2.3.4',
  ),
)
const types = fc.constantFrom(
  'hash:net',
  'hash:net maxelem 3',
  'hash:ip',
  'hash:ip netmask 24',
  'hash:ip,port',
  'hash:net family inet6',
  'hash:net timeout 60',
  'hash:net,iface',
  'bitmap:ip range 1.2.0.0/16',
)

/** A second blank makes a line that is read as any other. */
it('lines that differ in their address alone do what they do when each is read in full', () => {
  fc.assert(
    fc.property(types, types, fc.array(line, { minLength: 2, maxLength: 12 }), (first, second, lines) => {
      const text = (some: readonly string[]) =>
        `create a ${first}\ncreate b ${second}\n${some.map((each) => `${each}\n`).join('')}`
      const inFull = lines.map((each) => each.replace('add ', 'add  '))
      expect(restore(text(lines))).toEqual(restore(text(inFull)))
    }),
    { numRuns: 300 },
  )
})
