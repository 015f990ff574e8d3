/**
 * The helper for TFTP: a server answers a request from a port of its own choice.
 *
 * Kernel: tftp_help(), net/netfilter/nf_conntrack_tftp.c; nf_nat_tftp.c; Linux 6.18. It looks at neither the direction
 * nor the state.
 * Read first: RFC 1350 section 4.
 */
import { Expectation } from '../conntrack/expectation.ts'
import { sourcePortOf, TupleKey } from '../conntrack/tuple.ts'
import { dropped, type HelpedPacket, type HelpResult, isTranslated, passed } from './helped-packet.ts'

const readRequest = 1
const writeRequest = 2

export function helpTftp(at: HelpedPacket): HelpResult {
  const { packet, transportAt, connection, help } = at
  const opcodeAt = transportAt + 8
  if (packet.endOffset < opcodeAt + 2) return passed
  const opcode = packet.u16(opcodeAt)
  if (opcode !== readRequest && opcode !== writeRequest) return passed
  const { originalNode, replyNode } = connection
  const tuple = new TupleKey()
  tuple.copy(replyNode)
  const whenMet: Expectation['whenMet'] = isTranslated(connection)
    ? (met, nowNs) => at.nat.follow(met, originalNode, sourcePortOf(originalNode), nowNs)
    : null
  const kind = opcode === readRequest ? 'read request' : 'write request'
  const result = at.expect(new Expectation(connection, help.helper, tuple, whenMet), kind)
  if (result === 'expected') return passed
  return dropped(
    result === 'busy'
      ? 'tftp: another connection expects the same'
      : 'tftp: the host expects as many connections as it may',
  )
}
