import { describeMatch } from '../_testing/describe-match.ts'
import { tcp } from './tcp.ts'

const text = {
  '': '',
  '--sport 1024:': '--sport 1024:65535',
  '--dport :100': '--dport 0:100',
  '--dport 80:80': '--dport 80',
  '--dport 0': '--dport 0',
  '--dport 0:65535': '',
  '! --dport 0:65535': '',
  '--dport :': '',
  '--dport ssh:http': '--dport 22:80',
  '--dport 0x16': '--dport 22',
  '--dport 022': '--dport 18',
  '! --source-port 1 --destination-port 65535': '! --sport 1 --dport 65535',
  '--dport 65536': 'error tcp/bad-port',
  '--dport -1': 'error tcp/bad-port',
  '--dport 90:80': 'error tcp/reversed-range',
  '--dport 1:2:3': 'error tcp/bad-port',
  '--dport ""': 'error tcp/unknown-service',
  '--dport 1 --dport 2': 'error tcp/repeated',
  '--syn': '--tcp-flags FIN,SYN,RST,ACK SYN',
  '! --syn': '! --tcp-flags FIN,SYN,RST,ACK SYN',
  '--tcp-flags ALL NONE': '--tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE',
  '--tcp-flags NONE NONE': '',
  '! --tcp-flags NONE NONE': '! --tcp-flags NONE NONE',
  '--tcp-flags NONE SYN': '',
  '! --tcp-flags NONE SYN': '! --tcp-flags NONE SYN',
  '--tcp-flags ack,,syn FIN,Ack': '--tcp-flags SYN,ACK FIN,ACK',
  '--tcp-flags ECE SYN': 'error tcp/unknown-flag',
  '--syn --tcp-flags ALL SYN': 'error tcp/excluded',
  '--tcp-option 255 ! --dport 5': '! --dport 5 --tcp-option 255',
  '! --tcp-option 0x8': '! --tcp-option 8',
  '--tcp-option 0': 'error tcp/out-of-range',
  '--tcp-option 256': 'error tcp/out-of-range',
  '--tcp-flags SYN SYN --tcp-option 3 ! --sport 7 --dport 8:9':
    '! --sport 7 --dport 8:9 --tcp-option 3 --tcp-flags SYN SYN',
  '-m tcp --dport 1': 'error tcp/needs-protocol',
  '! -p tcp -m tcp --dport 1': 'error tcp/needs-protocol',
  '-p udp -m tcp --dport 1': 'error tcp/needs-protocol',
}
const lossy = ['! --dport 0:65535', '--tcp-flags NONE SYN']

describeMatch(tcp, { text, lossy })
describeMatch(tcp, { family: 'ipv6', text, lossy })
