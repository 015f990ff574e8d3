import { describeMatch } from '../_testing/describe-match.ts'
import { ipv6header } from './ipv6header.ts'

describeMatch(ipv6header, {
  samples: { wantsHeaders: true },
  text: {
    '--header hop-by-hop': '--header hop-by-hop',
    '--header prot,none,esp,auth,frag,route,dst,hop':
      '--header hop-by-hop,ipv6-opts,ipv6-route,ipv6-frag,ah,esp,ipv6-nonxt,protocol',
    '--header 0,60,43,44,51,50,59,255':
      '--header hop-by-hop,ipv6-opts,ipv6-route,ipv6-frag,ah,esp,ipv6-nonxt,protocol',
    '--header ipv6-opts,ipv6-frag,ah --soft': '--header ipv6-opts,ipv6-frag,ah --soft',
    '! --header ipv6-route,protocol': '! --header ipv6-route,protocol',
    '--header protocol': '--header protocol',
    '--header ipv6-opts,protocol': '--header ipv6-opts,protocol',
    '! --header ipv6-nonxt,ipv6-route --soft': '! --header ipv6-route,ipv6-nonxt --soft',
    '--header tcp': 'error ipv6header/unknown-header',
    '--header x': 'error ipv6header/unknown-header',
    '--header ","': 'error ipv6header/unknown-header',
    '': 'error ipv6header/missing-option',
  },
  packets: {
    '--header ipv6-opts,protocol': {
      yes: ['syn ext=dst'],
      no: { syn: 'it has protocol, not ipv6-opts,protocol' },
    },
    '--header ipv6-opts --soft': { yes: ['syn ext=dst', 'syn ext=route,dst'], no: ['syn ext=route'] },
  },
})
