/**
 * `-m bpf`: a program of the Berkeley packet filter, over the packet from its IP header on.
 *
 * Kernel: net/netfilter/xt_bpf.c, `bpf_mt()`. Syntax: iptables extensions/libxt_bpf.c. Programs pinned in a file system of
 * the kernel cannot be read here, and are refused as iptables does where the file is not there.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { value } from '../../lang/options.ts'
import type { Packet } from '../../net/packet.ts'
import { etherType } from '../../net/protocol.ts'
import type { HookContext, PacketType, Skb } from '../context.ts'
import { askUnknown, bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'
import { faultOf, type Instruction, linkBase, networkBase, runProgram } from './_bpf.ts'

export interface Bpf {
  readonly program: readonly Instruction[]
}

/** XT_BPF_MAX_NUM_INSTR. */
const mostInstructions = 64

export const bpf = defineMatch<Bpf>()({
  name: 'bpf',
  families: bothFamilies,
  doc: 'Match packets by a program of the Berkeley packet filter.',
  options: {
    bytecode: value(parseProgram, {
      doc: 'the program in numbers, as tcpdump -ddd and nfbpf_compile print it',
      metavar: 'COUNT,CODE JT JF K,...',
      excludes: ['object-pinned'],
    }),
    'object-pinned': value(refusePinned, {
      doc: 'a program pinned in the kernel, which cannot be read here',
      metavar: 'PATH',
      excludes: ['bytecode'],
    }),
  },
  examples: ['--bytecode "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0"'],

  parse: ({ bytecode }) =>
    bytecode === undefined ? refuse('no-program', 'bpf needs --bytecode') : { program: bytecode.value },
  print: ({ program }) => `--bytecode "${program.length},${printProgram(program)}"`,
  // iptables itself ends it with a zero byte.
  list: ({ program }) => `match bpf ${printProgram(program)}\0`,

  check: ({ program }) => {
    const fault = faultOf(program)
    return fault === null
      ? null
      : { code: 'bad-program', message: `the kernel refuses the program: ${fault}` }
  },

  ...opaque<Bpf>('bpf', ({ program }, skb, context) => {
    const result = run(program, skb, context)
    if (result !== 'unknown') return result !== 0
    const proposition = `bpf ${printProgram(program)}`
    return askUnknown(context, proposition, 'something that the program loads beside the packet') ?? false
  }),

  explain: () => 'the program returned 0',
})

/** Source: include/uapi/linux/if_packet.h. */
const packetTypes: Readonly<Record<PacketType, number>> = {
  host: 0,
  broadcast: 1,
  multicast: 2,
  otherhost: 3,
  outgoing: 4,
  loopback: 5,
}

function run(program: readonly Instruction[], { packet, packetType, mark }: Skb, context: HookContext) {
  const { networkOffset, endOffset } = packet
  const read = (offset: number, size: number): number | null => {
    const at = placeOf(packet, offset)
    return at === null || endOffset - at < size ? null : bigEndian(packet, at, size)
  }
  const ancillary = (offset: number): number | null => {
    switch (offset) {
      case 0:
        return packet.family === 'ipv4' ? etherType.ipv4 : etherType.ipv6
      case 4:
        return packetTypes[packetType]
      case 8:
        return (context.in ?? context.out)?.index ?? null
      case 20:
        return mark
      default:
        return null
    }
  }
  return runProgram(program, read, endOffset - networkOffset, ancillary)
}

/** Offsets from the top of the numbers are from the IP header and from the Ethernet header. */
function placeOf({ networkOffset, linkOffset }: Packet, offset: number): number | null {
  if (offset < 0x8000_0000) return networkOffset + offset
  if (offset >= networkBase) return networkOffset + offset - networkBase
  return offset >= linkBase && linkOffset >= 0 ? linkOffset + offset - linkBase : null
}

const bigEndian = (packet: Packet, at: number, size: number): number =>
  size === 1 ? packet.u8(at) : size === 2 ? packet.u16(at) : packet.u32(at)

const printProgram = (program: readonly Instruction[]): string =>
  program
    .map(({ code, whenTrue, whenFalse, operand }) => `${code} ${whenTrue} ${whenFalse} ${operand}`)
    .join(',')

/** Numbers are cut to their width, as `sscanf` does. Source: bpf_parse_string(). */
function parseProgram(text: string): readonly Instruction[] {
  const [, digits] = /^\s*\+?(\d+),/.exec(text) ?? []
  if (digits === undefined)
    return refuse('bad-program', 'does not begin with a number of instructions and a comma', {
      said: 'bpf: error parsing program length',
    })
  const count = Number(BigInt.asUintN(16, BigInt(digits)))
  if (count === 0) return refuse('bad-program', 'is a program of no instructions')
  if (count > mostInstructions) return refuse('bad-program', `has more than ${mostInstructions} instructions`)
  const words = text.slice(text.indexOf(',') + 1).split(',')
  if (words.at(-1) === '') words.pop()
  if (words.length !== count) return refuse('bad-program', `has ${words.length} instructions, not ${count}`)
  return words.map((word, at) => {
    const [, ...numbers] = /^\s*\+?(\d+)\s+\+?(\d+)\s+\+?(\d+)\s+\+?(\d+)/.exec(word) ?? []
    if (numbers.length !== 4)
      return refuse('bad-program', `has an instruction ${at} that is not four numbers`, {
        said: `bpf: error at instr ${at}`,
      })
    const [code, whenTrue, whenFalse, operand] = numbers.map(BigInt) as [bigint, bigint, bigint, bigint]
    return {
      code: Number(BigInt.asUintN(16, code)),
      whenTrue: Number(BigInt.asUintN(8, whenTrue)),
      whenFalse: Number(BigInt.asUintN(8, whenFalse)),
      operand: Number(BigInt.asUintN(32, operand)),
    }
  })
}

function refusePinned(): never {
  return refuse('no-object', 'is pinned in a kernel, and cannot be read here', {
    help: '--bytecode, with the program in numbers',
    said: 'bpf: failed to get bpf object',
  })
}
