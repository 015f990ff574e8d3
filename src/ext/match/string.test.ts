import { describeMatch } from '../_testing/describe-match.ts'
import { string } from './string.ts'

const long = 'x'.repeat(128)
const text = {
  '--string test --algo bm': '--string "test" --algo bm',
  '--algo kmp ! --string "a b"': '! --string "a b" --algo kmp',
  '--string "say \\"\\\\x\\"" --algo bm': '--string "say \\"\\\\x\\"" --algo bm',
  '--string "back\\\\" --algo bm': '--hex-string "|6261636b5c|" --algo bm',
  '--string "tür" --algo bm': '--hex-string "|74c3bc72|" --algo bm',
  [`--string ${long} --algo bm`]: `--string "${long}" --algo bm`,
  [`--string ${long}x --algo bm`]: 'error string/too-long',
  '--hex-string "|0a 0B| ab" --algo bm': '--hex-string "|0a0b206162|" --algo bm',
  '--hex-string "|  41|42" --algo kmp': '--string "A42" --algo kmp',
  '--hex-string "|DEADbeef|tail" --algo bm': '--hex-string "|deadbeef7461696c|" --algo bm',
  '--hex-string "a\\\\|b" --algo bm': '--string "a|b" --algo bm',
  '--hex-string "|41||42|" --algo bm': '--string "A|42" --algo bm',
  '--hex-string "|41|\\\\x" --algo bm': '--string "A\\\\x" --algo bm',
  '--hex-string "|41" --algo bm': 'error string/bad-hex',
  '--hex-string "|4|" --algo bm': 'error string/bad-hex',
  '--hex-string "|4x|" --algo bm': 'error string/bad-hex',
  '--hex-string "||" --algo bm': 'error string/bad-hex',
  '--hex-string "|41\\\\|" --algo bm': 'error string/bad-hex',
  '--hex-string "ab\\\\" --algo bm': 'error string/bad-hex',
  '--hex-string "" --algo bm': 'error string/empty',
  '--hex-string "|" --algo bm': 'error string/empty',
  '--string "" --algo bm': 'error string/empty',
  '--string a --algo bm --from 5 --to 90 --icase': '--string "a" --algo bm --from 5 --to 90 --icase',
  '--string a --algo bm --from 0 --to 65535': '--string "a" --algo bm',
  '--string a --algo bm --from 9 --to 5': 'error string/reversed-range',
  '--string a --algo bm --to 65536': 'error string/out-of-range',
  '--string a --algo wrong': 'error string/unknown-algorithm',
  '--string a --algo ""': 'error string/unknown-algorithm',
  '--string a --hex-string b --algo bm': 'error string/excluded',
  '--string a': 'error string/missing-option',
  '--algo bm': 'error string/no-string',
  '': 'error string/no-string',
  '--string aab --algo bm --to 48': '--string "aab" --algo bm --to 48',
  '--string aabaaab --algo bm': '--string "aabaaab" --algo bm',
  '--string aAbAAaB --algo bm --icase': '--string "aAbAAaB" --algo bm --icase',
  '--string abab --algo kmp --icase --from 28': '--string "abab" --algo kmp --from 28 --icase',
  '--hex-string "|e0df41ff|" --algo kmp --icase': '--hex-string "|e0df41ff|" --algo kmp --icase',
}

const bytes = (...strings: string[]) => strings.map((each) => Uint8Array.from(Buffer.from(each, 'latin1')))
const samples = {
  strings: bytes('aab', 'aabaaab', 'AABAAAB', 'abab', 'aBaB', 'a', 'b', '\xe0\xdfa\xff', '\xc0\xbfA\xdf'),
}

const packets = {
  '--string GET --algo bm': {
    yes: ['payload="GET / HTTP/1.1"', 'payload="xGET"'],
    no: { 'payload="GE"': 'it does not hold the string', 'payload="get"': 'it does not hold the string' },
  },
  '--string get --algo bm --icase': { yes: ['payload="xGeT"'] },
  '! --string GET --algo kmp': { yes: ['syn'], no: ['payload="GET"'] },
}

describeMatch(string, {
  text,
  samples,
  packets: {
    ...packets,
    // The payload stands at 40; the end counts.
    '--string GET --algo bm --from 41': { no: ['payload="GET"'], yes: ['payload=" GET"'] },
    '--string GET --algo bm --to 43': { yes: ['payload="GET"'], no: ['payload=" GET"'] },
    '! --string GET --algo bm': { no: { 'payload=" GET"': 'it holds the string at 41' } },
  },
})
describeMatch(string, { family: 'ipv6', text, samples, packets })
