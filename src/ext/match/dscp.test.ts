import { describeMatch } from '../_testing/describe-match.ts'
import { dscp } from './dscp.ts'

const text = {
  '--dscp 10': '--dscp 0x0a',
  '--dscp 0x3f': '--dscp 0x3f',
  '! --dscp 010': '! --dscp 0x08',
  '--dscp-class EF': '--dscp 0x2e',
  '! --dscp-class af43': '! --dscp 0x26',
  '--dscp-class be': '--dscp 0x00',
  '--dscp-class CS1foo': '--dscp 0x08',
  '--dscp-class CS8': 'error dscp/unknown-class',
  '--dscp-class AF': 'error dscp/unknown-class',
  '--dscp-class ""': 'error dscp/unknown-class',
  '--dscp 64': 'error dscp/out-of-range',
  '--dscp -1': 'error dscp/out-of-range',
  '--dscp ""': 'error dscp/out-of-range',
  '--dscp 1 --dscp-class EF': 'error dscp/excluded',
  '--dscp 1 --dscp 1': 'error dscp/repeated',
  '': 'error dscp/no-value',
}

const packets = {
  '--dscp 46': {
    yes: ['tos=0xb8', 'tos=0xbb'],
    no: { 'tos=0xb4': 'code point 0x2d is not 0x2e', 'tos=46': 'code point 0x0b is not 0x2e' },
  },
  '! --dscp 0': { yes: ['tos=4'], no: { 'tos=3': 'code point 0x00 is 0x00' } },
}

describeMatch(dscp, { text, packets })
describeMatch(dscp, { family: 'ipv6', text, packets })
