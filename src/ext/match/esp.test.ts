import { describeMatch } from '../_testing/describe-match.ts'
import { esp } from './esp.ts'

const text = {
  '': '',
  '--espspi 0': '--espspi 0',
  '--espspi :32': '--espspi 0:32',
  '--espspi 0:4294967295': '',
  '! --espspi 0:4294967295': '',
  '--espspi 7:7': '--espspi 7',
  '--espspi 9:3': '--espspi 9:3',
  '--espspi 4294967296': 'error esp/out-of-range',
  '--espspi 1:2:3': 'error esp/too-many-parts',
  '--espspi 1 --espspi 2': 'error esp/repeated',
  '-m esp': 'error esp/needs-protocol',
}
const lossy = ['! --espspi 0:4294967295']

const packets = {
  '--espspi 500:600': {
    yes: ['proto=50 payload=000001f400000001'],
    no: {
      'proto=50 payload=0000025900000001': 'spi 601 is not in 500:600',
      'proto=50 payload=000001f400000001 frag=5': 'it is a later fragment, without the header',
    },
    drop: ['proto=50 payload=000001f4000000'],
  },
  '! --espspi 1': { yes: ['proto=50 payload=0000000200000001'], no: ['proto=50 payload=0000000100000001'] },
}

describeMatch(esp, { text, lossy, packets })
describeMatch(esp, { family: 'ipv6', text, lossy, packets })
