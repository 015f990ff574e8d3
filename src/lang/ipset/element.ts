/** Elements as text: `10.0.0.0/8`, `10.0.0.1,udp:53,10.0.0.0/24`, `eth0`. Source: lib/parse.c, lib/print.c, 7.17. */
import { addressOf, type Family, printAddress, printIpv4Word } from '../../net/address.ts'
import { protocolName } from '../names.ts'
import { printIcmpCode } from './icmp-names.ts'
import type { ElementAttributes, Words } from './kernel.ts'
import { IpsetProblem, problem, syntaxError } from './problem.ts'
import type { PartKind, ToolType } from './set-types.ts'
import * as values from './values.ts'

/** Reads an element into the reading's attributes. */
export function readElement(text: string, type: ToolType, reading: values.Reading): void {
  const { parts, lastOptional = false } = type
  const texts = splitElement(text, type, lastOptional)
  if (texts === null) {
    readOldReference(text, reading)
    return
  }
  let wrongFamily: values.WrongFamily | null = null
  for (let at = 0; at < texts.length; at++) {
    try {
      readPart(parts[at]!, texts[at]!, reading, at)
    } catch (error) {
      if (error instanceof values.WrongFamily) wrongFamily = error
      else if (wrongFamily === null || !(error instanceof IpsetProblem)) throw error
      else problem(error.kind, wrongFamily.message, ...error.lines)
    }
  }
  if (wrongFamily !== null) throw wrongFamily
}

/** The parts between commas; null for the old way to name a set in a list. */
function splitElement(text: string, { name, parts }: ToolType, lastOptional: boolean): string[] | null {
  const comma = values.separatorAt(text, ',')
  if (parts.length === 1) {
    if (comma < 0) return [text]
    if (parts[0] === 'name') return null
    return syntaxError(`Elem separator in ${text}, but settype ${name} supports none.`)
  }
  if (comma < 0) return lastOptional ? [text] : syntaxError(`Second element is missing from ${text}.`)
  const [first, rest] = [text.slice(0, comma), text.slice(comma + 1)]
  const second = values.separatorAt(rest, ',')
  if (parts.length === 2) {
    return second < 0
      ? [first, rest]
      : syntaxError(`Two elem separators in ${text}, but settype ${name} supports one.`)
  }
  if (second < 0) return syntaxError(`Third element is missing from ${text}.`)
  const last = rest.slice(second + 1)
  if (values.separatorAt(last, ',') >= 0) {
    return syntaxError(`Three elem separators in ${text}, but settype ${name} supports two.`)
  }
  return [first, rest.slice(0, second), last]
}

/** `NAME,before,NAME`. */
function readOldReference(text: string, { element }: values.Reading): void {
  const [, name = '', where, reference] = /^([^,]*),([^,]*)(?:,(.*))?$/s.exec(text) ?? []
  if (reference === undefined || (where !== 'before' && where !== 'after')) {
    problem('session', 'you must specify elements as setname,[before|after],setname')
  }
  element.name = values.setName(name)
  element.nameref = values.setName(reference!)
  if (where === 'before') element.before = true
}

function readPart(kind: PartKind, text: string, reading: values.Reading, at: number): void {
  const { element } = reading
  switch (kind) {
    case 'ip':
    case 'single-ip':
    case 'ip4-single6':
    case 'ip4-net6':
      readAddressPart(kind, text, reading, at === 0)
      break
    case 'proto-port':
      Object.assign(element, values.protocolAndPort(text, reading))
      break
    case 'tcp-udp-port':
      Object.assign(element, values.tcpOrUdpPort(text, reading))
      break
    case 'ether':
      element.ether = values.ether(text)
      break
    case 'iface':
      Object.assign(element, values.iface(text))
      break
    case 'name':
      element.name = values.setName(text)
  }
}

function readAddressPart(
  kind: 'ip' | 'single-ip' | 'ip4-single6' | 'ip4-net6',
  text: string,
  reading: values.Reading,
  isFirst: boolean,
): void {
  const { element } = reading
  const isIpv6 = reading.family === 'ipv6'
  const form =
    kind === 'single-ip' || (kind === 'ip4-single6' && isIpv6)
      ? 'plain'
      : kind === 'ip4-net6' && isIpv6
        ? 'address-or-net'
        : 'any'
  const { from, to, length } = values.address(text, reading, form)
  if (isFirst) {
    element.ip = from
    if (to !== undefined) element.ipTo = to
    if (length !== undefined) element.cidr = length
  } else {
    element.ip2 = from
    if (to !== undefined) element.ip2To = to
    if (length !== undefined) element.cidr2 = length
  }
}

// --- Printing

export const printWords = (words: Words, family: Family): string =>
  family === 'ipv4' ? printIpv4Word(words[0]!) : printAddress(addressOf(family, words))

/** The one name that every host's /etc/hosts has; whether `::1` stands there too differs from host to host. */
const loopbackNames: Readonly<Record<string, string>> = { '127.0.0.1': 'localhost' }

/** An element as listings and answers to `test` show it; with names of addresses where they are `resolved`. */
export function printElement(
  element: ElementAttributes,
  type: ToolType,
  family: Family | null,
  resolved = false,
): string {
  const [first, second, third] = type.parts
  const print = (kind: PartKind, isFirst: boolean): string => {
    const text = printPart(kind, element, family ?? 'ipv4', isFirst)
    return resolved ? (loopbackNames[text] ?? text) : text
  }
  const text = print(first!, true)
  if (second === undefined || (type.lastOptional && element.ether === undefined)) return text
  const pair = `${text},${print(second, false)}`
  return third === undefined ? pair : `${pair},${print(third, false)}`
}

function printPart(kind: PartKind, element: ElementAttributes, family: Family, isFirst: boolean): string {
  switch (kind) {
    case 'ip':
    case 'single-ip':
    case 'ip4-single6':
    case 'ip4-net6':
      return isFirst
        ? printAddressPart(element.ip!, element.cidr, element.ipTo, family)
        : printAddressPart(element.ip2!, element.cidr2, element.ipTo, family)
    case 'proto-port':
      return printProtocolAndPort(element)
    case 'tcp-udp-port':
      return printPorts(element)
    case 'ether':
      return Array.from(element.ether!, (byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':')
    case 'iface':
      return `${element.physdev ? 'physdev:' : ''}${element.iface}`
    case 'name':
      // `before` is forgotten on the way.
      return element.nameref === undefined ? element.name! : `${element.name} after ${element.nameref}`
  }
}

/** The end of the first range stands behind the second address, too. */
function printAddressPart(
  words: Words,
  length: number | undefined,
  to: Words | undefined,
  family: Family,
): string {
  const bits = family === 'ipv4' ? 32 : 128
  const suffix = length === undefined || length === bits ? '' : `/${length}`
  const from = `${printWords(words, family)}${suffix}`
  return to === undefined ? from : `${from}-${printWords(to, family)}${suffix}`
}

function printProtocolAndPort(element: ElementAttributes): string {
  const proto = element.proto!
  const name = protocolName(proto)
  if (proto === 1) return `${name}:${printIcmpCode(element.port!, 'ipv4')}`
  if (proto === 58) return `${name}:${printIcmpCode(element.port!, 'ipv6')}`
  return `${name}:${printPorts(element)}`
}

const printPorts = ({ port, portTo }: ElementAttributes): string =>
  portTo === undefined ? String(port) : `${port}-${portTo}`
