/**
 * Sessions made up at random: verbs, flags in any order and number, abbreviations, restore texts, good and bad. Exit codes,
 * output and messages as the real programs'. `SEED=n` draws another session, `SESSIONS=m` that one and those behind it.
 */
import { describe, it } from 'vitest'
import { makeRandom } from '../../src/engine/random.ts'
import { kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { expectAlike, type Line, linesOf } from './real-programs.ts'

const { SEED, SESSIONS } = process.env
const seeds =
  SEED === undefined
    ? [1, 5, 10]
    : Array.from({ length: Number(SESSIONS ?? 1) }, (_, at) => Number(SEED) + at)
const calls = 120

/** Of each list one entry is drawn; `{name}` in an entry is drawn from the list of that name. */
const pools: Readonly<Record<string, readonly string[]>> = {
  call: [
    '{program} {tabled}-A {chain} {rule}',
    '{program} {tabled}-A {chain} {rule}',
    '{program} {tabled}-A {chain} {rule}',
    '{program} {tabled}--append {chain} {rule}',
    '{program} {tabled}-I {chain} {rule}',
    '{program} {tabled}--ins {chain} {number} {rule}',
    '{program} {tabled}-R {chain} {number} {rule}',
    '{program} {tabled}--repl {chain} {rule}',
    '{program} {tabled}-D {chain} {rule}',
    '{program} {tabled}--delete {chain} {number}',
    '{program} {tabled}-C {chain} {rule}',
    '{program} {tabled}-N {new}',
    '{program} --new={new} {tabled}',
    '{program} {tabled}-X {new}',
    '{program} {tabled}-X',
    '{program} {tabled}-E {new} {new}',
    '{program} {tabled}-P {chain} {policy}',
    '{program} {tabled}--policy {chain} {policy} -c {count} {count}',
    '{program} {tabled}-F {chain}',
    '{program} {tabled}-Z {chain} {number}',
    '{program} {tabled}-Z',
    '{program} {tabled}{listing}',
    '{program} {tabled}{listing}',
    '{program} {waits} {tabled}{listing}',
    '{program} {waits} -A {chain} {rule}',
    '{program} {odd}',
    '{program}-save {save}',
    '{program}-restore {restoring} < {text}',
    '{program}-restore {restoring} < {text}',
  ],
  program: ['iptables', 'iptables', 'ip6tables'],
  tabled: ['', '', '', '-t mangle ', '--table=raw ', '-t nope ', '-tfilter ', '--tab nat '],
  chain: ['INPUT', 'OUTPUT', 'FORWARD', 'PREROUTING', 'web', 'in', 'nope'],
  new: ['web', 'in', 'x!', 'log', 'LOG', 'INPUT', '-x', 'abcdefghijklmnopqrstuvwxyz1234'],
  number: ['1', '2', '3', '9', '+1', '0', 'x'],
  count: ['0', '7', '123456', 'x'],
  policy: ['ACCEPT', 'DROP', 'REJECT', 'accept', ''],
  listing: [
    '-L',
    '-nL {chain}',
    '-vL {chain} {number}',
    '-L {chain} -nvx --line-numbers',
    '-L --line -x -v',
    '-S',
    '-S {chain}',
    '-vS {chain} {number}',
    '-Z -L {chain}',
    '-L -Z -v -n',
    '-S -Z {chain}',
    '--list-r {chain}',
    '-L -n -n --numer --exact',
    '--verb -L {chain}',
  ],
  waits: [
    '-w',
    '-w 1',
    '-w -W 1000',
    '--wait=2',
    '--wait-interval 5',
    '-W',
    '--modprobe=/bin/true',
    '-4',
    '-6',
    '-M x',
  ],
  odd: [
    '-V',
    '--vers',
    '-v',
    '-n',
    '-L -A INPUT',
    '-S INPUT -n',
    '-F INPUT -v',
    '-A INPUT ! ! -j DROP',
    '-A INPUT -j DROP !',
    '-D INPUT 1 -j DROP',
    '--li',
    '--l',
    '-N',
    '-Lx',
    '-nL --set-counters 1 2',
    '-F INPUT OUTPUT',
    '-Q',
    '-P INPUT',
  ],
  rule: [
    '{condition} {target}',
    '{condition} {condition} {target}',
    '{condition} {condition} {condition} {target}',
    '{target} {condition}',
    '{condition}',
    '-c {count} {count} {condition} {target}',
    '-c {count},{count} {target}',
  ],
  condition: [
    '-p tcp --dport {port}',
    '-p udp --sport {port}',
    '! -p tcp',
    '--proto icmp',
    '-p TCP --syn',
    '-p tcp ! --tcp-flags ALL SYN',
    '-i eth0',
    '! --in-i eth+',
    '-o eth1',
    '-s {address}',
    '! -s {address}',
    '--dst {address}',
    '-d {address},{address}',
    '-m state --state NEW,ESTABLISHED',
    '-m conntrack ! --ctstate INVALID',
    '-m limit --limit {rate}',
    '-m recent --name ssh --set',
    '-m recent --update --seconds {number} --name ssh',
    '-m comment --comment note',
    '-m mark --mark 0x1/0xff',
    '-m multiport --dports 1,2:3',
    '-p tcp -m multiport --ports {port},{port}',
    '-m length --length {number}:{number}',
    '-m mac --mac-source 02:00:00:00:00:01',
    '-m addrtype --dst-type LOCAL',
    '-m owner --uid-owner 0',
    '-m nope',
    '-m tcp',
    '-f',
    '--bogus',
    'stray',
  ],
  port: ['22', 'ssh', '80:90', ':100', '90:80', '70000', 'http:443', ''],
  address: [
    '10.0.0.1',
    '192.0.2.0/24',
    '10/8',
    '0/0',
    '2001:db8::1',
    '2001:db8::/32',
    '::/0',
    '1.2.3.4/33',
    '127.0.0.1',
  ],
  rate: ['5/s', '3/min', '9999/s', '1/day', '5/fortnight', '120/m'],
  target: [
    '-j ACCEPT',
    '-j DROP',
    '--jump RETURN',
    '-j LOG --log-prefix x',
    '-j LOG --log-level info',
    '-j REJECT',
    '-j REJECT --reject-with tcp-reset',
    '-j web',
    '-g in',
    '-j MARK --set-mark 3',
    '-j MASQUERADE',
    '-j NFLOG',
    '-j nope',
    '-j DNAT --to-destination 10.0.0.1:80',
    '-j CLASSIFY --set-class 1:2',
    '-j',
  ],
  save: [
    '',
    '-c',
    '-t filter',
    '--table=mangle -c',
    '-t nope',
    '-V',
    '--count',
    '-M x',
    '-x',
    '-ct raw',
    'word',
  ],
  restoring: [
    '',
    '-n',
    '--noflush',
    '-t',
    '--test',
    '-c',
    '-T filter',
    '-nc',
    '-w',
    '-v',
    '-vc',
    '--verb -n',
    '-vt',
    '--tab mangle',
    '-x',
    '-w 1',
  ],
  text: [
    '*filter|{lines}COMMIT|',
    '*filter|:web - [0:0]|{lines}COMMIT|*mangle|{lines}COMMIT|',
    '*filter|:INPUT DROP [5:6]|:in -|{lines}{lines}COMMIT|',
    '*nope|{lines}COMMIT|',
    '*filter|{lines}',
    '{lines}',
    '# a comment||*filter|COMMIT|',
  ],
  lines: [
    '-A {chain} {rule}|',
    '-A {chain} {rule}|-A {chain} {rule}|',
    '[1:2] -A {chain} {condition} {target}|',
    '-I {chain} {number} {rule}|',
    '-F {chain}|',
    '-P INPUT {policy}|',
    '-N {new}|',
    '-X {new}|',
    '-t mangle -A {chain} {rule}|',
    ':{new} - [0:0]|',
    ':{chain} ACCEPT [3:4]|',
    '# a comment|-S {chain}|',
    '-L {chain} -n|-A {chain} {target}|',
    '-Z|',
    'nonsense|',
    '',
  ],
}

function sessionOf(seed: number): Line[] {
  const random = makeRandom(seed)
  const pick = (name: string): string => {
    const pool = pools[name]!
    return pool[random() % pool.length]!.replace(/\{(\w+)\}/g, (_, inner: string) => pick(inner))
  }
  const lines = Array.from({ length: calls }, () => {
    const [command = '', ...input] = pick('call').split(' < ')
    const words = command.trim().replace(/ +/g, ' ')
    return input[0] ? `${words} < ${input[0]}` : words
  })
  return linesOf(lines.join('\n'))
}

describe('made-up sessions', () => {
  it.for(seeds)('are answered as by the real programs (SEED=%i)', (seed, { skip }) => {
    if (kernelIsOutOfReach !== null) skip(kernelIsOutOfReach)
    expectAlike(sessionOf(seed))
  })
})
