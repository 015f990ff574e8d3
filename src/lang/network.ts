/** Addresses as conditions of rules. */
import { lengthOfMask, maskOfLength, type Prefix } from '../net/address.ts'
import type { Negatable } from './rule.ts'

/**
 * What nearly every `-s` and `-d` of IPv4 asks for: an address, and a mask of leading ones. It is a condition like any
 * other to whoever asks for its `value`, and three numbers until then: of a ruleset of a hundred thousand networks the
 * addresses are most that has to be made, moved and kept.
 */
export class Ipv4Network implements Negatable<Prefix> {
  /** The address as a signed 32-bit word, which V8 keeps without a box. */
  readonly word: number
  /** Leading ones of the mask; 0 only where it is inverted. */
  readonly length: number
  readonly inverted: boolean

  constructor(word: number, length: number, inverted: boolean) {
    this.word = word
    this.length = length
    this.inverted = inverted
  }

  get value(): Prefix {
    return { address: { family: 'ipv4', words: [this.word >>> 0] }, mask: maskOfLength('ipv4', this.length) }
  }
}

/** The condition that asks for a prefix. */
export function networkOf(value: Prefix, inverted: boolean): Negatable<Prefix> {
  const { address, mask } = value
  const length = address.family === 'ipv4' ? lengthOfMask(mask) : null
  return length === null ? { value, inverted } : new Ipv4Network(address.words[0]! | 0, length, inverted)
}
