/**
 * `-j CONNMARK`: change the mark of the packet's connection, or carry marks between the two; go on with the next rule.
 *
 * Kernel: net/netfilter/xt_connmark.c, connmark_tg_shift(), Linux 6.18. Syntax: iptables extensions/libxt_CONNMARK.c,
 * 1.8.9.
 */
import type { Refusal } from '../../lang/diagnostic.ts'
import { refuse } from '../../lang/diagnostic.ts'
import { flag, markMask, uint32 } from '../../lang/options.ts'
import type { Given, OptionTable } from '../../lang/syntax.ts'
import { hex, wholeMask } from '../_marks.ts'
import { bothFamilies, defineTarget } from '../define.ts'

export interface ConnectionRemark {
  /** `set`: of the connection's own; `save`: from the packet's; `restore`: to the packet's. */
  readonly mode: 'set' | 'save' | 'restore'
  /** What `set` flips; unsigned 32 bits, as the masks. */
  readonly value: number
  /** Bits of the connection's mark that are cleared by `set` and `save`, and taken by `restore`. */
  readonly connectionMask: number
  /** Bits of the packet's mark that are taken by `save`, and cleared by `restore`. */
  readonly packetMask: number
  /** What is written is shifted so far; 32 and more is refused by the kernel. */
  readonly shift: { readonly way: 'left' | 'right'; readonly bits: number }
}

const operations = [
  'set-xmark',
  'set-mark',
  'and-mark',
  'or-mark',
  'xor-mark',
  'save-mark',
  'restore-mark',
] as const
type Operation = (typeof operations)[number]

const others = (name: Operation) => operations.filter((other) => other !== name)
const bits = (name: Operation, doc: string) => uint32({ doc, metavar: 'BITS', excludes: others(name) })
const shiftBy = (doc: string) => uint32({ doc, max: 32, metavar: 'BITS' })

const options = {
  'set-xmark': markMask({
    doc: 'clear the bits of MASK, then XOR with VALUE',
    excludes: others('set-xmark'),
  }),
  'set-mark': markMask({ doc: 'put VALUE in the bits of MASK', excludes: others('set-mark') }),
  'and-mark': bits('and-mark', 'keep only these bits'),
  'or-mark': bits('or-mark', 'set these bits'),
  'xor-mark': bits('xor-mark', 'flip these bits'),
  'save-mark': flag({ doc: 'copy the mark of the packet to the connection', excludes: others('save-mark') }),
  'restore-mark': flag({
    doc: 'copy the mark of the connection to the packet',
    excludes: others('restore-mark'),
  }),
  'left-shift-mark': shiftBy('shift what is written to the left'),
  'right-shift-mark': shiftBy('shift what is written to the right'),
  nfmask: uint32({ doc: 'bits of the packet’s mark', metavar: 'BITS', excludes: ['mask'] }),
  ctmask: uint32({ doc: 'bits of the connection’s mark', metavar: 'BITS', excludes: ['mask'] }),
  mask: uint32({ doc: 'bits of both marks', metavar: 'BITS', excludes: ['nfmask', 'ctmask'] }),
} satisfies OptionTable

export const CONNMARK = defineTarget<ConnectionRemark>()({
  name: 'CONNMARK',
  families: bothFamilies,
  doc: 'Change the mark of the connection, or copy it to or from the packet.',
  needsConntrack: true,
  options,
  examples: [
    '--set-xmark 0x5/0xffffffff',
    '--save-mark --nfmask 0xff --ctmask 0xffff --left-shift-mark 8',
    '--restore-mark --nfmask 0xffffffff --ctmask 0xffffffff',
  ],

  parse: readRemark,

  print: (data) => {
    const { mode, value, connectionMask, packetMask } = data
    const change =
      mode === 'set'
        ? `--set-xmark ${hex(value)}/${hex(connectionMask)}`
        : `--${mode}-mark --nfmask ${hex(packetMask)} --ctmask ${hex(connectionMask)}`
    return `${change}${printShift(data, ' --')}`
  },
  list: (data) => ` CONNMARK ${data.mode === 'set' ? listSet(data) : listCopy(data)}${printShift(data, ' ')}`,

  check: ({ shift }) => (shift.bits < 32 ? null : tooFar),

  act({ mode, value, connectionMask, packetMask, shift }, skb, context) {
    const connection = skb.conntrack?.connection ?? null
    if (connection === null) return { kind: 'continue' }
    const shifted = (mark: number): number =>
      shift.way === 'right' ? (mark >>> 0) >>> shift.bits : (mark << shift.bits) >>> 0
    const before = connection.mark
    if (mode === 'restore') {
      const packetBefore = skb.mark
      skb.mark = ((skb.mark & ~packetMask) ^ shifted(before & connectionMask)) >>> 0
      context.note?.(`mark ${hex(packetBefore)} becomes ${hex(skb.mark)}`)
      return { kind: 'continue' }
    }
    connection.mark =
      mode === 'set'
        ? shifted((before & ~connectionMask) ^ value)
        : ((before & ~connectionMask) ^ shifted(skb.mark & packetMask)) >>> 0
    context.note?.(`mark ${hex(before)} of its connection becomes ${hex(connection.mark)}`)
    return { kind: 'continue' }
  },
})

const tooFar: Refusal = {
  code: 'shifted-away',
  message: 'a mark has 32 bits, and nothing is left of it when it is shifted by as many',
}

/** What was given last counts, masks and shifts before the operation included. */
function readRemark(given: Given<typeof options>): ConnectionRemark {
  let mode = null as ConnectionRemark['mode'] | null
  let value = 0
  let connectionMask = wholeMask
  let packetMask = wholeMask
  let shift: ConnectionRemark['shift'] = { way: 'left', bits: 0 }
  const set = (newValue: number, mask: number): void => {
    mode = 'set'
    value = newValue
    connectionMask = mask >>> 0
  }
  for (const name of Object.keys(given) as (keyof typeof options)[]) {
    const word = given[name]!.value
    const number = typeof word === 'number' ? word : 0
    const mark = typeof word === 'object' ? word : { value: 0, mask: 0 }
    switch (name) {
      case 'set-xmark':
        set(mark.value, mark.mask)
        break
      case 'set-mark':
        set(mark.value, mark.value | mark.mask)
        break
      case 'and-mark':
        set(0, ~number)
        break
      case 'or-mark':
        set(number, number)
        break
      case 'xor-mark':
        set(number, 0)
        break
      case 'save-mark':
      case 'restore-mark':
        mode = name === 'save-mark' ? 'save' : 'restore'
        break
      case 'left-shift-mark':
      case 'right-shift-mark':
        shift = { way: name === 'left-shift-mark' ? 'left' : 'right', bits: number }
        break
      case 'nfmask':
        packetMask = number
        break
      case 'ctmask':
        connectionMask = number
        break
      case 'mask':
        packetMask = number
        connectionMask = number
        break
    }
  }
  if (mode === null) {
    return refuse('no-change', 'CONNMARK does not say what to do with the mark', {
      help: 'give --set-mark, --save-mark or --restore-mark, for example',
      said: '%name target: No operation specified',
    })
  }
  return mode === 'set'
    ? { mode, value, connectionMask, packetMask: wholeMask, shift: zeroed(shift) }
    : { mode, value: 0, connectionMask, packetMask, shift: zeroed(shift) }
}

/** The way does not matter where nothing is shifted. */
const zeroed = (shift: ConnectionRemark['shift']): ConnectionRemark['shift'] =>
  shift.bits === 0 ? { way: 'left', bits: 0 } : shift

const printShift = ({ shift: { way, bits: number } }: ConnectionRemark, before: string): string =>
  number === 0 ? '' : `${before}${way}-shift-mark ${number}`

/** In the order in which iptables looks for a word. Source: connmark_tg_print(). */
function listSet({ value, connectionMask }: ConnectionRemark): string {
  if (value === 0) return `and ${hex(~connectionMask >>> 0)}`
  if (value === connectionMask) return `or ${hex(value)}`
  if (connectionMask === 0) return `xor ${hex(value)}`
  if (connectionMask === wholeMask) return `set ${hex(value)}`
  return `xset ${hex(value)}/${hex(connectionMask)}`
}

function listCopy({ mode, connectionMask, packetMask }: ConnectionRemark): string {
  if (connectionMask !== packetMask) {
    return mode === 'save'
      ? `save nfmask ${hex(packetMask)} ctmask ~${hex(connectionMask)}`
      : `restore ctmask ${hex(connectionMask)} nfmask ~${hex(packetMask)}`
  }
  return packetMask === wholeMask ? mode : `${mode} mask ${hex(packetMask)}`
}
