import { describe, expect, it } from 'vitest'
import { compareSequence, rememberingHost } from '../_testing/compare-sequences.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { kernelHostIsOutOfReach } from '../_testing/kernel-host.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { HashLimitTable } from './_hashlimit-table.ts'
import { hashlimit } from './hashlimit.ts'

const n = '--hashlimit-name n'
const text = {
  [`--hashlimit 5/s ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 ${n}`,
  [`--hashlimit-upto 5 ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 ${n}`,
  [`--hashlimit-above 120/min ${n}`]: `--hashlimit-above 2/sec --hashlimit-burst 5 ${n} --hashlimit-htable-expire 60000`,
  [`! --hashlimit-above 1/day --hashlimit-burst 1 ${n}`]: `--hashlimit-upto 1/day --hashlimit-burst 1 ${n}`,
  [`! --hashlimit-upto 3/h ${n}`]: `--hashlimit-above 3/hour --hashlimit-burst 5 ${n}`,
  [`--hashlimit-upto 1000000/sec ${n}`]: `--hashlimit-upto 1000000/sec --hashlimit-burst 5 ${n}`,
  [`--hashlimit-upto 1000001/sec ${n}`]: 'error hashlimit/too-fast',
  [`--hashlimit-upto 5/sex ${n}`]: 'error hashlimit/bad-rate',
  [`--hashlimit-upto 5/ ${n}`]: 'error hashlimit/bad-rate',
  [`--hashlimit-upto 0/sec ${n}`]: 'error hashlimit/bad-rate',
  [`--hashlimit-upto 1/day ${n} --hashlimit-burst 1000000`]: 'error hashlimit/overflow',
  [`--hashlimit-upto 1/day --hashlimit-burst 2 ${n}`]: 'error hashlimit/overflow',
  [`--hashlimit-upto 5/sec --hashlimit-burst 1000000 ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 1000000 ${n}`,
  [`--hashlimit-upto 5/sec --hashlimit-burst 1000001 ${n}`]: 'error hashlimit/bad-burst',
  [`--hashlimit-upto 5/sec --hashlimit-burst 2k ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 2048 ${n}`,
  [`--hashlimit-upto 5/sec --hashlimit-burst 2m ${n}`]: 'error hashlimit/bad-burst',
  [`--hashlimit-upto 5/sec --hashlimit-burst 0 ${n}`]: 'error hashlimit/bad-burst',
  [`--hashlimit-upto 4kb/s --hashlimit-burst 400kb ${n}`]: `--hashlimit-upto 4kb/s --hashlimit-burst 400kb ${n}`,
  [`--hashlimit-upto 10mb/s ${n}`]: `--hashlimit-upto 10mb/s ${n}`,
  [`--hashlimit-above 123456b/s --hashlimit-burst 1mb ${n}`]: `--hashlimit-above 123456b/s --hashlimit-burst 1mb ${n}`,
  [`--hashlimit-upto 1000b/s --hashlimit-burst 1001b ${n}`]: `--hashlimit-upto 992b/s --hashlimit-burst 1kb ${n}`,
  [`--hashlimit-upto 96b/s --hashlimit-burst 5 ${n}`]: 'error hashlimit/bad-burst',
  [`--hashlimit-upto 5/sec --hashlimit-mode dstport,srcip ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip,dstport ${n}`,
  [`--hashlimit-upto 5/sec --hashlimit-mode "srcip|dstip" ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip,dstip ${n}`,
  [`--hashlimit-upto 5/sec --hashlimit-mode ip ${n}`]: 'error hashlimit/bad-mode',
  [`--hashlimit-upto 5/min --hashlimit-htable-size 20 --hashlimit-htable-max 30 --hashlimit-htable-gcinterval 10 --hashlimit-htable-expire 60000 ${n}`]: `--hashlimit-upto 5/min --hashlimit-burst 5 ${n} --hashlimit-htable-size 20 --hashlimit-htable-max 30 --hashlimit-htable-gcinterval 10`,
  [`--hashlimit-upto 5/min --hashlimit-htable-max 4294967295 ${n}`]: `--hashlimit-upto 5/min --hashlimit-burst 5 ${n} --hashlimit-htable-max 1048576`,
  [`--hashlimit-upto 60/min ${n}`]: `--hashlimit-upto 1/sec --hashlimit-burst 5 ${n} --hashlimit-htable-expire 60000`,
  [`--hashlimit-upto 5/min --hashlimit-htable-expire 0 ${n}`]: 'error hashlimit/no-time',
  [`--hashlimit-upto 5/min --hashlimit-htable-gcinterval 0 ${n}`]: 'error hashlimit/no-time',
  '--hashlimit-upto 40/sec --hashlimit-burst 20 --hashlimit-name r1 --hashlimit-rate-match --hashlimit-rate-interval 10': `--hashlimit-upto 40/sec --hashlimit-burst 20 --hashlimit-name r1 --hashlimit-rate-match --hashlimit-rate-interval 10`,
  '--hashlimit-upto 40/min --hashlimit-name r2 --hashlimit-rate-match': `--hashlimit-upto 40/sec --hashlimit-burst 5 --hashlimit-name r2 --hashlimit-htable-expire 60000 --hashlimit-rate-match --hashlimit-rate-interval 60`,
  '--hashlimit-upto 40mb/s --hashlimit-name r3 --hashlimit-rate-match': `--hashlimit-upto 40mb/s --hashlimit-name r3 --hashlimit-rate-match`,
  [`--hashlimit-upto 40/sec ${n} --hashlimit-rate-interval 10`]: `--hashlimit-upto 40/sec --hashlimit-burst 5 ${n}`,
  '--hashlimit-upto 40/sec --hashlimit-name r4 --hashlimit-rate-match --hashlimit-rate-interval 0':
    'error hashlimit/bad-interval',
  '--hashlimit-upto 5/sec --hashlimit-name a/b': 'error hashlimit/bad-name',
  '--hashlimit-upto 5/sec --hashlimit-name ..': 'error hashlimit/bad-name',
  '--hashlimit-upto 5/sec --hashlimit-name ""': 'error hashlimit/too-short',
  '--hashlimit-upto 5/sec': 'error hashlimit/missing-option',
  [`--hashlimit-upto 5/sec --hashlimit-above 5/sec ${n}`]: 'error hashlimit/excluded',
  [n]: 'error hashlimit/no-rate',
}
// What the printed line does not tell: bytes cut to pieces of 16, an interval nobody measures in, old units.
const lossy = [`--hashlimit-upto 40/sec ${n} --hashlimit-rate-interval 10`]

describeMatch(hashlimit, {
  text: {
    ...text,
    [`--hashlimit-upto 5/sec --hashlimit-srcmask 24 --hashlimit-dstmask 32 ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 ${n} --hashlimit-srcmask 24`,
    [`--hashlimit-upto 5/sec --hashlimit-srcmask 33 ${n}`]: 'error hashlimit/long-prefix',
    [`--hashlimit-upto 5/sec --hashlimit-srcmask 255.255.0.0 ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 ${n} --hashlimit-srcmask 16`,
    [`--hashlimit-upto 5/sec --hashlimit-srcmask x ${n}`]: 'error hashlimit/bad-length',
  },
  lossy,
})
describeMatch(hashlimit, {
  family: 'ipv6',
  text: {
    ...text,
    [`--hashlimit-upto 5/sec --hashlimit-srcmask 64 --hashlimit-dstmask 0 ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 ${n} --hashlimit-srcmask 64 --hashlimit-dstmask 0`,
    [`--hashlimit-upto 5/sec --hashlimit-srcmask 129 ${n}`]: 'error hashlimit/bad-length',
    [`--hashlimit-upto 5/sec --hashlimit-srcmask ffff:: ${n}`]: `--hashlimit-upto 5/sec --hashlimit-burst 5 ${n} --hashlimit-srcmask 16`,
  },
  lossy,
})

/** What a rule says of packets at these moments, in milliseconds. */
function answers(
  options: string,
  packets: readonly (readonly [milliseconds: number, line: string])[],
): string {
  const host = rememberingHost('ipv4')
  const data = readOptions(hashlimit, options)
  const state = hashlimit.load!(data, host)
  return packets
    .map(([milliseconds, line]) => {
      const { skb, context } = packetSample(line, 'ipv4', 'FORWARD')
      const own = { ...context, host, jiffies: Math.floor(milliseconds / 4) }
      const matched = hashlimit.evaluate(data, skb, own, state)
      return own.hotdrop ? 'drop' : matched ? 'yes' : 'no'
    })
    .join(' ')
}

const at = (moments: readonly number[], line = 'syn'): [number, string][] =>
  moments.map((moment): [number, string] => [moment, line])

describe('buckets', () => {
  it('are full at first, and fill at the rate', () => {
    const rule = `--hashlimit-upto 1/sec --hashlimit-burst 3 ${n} --hashlimit-htable-expire 60000`
    expect(answers(rule, at([0, 0, 0, 0, 996, 1000, 1004, 2004]))).toBe('yes yes yes no no yes no yes')
  })

  it('are forgotten, and full again, when nobody used them for long', () => {
    // Expiry after a second, as of every rate in packets a second; swept at full seconds.
    const rule = `--hashlimit-upto 1/sec --hashlimit-burst 3 ${n}`
    expect(answers(rule, at([100, 100, 100, 1900, 1900, 1900]))).toBe('yes yes yes yes no no')
    expect(answers(rule, at([100, 100, 100, 2000, 2000, 2000]))).toBe('yes yes yes yes yes yes')
  })

  it('are one for each address, port or net', () => {
    const one = '198.51.100.7 > 203.0.113.1'
    const other = '198.51.100.8 > 203.0.113.1'
    const rule = `--hashlimit-above 1/day --hashlimit-burst 1 ${n} --hashlimit-mode`
    const lines = [`${one}:22`, `${other}:22`, `${one}:80`, `${one}:22`].map((line): [number, string] => [
      0,
      line,
    ])
    expect(answers(`${rule} srcip`, lines)).toBe('no no yes yes')
    expect(answers(`${rule} srcip,dstport`, lines)).toBe('no no no yes')
    expect(answers(`${rule} srcip --hashlimit-srcmask 24`, lines)).toBe('no yes yes yes')
    expect(answers(`${rule} dstip`, lines)).toBe('no yes yes yes')
  })

  it('drop what cannot be remembered', () => {
    const rule = `--hashlimit-upto 1/day --hashlimit-burst 1 ${n} --hashlimit-mode srcip --hashlimit-htable-size 1 --hashlimit-htable-max 2`
    const lines = ['1', '2', '3', '1'].map((last): [number, string] => [
      0,
      `198.51.100.${last} > 203.0.113.1:22`,
    ])
    expect(answers(rule, lines)).toBe('yes yes drop no')
  })

  it('measure a rate without spending it', () => {
    const rule = `--hashlimit-upto 2/sec --hashlimit-burst 0x1 ${n} --hashlimit-rate-match --hashlimit-htable-expire 60000`
    // Rate and burst are added; an interval above the rate spoils the next one.
    expect(answers(rule, at([0, 0, 0, 0, 1000, 1000, 2000]))).toBe('yes yes yes no no no yes')
  })
})

it('lists buckets as /proc does', () => {
  const data = readOptions(
    hashlimit,
    `--hashlimit-upto 1/min --hashlimit-burst 2 --hashlimit-mode srcip,dstport ${n}`,
  )
  const host = rememberingHost('ipv4')
  const table = new HashLimitTable(data, host.profile)
  const key = { source: [0xc6336407], destination: [0], sourcePort: 0, destinationPort: 22 }
  table.take(key, data, 40, 0)
  expect(table.text('ipv4', 0)).toBe(
    '60 198.51.100.7:0->0.0.0.0:22 8246337180000000 16492674360000000 8246337180000000\n',
  )
  expect(table.text('ipv4', 250)).toMatch(/^59 198/)
})

const lack = kernelHostIsOutOfReach
describe.skipIf(lack !== null)(`buckets as in the kernel${lack ? ` (${lack})` : ''}`, () => {
  it.each(['ipv4', 'ipv6'] as const)('%s', async (family) => {
    const isOld = family === 'ipv4'
    const own = isOld ? '203.0.113.1' : '2001:db8:1::1'
    const peers = isOld
      ? ['198.51.100.7', '198.51.100.8', '198.51.101.7']
      : ['2001:db8::7', '2001:db8::8', '2001:db9::7']
    const line = (peer: string, port: number, tail: string) =>
      isOld ? `tcp ${peer}:4000 > ${own}:${port} ${tail}` : `tcp [${peer}]:4000 > [${own}]:${port} ${tail}`
    const mask = isOld ? 24 : 32
    const modes = ['srcip', 'srcip,dstport', 'dstip,srcport', `srcip --hashlimit-srcmask ${mask}`]
    const rules = modes.flatMap((mode, at) => [
      `--hashlimit-upto 1/hour --hashlimit-burst 2 --hashlimit-mode ${mode} --hashlimit-name a${at}`,
      `--hashlimit-above 1/hour --hashlimit-burst 3 --hashlimit-mode ${mode} --hashlimit-name b${at}`,
      `--hashlimit-above 160b/s --hashlimit-burst 700b --hashlimit-mode ${mode} --hashlimit-name c${at}`,
      `--hashlimit-upto 100b/s --hashlimit-mode ${mode} --hashlimit-name d${at} --hashlimit-rate-match --hashlimit-rate-interval 3600`,
      `--hashlimit-upto 2/hour --hashlimit-burst 1 --hashlimit-mode ${mode} --hashlimit-name e${at} --hashlimit-rate-match`,
    ])
    const shared = [
      '--hashlimit-upto 1/hour --hashlimit-burst 4 --hashlimit-name all',
      '--hashlimit-above 1/sec --hashlimit-burst 9 --hashlimit-name all',
      // The first one's buckets, for all alike.
      '--hashlimit-upto 1/hour --hashlimit-mode srcip,dstport --hashlimit-name all',
    ]
    const packets = Array.from({ length: 14 }, (_, at) =>
      line(peers[(at * 5) % 3]!, 22 + (at % 2), `len=${80 + 90 * (at % 3)}`),
    )
    await compareSequence(hashlimit, family, [...rules, ...shared], packets, (kernel, states) => {
      const folder = isOld ? 'ipt_hashlimit' : 'ip6t_hashlimit'
      // Time passes there while none does here: seconds left and credit are left out, as is the order.
      const plain = (text: string) =>
        text
          .trim()
          .split('\n')
          .map((row) => row.replace(/^\d+ (\S+) \d+ (\d+) (\d+)$/, '$1 $2 $3'))
          .sort()
      for (const [at, name] of ['a1', 'b2', 'e3'].entries()) {
        const state = states[[5, 11, 19][at]!]!
        expect([name, plain(state.table.text(family, 0))]).toEqual([
          name,
          plain(kernel.run('cat', [`/proc/net/${folder}/${name}`])),
        ])
      }
    })
  })
})
