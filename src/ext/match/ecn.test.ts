import { describeMatch } from '../_testing/describe-match.ts'
import { ecn } from './ecn.ts'

const text = {
  '-p tcp -m ecn --ecn-tcp-cwr': '--ecn-tcp-cwr',
  '-p tcp -m ecn --ecn-ip-ect 2 --ecn-tcp-cwr ! --ecn-tcp-ece':
    '! --ecn-tcp-ece --ecn-tcp-cwr --ecn-ip-ect 2',
  '-p tcp -m ecn ! --ecn-ip-ect 0': '! --ecn-ip-ect 0',
  '--ecn-ip-ect 1': '--ecn-ip-ect 1',
  '--ecn-tcp-cwr': 'error ecn/needs-protocol',
  '-p udp -m ecn ! --ecn-tcp-ece': 'error ecn/needs-protocol',
  '! -p tcp -m ecn --ecn-tcp-ece': 'error ecn/needs-protocol',
  '--ecn-ip-ect 4': 'error ecn/out-of-range',
  '--ecn-ip-ect 1 --ecn-ip-ect 1': 'error ecn/repeated',
  '': 'error ecn/no-test',
}

const packets = {
  '--ecn-ip-ect 2': { yes: ['tos=2', 'tos=0xfe'], no: { 'tos=1': 'the ECN bits 1 are not 2' } },
  '! --ecn-ip-ect 0': { yes: ['tos=3'], no: { 'tos=0xfc': 'the ECN bits 0 are 0' } },
  '-p tcp -m ecn --ecn-tcp-ece ! --ecn-tcp-cwr': {
    yes: ['syn-ece', 'ack-ece'],
    no: {
      syn: 'ECE is off',
      'syn-ece-cwr': 'CWR is on',
      'proto=6 payload=0fa00016000000050000000050ff0000000000': 'the TCP header is cut off',
    },
  },
}

describeMatch(ecn, { text, packets })
describeMatch(ecn, { family: 'ipv6', text, packets })
