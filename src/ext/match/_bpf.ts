/**
 * Classic BPF: programs of the Berkeley packet filter, checked as the kernel checks them and run one instruction at a time.
 *
 * Kernel: net/core/filter.c, bpf_check_classic() and bpf_convert_filter(), Linux 6.18. Read first: McCanne and Jacobson,
 * "The BSD Packet Filter" (1993).
 */

/** `struct sock_filter`. */
export interface Instruction {
  readonly code: number
  /** Instructions to skip where a jump's condition holds, and where it does not; 0 to 255. */
  readonly whenTrue: number
  readonly whenFalse: number
  /** Unsigned 32 bits. */
  readonly operand: number
}

/** What a program may load beside the packet's bytes, by offset from SKF_AD_OFF; null where nobody knows. */
export type Ancillary = (offset: number) => number | null

/** `unknown`: it asked for what nobody knows. */
export type ProgramResult = number | 'unknown'

const memorySlots = 16
/** SKF_AD_OFF, SKF_NET_OFF and SKF_LL_OFF as unsigned numbers: from there up, other things than the packet are loaded. */
export const ancillaryBase = 0x1_0000_0000 - 0x1000
export const networkBase = 0x1_0000_0000 - 0x10_0000
export const linkBase = 0x1_0000_0000 - 0x20_0000

/** Classes: the low three bits. */
const classOf = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, ret: 6, misc: 7 } as const
const alu = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
} as const
const jump = { always: 0x00, equal: 0x10, greater: 0x20, notLess: 0x30, anyBit: 0x40 } as const

const loads: readonly number[] = [
  0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x81, 0xb1, 0x00, 0x01, 0x60, 0x61,
]
const stores: readonly number[] = [0x02, 0x03]
const others: readonly number[] = [0x06, 0x16, 0x07, 0x87]
const aluCodes = Object.values(alu).flatMap((op) => (op === alu.neg ? [0x84] : [0x04 | op, 0x0c | op]))
const jumpCodes = [
  0x05,
  ...[jump.equal, jump.greater, jump.notLess, jump.anyBit].flatMap((op) => [0x05 | op, 0x0d | op]),
]
const known = new Set([...loads, ...stores, ...others, ...aluCodes, ...jumpCodes])

/** Offsets from SKF_AD_OFF that the kernel knows: up to SKF_AD_VLAN_TPID. */
const ancillaryOffsets = new Set([0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60])

/** What is wrong with a program, or null. */
export function faultOf(program: readonly Instruction[]): string | null {
  for (const [at, { code, whenTrue, whenFalse, operand }] of program.entries()) {
    const isConstant = (code & 8) === 0
    if (!known.has(code)) return `instruction ${at} is none (code ${code})`
    const operation = code & 0xf0
    if ((code & 7) === classOf.alu && isConstant) {
      if ((operation === alu.div || operation === alu.mod) && operand === 0)
        return `instruction ${at} divides by 0`
      if ((operation === alu.lsh || operation === alu.rsh) && operand >= 32)
        return `instruction ${at} shifts too far`
    }
    if ([0x60, 0x61, 0x02, 0x03].includes(code) && operand >= memorySlots)
      return `instruction ${at} is about memory that is not there`
    if ((code & 7) === classOf.jmp) {
      const steps = operation === jump.always ? [operand] : [whenTrue, whenFalse]
      if (steps.some((step) => at + step + 1 >= program.length))
        return `instruction ${at} jumps beyond the end`
    }
    const isLoad = [0x20, 0x28, 0x30].includes(code)
    if (isLoad && operand >= ancillaryBase && !ancillaryOffsets.has(operand - ancillaryBase))
      return `instruction ${at} loads what there is not`
  }
  const last = program.at(-1)
  if (last === undefined || (last.code & 7) !== classOf.ret) return 'it does not end with a return'
  return readsUnwritten(program) ? 'it reads memory that it has not written' : null
}

/** Whether any way through the program loads a memory slot before storing there. Source: check_load_and_stores(). */
function readsUnwritten(program: readonly Instruction[]): boolean {
  const valid: number[] = program.map(() => 0xffff)
  let present = 0
  for (const [at, { code, whenTrue, whenFalse, operand }] of program.entries()) {
    present &= valid[at]!
    if (code === 0x02 || code === 0x03) present |= 1 << operand
    else if ((code === 0x60 || code === 0x61) && (present & (1 << operand)) === 0) return true
    else if ((code & 7) === classOf.jmp) {
      const steps = (code & 0xf0) === jump.always ? [operand] : [whenTrue, whenFalse]
      for (const step of steps) valid[at + 1 + step]! &= present
      present = 0xffff
    }
  }
  return false
}

/**
 * The number that the program returns; 0 where it reads beyond the packet or divides by zero.
 *
 * Preconditions: `faultOf` found nothing. `bytes` begin with the IP header, `linkOffset` is where the Ethernet header
 * lies in them (negative), or null.
 */
export function runProgram(
  program: readonly Instruction[],
  read: (offset: number, size: number) => number | null,
  length: number,
  ancillary: Ancillary,
): ProgramResult {
  const memory = new Array<number>(memorySlots).fill(0)
  let a = 0
  let x = 0
  for (let at = 0; ; at++) {
    const { code, whenTrue, whenFalse, operand } = program[at]!
    const source = (code & 8) === 0 ? operand : x
    switch (code & 7) {
      case classOf.ld:
      case classOf.ldx: {
        const loaded = load(code, operand, x, memory, read, length, ancillary)
        if (loaded === 'unknown') return 'unknown'
        if (loaded === null) return 0
        if ((code & 7) === classOf.ld) a = loaded
        else x = loaded
        break
      }
      case classOf.st:
        memory[operand] = a
        break
      case classOf.stx:
        memory[operand] = x
        break
      case classOf.alu: {
        const operation = code & 0xf0
        if ((operation === alu.div || operation === alu.mod) && source === 0) return 0
        a = compute(operation, a, source)
        break
      }
      case classOf.jmp:
        at += (code & 0xf0) === jump.always ? operand : holds(code & 0xf0, a, source) ? whenTrue : whenFalse
        break
      case classOf.ret:
        return code === 0x16 ? a : operand
      default:
        if (code === 0x07) x = a
        else a = x
    }
  }
}

function load(
  code: number,
  operand: number,
  x: number,
  memory: readonly number[],
  read: (offset: number, size: number) => number | null,
  length: number,
  ancillary: Ancillary,
): number | null | 'unknown' {
  const size = (code & 0x18) === 0x10 ? 1 : (code & 0x18) === 0x08 ? 2 : 4
  switch (code & 0xe0) {
    case 0x00:
      return operand
    case 0x20:
      if (operand >= ancillaryBase) return ancillary(operand - ancillaryBase) ?? 'unknown'
      return read(operand, size)
    case 0x40:
      return read((x + operand) >>> 0, size)
    case 0x60:
      return memory[operand]!
    case 0x80:
      return length
    default: {
      // Four times the low half of a byte: the length of an IPv4 header.
      const byte = read(operand, 1)
      return byte === null ? null : (byte & 15) * 4
    }
  }
}

function compute(operation: number, a: number, b: number): number {
  switch (operation) {
    case alu.add:
      return (a + b) >>> 0
    case alu.sub:
      return (a - b) >>> 0
    case alu.mul:
      return Math.imul(a, b) >>> 0
    case alu.div:
      return Math.floor(a / b)
    case alu.mod:
      return a % b
    case alu.or:
      return (a | b) >>> 0
    case alu.and:
      return (a & b) >>> 0
    case alu.xor:
      return (a ^ b) >>> 0
    case alu.lsh:
      return (a << b) >>> 0
    case alu.rsh:
      return a >>> b
    default:
      return -a >>> 0
  }
}

function holds(condition: number, a: number, b: number): boolean {
  switch (condition) {
    case jump.equal:
      return a === b
    case jump.greater:
      return a > b
    case jump.notLess:
      return a >= b
    default:
      return (a & b) !== 0
  }
}
