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

describeMatch(udp, { text, lossy })
describeMatch(udp, { family: 'ipv6', text, lossy })
