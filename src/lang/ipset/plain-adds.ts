/**
 * Lines of restored text that differ in nothing but the address: `add NAME ADDRESS` and `add NAME ADDRESS/LENGTH`. One of
 * each length is read as any line is; what came of it tells what comes of the others.
 */
import type { ElementAttributes } from './kernel.ts'

const zero = 0x30
const dot = 0x2e
const slash = 0x2f
const newline = 0x0a

/** Stands for no length. */
const noLength = 33

export class PlainAdds {
  #set = ''
  /** `add NAME `. */
  #prefix = 'add '
  /** By length: whether an element of it is sent with it; absent where none was read yet. */
  #sendsLength: (boolean | undefined)[] = []
  #word = 0
  #length = 0

  /** The set that lines which were learned are about. */
  get set(): string {
    return this.#set
  }

  /** Other commands may make another set of the name. */
  forget(): void {
    this.#set = ''
    this.#prefix = 'add '
    this.#sendsLength = []
  }

  /** What the line at [start, end) adds; null when it has to be read as any other. */
  read(text: string, start: number, end: number): ElementAttributes | null {
    if (this.#set === '' || !text.startsWith(this.#prefix, start)) return null
    if (!this.#readAddress(text, start + this.#prefix.length, end)) return null
    const sendsLength = this.#sendsLength[this.#length]
    if (sendsLength === undefined) return null
    return sendsLength ? { ip: [this.#word], cidr: this.#length } : { ip: [this.#word] }
  }

  /** What came of a line that was read as any other. */
  learn(text: string, start: number, end: number, set: string, element: ElementAttributes): void {
    const prefix = `add ${set} `
    if (!text.startsWith(prefix, start) || !this.#readAddress(text, start + prefix.length, end)) return
    const { ip, cidr, ...more } = element
    const isPlain = ip?.length === 1 && ip[0] === this.#word && Object.keys(more).length === 0
    if (!isPlain || (cidr !== undefined && cidr !== this.#length)) return
    if (set !== this.#set) {
      this.forget()
      this.#set = set
      this.#prefix = prefix
    }
    this.#sendsLength[this.#length] = cidr !== undefined
  }

  /** Four plain decimal numbers, and a length of 1 to 32 or none, up to the end of the line. */
  #readAddress(text: string, from: number, end: number): boolean {
    let at = from
    let word = 0
    for (let part = 0; part < 4; part++) {
      const first = at
      let value = 0
      for (; at < end; at++) {
        const digit = text.charCodeAt(at) - zero
        if (digit < 0 || 9 < digit) break
        value = value * 10 + digit
      }
      const digits = at - first
      if (digits === 0 || 3 < digits || 255 < value) return false
      if (1 < digits && text.charCodeAt(first) === zero) return false
      word = (word << 8) | value
      if (part < 3 && text.charCodeAt(at++) !== dot) return false
    }
    this.#word = word >>> 0
    this.#length = noLength
    if (text.charCodeAt(at) === slash) {
      let length = 0
      for (at++; at < end; at++) {
        const digit = text.charCodeAt(at) - zero
        if (digit < 0 || 9 < digit || (digit === 0 && length === 0)) break
        length = length * 10 + digit
        if (32 < length) return false
      }
      if (length === 0) return false
      this.#length = length
    }
    return at + 1 === end && text.charCodeAt(at) === newline
  }
}
