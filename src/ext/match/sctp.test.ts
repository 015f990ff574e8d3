import { describeMatch } from '../_testing/describe-match.ts'
import { sctp } from './sctp.ts'

const text = {
  '': '',
  '--sport 1': '--sport 1',
  '--sport 0:65535': '--sport 0:65535',
  '! --source-port :5': '! --sport 0:5',
  '--dport 5:': '--dport 5:65535',
  '--dport 6:5': 'error sctp/reversed-range',
  '--dport 65536': 'error sctp/bad-port',
  '--dport ""': 'error sctp/unknown-service',
  '--chunk-types all DATA': '--chunk-types all DATA',
  '--chunk-types ANY init,data,sack': '--chunk-types any DATA,INIT,SACK',
  '--chunk-types any DATA:Be': '--chunk-types any DATA:Be',
  '--chunk-types any DATA:eB,DATA:u': '--chunk-types any DATA:uBe',
  '--chunk-types only ALL': '--chunk-types only ALL',
  '! --chunk-types all none': '! --chunk-types all NONE',
  '--chunk-types all ,': '--chunk-types all NONE',
  '--chunk-types any DATA:-': '--chunk-types any DATA:-',
  '--chunk-types any I_DATA:U': '--chunk-types any I_DATA',
  '--chunk-types any ABORT:t,SHUTDOWN_COMPLETE:T': '--chunk-types any ABORT:t,SHUTDOWN_COMPLETE:T',
  '--chunk-types any INIT:T': 'error sctp/unknown-flag',
  '--chunk-types any WRONG': 'error sctp/unknown-chunk',
  '--chunk-types some DATA': 'error sctp/bad-chunks',
  '--chunk-types any DATA:U,INIT:-,INIT_ACK:-,SACK:-,ABORT:T': 'error sctp/too-many-flags',
  '--sport 1 --sport 2': 'error sctp/repeated',
  '-m sctp --sport 1': 'error sctp/needs-protocol',
}
// Flags of types above 14 are lost before the kernel sees them.
const lossy = ['--chunk-types any I_DATA:U']

const header = 'proto=132 payload=0fa000160000000000000000'
const packets = {
  '--dport 22': {
    yes: [header],
    no: { 'proto=132 payload=0fa000170000000000000000': 'dport 23 is not 22' },
    drop: ['proto=132 payload=0fa0001600000000000000'],
  },
  '--chunk-types any INIT': {
    yes: [`${header}01000004`, `${header}030000050300000001000004`],
    no: { [`${header}00000004`]: 'its chunks are not any INIT' },
    drop: [header, `${header}010000`, `${header}00000000`],
  },
  '--chunk-types all INIT,SACK': { yes: [`${header}0100000403000004`], no: [`${header}01000004`] },
  '--chunk-types only DATA:B': {
    yes: [`${header}00020004`],
    no: [`${header}00000004`, `${header}0002000401000004`],
  },
  '! --chunk-types any DATA': { yes: [`${header}01000004`], no: [`${header}00000004`] },
}

describeMatch(sctp, { text, lossy, packets })
describeMatch(sctp, { family: 'ipv6', text, lossy, packets })
