import { describeMatch } from '../_testing/describe-match.ts'
import { tcpmss } from './tcpmss.ts'

const rule = '-p tcp'
const text = {
  '--mss 42': '--mss 42',
  '--mss 42:12345': '--mss 42:12345',
  '! --mss 42:': '! --mss 42:65535',
  '--mss :0x10': '--mss 0:16',
  '--mss 5:5': '--mss 5',
  '--mss 42:65536': 'error tcpmss/out-of-range',
  '--mss 6:5': 'error tcpmss/reversed-range',
  '--mss 1:2:3': 'error tcpmss/too-many-parts',
  '': 'error tcpmss/missing-option',
  '-m tcpmss --mss 42': 'error tcpmss/needs-protocol',
}

const packets = {
  '--mss 1400:1460': {
    yes: ['mss=1460', 'mss=1400', 'tcpopt=0101020405b40101'],
    no: {
      'mss=1399': 'mss 1399 is not in 1400:1460',
      syn: 'it announces no MSS',
      'tcpopt=02030000': 'it announces no MSS',
    },
    drop: [
      'proto=6 payload=0fa000160000000500000000400200000000000000000000',
      'proto=6 payload=0fa0001600000005000000006002000000000000',
      'proto=6 payload=0fa00016',
    ],
  },
  '! --mss 536': { yes: ['mss=537', 'syn'], no: { 'mss=536': 'mss 536 is 536' } },
}

describeMatch(tcpmss, { rule, text, packets })
describeMatch(tcpmss, { family: 'ipv6', rule, text, packets })
