import { describe, expect, it } from 'vitest'
import { sendRaw } from '../../linux/lab/_send.ts'
import { describeMatch } from '../_testing/describe-match.ts'
import { kernelHostIsOutOfReach, onKernelHost } from '../_testing/kernel-host.ts'
import { packetSample } from '../_testing/packet-lines.ts'
import { readOptions } from '../_testing/read-options.ts'
import { owner } from './owner.ts'

const text = {
  '--uid-owner root': '--uid-owner 0',
  '--uid-owner 0:5': '--uid-owner 0-5',
  '--uid-owner 5-5': '--uid-owner 5',
  '--uid-owner 010-0x10': '--uid-owner 8-16',
  '--uid-owner 0-4294967294': '--uid-owner 0-4294967294',
  '! --gid-owner 3 ! --uid-owner 5-10': '! --uid-owner 5-10 ! --gid-owner 3',
  '--gid-owner 5 --suppl-groups --socket-exists': '--socket-exists --gid-owner 5 --suppl-groups',
  '! --gid-owner 5 --suppl-groups': '! --gid-owner 5 --suppl-groups',
  '! --socket-exists --uid-owner 7': '! --socket-exists --uid-owner 7',
  '! --socket-exists ! --uid-owner 7': '! --socket-exists ! --uid-owner 7',
  'POSTROUTING -m owner --uid-owner 5': '--uid-owner 5',
  '--uid-owner 4294967295': 'error owner/bad-id',
  '--uid-owner 0-': 'error owner/bad-id',
  '--uid-owner 5-a': 'error owner/bad-id',
  '--uid-owner ""': 'error owner/bad-id',
  '--uid-owner 5 --uid-owner 6': 'error owner/repeated',
  '--uid-owner 10-0': 'error owner/reversed-range',
  '--suppl-groups --gid-owner 0-10': 'error owner/wrong-order',
  '--suppl-groups --socket-exists': 'error owner/wrong-order',
  '--gid-owner 0-10 ! --suppl-groups': 'error owner/not-invertible',
  '': 'error owner/no-test',
  'INPUT -m owner --uid-owner 0': 'error owner/wrong-hook',
  'FORWARD -m owner --socket-exists': 'error owner/wrong-hook',
}

const packets = {
  '--uid-owner 1000': {
    yes: ['out uid=1000 gid=7'],
    no: {
      'out uid=1001 gid=1000': 'uid 1001 is not 1000',
      out: 'no local socket sent it',
      'out | from-kernel': 'the kernel itself sent it',
    },
  },
  '! --uid-owner 5-10': {
    yes: ['out uid=4', 'out uid=11', 'out', 'out | from-kernel'],
    no: { 'out uid=5': 'uid 5 is in 5-10', 'out uid=10': 'uid 10 is in 5-10' },
  },
  '--gid-owner 33 --suppl-groups': {
    yes: ['out uid=1 gid=33', 'out uid=1 gid=2 | groups=3,33'],
    no: { 'out uid=33 gid=2 | groups=3,4': 'gid 2 is not 33', out: 'no local socket sent it' },
  },
  '--gid-owner 33': { no: { 'out uid=1 gid=2 | groups=33': 'gid 2 is not 33' } },
  '! --gid-owner 33 --suppl-groups': {
    yes: ['out uid=1 gid=2 | groups=3', 'out | from-kernel'],
    no: {
      'out uid=1 gid=2 | groups=33': 'gid 33 is 33',
      // Without --suppl-groups it would match.
      out: 'no local socket sent it',
    },
  },
  '--socket-exists': { yes: ['out uid=0', 'out | from-kernel'], no: { out: 'no local socket sent it' } },
  '! --socket-exists': {
    yes: ['out'],
    no: { 'out uid=0': 'a local socket sent it', 'out | from-kernel': 'a local socket sent it' },
  },
  '! --socket-exists --uid-owner 7': { no: ['out', 'out uid=7', 'out uid=8', 'out | from-kernel'] },
  '--uid-owner 7 ! --gid-owner 8': {
    yes: ['out uid=7 gid=9'],
    no: { 'out uid=7 gid=8': 'gid 8 is 8', 'out uid=8 gid=9': 'uid 8 is not 7' },
  },
}

describeMatch(owner, { namesDiffer: true, hook: 'OUTPUT', text, packets })
describeMatch(owner, { namesDiffer: true, family: 'ipv6', hook: 'OUTPUT', text, packets })

/** Rules counted in OUTPUT, and packets with the sockets that the kernel gives them there. */
const judged = [
  ...Object.keys(packets),
  '--gid-owner 9',
  '! --uid-owner 7 ! --gid-owner 9',
  '! --uid-owner 7 ! --socket-exists',
  '--socket-exists ! --uid-owner 7',
  '--socket-exists --gid-owner 0-100 --suppl-groups',
]

const lack = kernelHostIsOutOfReach
describe.skipIf(lack !== null)(`owners as the kernel sees them${lack ? ` (${lack})` : ''}`, () => {
  it.each(['ipv4', 'ipv6'] as const)('%s', async (family) => {
    const [own, peer] =
      family === 'ipv4' ? ['203.0.113.1', '203.0.113.9'] : ['2001:db8:1::1', '2001:db8:1::9']
    const at = (address: string, port: number) =>
      family === 'ipv4' ? `${address}:${port}` : `[${address}]:${port}`
    const ping = `${family === 'ipv4' ? 'icmp' : 'icmp6'} ${peer} > ${own} echo-request`
    /** What makes the host send, and the packet line of what it sends. */
    const senders = [
      ...[
        { uid: 1000, gid: 7, groups: [] },
        { uid: 7, gid: 9, groups: [] },
        { uid: 7, gid: 8, groups: [33] },
        { uid: 5, gid: 33, groups: [9] },
        { uid: 0, gid: 0, groups: [101, 9, 33] },
      ].map((user) => ({ line: `out uid=${user.uid} gid=${user.gid} | groups=${user.groups}`, user })),
      // An echo reply comes from the kernel's ICMP socket, the reset of a REJECT from none.
      { line: 'out | from-kernel', arrives: ping },
      { line: 'out', arrives: `tcp ${at(peer, 4000)} > ${at(own, 22)} syn` },
    ]
    const theirs = await onKernelHost(family, (host) => {
      const plain = family === 'ipv4' ? [`${own}/24`] : [`${own}/64`, 'nodad']
      host.run('ip', ['address', 'add', ...plain.slice(0, 1), 'dev', 'eth0', ...plain.slice(1)])
      host.run('ip', ['neigh', 'add', peer, 'lladdr', '02:00:00:00:01:43', 'dev', 'eth0', 'nud', 'permanent'])
      const rules = judged.map((text) => `-A OUTPUT -m owner ${text}`)
      const reject = '-A INPUT -p tcp -j REJECT --reject-with tcp-reset'
      // What the host says to its neighbours by itself is none of the packets that are counted.
      const ownTalk = [133, 135, 136, 143].map((type) => `-A OUTPUT -p icmpv6 --icmpv6-type ${type} -j DROP`)
      if (family === 'ipv6') host.load(['*mangle', ...ownTalk, 'COMMIT\n'].join('\n'))
      host.load(['*filter', reject, ...rules, '-A OUTPUT -j DROP', 'COMMIT\n'].join('\n'))
      return senders.map((sender) => {
        const before = host.counters('filter', 'OUTPUT')
        if ('user' in sender) {
          const { packet } = packetSample(`out udp ${at(own, 1)} > ${at(peer, 2)}`, family, 'OUTPUT').skb
          const groups = process.getgroups!()
          process.setgroups!(sender.user.groups)
          sendRaw(host.libc, packet.bytes, sender.user, 0)
          process.setgroups!(groups)
        } else host.arrive(packetSample(`eth0 ${sender.arrives}`, family, 'INPUT').skb.packet.bytes)
        const counted = host.counters('filter', 'OUTPUT').map((count, rule) => count - before[rule]!)
        expect([sender.line, counted.at(-1)]).toEqual([sender.line, 1])
        return judged.filter((_, rule) => counted[rule] === 1)
      })
    })
    const ours = senders.map(({ line }) => {
      const { skb, context } = packetSample(line, family, 'OUTPUT')
      return judged.filter((text) => owner.evaluate(readOptions(owner, text), skb, context, undefined))
    })
    expect(ours.map((each, at) => [senders[at]!.line, each])).toEqual(
      theirs.map((each, at) => [senders[at]!.line, each]),
    )
  })
})
