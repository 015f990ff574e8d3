import { describe, expect, it } from 'vitest'
import { linux618 } from '../lang/profile.ts'
import { parseAddress } from '../net/address.ts'
import { RecentLists } from './recent.ts'

describe('writing to /proc/net/xt_recent/NAME', () => {
  const list = () => {
    const lists = new RecentLists(linux618)
    lists.acquire('a', parseAddress('255.255.255.255')!, 32)
    return lists
  }

  // What Linux 6.18 made of each: bytes taken and the address, or the error.
  it.each([
    ['+1.2.3.4', '8 1.2.3.4'],
    ['+01.02.03.04', '12 1.2.3.4'],
    ['+1.2.3.000000004', '16 1.2.3.4'],
    ['+1.2.3.4\n+5.6.7.8\n', '18 1.2.3.4'],
    ['+1.2.3.4\0junk', '13 1.2.3.4'],
    ['+1.2.3.4\0:', '10 1.2.3.4'],
    ['+1.2.3.4\n:', 'EINVAL'],
    ['+1.2.3.4:', 'EINVAL'],
    ['+', 'EINVAL'],
    ['+foo', 'EINVAL'],
    ['+1.2.3', 'EINVAL'],
    ['+1.2.3.4.5', 'EINVAL'],
    ['+1.2.3.4/24', 'EINVAL'],
    ['+1.2.3.4 ', 'EINVAL'],
    ['+ 1.2.3.4', 'EINVAL'],
    ['+256.1.1.1', 'EINVAL'],
    ['+0x1.1.1.1', 'EINVAL'],
    ['+1.2.3.4#', 'EINVAL'],
    ['+::', '3 0000:0000:0000:0000:0000:0000:0000:0000'],
    ['+00000001::2', '12 0001:0000:0000:0000:0000:0000:0000:0002'],
    ['+1::00012345', 'EINVAL'],
    ['+1:2:3:4:5:6:7:8', '16 0001:0002:0003:0004:0005:0006:0007:0008'],
    ['+1:2:3:4:5:6:7::', '16 0001:0002:0003:0004:0005:0006:0007:0000'],
    ['+1:2:3:4::5:6:7:8', 'EINVAL'],
    ['+1:2:3:4:5:6:7', 'EINVAL'],
    ['+1::2::3', 'EINVAL'],
    ['+1:::2', 'EINVAL'],
    [':', 'EINVAL'],
    ['+1:2:3:4:5:6:1.2.3.4', '20 0001:0002:0003:0004:0005:0006:0102:0304'],
    ['+1:2:3:4:5::1.2.3.4', '19 0001:0002:0003:0004:0005:0000:0102:0304'],
    ['+1:2:3:4:5:6::1.2.3.4', 'EINVAL'],
    ['+::1.2.3.4:anything', '19 0000:0000:0000:0000:0000:0000:0102:0304'],
    ['+::1.2.3.4/96', 'EINVAL'],
    ['+1.2.3.4::', 'EINVAL'],
    [`+1.2.3.${'0'.repeat(38)}4`, '46 1.2.3.4'],
    [`+1.2.3.${'0'.repeat(39)}4`, '47 1.2.3.4'],
    [`+1.2.3.${'0'.repeat(40)}4`, '47 1.2.3.0'],
    [`/${'x'.repeat(60)}`, '47 '],
    ['', '0 '],
  ])('%j', (text, expected) => {
    const lists = list()
    const { written, error } = lists.write('a', text, 0)
    const [line = 'src= '] = lists.read('a')!
    expect(error ?? `${written} ${line.slice(4, line.indexOf(' '))}`).toBe(expected)
  })

  it('says what it wants, once no sign is given', () => {
    expect(list().write('a', '1.2.3.4', 0)).toEqual({
      written: 0,
      error: 'EINVAL',
      log: 'xt_recent: Need "+ip", "-ip" or "/"',
    })
    expect(list().write('a', '+foo', 0).log).toBe(null)
  })

  it('wants the beginning of the file', () => {
    expect(list().write('a', '+1.2.3.4', 0, 8).error).toBe('ESPIPE')
    expect(list().write('a', '', 0, 8).error).toBe(null)
  })
})
