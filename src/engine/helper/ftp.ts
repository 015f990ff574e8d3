/**
 * The helper for FTP: reads where data connections shall go to, expects them, and where the control connection is
 * translated, writes into it what the other side must know instead.
 *
 * It looks at a segment only if it begins where a line begins, as far as it has seen lines end; a command that is not all
 * in one segment is dropped, so that its sender says it again, perhaps in one piece.
 * Kernel: help(), net/netfilter/nf_conntrack_ftp.c; nf_nat_ftp(), net/netfilter/nf_nat_ftp.c; Linux 6.18, with `loose`
 * off: an end speaks for its own address only.
 */
import { printAddress, sameAddress } from '../../net/address.ts'
import { Expectation, type ExpectResult } from '../conntrack/expectation.ts'
import { isBefore } from '../conntrack/tcp-window.ts'
import { TupleKey, tupleOf } from '../conntrack/tuple.ts'
import { type FtpWords, findFtpWords, printFtpNumbers } from './ftp-words.ts'
import { dropped, type HelpedPacket, type HelpResult, isTranslated, passed } from './helped-packet.ts'
import { replaceText } from './mangle.ts'

/** Line beginnings remembered of each direction. Source: NUM_SEQ_TO_REMEMBER. */
const linesRemembered = 2

/** Ports tried where others expect the same. Source: nf_nat_exp_find_port(). */
const mostAttempts = 128

export function helpFtp(at: HelpedPacket): HelpResult {
  const { packet, transportAt, help, direction, state } = at
  if (state !== 'ESTABLISHED') return passed
  at.pullTogether()
  if (packet.endOffset < transportAt + 20) return passed
  const payloadAt = transportAt + (packet.u8(transportAt + 12) >>> 4) * 4
  if (payloadAt >= packet.endOffset) return passed
  const sequence = packet.u32(transportAt + 4) | 0
  const lineStarts = help.lineStarts[direction]
  const end = (sequence + packet.endOffset - payloadAt) | 0
  const endsLine = packet.u8(packet.endOffset - 1) === 0x0a
  let result = passed
  if (lineStarts.includes(sequence)) {
    const text = textOf(packet.bytes, payloadAt, packet.endOffset)
    const words = findFtpWords(text, at.family, direction)
    if (words?.kind === 'partial') {
      return dropped(`ftp: ${words.of} is not all there: dropped, to be said again`)
    }
    if (words !== null) result = arrange(at, words, payloadAt)
  }
  if (endsLine) noteLineStart(lineStarts, end)
  return result
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!)
  return text
}

/** Source: update_nl_seq(). */
function noteLineStart(starts: number[], sequence: number): void {
  if (starts.includes(sequence)) return
  if (starts.length < linesRemembered) {
    starts.push(sequence)
    return
  }
  const oldest = isBefore(starts[0]!, starts[1]!) ? 0 : 1
  if (isBefore(starts[oldest]!, sequence)) starts[oldest] = sequence
}

function arrange(at: HelpedPacket, words: FtpWords, payloadAt: number): HelpResult {
  const { connection, direction } = at
  const [seen, opposite] =
    direction === 0
      ? [connection.originalNode, connection.replyNode]
      : [connection.replyNode, connection.originalNode]
  const speaker = tupleOf(seen).source
  if (words.address !== null && !sameAddress(words.address, speaker)) {
    at.tell(
      `ftp: ${words.kind} names ${printAddress(words.address)}, which is not the speaker's address ` +
        `${printAddress(speaker)}: nothing is expected`,
    )
    return passed
  }
  const tuple = new TupleKey()
  tuple.copy(opposite)
  tuple.setPort('destination', words.port)
  if (!isTranslated(connection)) {
    const result = at.expect(new Expectation(connection, at.help.helper, tuple), words.kind)
    return result === 'expected' ? passed : dropped(whyNotExpected(result))
  }
  const whenMet: Expectation['whenMet'] = (met, nowNs) => at.nat.follow(met, seen, words.port, nowNs)
  const expectation = expectSomewhere(at, words, tuple, whenMet)
  if (expectation === null) return dropped('ftp: no port is free to expect the connection at')
  const port = expectation.tuple.ports & 0xffff
  const text = printFtpNumbers(words.kind, tupleOf(opposite).destination, port)
  const offset = payloadAt + words.offset
  if (!replaceText(at.packet, at.transportAt, offset, words.length, text)) {
    at.conntrack.expectations.remove(expectation)
    return dropped('ftp: the packet would become too long')
  }
  at.lengthened(text.length - words.length)
  at.tell(`ftp: ${words.kind} is made to say ${text}`)
  return passed
}

const whyNotExpected = (result: ExpectResult): string =>
  result === 'busy'
    ? 'ftp: another connection expects the same'
    : 'ftp: the host expects as many connections as it may'

/** At the port that was named, or by chance at a higher one where another connection expects the same. */
function expectSomewhere(
  at: HelpedPacket,
  { kind, port: named }: FtpWords,
  tuple: TupleKey,
  whenMet: Expectation['whenMet'],
): Expectation | null {
  const range = 0xffff - named
  let attemptsLeft = Math.min(range, mostAttempts)
  for (let port = named; ; port = named + at.randomBelow(range)) {
    tuple.setPort('destination', port)
    const expectation = new Expectation(at.connection, at.help.helper, tuple, whenMet)
    const result = at.expect(expectation, kind)
    // Port 0 is expected all the same, and taken for failure.
    if (result === 'expected') return port === 0 ? null : expectation
    if (result !== 'busy' || --attemptsLeft < 0) return null
  }
}
