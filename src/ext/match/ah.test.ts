import { describeMatch } from '../_testing/describe-match.ts'
import { ah } from './ah.ts'

const text = {
  '-p ah -m ah': '',
  '-p ah -m ah --ahspi 0': '--ahspi 0',
  '-p ah -m ah --ahspi 0:4294967295': '',
  '-p ah -m ah ! --ahspi 9:3': '! --ahspi 9:3',
  '-p ah -m ah --ahspi 4294967296': 'error ah/out-of-range',
}

describeMatch(ah, {
  text: { ...text, '-m ah --ahspi 0': 'error ah/needs-protocol' },
  packets: {
    '--ahspi 7': {
      yes: ['proto=51 payload=060400000000000700000001'],
      no: { 'proto=51 payload=060400000000000800000001': 'spi 8 is not 7' },
      drop: ['proto=51 payload=0604000000000007000000'],
    },
  },
})

describeMatch(ah, {
  family: 'ipv6',
  samples: { wantsHeaders: true },
  rule: '',
  text: {
    ...text,
    '--ahlen 32': '--ahlen 32',
    '! --ahlen 0': '! --ahlen 0',
    '--ahlen 0': '',
    '--ahres ! --ahlen 5 --ahspi 3': '--ahspi 3 ! --ahlen 5 --ahres',
    '! --ahres': 'error ah/not-invertible',
  },
  packets: {
    '--ahspi 7 --ahlen 16': {
      no: {
        syn: 'it has no authentication header',
        'syn ext=ah:00000000000800000000': 'spi 8 is not 7',
        'syn ext=ah:00000000000700000000000000000000': 'length 20 is not 16',
      },
    },
  },
})
