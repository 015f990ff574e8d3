/** The conditions that every rule may have, whatever its extensions: addresses, interfaces, protocol, counters. */
import { addressBits, type Family, type Prefix, parseAddress, printPrefix } from '../net/address.ts'
import { shortForm } from './base-options.ts'
import type { CommandEnvironment } from './command.ts'
import type { SeenOption } from './command-parts.ts'
import * as complain from './complaints.ts'
import type { Refusal } from './diagnostic.ts'
import { networkOf } from './network.ts'
import type { Counters, Negatable } from './rule.ts'
import { parseNetworkPrefix } from './values.ts'
import { byteLength, spanBehind, type Word } from './words.ts'

/** What `-s` or `-d` say: a list that becomes a rule for each entry; one null entry for any address. */
export type AddressList = readonly (Negatable<Prefix> | null)[]

/** Reads `ADDRESS[/MASK][,...]`. Source: `xtables_ipparse_multiple()`, libxtables/xtables.c. */
export function parseAddressList(seen: SeenOption | undefined, environment: CommandEnvironment): AddressList {
  if (seen === undefined) return [null]
  const { family } = environment
  const word = seen.value!
  const parts = word.text.split(',')
  const list: (Negatable<Prefix> | null)[] = []
  let offset = 0
  for (const part of parts) {
    const blanks = part.length - part.trimStart().length
    const prefix = parsePrefix(
      { text: part.slice(blanks), span: partSpan(word, offset + blanks, part) },
      family,
      environment,
    )
    offset += part.length + 1
    if (prefix === null) continue
    list.push(isAny(prefix) && !seen.inverted ? null : networkOf(prefix, seen.inverted))
  }
  return list
}

function partSpan(word: Word, offset: number, part: string) {
  const span = spanBehind(word, offset)
  return span === word.span ? span : { ...span, end: span.start + part.trimStart().length }
}

const isAny = ({ mask }: Prefix): boolean => mask.words.every((bits) => bits === 0)

function parsePrefix({ text, span }: Word, family: Family, { problems }: CommandEnvironment): Prefix | null {
  const parsed = parseNetworkPrefix(text, family)
  if ('prefix' in parsed) {
    if (parsed.hasHostBits) problems.note(complain.hostBits(text, printPrefix(parsed.prefix)), span)
    return parsed.prefix
  }
  if (parsed.bad === 'mask') problems.error(complain.badMask(parsed.text, addressBits(family)), span)
  else if (parseAddress(parsed.text) !== null)
    problems.error(complain.addressOfOtherFamily(parsed.text, family), span)
  else problems.error(complain.badAddress(parsed.text, family), span)
  return null
}

/** Bytes an interface name may have. Source: IFNAMSIZ - 1, include/uapi/linux/if.h. */
export const interfaceNameBytes = 15

/** `NAME` or `PREFIX+`; `+` alone is any interface. Source: `xtables_parse_interface()`. */
export function parseInterface(
  seen: SeenOption | undefined,
  { problems }: CommandEnvironment,
): Negatable<string> | null {
  if (seen === undefined) return null
  const { text, span } = seen.value!
  const option = shortForm(seen.option)
  if (text === '') problems.error(complain.emptyInterface(option), span)
  const glued = seen.value === seen.word
  if (byteLength(text) > interfaceNameBytes) {
    problems.error(glued ? complain.interfaceGlued(text) : complain.interfaceTooLong(text), span)
  } else if (glued) problems.warn(complain.interfaceGlued(text), span)
  if (/[ /]/.test(text)) problems.warn(complain.oddInterface(text), span)
  if (text.startsWith('!')) problems.warn(complain.bangInInterface(text, option), span)
  return text === '+' && !seen.inverted ? null : { value: text, inverted: seen.inverted }
}

/** `-c PACKETS BYTES` or `-c PACKETS,BYTES`; null for what `countersFault` complains of. */
export function parseCounters(seen: SeenOption): Counters | null {
  const [left, right] = countersOf(seen).map(digitsOf)
  return left == null || right == null ? null : { packets: count(left), bytes: count(right) }
}

/** What is wrong with them, or null. */
export function countersFault(seen: SeenOption): Refusal | null {
  const parts = countersOf(seen)
  const [left, right] = parts.map(digitsOf)
  if (left != null && right != null) return null
  const fault = parts[1] === undefined ? 'incomplete' : left == null ? 'packet' : 'byte'
  return complain.badCounters(parts.join(' '), fault)
}

const countersOf = ({ value, second }: SeenOption): string[] =>
  second === null ? splitOnce(value!.text) : [value!.text, second.text]

/** sscanf("%llu") reads the digits it finds and ignores the rest. */
const digitsOf = (text: string): string | null => /^\s*[-+]?\d+/.exec(text)?.[0] ?? null

function splitOnce(text: string): string[] {
  const comma = text.indexOf(',', 1)
  return comma < 0 ? [text] : [text.slice(0, comma), text.slice(comma + 1)]
}

const count = (digits: string): bigint => BigInt.asUintN(64, BigInt(digits.replace('+', '').trim()))
