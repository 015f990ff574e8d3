import { describeMatch } from '../_testing/describe-match.ts'
import { socket } from './socket.ts'

const text = {
  'PREROUTING -m socket': '',
  'PREROUTING -m socket --nowildcard --transparent': '--transparent --nowildcard',
  'INPUT -m socket --restore-skmark --transparent': '--transparent --restore-skmark',
  'PREROUTING -m socket ! --transparent': 'error socket/not-invertible',
  'FORWARD -m socket': 'error socket/wrong-hook',
  'OUTPUT -m socket': 'error socket/wrong-hook',
}
const packets = { 'PREROUTING -m socket': { no: { syn: 'the host has no such socket' } } }
describeMatch(socket, { hook: 'PREROUTING', text, packets })
describeMatch(socket, { family: 'ipv6', hook: 'PREROUTING', text, packets })
