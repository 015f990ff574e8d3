import { expect, it } from 'vitest'
import { readOptions } from '../_testing/read-options.ts'
import { ipvs } from './ipvs.ts'

// This kernel has none, so that what it prints back cannot be asked; test/kernel/programs.test.ts has the refusals.
it.each([
  ['--ipvs', '--ipvs'],
  ['! --ipvs', '! --ipvs'],
  ['--ipvs --vport http', '--vport 80'],
  ['! --vproto TCP', '! --vproto 6'],
  ['! --vaddr 192.0.2.4/255.255.255.0', '! --vaddr 192.0.2.4/24'],
  ['--vdir reply ! --vmethod gate --vportctl 21', '--vdir REPLY ! --vmethod GATE --vportctl 21'],
])('%s', (given, printed) => expect(ipvs.print(readOptions(ipvs, given), 'ipv4')).toBe(printed))

it('is refused by this kernel', () => {
  const data = readOptions(ipvs, '--ipvs')
  expect(ipvs.check!(data, {} as never, {} as never)?.code).toBe('not-in-kernel')
})
