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

const packets = {
  '--dports 22,80,1000:2000': {
    yes: ['> :22', '> :80', '> :1000', '> :2000', 'proto=6 payload=000007d0'],
    no: {
      ':22 > :23': 'dport 23 is not in 22,80,1000:2000',
      '> :999': 'dport 999 is not in 22,80,1000:2000',
      '> :2001': 'dport 2001 is not in 22,80,1000:2000',
      'frag=1': 'it is a later fragment, without the header',
    },
    drop: ['proto=6 payload=0fa000', 'proto=6'],
  },
  '! --sports 53,1024:65535': {
    yes: [':54 > :53', ':1023 > :53'],
    no: { ':53 > :1': 'sport 53 is in 53,1024:65535', ':65535 > :1': 'sport 65535 is in 53,1024:65535' },
  },
  '--ports 6000:6007': {
    yes: [':6000 > :22', ':22 > :6007'],
    no: { ':5999 > :6008': 'neither sport 5999 nor dport 6008 is in 6000:6007' },
  },
  '! --ports 80': {
    yes: [':81 > :82'],
    no: { ':80 > :22': 'sport 80 is in 80', ':22 > :80': 'dport 80 is in 80' },
  },
  '-p udp -m multiport --ports 53,1024:65535': { yes: ['udp :1 > :53'], no: ['udp :1 > :54'] },
  '-p udplite -m multiport --sports 5': { yes: ['udplite :5 > :6'], no: ['udplite :6 > :5'] },
  '-p sctp -m multiport --dports 5': { yes: ['sctp :6 > :5'], no: ['sctp :5 > :6'] },
  '-p dccp -m multiport --dports 5': { yes: ['dccp :6 > :5'], no: ['dccp :5 > :6'] },
}

describeMatch(multiport, { rule: '-p tcp', text, packets })
describeMatch(multiport, { family: 'ipv6', rule: '-p tcp', text, packets })
