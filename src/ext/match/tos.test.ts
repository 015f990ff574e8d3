import { describeMatch } from '../_testing/describe-match.ts'
import { tos } from './tos.ts'

const text = {
  '--tos Minimize-Delay': '--tos 0x10/0x3f',
  '--tos maximize-throughput': '--tos 0x08/0x3f',
  '! --tos normal-service': '! --tos 0x00/0x3f',
  '--tos 16': '--tos 0x10/0xff',
  '--tos 0x10/0x10': '--tos 0x10/0x10',
  '--tos 0xf0/0x0f': '--tos 0xf0/0x0f',
  '--tos 1/0': '--tos 0x01/0x00',
  '--tos 256': 'error tos/bad-tos',
  '--tos 1/256': 'error tos/bad-tos',
  '--tos 1/': 'error tos/bad-tos',
  '--tos 1x': 'error tos/bad-tos',
  '--tos 1/2x': 'error tos/bad-tos',
  '--tos Minimize': 'error tos/bad-tos',
  '--tos ""': 'error tos/bad-tos',
  '--tos 1 --tos 1': 'error tos/repeated',
  '': 'error tos/missing-option',
}

const packets = {
  '--tos Minimize-Delay': {
    yes: ['tos=0x10', 'tos=0xd0'],
    no: { 'tos=0x18': 'tos 0x18 is not 0x10/0x3f' },
  },
  '! --tos 0xff': { yes: ['tos=0xfe'], no: { 'tos=0xff': 'tos 0xff is 0xff/0xff' } },
  '--tos 0xf0/0x0f': { no: ['tos=0xf0'] },
}

describeMatch(tos, { text, packets })
describeMatch(tos, { family: 'ipv6', text, packets })
