import { describeMatch } from '../_testing/describe-match.ts'
import { comment } from './comment.ts'

describeMatch(comment, {
  text: {
    '--comment foo': '--comment foo',
    '--comment a-b_c9': '--comment a-b_c9',
    '--comment a.b': '--comment "a.b"',
    '--comment "a  b"': '--comment "a  b"',
    '--comment ""': '--comment ""',
    '--comment "it\'s"': '--comment "it\\\'s"',
    '--comment "a \\"b\\" c\\\\"': '--comment "a \\"b\\" c\\\\"',
    '--comment ärger': '--comment "ärger"',
    [`--comment ${'x'.repeat(300)}`]: `--comment ${'x'.repeat(255)}`,
    '! --comment a': 'error comment/not-invertible',
    '--comment a --comment b': 'error comment/repeated',
    '': 'error comment/missing-option',
  },
  packets: { '--comment foo': { yes: ['syn', 'udp frag=1', 'proto=6'] } },
})
