import { describeTarget } from '../_testing/describe-target.ts'
import { HMARK } from './HMARK.ts'

const end = '--hmark-rnd 0x00000004 --hmark-mod 42'

describeTarget(HMARK, {
  family: 'ipv4',
  hook: 'FORWARD',
  text: {
    [`--hmark-src-prefix 32 ${end}`]: `--hmark-src-prefix 32 ${end}`,
    [`--hmark-tuple src,dst,sport,dport,proto ${end} --hmark-offset 100`]: `--hmark-src-prefix 32 --hmark-dst-prefix 32 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff ${end} --hmark-offset 100`,
    // Beginnings of the words do, and the last word about the same thing counts where iptables takes it.
    [`--hmark-src-prefix 8 --hmark-tuple S,D ${end}`]: `--hmark-src-prefix 32 --hmark-dst-prefix 32 ${end}`,
    [`--hmark-src-prefix 33 ${end}`]: `--hmark-src-prefix 32 ${end}`,
    [`--hmark-spi-mask 0xff00ff --hmark-spi 5 ${end}`]: `--hmark-spi-mask 0x00ff00ff --hmark-spi 0x00000005 ${end}`,
    [`--hmark-sport-mask 3 --hmark-dport-mask 4 --hmark-sport 8 --hmark-dport 9 ${end}`]: `--hmark-sport-mask 0x0003 --hmark-dport-mask 0x0004 --hmark-sport 0x0008 --hmark-dport 0x0009 ${end}`,
    '--hmark-tuple src --hmark-rnd 1 --hmark-mod 4294967295 --hmark-offset 4294967295':
      '--hmark-src-prefix 32 --hmark-rnd 0x00000001 --hmark-mod 4294967295 --hmark-offset 4294967295',
    [`--hmark-tuple ct ${end}`]: `${end} --hmark-tuple ct`,
    '-p udp -j HMARK': 'error HMARK/no-modulus',
    '--hmark-mod 5': 'error HMARK/no-seed',
    [end]: 'error HMARK/no-tuple',
    '--hmark-tuple src --hmark-rnd 1 --hmark-mod 0': 'error HMARK/out-of-range',
    [`--hmark-tuple src --hmark-src-prefix 8 ${end}`]: 'error HMARK/repeated',
    [`--hmark-src-prefix 255.255.0.0 ${end}`]: `--hmark-src-prefix 16 ${end}`,
    [`--hmark-src-prefix 4294967295 ${end}`]: `--hmark-src-prefix 32 ${end}`,
    [`--hmark-src-prefix 4294967296 ${end}`]: 'error HMARK/out-of-range',
    [`--hmark-tuple src,x ${end}`]: 'error HMARK/bad-tuple',
    [`--hmark-tuple sport --hmark-spi-mask 1 ${end}`]: 'error HMARK/spi-and-ports',
    [`--hmark-sport 1 --hmark-spi 1 ${end}`]: 'error HMARK/spi-and-ports',
  },
  packets: [
    'eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 id=7',
    // The way back has the same number.
    'eth0 udp 198.51.100.7:53 > 192.168.1.9:4000 id=7',
    'eth0 esp 198.51.100.7 > 192.168.1.9 spi=0x12345678 id=7',
    'eth0 ah 198.51.100.7 > 192.168.1.9 spi=0x12345678 id=7',
    'eth0 icmp 198.51.100.7 > 192.168.1.9 echo-request id=7',
    'eth0 icmp 198.51.100.7 > 192.168.1.9 port-unreachable id=7 [ udp 192.168.1.9:53 > 198.51.100.7:4000 ]',
    'eth0 icmp 198.51.100.7 > 192.168.1.9 port-unreachable payload=4500 id=7',
    'eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 frag=0+ payload="abcdefgh" id=7',
    'eth0 proto=17 198.51.100.7 > 192.168.1.9 payload=0001 id=7',
    'eth0 proto=99 198.51.100.7 > 192.168.1.9 payload=00010002 id=7',
  ],
})
describeTarget(HMARK, {
  family: 'ipv6',
  hook: 'FORWARD',
  text: {
    [`--hmark-tuple src,dst,sport,dport,proto ${end}`]: `--hmark-src-prefix 128 --hmark-dst-prefix 128 --hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff ${end}`,
    [`--hmark-src-prefix 72 --hmark-dst-prefix 0 ${end}`]: `--hmark-src-prefix 72 --hmark-dst-prefix 0 ${end}`,
    [`--hmark-src-prefix 129 ${end}`]: 'error HMARK/out-of-range',
  },
  packets: [
    'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:2::9]:53',
    'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:2::9]:53 ext=dst',
    'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:2::9]:53 ext=ah',
    'eth0 udp [2001:db8:9::7]:4000 > [2001:db8:2::9]:53 frag=0+ payload="abcdefgh"',
    'eth0 icmp6 2001:db8:9::7 > 2001:db8:2::9 echo-request',
    'eth0 icmp6 2001:db8:9::7 > 2001:db8:2::9 port-unreachable [ udp [2001:db8:2::9]:53 > [2001:db8:9::7]:4000 ]',
    'eth0 proto=60 2001:db8:9::7 > 2001:db8:2::9 payload=11',
  ],
})
