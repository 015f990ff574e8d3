import { describeMatch } from '../_testing/describe-match.ts'
import { dccp } from './dccp.ts'

const text = {
  '': '',
  '--sport 1:1023': '--sport 1:1023',
  '--sport 0:65535': '--sport 0:65535',
  '! --dport 90:80': '! --dport 90:80',
  '--dport 65536': '--dport 0',
  '--dport -1': 'error dccp/bad-port',
  '--dccp-types sync,REQUEST': '--dccp-types REQUEST,SYNC',
  '! --dccp-types INVALID': '! --dccp-types INVALID',
  '--dccp-types NONE': 'error dccp/unknown-type',
  '--dccp-option 255': '--dccp-option 255',
  '! --dccp-option 1 --dport 5': '--dport 5 ! --dccp-option 1',
  '--dccp-option 0': 'error dccp/out-of-range',
  '--dccp-option 256': 'error dccp/out-of-range',
  '-m dccp --dport 5': 'error dccp/needs-protocol',
}

// Ports, data offset, coverage, checksum, type, and what belongs to the type.
const data = (words: string, type: string, rest = '') =>
  `proto=33 payload=0fa000160${words}000000${type}000000${rest}`
const packets = {
  '--dport 22 --dccp-types DATA': {
    yes: [data('3', '04')],
    no: { [data('4', '00')]: 'type REQUEST is none of DATA' },
    drop: ['proto=33 payload=0fa0001603000000040000'],
  },
  '--dccp-types INVALID': { yes: [data('6', '1e'), data('6', '14')], no: [data('6', '12')] },
  '--dccp-option 32': {
    yes: [data('4', '04', '20010000'), data('5', '04', '2103000020010000')],
    no: { [data('4', '04', '21200000')]: 'it has no option 32', [data('3', '04')]: 'it has no option 32' },
    drop: [data('2', '04'), data('4', '04', '2001')],
  },
}

describeMatch(dccp, { text, packets })
describeMatch(dccp, { family: 'ipv6', text, packets })
