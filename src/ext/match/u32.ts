/**
 * `-m u32`: words of 32 bits anywhere in the packet, masked, shifted and compared.
 *
 * Kernel: net/netfilter/xt_u32.c, `u32_match_it()`. Syntax: iptables extensions/libxt_u32.c.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { scanNumber, uint32Max } from '../../lang/numbers.ts'
import { type Range, value } from '../../lang/options.ts'
import type { Packet } from '../../net/packet.ts'
import { bothFamilies, defineMatch } from '../define.ts'
import { opaque } from '../opaque.ts'

type Operator = '&' | '<<' | '>>' | '@'

export interface U32Step {
  readonly operator: Operator
  /** Unsigned 32 bits. */
  readonly operand: number
}

export interface U32Test {
  /** Where the first word is read, in bytes from the IP header. */
  readonly offset: number
  readonly steps: readonly U32Step[]
  readonly values: readonly Range[]
}

export interface U32 {
  /** All must hold. */
  readonly tests: readonly U32Test[]
  readonly inverted: boolean
}

/** XT_U32_MAXSIZE: tests, and numbers and values in each. */
const most = 10
const wordBytes = 4

export const u32 = defineMatch<U32>()({
  name: 'u32',
  families: bothFamilies,
  doc: 'Match packets by 32-bit words read at any offset.',
  options: {
    u32: value(parseTests, {
      doc: 'tests of words at offsets: "6&0xFF=1", "0>>22&0x3C@0>>24=8,0xd:0x12 && 4=0"',
      metavar: 'TESTS',
      invertible: true,
      required: true,
    }),
  },
  examples: ['--u32 "0x6&0xff=0x1"', '! --u32 "0x0>>0x16&0x3c@0x0>>0x18=0x8,0xd:0x12&&0x4=0x0"'],

  parse: ({ u32 }) => ({ tests: u32!.value, inverted: u32!.inverted }),

  print: ({ tests, inverted }) => `${inverted ? '! ' : ''}--u32 "${tests.map(printTest).join('&&')}"`,

  list: ({ tests, inverted }) => ` u32${inverted ? ' !' : ''} "${tests.map(printTest).join('&&')}"`,

  check: ({ tests }) => {
    const shift = tests
      .flatMap(({ steps }) => steps)
      .find(({ operator, operand }) => (operator === '<<' || operator === '>>') && operand > 31)
    if (shift === undefined) return null
    return { code: 'long-shift', message: `a shift by ${shift.operand} leaves nothing of 32 bits` }
  },

  ...opaque<U32>(
    'u32',
    ({ tests, inverted }, { packet }) => {
      const fits = tests.every((test) => {
        const word = read(test, packet)
        return word !== null && test.values.some(({ low, high }) => low <= word && word <= high)
      })
      return fits !== inverted
    },
    { isComplement: true },
  ),

  explain: ({ tests, inverted }, { packet }) => {
    if (inverted) return 'all its tests hold'
    for (const test of tests) {
      const word = read(test, packet)
      if (word === null) return `${printTest(test)} reads beyond the packet`
      if (!test.values.some(({ low, high }) => low <= word && word <= high))
        return `${printTest(test)}: it is ${hex(word)}`
    }
    return null
  },
})

/** The number that a test compares, or null where it reads beyond the packet. */
function read({ offset, steps }: U32Test, packet: Packet): number | null {
  const { networkOffset } = packet
  const length = packet.endOffset - networkOffset
  if (length < wordBytes || length - wordBytes < offset) return null
  let base = 0
  let word = packet.u32(networkOffset + offset)
  for (const { operator, operand } of steps) {
    switch (operator) {
      case '&':
        word = (word & operand) >>> 0
        break
      case '<<':
        word = (word << operand) >>> 0
        break
      case '>>':
        word >>>= operand
        break
      case '@':
        base += word
        if (base > 0xffff_ffff || length < base + wordBytes || length - base - wordBytes < operand)
          return null
        word = packet.u32(networkOffset + base + operand)
    }
  }
  return word
}

const hex = (number: number): string => `0x${number.toString(16)}`

function printTest({ offset, steps, values }: U32Test): string {
  const location = steps.map(({ operator, operand }) => `${operator}${hex(operand)}`)
  const ranges = values.map(({ low, high }) => (low === high ? hex(low) : `${hex(low)}:${hex(high)}`))
  return `${hex(offset)}${location.join('')}=${ranges.join(',')}`
}

// --- Reading

/** `TEST && TEST`, each `OFFSET [OPERATOR NUMBER]... = VALUE[:VALUE],...`; blanks may stand between. */
function parseTests(text: string): readonly U32Test[] {
  const reader = new Reader(text)
  const tests: U32Test[] = []
  do {
    tests.push(parseTest(reader))
    if (tests.length > most) return reader.refuse(`has more than ${most} tests`)
  } while (reader.take('&&'))
  if (!reader.atEnd) return reader.refuse('has something else than "," or "&&" behind a value')
  return tests
}

function parseTest(reader: Reader): U32Test {
  const offset = reader.number()
  const steps: U32Step[] = []
  while (!reader.take('=')) {
    const operator = (['&', '<<', '>>', '@'] as const).find((each) => reader.take(each))
    if (operator === undefined) return reader.refuse('lacks an operator or "="')
    steps.push({ operator, operand: reader.number() })
  }
  if (1 + steps.length > most) return reader.refuse(`has more than ${most} numbers before "="`)
  const values: Range[] = []
  do {
    const low = reader.number()
    values.push({ low, high: reader.take(':') ? reader.number() : low })
  } while (reader.take(','))
  if (values.length > most) return reader.refuse(`compares with more than ${most} values`)
  return { offset, steps, values }
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  #skipBlanks(): void {
    while (/[ \t\n\v\f\r]/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  get atEnd(): boolean {
    this.#skipBlanks()
    return this.#at === this.#text.length
  }

  take(symbol: string): boolean {
    this.#skipBlanks()
    if (!this.#text.startsWith(symbol, this.#at)) return false
    this.#at += symbol.length
    return true
  }

  number(): number {
    const scanned = scanNumber(this.#text.slice(this.#at), 0n, uint32Max)
    if (scanned === null) {
      return this.refuse('lacks a number from 0 to 0xffffffff', {
        said: `u32: at char ${this.#at}: not a number or out of range`,
      })
    }
    this.#at = this.#text.length - scanned.rest.length
    return Number(scanned.value)
  }

  refuse(what: string, more: { readonly said?: string } = {}): never {
    return refuse('bad-test', `${what} at character ${this.#at + 1}`, more)
  }
}
