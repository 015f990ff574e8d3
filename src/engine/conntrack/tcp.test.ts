import { describe, expect, test } from 'vitest'
import { play } from './_testing/timeline.ts'
import { flagsAreValid, nextTcpState, segmentKind, segmentKindOf, tcpState } from './tcp-states.ts'

/** Rows of a handshake, to go on from. */
const open = `
  0s    > syn seq=100                     | NEW                       | SYN_SENT 120 unreplied
  0s    < syn-ack seq=500 ack=101         | ESTABLISHED reply         | SYN_RECV 60
  0s    > ack seq=101 ack=501             | ESTABLISHED assured       | ESTABLISHED 432000 assured`

describe('a connection', () => {
  test('opens, talks, closes and is forgotten', () =>
    play(`${open}
  1s    > psh-ack seq=101 ack=501 len=140 | ESTABLISHED assured       | ESTABLISHED 300 assured
  2s    < ack seq=501 ack=201             | ESTABLISHED reply assured | ESTABLISHED 432000 assured
  3s    > fin-ack seq=201 ack=501         | ESTABLISHED assured       | FIN_WAIT 120 assured
  3s    < ack seq=501 ack=202             | ESTABLISHED reply assured | CLOSE_WAIT 60 assured
  4s    < fin-ack seq=501 ack=202         | ESTABLISHED reply assured | LAST_ACK 30 assured
  4s    > ack seq=202 ack=502             | ESTABLISHED assured       | TIME_WAIT 120 assured
  123s  ...                               |                           | TIME_WAIT 1 assured
  124s  ...                               |                           |
  124s  > ack seq=202 ack=502             | NEW                       | ESTABLISHED 300 unreplied`))

  test('is refused: the first answer is a reset, and nothing remains', () =>
    play(`
  0s    > syn seq=100                     | NEW                       | SYN_SENT 120 unreplied
  0s    < rst-ack ack=101                 | ESTABLISHED reply         |
  1s    > syn seq=100                     | NEW                       | SYN_SENT 120 unreplied
  1s    > rst seq=101                     | NEW                       |`))

  test('a SYN that is sent again does not prolong its life', () =>
    play(`
  0s    > syn seq=100                     | NEW                       | SYN_SENT 120 unreplied
  60s   > syn seq=100                     | NEW                       | SYN_SENT 60 unreplied`))

  test('a packet that is dropped leaves nothing', () =>
    play(`
  0s    ~ > syn seq=100                   | NEW                       |
  1s    < syn-ack seq=500 ack=101         | INVALID                   |`))

  test('both ends open at once', () =>
    play(`
  0s    > syn seq=100                     | NEW                       | SYN_SENT 120 unreplied
  0s    < syn seq=500                     | ESTABLISHED reply         | SYN_SENT2 120
  0s    > syn-ack seq=100 ack=501         | ESTABLISHED               | SYN_RECV 60
  0s    < syn-ack seq=500 ack=101         | ESTABLISHED reply         | SYN_RECV 60
  0s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 432000 assured`))

  test('a SYN after the end begins a new one', () =>
    play(`${open}
  1s    > fin-ack seq=101 ack=501         | ESTABLISHED assured       | FIN_WAIT 120 assured
  1s    < fin-ack seq=501 ack=102         | ESTABLISHED reply assured | LAST_ACK 30 assured
  1s    > ack seq=102 ack=502             | ESTABLISHED assured       | TIME_WAIT 120 assured
  2s    > syn seq=9000                    | NEW                       | SYN_SENT 120 unreplied`))

  test('the server may reopen it, and is the client then', () =>
    play(`${open}
  1s    > fin-ack seq=101 ack=501         | ESTABLISHED assured       | FIN_WAIT 120 assured
  1s    < fin-ack seq=501 ack=102         | ESTABLISHED reply assured | LAST_ACK 30 assured
  1s    > ack seq=102 ack=502             | ESTABLISHED assured       | TIME_WAIT 120 assured
  2s    < syn seq=9000                    | NEW                       | SYN_SENT 120 unreplied`))

  test('is taken up in its middle, but not for long before it is answered', () =>
    play(`
  0s    > ack seq=101 ack=501 len=140     | NEW                       | ESTABLISHED 300 unreplied
  1s    < ack seq=501 ack=201             | ESTABLISHED reply         | ESTABLISHED 300
  2s    > ack seq=201 ack=501             | ESTABLISHED assured       | ESTABLISHED 432000 assured`))

  test('is not taken up where tcp_loose is 0', () =>
    play(
      `
  0s    > ack seq=101 ack=501             | INVALID                   |
  0s    > syn seq=100                     | NEW                       | SYN_SENT 120 unreplied`,
      { tcp_loose: 0 },
    ))

  test('with zero windows, or the same acknowledgement again and again, lives shorter', () =>
    play(`${open}
  1s    < ack seq=501 ack=101 win=0       | ESTABLISHED reply assured | ESTABLISHED 300 assured
  2s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 432000 assured
  3s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 432000 assured
  4s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 432000 assured
  5s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 300 assured`))
})

describe('the window', () => {
  test('data beyond it is let through when it is little, and invalid when it is much', () =>
    play(`
  0s    > syn seq=100 win=1000            | NEW                       | SYN_SENT 120 unreplied
  0s    < syn-ack seq=500 ack=101 win=1000 | ESTABLISHED reply        | SYN_RECV 60
  0s    > ack seq=101 ack=501 win=1000    | ESTABLISHED assured       | ESTABLISHED 432000 assured
  1s    > ack seq=1101 ack=501            | ESTABLISHED assured       | ESTABLISHED 300 assured
  1s    > ack seq=1102 ack=501            | ESTABLISHED assured       | ESTABLISHED 300 assured
  1s    > ack seq=5000 ack=501            | INVALID                   | ESTABLISHED 300 assured`))

  test('an acknowledgement of what was not sent is invalid', () =>
    play(`${open}
  1s    > ack seq=101 ack=502             | INVALID                   | ESTABLISHED 431999 assured
  1s    < ack seq=501 ack=101 len=60      | ESTABLISHED reply assured | ESTABLISHED 300 assured
  1s    > ack seq=101 ack=521             | ESTABLISHED assured       | ESTABLISHED 432000 assured`))

  test('windows count scaled only when both ends offer it', () => {
    const scaled = (offer: string, answer: string, verdict: string): void =>
      play(`
  0s    > syn seq=100 win=1000 ${offer}            | NEW               | SYN_SENT 120 unreplied
  0s    < syn-ack seq=500 ack=101 win=1000 ${answer} | ESTABLISHED reply | SYN_RECV 60
  0s    > ack seq=101 ack=501 win=1000             | ESTABLISHED assured | ESTABLISHED 432000 assured
  0s    < ack seq=60501 ack=101 len=60             | ${verdict}`)
    scaled('wscale=7', 'wscale=7', 'ESTABLISHED reply assured | ESTABLISHED 300 assured')
    scaled('wscale=7', '', 'INVALID | ESTABLISHED 432000 assured')
  })

  test('where tcp_be_liberal is 1 all is well', () =>
    play(
      `${open}
  1s    > ack seq=9000000 ack=502         | ESTABLISHED assured       | ESTABLISHED 432000 assured`,
      { tcp_be_liberal: 1 },
    ))
})

describe('resets', () => {
  test('close with the exact number; another in the window waits for a challenge', () =>
    play(`${open}
  1s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 432000 assured
  2s    > rst seq=110                     | ESTABLISHED assured       | ESTABLISHED 10 assured
  2s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 300 assured
  3s    > rst seq=101                     | ESTABLISHED assured       | CLOSE 10 assured
  4s    > syn seq=9000                    | NEW                       | SYN_SENT 120 unreplied`))

  test('below what was acknowledged are invalid, unless tcp_ignore_invalid_rst says otherwise', () => {
    const rows = `${open}
  1s    < ack seq=501 ack=101             | ESTABLISHED reply assured | ESTABLISHED 432000 assured`
    play(`${rows}
  2s    > rst seq=50                      | INVALID                   | ESTABLISHED 431999 assured`)
    play(
      `${rows}
  2s    > rst seq=50                      | ESTABLISHED assured       | ESTABLISHED 10 assured`,
      { tcp_ignore_invalid_rst: 1 },
    )
  })

  test('outside the window, in both directions, shorten the life', () =>
    play(`${open}
  1s    > fin-ack seq=9000000 ack=501     | INVALID                   | ESTABLISHED 431999 assured
  2s    < fin-ack seq=9000000 ack=101     | INVALID                   | ESTABLISHED 300 assured`))
})

describe('our record is wrong', () => {
  test('a SYN in an open connection goes through, and its answer makes the record anew', () =>
    play(`${open}
  1s    > syn seq=7000                    | ESTABLISHED assured       | ESTABLISHED 431999 assured
  1s    < syn-ack seq=8000 ack=7001       | ESTABLISHED reply assured | SYN_RECV 60 assured
  1s    > ack seq=7001 ack=8001           | ESTABLISHED assured       | ESTABLISHED 432000 assured`))

  test('a reset that answers it closes, sent by the other end only', () => {
    const rows = `${open}
  1s    > syn seq=7000                    | ESTABLISHED assured       | ESTABLISHED 431999 assured`
    play(`${rows}
  1s    < rst-ack seq=9000000 ack=7001    | ESTABLISHED reply assured | CLOSE 10 assured`)
    play(`${rows}
  1s    > rst-ack seq=9000000 ack=7001    | INVALID                   | ESTABLISHED 431999 assured`)
  })

  test('a challenge ACK in LAST_ACK is not the last one', () =>
    play(`${open}
  1s    > fin-ack seq=101 ack=501         | ESTABLISHED assured       | FIN_WAIT 120 assured
  1s    < fin-ack seq=501 ack=102         | ESTABLISHED reply assured | LAST_ACK 30 assured
  2s    > syn seq=7000                    | ESTABLISHED assured       | LAST_ACK 29 assured
  2s    < ack seq=502 ack=102             | ESTABLISHED reply assured | LAST_ACK 29 assured
  2s    < ack seq=502 ack=102             | ESTABLISHED reply assured | TIME_WAIT 120 assured`))

  test('a half-open server answers a SYN with an ACK, and the client resets it', () =>
    play(`
  0s    > syn seq=100                     | NEW                       | SYN_SENT 120 unreplied
  0s    < ack seq=9000 ack=77             | ESTABLISHED reply         | SYN_SENT 120
  0s    > rst seq=77                      | ESTABLISHED               | CLOSE 10`))
})

describe('what is never valid', () => {
  test.each([
    ['without flags', '> none seq=1'],
    ['SYN and FIN', '> syn-fin seq=1'],
    ['SYN and RST', '> syn-rst seq=1'],
    ['FIN without ACK', '> fin seq=1'],
    ['a wrong checksum', '> syn seq=1 badsum'],
    ['half a header', '> proto=6 payload=0fa0001600000001'],
    ['a reset or SYN-ACK that begins', '> rst seq=1'],
    ['a SYN-ACK that begins', '> syn-ack seq=1'],
  ])('%s', (_, packet) => play(`0s ${packet} | INVALID |`))

  test('but checksums of what the host sends are not looked at, nor where nf_conntrack_checksum is 0', () => {
    play('0s out > syn badsum | NEW | SYN_SENT 120 unreplied')
    play('0s > syn badsum | NEW | SYN_SENT 120 unreplied', { checksum: 0 })
  })
})

test('the table of states', () => {
  const { synSent, synRecv, established, ignored, invalid } = tcpState
  expect(nextTcpState(0, segmentKind.syn, tcpState.none)).toBe(synSent)
  expect(nextTcpState(1, segmentKind.synAck, synSent)).toBe(synRecv)
  expect(nextTcpState(0, segmentKind.ack, synRecv)).toBe(established)
  expect(nextTcpState(0, segmentKind.syn, established)).toBe(ignored)
  expect(nextTcpState(1, segmentKind.syn, established)).toBe(invalid)
})

test('flags', () => {
  expect([0x02, 0x12, 0x10, 0x11, 0x04, 0x00, 0xc2].map(segmentKindOf)).toEqual([0, 1, 3, 2, 4, 5, 0])
  const valid = Array.from({ length: 64 }, (_, flags) => flags).filter(
    (flags) => (flags & 8) === 0 && flagsAreValid(flags),
  )
  expect(valid).toEqual([0x02, 0x04, 0x10, 0x11, 0x12, 0x14, 0x22, 0x30, 0x31])
})
