import { describeMatch } from '../_testing/describe-match.ts'
import { u32 } from './u32.ts'

const text = {
  '--u32 0=1': '--u32 "0x0=0x1"',
  '--u32 "6 & 0xFF = 1"': '--u32 "0x6&0xff=0x1"',
  '--u32 "0>>22&0x3C@12>>26&0x3C@0=0x47:0x50,010"': '--u32 "0x0>>0x16&0x3c@0xc>>0x1a&0x3c@0x0=0x47:0x50,0x8"',
  '! --u32 "0<<2=9:3 && 4=0"': '! --u32 "0x0<<0x2=0x9:0x3&&0x4=0x0"',
  '--u32 "0<<33=0:0xffff"': 'error u32/long-shift',
  '--u32 "0>>40=0:0xffff"': 'error u32/long-shift',
  '--u32 "0<<31>>31=0:0xffff"': '--u32 "0x0<<0x1f>>0x1f=0x0:0xffff"',
  '--u32 "4=0:0xffff&&6=0x1:0xffffff"': '--u32 "0x4=0x0:0xffff&&0x6=0x1:0xffffff"',
  '--u32 "0&1&1&1&1&1&1&1&1&1=1"': '--u32 "0x0&0x1&0x1&0x1&0x1&0x1&0x1&0x1&0x1&0x1=0x1"',
  '--u32 "0&1&1&1&1&1&1&1&1&1&1=1"': 'error u32/bad-test',
  '--u32 "0=1,2,3,4,5,6,7,8,9,10,11"': 'error u32/bad-test',
  '--u32 "0=1&&0=1&&0=1&&0=1&&0=1&&0=1&&0=1&&0=1&&0=1&&0=1&&0=1"': 'error u32/bad-test',
  '--u32 ""': 'error u32/bad-test',
  '--u32 "0"': 'error u32/bad-test',
  '--u32 "=1"': 'error u32/bad-test',
  '--u32 "0="': 'error u32/bad-test',
  '--u32 "0=1&&"': 'error u32/bad-test',
  '--u32 "0=1&2"': 'error u32/bad-test',
  '--u32 "0<1=1"': 'error u32/bad-test',
  '--u32 "0=1 2"': 'error u32/bad-test',
  '--u32 "0=1:"': 'error u32/bad-test',
  '--u32 "0=4294967296"': 'error u32/bad-test',
  '--u32 "-1=1"': 'error u32/bad-test',
  '': 'error u32/missing-option',
}

describeMatch(u32, {
  text: {
    ...text,
    '--u32 "0xfffffffc=1"': '--u32 "0xfffffffc=0x1"',
    '--u32 "0@0xffffffff=1"': '--u32 "0x0@0xffffffff=0x1"',
  },
  packets: {
    // The protocol, the destination port behind a header of any length.
    '--u32 "6&0xFF=6&&0>>22&0x3C@0&0xFFFF=22"': {
      yes: ['> :22', '> :22 opts=01010101'],
      no: {
        '> :23': '0x0>>0x16&0x3c@0x0&0xffff=0x16: it is 0x17',
        'udp 198.51.100.7 > 203.0.113.1:22': '0x6&0xff=0x6: it is 0x11',
      },
    },
    '--u32 "1500=0:0xffffffff"': { no: { syn: '0x5dc=0x0:0xffffffff reads beyond the packet' } },
    '! --u32 "6&0xFF=6"': { no: { syn: 'all its tests hold' } },
    '--u32 "36=0:0xffffffff"': { yes: ['syn'] },
    '--u32 "37=0:0xffffffff"': { no: ['syn'] },
  },
})

describeMatch(u32, { family: 'ipv6', text, packets: { '--u32 "4&0xFF00=0x600"': { yes: ['syn'] } } })
