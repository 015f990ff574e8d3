/** Options of `create`, `add`, `del` and `test`: how they are read, and printed in listings. Source: lib/args.c, 7.17. */

import type { Family } from '../../net/address.ts'
import { printIpv4Word } from '../../net/address.ts'
import { printWords } from './element.ts'
import type { CreateAttributes, ElementAttributes } from './kernel.ts'
import { syntaxError } from './problem.ts'
import * as values from './values.ts'

type Reading = values.Reading

/** What was said already; a second time is refused. */
type Slot = keyof CreateAttributes | keyof ElementAttributes | 'family' | null

export interface ToolOption {
  readonly name: string
  /** Whether a value follows. */
  readonly argument: boolean
  readonly slot: Slot
  read(text: string, reading: Reading): void
  /** As help shows it. */
  readonly help?: string
}

const number = (slot: keyof CreateAttributes, read: (text: string) => number): ToolOption => ({
  name: slot,
  argument: true,
  slot,
  help: `[${slot} VALUE]`,
  read: (text, { create }) => Object.assign(create, { [slot]: read(text) }),
})

const createFlag = (slot: 'counters' | 'comment' | 'skbinfo' | 'forceadd'): ToolOption => ({
  name: slot,
  argument: false,
  slot: null,
  help: `[${slot}]`,
  read: (_, { create }) => Object.assign(create, { [slot]: true }),
})

const elementFlag = (slot: 'nomatch' | 'wildcard'): ToolOption => ({
  name: slot,
  argument: false,
  slot: null,
  help: `[${slot}]`,
  read: (_, { element }) => Object.assign(element, { [slot]: true }),
})

const elementValue = (
  name: string,
  slot: keyof ElementAttributes,
  read: (text: string, reading: Reading) => Partial<ElementAttributes>,
  help = `[${name} VALUE]`,
): ToolOption => ({
  name,
  argument: true,
  slot,
  help,
  read: (text, reading) => Object.assign(reading.element, read(text, reading)),
})

/** Options of ipset 4 that mean nothing any more. Two of them are told under the name of the first. */
const ignored = (name: string, told = name): ToolOption => ({
  name,
  argument: true,
  slot: null,
  read: (text, reading) => reading.ignore(told, text),
})

const family = (name: string, argument: boolean): ToolOption => ({
  name,
  argument,
  slot: 'family',
  ...(argument ? { help: '[family inet|inet6]|[-4|-6]' } : {}),
  read(text, reading) {
    reading.family = values.familyNamed(text)
  },
})

const addressRange = (name: string, form: values.AddressForm): ToolOption => ({
  name,
  argument: true,
  slot: 'ip',
  read(text, reading) {
    const { from, to, length } = values.address(text, reading, form)
    Object.assign(reading.create, { ip: from }, to && { ipTo: to }, length !== undefined && { cidr: length })
  },
})

const reference = (name: 'before' | 'after'): ToolOption => ({
  name,
  argument: true,
  slot: 'nameref',
  ...(name === 'before' ? { help: '[before|after NAME]' } : {}),
  read(text, { element }) {
    Object.assign(element, { nameref: values.setName(text) }, name === 'before' && { before: true })
  },
})

const port = (name: string, slot: 'port' | 'portTo'): ToolOption => ({
  name,
  argument: true,
  slot,
  read: (text, { create }) => Object.assign(create, { [slot]: values.tcpPort(text) }),
})

/** By the names that `set-types.ts` gives them. */
export const createOptions: Readonly<Record<string, ToolOption>> = {
  family: family('family', true),
  '-4': family('-4', false),
  '-6': family('-6', false),
  hashsize: number('hashsize', values.uint32),
  maxelem: number('maxelem', values.uint32),
  netmask: {
    name: 'netmask',
    argument: true,
    slot: 'netmask',
    help: '[netmask CIDR]',
    read(text, reading) {
      reading.create.netmask = values.netmask(text, reading)
    },
  },
  bitmask: {
    name: 'bitmask',
    argument: true,
    slot: 'bitmask',
    help: 'bitmask bitmask',
    read(text, reading) {
      reading.create.bitmask = values.bitmask(text, reading)
    },
  },
  timeout: number('timeout', values.timeout),
  counters: createFlag('counters'),
  comment: createFlag('comment'),
  forceadd: createFlag('forceadd'),
  skbinfo: createFlag('skbinfo'),
  bucketsize: number('bucketsize', values.uint8),
  initval: number('initval', values.uint32),
  size: number('size', values.uint32),
  range: addressRange('range', 'net-or-range'),
  from: addressRange('from', 'plain'),
  network: addressRange('network', 'net'),
  to: {
    name: 'to',
    argument: true,
    slot: 'ipTo',
    read(text, reading) {
      reading.create.ipTo = values.address(text, reading, 'plain').from
    },
  },
  'port-range': {
    name: 'range',
    argument: true,
    slot: 'port',
    read: (text, reading) => Object.assign(reading.create, values.tcpOrUdpPort(text, reading)),
  },
  'from-port': port('from', 'port'),
  'to-port': port('to', 'portTo'),
  probes: ignored('probes'),
  resize: ignored('resize'),
  gc: ignored('gc'),
  'ignored-from': ignored('from'),
  'ignored-to': ignored('to'),
  'ignored-network': ignored('network', 'from'),
}

export const elementOptions: Readonly<Record<string, ToolOption>> = {
  timeout: elementValue('timeout', 'timeout', (text, { exact }) => ({
    timeout: exact ? values.exactTimeout(text) : values.timeout(text),
  })),
  nomatch: elementFlag('nomatch'),
  wildcard: elementFlag('wildcard'),
  packets: elementValue('packets', 'packets', (text) => ({ packets: values.uint64(text) })),
  bytes: elementValue('bytes', 'bytes', (text) => ({ bytes: values.uint64(text) })),
  comment: elementValue(
    'comment',
    'comment',
    (text) => ({ comment: values.comment(text) }),
    '[comment "string"]',
  ),
  skbmark: elementValue('skbmark', 'skbmark', values.skbmark),
  skbprio: elementValue('skbprio', 'skbprio', (text) => ({ skbprio: values.skbprio(text) })),
  skbqueue: elementValue('skbqueue', 'skbqueue', (text) => ({ skbqueue: values.uint16(text) })),
  before: reference('before'),
  after: reference('after'),
}

/** Reads an option that was given before only where that is allowed. */
export function readOption(option: ToolOption, text: string, reading: Reading, familyGiven: boolean): void {
  const { slot } = option
  const isGiven =
    slot === 'family'
      ? familyGiven
      : slot !== null && (slot in reading.create || (reading.command !== 'create' && slot in reading.element))
  if (isGiven) syntaxError(`${option.name} already specified`)
  option.read(text, reading)
}

// --- Listings

/** A word with its value; null for a flag. */
export type Printed = readonly [name: string, value: string | null]

/** The options of a set's header, in the type's order. */
export function printCreate(
  options: readonly string[],
  create: CreateAttributes,
  family: Family | null,
  isWhole: boolean,
): Printed[] {
  return options.flatMap((option): Printed[] => {
    switch (option) {
      case 'family':
        return family === null ? [] : [[option, family === 'ipv4' ? 'inet' : 'inet6']]
      case 'range':
        return [[option, `${printIpv4Word(create.ip![0]!)}-${printIpv4Word(create.ipTo![0]!)}`]]
      case 'port-range':
        return [['range', `${create.port}-${create.portTo}`]]
      case 'bitmask':
        return create.bitmask === undefined || family === null
          ? []
          : [[option, printWords(create.bitmask, family)]]
      case 'initval':
        return create.initval === undefined ? [] : [[option, `0x${hex8(create.initval)}`]]
      case 'counters':
      case 'comment':
      case 'skbinfo':
        return create[option] ? [[option, null]] : []
      case 'hashsize':
      case 'maxelem':
      case 'netmask':
      case 'timeout':
      case 'bucketsize':
      case 'size':
        return create[option] === undefined ? [] : [[option, String(create[option])]]
      case 'forceadd':
        // The kernel does not tell of it.
        return isWhole && create.forceadd ? [[option, null]] : []
      default:
        return []
    }
  })
}

const hex8 = (value: number): string => value.toString(16).padStart(8, '0')

/** The extensions of an element, in the order of `add`'s options. */
export function printExtensions(element: ElementAttributes): Printed[] {
  const printed: Printed[] = []
  const { timeout, packets, bytes, comment, skbmark = 0, skbmarkmask = 0, skbprio, skbqueue } = element
  if (timeout !== undefined) printed.push(['timeout', String(timeout)])
  if (element.nomatch) printed.push(['nomatch', null])
  if (element.wildcard) printed.push(['wildcard', null])
  if (packets !== undefined) printed.push(['packets', String(packets)])
  if (bytes !== undefined) printed.push(['bytes', String(bytes)])
  if (comment !== undefined) printed.push(['comment', `"${comment}"`])
  if (skbmark !== 0 || skbmarkmask !== 0) {
    const mask = skbmarkmask === 0xffffffff ? '' : `/0x${skbmarkmask.toString(16)}`
    printed.push(['skbmark', `0x${skbmark.toString(16)}${mask}`])
  }
  if (skbprio)
    printed.push(['skbprio', `${(skbprio >>> 16).toString(16)}:${(skbprio & 0xffff).toString(16)}`])
  if (skbqueue) printed.push(['skbqueue', String(skbqueue)])
  return printed
}
