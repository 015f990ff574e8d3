import { describe, expect, it } from 'vitest'
import { parseRules } from '../../lang/read.ts'
import { SourceText } from '../../lang/source.ts'
import { describeTarget } from '../_testing/describe-target.ts'
import { readOptions } from '../_testing/read-options.ts'
import type { HostServices, Skb, TargetContext } from '../context.ts'
import { kernelHelpers } from '../helper-names.ts'
import { registry } from '../registry.ts'
import { CT } from './CT.ts'

const helperTexts = (family: 'ipv4' | 'ipv6') =>
  Object.fromEntries(
    ['tcp', 'udp', 'sctp'].flatMap((protocol) =>
      Object.entries(kernelHelpers).map(([name, { protocols, families }]) => {
        const isFor = protocols.includes({ tcp: 6, udp: 17, sctp: 132 }[protocol]!)
        const error = families.includes(family) ? 'wrong-protocol' : 'wrong-family'
        const fits = isFor && families.includes(family)
        return [`-p ${protocol} -j CT --helper ${name}`, fits ? `--helper ${name}` : `error CT/${error}`]
      }),
    ),
  )

describeTarget(CT, {
  table: 'raw',
  hook: 'PREROUTING',
  text: {
    '-j CT': '',
    '--zone 0': '',
    '--zone 0x10': '--zone 16',
    '--zone +7': '--zone 7',
    '--zone MARK': '--zone mark',
    '--zone 65536': 'error CT/bad-zone',
    '--zone -1': 'error CT/bad-zone',
    '--zone marks': 'error CT/bad-zone',
    '--zone ""': 'error CT/bad-zone',
    '--zone-orig 3': '--zone-orig 3',
    '--zone-reply 65535': '--zone-reply 65535',
    '--zone-orig 0': '',
    '--zone-orig 3 --zone-reply 4': '--zone 4',
    '--zone-reply 4 --zone-orig 3': '--zone 3',
    '--zone 2 --zone-orig 3': '--zone-orig 3',
    '--zone-orig 3 --zone 2': '--zone-orig 2',
    '--zone-orig mark --zone 5': '--zone-orig mark',
    '--zone-reply 7 --zone-orig mark': '--zone mark',
    '--zone 1 --notrack': '--notrack --zone 1',
    '--ctevents secmark,natseqinfo,mark,helper,protoinfo,assured,reply,destroy,related,new':
      '--ctevents new,related,destroy,reply,assured,protoinfo,helper,mark,natseqinfo,secmark',
    '--ctevents new,new': '--ctevents new',
    '--ctevents new,': 'error CT/unknown-event',
    '--ctevents NEW': 'error CT/unknown-event',
    '--ctevents label': 'error CT/unknown-event',
    '--expevents new --ctevents mark': '--ctevents mark --expevents new',
    '--expevents destroy': 'error CT/unknown-event',
    '--helper ""': '',
    '--helper ftp': 'error CT/no-protocol',
    '! -p tcp -j CT --helper ftp': 'error CT/no-protocol',
    '-p tcp -j CT --helper ftpd': 'error CT/unknown-helper',
    '-p tcp -j CT --zone 3 --expevents new --helper ftp --ctevents new':
      '--helper ftp --ctevents new --expevents new --zone 3',
    '--notrack --helper 01234567890123456789': '--notrack --helper 012345678901234',
    '--notrack --timeout 0123456789': '--notrack --timeout 0123',
    '--timeout abc': 'error CT/no-protocol',
    '! -p tcp -j CT --timeout abc': 'error CT/no-protocol',
    '-p tcp -j CT --timeout abc': 'error CT/no-policy',
    '-p tcp -j CT --timeout ""': '',
    'filter/INPUT -j CT --notrack': 'error CT/wrong-table',
    'mangle/PREROUTING -j CT --zone 3': 'error CT/wrong-table',
    ...helperTexts('ipv4'),
  },
  lossy: ['--zone-orig 0', '--notrack --timeout 0123456789'],
})

describeTarget(CT, { family: 'ipv6', table: 'raw', hook: 'OUTPUT', text: helperTexts('ipv6') })

describe('the packet', () => {
  const host = { family: 'ipv4' } as HostServices
  const meet = (skb: Partial<Skb>, text: string): { skb: Skb; notes: string[] } => {
    const notes: string[] = []
    const whole = { conntrack: null, untracked: false, ...skb } as Skb
    const data = readOptions(CT, text)
    const context = { note: (note: string) => notes.push(note) } as unknown as TargetContext
    CT.act(data, whole, context, CT.load!(data, host))
    return { skb: whole, notes }
  }

  it.each([
    ['--notrack', 'it shall not be tracked'],
    ['--zone 0', 'its connection shall be tracked as usual'],
    ['--zone 7 --helper ftp', 'its connection shall be tracked in zone 7, helped by ftp'],
    ['--zone-reply mark', 'its connection shall be tracked in zone of its mark for answers'],
  ])('%s: %s', (text, note) => {
    expect(meet({}, text).notes).toEqual([note])
  })

  it('heeds the first wish alone, and none once it is tracked', () => {
    const first = meet({}, '--zone 7').skb
    const template = first.conntrack!.connection
    expect(template!.template).toEqual({
      zone: { id: 7, direction: 'both' },
      isZoneOfMark: false,
      isProxied: false,
      helper: null,
    })
    expect(meet(first, '--notrack').skb).toMatchObject({
      conntrack: { connection: template },
      untracked: false,
    })
    expect(meet({ untracked: true }, '--zone 7').skb.conntrack).toBe(null)
  })

  it('makes the kernel track unless it says not to', () => {
    const wants = CT.needsConntrack as (data: unknown) => boolean
    expect(wants(readOptions(CT, '--zone 7'))).toBe(true)
    expect(wants(readOptions(CT, '--notrack --zone 7'))).toBe(false)
  })
})

describe('a helper that the engine has no code for', () => {
  const found = (rule: string): string[] =>
    parseRules(new SourceText('rules', `*raw\n-A PREROUTING ${rule}\nCOMMIT\n`), {
      family: 'ipv4',
      syntax: registry,
    }).diagnostics.map(({ severity, code }) => `${severity} ${code}`)

  it.each([
    ['-p tcp --dport 6667 -j CT --helper irc', ['warning CT/helper-not-modelled']],
    ['-p udp --dport 5060 -j CT --helper sip --zone 3', ['warning CT/helper-not-modelled']],
    ['-p tcp --dport 21 -j CT --helper ftp', []],
    ['-p udp --dport 69 -j CT --helper tftp', []],
    ['-p tcp -j CT --zone 3', []],
  ])('%s', (rule, expected) => {
    expect(found(rule)).toEqual(expected)
  })
})
