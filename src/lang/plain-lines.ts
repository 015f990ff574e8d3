/**
 * Lines as iptables-save prints them, read a part at a time: rules of real files repeat their words, and each word is
 * read once.
 *
 * A plain line is `-A CHAIN [!] -s ADDRESS [!] -d ADDRESS TAIL`, and a tail that was read before is not read again: a
 * list of countries is a hundred thousand times the same. A tail that is new is taken apart into interfaces, protocol,
 * matches and target, each of which was likely read in another tail. What is not plain in any way, or would be
 * complained of, is left to those who look at all words; what they make of a tail without a word of complaint is
 * remembered, too. Whatever else may change the meaning of a tail (chains, the table) makes all of them forgotten.
 */
import { type Family, maskOfLength, type Prefix } from '../net/address.ts'
import { type CommandEnvironment, chainNameBytes } from './command.ts'
import { Ipv4Network } from './network.ts'
import type { Counters, Negatable, Rule, Table } from './rule.ts'
import { noCounters } from './rule.ts'
import type { SourceText } from './source.ts'
import { type Tail, TailReader } from './tail-reader.ts'
import { parseNetworkPrefix } from './values.ts'
import { byteLength } from './words.ts'

/** The tails of one chain. */
interface ChainTails {
  readonly name: string
  readonly rules: Rule[]
  /** By their text; null for what is not plain. */
  readonly tails: Map<string, Tail | null>
  /** The tail of the last line. */
  text: string
  tail: Tail | null
}

/** Tails kept of each chain: where there are more, they have not much in common. */
const tailLimit = 4096

const blank = 0x20
const dash = 0x2d
const slash = 0x2f
const dot = 0x2e

export class PlainLines {
  readonly #source: SourceText
  readonly #text: string
  readonly #family: Family
  readonly #environment: () => CommandEnvironment
  #chains = new Map<string, ChainTails>()
  #chain: ChainTails | null = null
  #reader: TailReader | null = null

  /** `text` is read in place of the source's; `environment` of the section that the lines stand in. */
  constructor(source: SourceText, text: string, family: Family, environment: () => CommandEnvironment) {
    this.#source = source
    this.#text = text
    this.#family = family
    this.#environment = environment
  }

  forget(): void {
    if (this.#chain === null && this.#reader === null) return
    this.#chains = new Map()
    this.#chain = null
    this.#reader = null
  }

  /** Appends the rule of a line to its chain; false when all words have to be looked at. */
  append(table: Table, start: number, end: number, counters: Counters | null): boolean {
    const chain = this.#locate(table, start, end)
    if (chain === null) return false
    const tail = this.#tailAt(chain, this.#behind, end)
    if (tail === null) return false
    chain.rules.push({
      source: this.#from,
      destination: this.#to,
      inInterface: tail.inInterface,
      outInterface: tail.outInterface,
      protocol: tail.protocol,
      fragment: tail.fragment,
      matches: tail.matches,
      target: tail.target,
      counters: counters ?? noCounters,
      span: { source: this.#source, start, end: end - tail.blanksBehind },
    })
    return true
  }

  /** Remembers what a line was read to, in full and without complaint. */
  learn(table: Table, start: number, end: number, rule: Rule): void {
    const chain = this.#locate(table, start, end)
    if (chain === null || rule.span?.start !== start) return
    // Addresses further on are part of the tail, which must not have any.
    if ((rule.source === null) !== (this.#from === null)) return
    if ((rule.destination === null) !== (this.#to === null)) return
    const rest = this.#behind
    const uses = [...rule.matches, ...(rule.target.kind === 'none' ? [] : [rule.target])]
    // Nothing of the tail may stand in front of it.
    const length = rule.span.end - rest
    if (uses.some(({ span }) => span === null || span.beforeEnd > length)) return
    const { inInterface, outInterface, protocol, fragment, matches, target, counters } = rule
    if (counters !== noCounters) return
    const blanksBehind = end - rule.span.end
    const tail = { inInterface, outInterface, protocol, fragment, matches, target, blanksBehind }
    this.#keep(chain, this.#text.slice(rest, end), tail)
  }

  #keep(chain: ChainTails, text: string, tail: Tail | null): void {
    if (chain.tails.size >= tailLimit) chain.tails.clear()
    chain.tails.set(text, tail)
    chain.text = text
    chain.tail = tail
  }

  #tailAt(chain: ChainTails, rest: number, end: number): Tail | null {
    if (chain.text.length === end - rest && this.#text.startsWith(chain.text, rest)) return chain.tail
    const text = this.#text.slice(rest, end)
    const known = chain.tails.get(text)
    if (known === undefined) {
      this.#reader ??= new TailReader(this.#source, this.#text, this.#environment())
      this.#keep(chain, text, this.#reader.read(chain.name, rest, end))
    } else {
      chain.text = text
      chain.tail = known
    }
    return chain.tail
  }

  /** The addresses of the line that was located last, and where its tail begins. */
  #from: Negatable<Prefix> | null = null
  #to: Negatable<Prefix> | null = null
  #behind = 0

  /** The chain of a line; its addresses are then known, too. Null when it is not of the plain form. */
  #locate(table: Table, start: number, end: number): ChainTails | null {
    const text = this.#text
    if (text.charCodeAt(start) !== dash || text.charCodeAt(start + 1) !== append) return null
    if (text.charCodeAt(start + 2) !== blank) return null
    const chain = this.#chainAt(table, start + 3, end)
    if (chain === null) return null
    const from = this.#readCondition(start + 3 + chain.name.length, end, sourceLetter)
    if (from === undefined) return null
    const to = this.#readCondition(this.#behind, end, destinationLetter)
    if (to === undefined) return null
    this.#from = from
    this.#to = to
    return chain
  }

  #chainAt(table: Table, start: number, end: number): ChainTails | null {
    const last = this.#chain
    const behindLast = last === null ? 0 : start + last.name.length
    if (
      last !== null &&
      this.#text.charCodeAt(behindLast) === blank &&
      this.#text.startsWith(last.name, start)
    )
      return last
    const behind = this.#text.indexOf(' ', start)
    if (behind < 0 || end <= behind) return null
    const name = this.#text.slice(start, behind)
    if (byteLength(name) > chainNameBytes || name.includes('"')) return null
    let known = this.#chains.get(name)
    if (known === undefined) {
      const chain = table.chains.get(name)
      if (chain === undefined) return null
      known = { name, rules: chain.rules, tails: new Map(), text: '', tail: null }
      known.tails.set('', null)
      this.#chains.set(name, known)
    }
    this.#chain = known
    return known
  }

  /** ` [!] -s ADDRESS` at a place; null when there is none, undefined when it is not plain. */
  #readCondition(at: number, end: number, letter: number): Negatable<Prefix> | null | undefined {
    const text = this.#text
    this.#behind = at
    const inverted = text.charCodeAt(at + 1) === bang
    if (inverted && text.charCodeAt(at + 2) !== blank) return null
    const option = inverted ? at + 3 : at + 1
    if (text.charCodeAt(option) !== dash || text.charCodeAt(option + 1) !== letter) return null
    if (text.charCodeAt(at) !== blank || text.charCodeAt(option + 2) !== blank) return null
    const word = option + 3
    let behind = text.indexOf(' ', word)
    if (behind < 0 || end < behind) behind = end
    this.#behind = behind
    return this.#family === 'ipv4'
      ? readIpv4(text, word, behind, inverted)
      : readIpv6(text.slice(word, behind), inverted)
  }
}

const bang = 0x21
const append = 0x41
const sourceLetter = 0x73
const destinationLetter = 0x64

/** Four plain decimal numbers, and a length; undefined for all other forms. A length of zero makes the condition none. */
function readIpv4(text: string, from: number, end: number, inverted: boolean): Ipv4Network | undefined {
  let word = 0
  let at = from
  for (let part = 0; part < 4; part++) {
    let value = 0
    const first = at
    for (; at < end; at++) {
      const digit = text.charCodeAt(at) - 0x30
      if (digit < 0 || 9 < digit) break
      value = value * 10 + digit
    }
    if (at === first || at - first > 3 || 255 < value) return undefined
    if (at - first > 1 && text.charCodeAt(first) === 0x30) return undefined
    word = (word << 8) | value
    if (part < 3 && text.charCodeAt(at++) !== dot) return undefined
  }
  let length = 32
  if (at < end) {
    if (text.charCodeAt(at) !== slash || end - at > 3 || end - at < 2) return undefined
    length = 0
    for (at++; at < end; at++) {
      const digit = text.charCodeAt(at) - 0x30
      if (digit < 0 || 9 < digit || (digit === 0 && length === 0)) return undefined
      length = length * 10 + digit
    }
    if (32 < length || (word << length !== 0 && length < 32)) return undefined
  }
  return new Ipv4Network(word, length, inverted)
}

function readIpv6(word: string, inverted: boolean): Negatable<Prefix> | undefined {
  if (!/^[0-9a-fA-F:]+(\/\d{1,3})?$/.test(word)) return undefined
  const parsed = parseNetworkPrefix(word, 'ipv6')
  if ('bad' in parsed || parsed.hasHostBits || parsed.prefix.mask === anywhere) return undefined
  return { value: parsed.prefix, inverted }
}

const anywhere = maskOfLength('ipv6', 0)
