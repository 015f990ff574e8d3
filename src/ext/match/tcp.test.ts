import { describeMatch } from '../_testing/describe-match.ts'
import { tcp } from './tcp.ts'

const text = {
  '': '',
  '--sport 1024:': '--sport 1024:65535',
  '--dport :100': '--dport 0:100',
  '--dport 80:80': '--dport 80',
  '--dport 0': '--dport 0',
  '--dport 0:65535': '',
  '! --dport 0:65535': '',
  '--dport :': '',
  '--dport ssh:http': '--dport 22:80',
  '--dport 0x16': '--dport 22',
  '--dport 022': '--dport 18',
  '! --source-port 1 --destination-port 65535': '! --sport 1 --dport 65535',
  '--dport 65536': 'error tcp/bad-port',
  '--dport -1': 'error tcp/bad-port',
  '--dport 90:80': 'error tcp/reversed-range',
  '--dport 1:2:3': 'error tcp/bad-port',
  '--dport ""': 'error tcp/unknown-service',
  '--dport 1 --dport 2': 'error tcp/repeated',
  '--syn': '--tcp-flags FIN,SYN,RST,ACK SYN',
  '! --syn': '! --tcp-flags FIN,SYN,RST,ACK SYN',
  '--tcp-flags ALL NONE': '--tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE',
  '--tcp-flags NONE NONE': '',
  '! --tcp-flags NONE NONE': '! --tcp-flags NONE NONE',
  '--tcp-flags NONE SYN': '',
  '! --tcp-flags NONE SYN': '! --tcp-flags NONE SYN',
  '--tcp-flags ack,,syn FIN,Ack': '--tcp-flags SYN,ACK FIN,ACK',
  '--tcp-flags ECE SYN': 'error tcp/unknown-flag',
  '--syn --tcp-flags ALL SYN': 'error tcp/excluded',
  '--tcp-option 255 ! --dport 5': '! --dport 5 --tcp-option 255',
  '! --tcp-option 0x8': '! --tcp-option 8',
  '--tcp-option 0': 'error tcp/out-of-range',
  '--tcp-option 256': 'error tcp/out-of-range',
  '--tcp-flags SYN SYN --tcp-option 3 ! --sport 7 --dport 8:9':
    '! --sport 7 --dport 8:9 --tcp-option 3 --tcp-flags SYN SYN',
  '-m tcp --dport 1': 'error tcp/needs-protocol',
  '! -p tcp -m tcp --dport 1': 'error tcp/needs-protocol',
  '-p udp -m tcp --dport 1': 'error tcp/needs-protocol',
}
const lossy = ['! --dport 0:65535', '--tcp-flags NONE SYN']

const packets = {
  '': { yes: ['> :22', 'none', 'frag=0+'], no: { 'frag=185': 'it is a later fragment, without the header' } },
  '--dport 22': {
    yes: ['> :22 syn', '> :22 rst-ack'],
    no: { '> :23': 'dport 23 is not 22', ':22 > :23': 'dport 23 is not 22' },
    drop: ['proto=6 payload=0fa00016', 'proto=6 payload=0fa00016000000050000000050020000000000'],
  },
  '--dport 1:1023': { yes: ['> :1', '> :1023'], no: { '> :1024': 'dport 1024 is not in 1:1023' } },
  '! --sport 22 --dport 23': {
    yes: [':24 > :23'],
    no: { ':22 > :23': 'sport 22 is 22', ':24 > :22': 'dport 22 is not 23' },
  },
  '! --dport 0:65535': { no: { '> :22': 'dport 22 is in 0:65535' } },
  '--syn': {
    yes: ['syn', 'syn-psh', 'syn-urg-ece-cwr'],
    no: {
      'syn-ack': 'flags SYN,ACK are not SYN of FIN,SYN,RST,ACK',
      none: 'flags NONE are not SYN of FIN,SYN,RST,ACK',
    },
  },
  '! --tcp-flags SYN,ACK SYN,ACK': {
    yes: ['syn', 'ack', 'none'],
    no: { 'syn-ack-urg': 'flags SYN,ACK,URG are SYN,ACK of SYN,ACK' },
  },
  '--tcp-flags NONE SYN': { no: ['syn', 'none'] },
  '--tcp-option 8': {
    yes: ['ts=1:0', 'mss=1460 ts=1:0', 'tcpopt=08000000', 'tcpopt=00000008'],
    no: {
      'mss=1460': 'it has no option 8',
      syn: 'it has no option 8',
      // The walk steps over the first option's length, and so over the 8.
      'tcpopt=02040808': 'it has no option 8',
    },
    drop: [
      // A data offset of 4 words, one of 6 without the bytes.
      'proto=6 payload=0fa000160000000500000000400200000000000000000000',
      'proto=6 payload=0fa0001600000005000000006002000000000000',
    ],
  },
  '! --tcp-option 8 --dport 22': {
    yes: ['> :22 mss=1460', '> :22 syn'],
    no: { '> :22 ts=1:0': 'it has option 8', '> :23': 'dport 23 is not 22' },
    drop: ['proto=6 payload=0fa000160000000500000000400200000000000000000000'],
  },
  '--tcp-option 8 --dport 23': { no: ['proto=6 payload=0fa000160000000500000000400200000000000000000000'] },
}

describeMatch(tcp, {
  text,
  lossy,
  packets: { ...packets, '--sport 4000': { yes: ['syn'], drop: ['frag=1'], no: ['frag=2', 'frag=185+'] } },
})
describeMatch(tcp, {
  family: 'ipv6',
  text,
  lossy,
  packets: { ...packets, '--sport 4000': { yes: ['syn'], no: ['frag=1', 'frag=2', 'frag=185+'] } },
})
