import { describeMatch } from '../_testing/describe-match.ts'
import { udp } from './udp.ts'

const text = {
  '': '',
  '--sport 1024:': '--sport 1024:65535',
  '! --dport 65535': '! --dport 65535',
  '--dport 7:7': '--dport 7',
  '--dport 5:3': '--dport 5:3',
  '--dport 65536': '--dport 0',
  '--dport ""': '--dport 0',
  '--dport :': '',
  '! --dport :': '',
  '--dport domain:ntp': '--dport 53:123',
  '--source-port ssh --destination-port 035': '--sport 22 --dport 35',
  '--dport 0x35': 'error udp/bad-port',
  '--dport 1-2': 'error udp/bad-port',
  '--dport -1': 'error udp/bad-port',
  '--dport nosuch': 'error udp/unknown-service',
  '--dport 1:2:3': 'error udp/too-many-parts',
  '--dport 1 --dport 2': 'error udp/repeated',
  '-m udp --dport 1': 'error udp/needs-protocol',
  '! -p udp -m udp --dport 1': 'error udp/needs-protocol',
  '-p udplite -m udp --dport 1': 'error udp/needs-protocol',
}
const lossy = ['! --dport :']

const packets = {
  '': { yes: ['udp > :53'], no: ['udp frag=1', 'udp frag=185'] },
  '--dport 53': {
    yes: ['udp > :53', 'udp > :53 frag=0+', 'udp > :53 badsum'],
    no: {
      'udp :53 > :54': 'dport 54 is not 53',
      'udp frag=185': 'it is a later fragment, without the header',
    },
    drop: ['proto=17', 'proto=17 payload=0fa00035000000'],
  },
  '! --sport 1:1023 --dport 123': {
    yes: ['udp :1024 > :123', 'udp :0 > :123'],
    no: { 'udp :1 > :123': 'sport 1 is in 1:1023', 'udp :1024 > :124': 'dport 124 is not 123' },
  },
  '--dport 5:3': { no: ['udp > :3', 'udp > :4', 'udp > :5'] },
  '! --dport :': { no: { 'udp > :53': 'dport 53 is in 0:65535' } },
}

describeMatch(udp, { text, lossy, packets })
describeMatch(udp, { family: 'ipv6', text, lossy, packets })
