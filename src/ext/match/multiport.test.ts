import { describeMatch } from '../_testing/describe-match.ts'
import { multiport } from './multiport.ts'

const text = {
  '--dports ssh,http,1000:2000': '--dports 22,80,1000:2000',
  '--source-ports 80': '--sports 80',
  '! --destination-ports 80,81': '! --dports 80,81',
  '! --ports 80': '! --ports 80',
  '--dports domain,0x50,010': '--dports 53,80,8',
  '--dports 0:65535': '--dports 0:65535',
  '--dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15': '--dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15',
  '--dports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15': '--dports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15',
  '-p udp -m multiport --ports 53,1024:65535': '--ports 53,1024:65535',
  '-p udplite -m multiport --sports 5': '--sports 5',
  '-p sctp -m multiport --dports 5': '--dports 5',
  '-p dccp -m multiport --dports 5': '--dports 5',
  '--dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15:16': 'error multiport/too-many-ports',
  '--dports 80:80': 'error multiport/empty-range',
  '--dports 90:80': 'error multiport/reversed-range',
  '--dports 80:': 'error multiport/bad-port',
  '--dports 80,,81': 'error multiport/bad-port',
  '--dports 65536': 'error multiport/bad-port',
  '--dports 1-5': 'error multiport/bad-port',
  '--dports nosuch': 'error multiport/unknown-service',
  '--dports 80 --sports 81': 'error multiport/excluded',
  '--dports 80 --dports 81': 'error multiport/repeated',
  '': 'error multiport/no-ports',
  '-m multiport --dports 80': 'error multiport/needs-protocol',
  '-p icmp -m multiport --dports 80': 'error multiport/needs-protocol',
  '! -p tcp -m multiport --dports 80': 'error multiport/needs-protocol',
}

describeMatch(multiport, { rule: '-p tcp', text })
describeMatch(multiport, { family: 'ipv6', rule: '-p tcp', text })
