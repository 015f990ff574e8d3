/**
 * The states of a TCP connection as a firewall between the ends sees them, and how each kind of segment moves them.
 *
 * Kernel: tcp_conntracks, tcp_conntrack_names, net/netfilter/nf_conntrack_proto_tcp.c, Linux 6.18.
 */

/** As listings name them. The index is the state's number in `enum tcp_conntrack`. */
export const tcpStateNames = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const

export const tcpState = {
  none: 0,
  synSent: 1,
  synRecv: 2,
  established: 3,
  finWait: 4,
  closeWait: 5,
  lastAck: 6,
  timeWait: 7,
  close: 8,
  /** Both ends sent a SYN (simultaneous open). */
  synSent2: 9,
  /** No move: the segment is invalid. */
  invalid: 10,
  /** No move: our record may be wrong, so the segment goes through unjudged. */
  ignored: 11,
} as const

/** What a segment is, by its flags; RST counts before SYN, SYN before FIN, FIN before ACK. */
export const segmentKind = { syn: 0, synAck: 1, fin: 2, ack: 3, rst: 4, none: 5 } as const

/**
 * From each state (top line) to another: N none, S SYN_SENT, R SYN_RECV, E ESTABLISHED, F FIN_WAIT, W CLOSE_WAIT,
 * L LAST_ACK, T TIME_WAIT, C CLOSE, 2 SYN_SENT2; `-` invalid, `.` ignored.
 */
const letters = 'NSREFWLTC2-.'

const moves = {
  original: `
            N S R E F W L T C 2
    syn     S S . . . . . S S 2
    syn-ack - - R - - - - - - R
    fin     - - F F L L L T C -
    ack     E - E E W W T T C -
    rst     - C C C C C C C C C
    none    - - - - - - - - - -`,
  reply: `
            N S R E F W L T C 2
    syn     - 2 - - - - - S - 2
    syn-ack - R . . . . . . . R
    fin     - - F F L L L T C -
    ack     - . R E W W T T C .
    rst     - C C C C C C C C C
    none    - - - - - - - - - -`,
}

/** Rows of 10 states, one row a kind of segment. */
const compiled: readonly Uint8Array[] = [moves.original, moves.reply].map((text) => {
  const rows = text.trim().split('\n').slice(1)
  return Uint8Array.from(
    rows.flatMap((row) => row.trim().split(/\s+/).slice(1)),
    (letter) => letters.indexOf(letter),
  )
})

/** The state that a segment leads to. `direction`: 0 original, 1 reply. */
export const nextTcpState = (direction: number, kind: number, state: number): number =>
  compiled[direction]![kind * 10 + state]!

/** Whether an end of the connection is in sight. Source: tcp_can_early_drop(). */
export const isClosing = (state: number): boolean => tcpState.finWait <= state && state <= tcpState.close

const fin = 1
const syn = 2
const rst = 4
const ack = 16
const urg = 32

export function segmentKindOf(flags: number): number {
  if (flags & rst) return segmentKind.rst
  if (flags & syn) return flags & ack ? segmentKind.synAck : segmentKind.syn
  if (flags & fin) return segmentKind.fin
  return flags & ack ? segmentKind.ack : segmentKind.none
}

/** PSH, ECE and CWR may stand anywhere; of the others only these. Source: tcp_valid_flags. */
const validFlags: readonly number[] = [
  syn,
  syn | urg,
  syn | ack,
  rst,
  rst | ack,
  fin | ack,
  fin | ack | urg,
  ack,
  ack | urg,
]
/** By the flags, with any others. */
const areValid = Uint8Array.from({ length: 256 }, (_, flags) =>
  validFlags.includes(flags & (fin | syn | rst | ack | urg)) ? 1 : 0,
)

/** `flags`: the byte of the header. */
export const flagsAreValid = (flags: number): boolean => areValid[flags] === 1
