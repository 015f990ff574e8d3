/**
 * Rules that differ in nothing but their addresses are read once: a list of countries is a hundred thousand times the
 * same rule.
 *
 * The shape of a line `-A CHAIN [!] -s ADDRESS [!] -d ADDRESS REST` is the line without the addresses. Of a shape that
 * was read without a word of complaint, the next line takes everything but addresses and places. Whatever else may
 * change the meaning of a line (chains, the table) makes all shapes forgotten.
 */
import { type Family, maskOfLength, type Prefix } from '../net/address.ts'
import type { Counters, Negatable, Rule, TargetUse } from './rule.ts'
import type { Span } from './source.ts'
import { parseNetworkPrefix } from './values.ts'

/** A line taken apart. */
export interface Cut {
  readonly shape: string
  readonly source: Negatable<Prefix> | null
  readonly destination: Negatable<Prefix> | null
  /** Where the line begins and ends, and where what stands behind the addresses begins. */
  readonly start: number
  readonly rest: number
  readonly end: number
}

interface Shape {
  readonly chain: string
  readonly rule: Rule
  /** The end of the line that the rule was read from. */
  readonly end: number
}

/** Shapes kept: more than that have not much in common. */
const shapeLimit = 10_000

const blank = 0x20
const slash = 0x2f
const dot = 0x2e

export class RuleShapes {
  readonly #shapes = new Map<string, Shape>()

  forget(): void {
    if (this.#shapes.size > 0) this.#shapes.clear()
  }

  /** The chain that a line appends to, and its rule; null when the shape is not known. */
  make(cut: Cut, counters: Counters | null): { readonly chain: string; readonly rule: Rule } | null {
    const shape = this.#shapes.get(cut.shape)
    if (shape === undefined) return null
    const { rule, chain } = shape
    const { source, destination } = cut
    const moved = cut.end - shape.end
    const text = rule.span!.source
    const { matches } = rule
    return {
      chain,
      rule: {
        source,
        destination,
        inInterface: rule.inInterface,
        outInterface: rule.outInterface,
        protocol: rule.protocol,
        fragment: rule.fragment,
        matches:
          matches.length === 0 ? matches : matches.map((use) => ({ ...use, span: move(use.span, moved) })),
        target: moveTarget(rule.target, moved),
        counters: counters ?? rule.counters,
        span: { source: text, start: cut.start, end: rule.span!.end + moved },
      },
    }
  }

  /** Remembers what a line was read to. */
  learn(cut: Cut, chain: string, rule: Rule): void {
    if (this.#shapes.size >= shapeLimit || rule.span?.start !== cut.start) return
    const spans = [...rule.matches.map(({ span }) => span), 'span' in rule.target ? rule.target.span : null]
    if (spans.some((span) => span !== null && span.start < cut.rest)) return
    this.#shapes.set(cut.shape, { chain, rule, end: cut.end })
  }
}

const move = (span: Span | null, by: number): Span | null =>
  span === null ? null : { source: span.source, start: span.start + by, end: span.end + by }

const moveTarget = (target: TargetUse, by: number): TargetUse =>
  target.kind === 'none' ? target : { ...target, span: move(target.span, by) }

/** Takes a line apart; null when it is not of the plain form, so that all its words have to be looked at. */
export function cutLine(text: string, from: number, end: number, family: Family): Cut | null {
  let start = from
  while (start < end && text.charCodeAt(start) === blank) start++
  if (!text.startsWith('-A ', start)) return null
  const behindChain = text.indexOf(' ', start + 3)
  if (behindChain < 0 || end <= behindChain) return null
  const source = readCondition(text, behindChain, end, 's', family)
  if (source === null) return null
  const destination = readCondition(text, source.behind, end, 'd', family)
  if (destination === null) return null
  const rest = destination.behind
  const signs = `${source.sign}${destination.sign}`
  return {
    shape: `${signs}${text.slice(start, behindChain)}${text.slice(rest, end)}`,
    source: source.value,
    destination: destination.value,
    start,
    rest,
    end,
  }
}

interface Condition {
  readonly value: Negatable<Prefix> | null
  /** What the shape says of it: nothing there, there, inverted. */
  readonly sign: '-' | '+' | '!'
  readonly behind: number
}

/** ` [!] -s ADDRESS` at a place; null when it is there and not plain. */
function readCondition(
  text: string,
  at: number,
  end: number,
  letter: string,
  family: Family,
): Condition | null {
  const inverted = text.startsWith(' ! -', at)
  const option = inverted ? at + 3 : at + 1
  if (text[option] !== '-' || text[option + 1] !== letter || text.charCodeAt(option + 2) !== blank)
    return { value: null, sign: '-', behind: at }
  const word = option + 3
  let behind = text.indexOf(' ', word)
  if (behind < 0 || end < behind) behind = end
  const prefix = family === 'ipv4' ? readIpv4(text, word, behind) : readIpv6(text.slice(word, behind))
  // A mask of zero makes the condition none.
  if (prefix === null || prefix.mask.words.every((bits) => bits === 0)) return null
  return { value: { value: prefix, inverted }, sign: inverted ? '!' : '+', behind }
}

/** Four plain decimal numbers, and a length; null for all other forms. */
function readIpv4(text: string, from: number, end: number): Prefix | null {
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
    if (at === first || at - first > 3 || 255 < value || (text[first] === '0' && at - first > 1)) return null
    word = word * 256 + value
    if (part < 3 && text.charCodeAt(at++) !== dot) return null
  }
  let length = 32
  if (at < end) {
    if (text.charCodeAt(at) !== slash) return null
    const digits = text.slice(at + 1, end)
    if (!/^[1-9]\d?$/.test(digits)) return null
    length = Number(digits)
    if (32 < length) return null
  }
  const mask = maskOfLength('ipv4', length)
  if (((word & ~mask.words[0]!) | 0) !== 0) return null
  return { address: { family: 'ipv4', words: [word] }, mask }
}

function readIpv6(word: string): Prefix | null {
  if (!/^[0-9a-fA-F:]+(\/\d{1,3})?$/.test(word)) return null
  const parsed = parseNetworkPrefix(word, 'ipv6')
  return 'prefix' in parsed && !parsed.hasHostBits ? parsed.prefix : null
}
