/**
 * The set types as ipset 7.17 knows them: names, options, and what an element is made of.
 *
 * Source: lib/ipset_hash_*.c, lib/ipset_bitmap_*.c, lib/ipset_list_set.c, in the newest revision of each.
 */
import type { Family } from '../../net/address.ts'
import { type SetTypeName, setTypeNames } from './kernel.ts'

/** How a part of an element is read. */
export type PartKind =
  /** IPv4: an address, a network or a range. IPv6: one address. */
  | 'ip4-single6'
  /** IPv4: an address, a network or a range. IPv6: an address or a network. */
  | 'ip4-net6'
  | 'ip'
  | 'single-ip'
  | 'proto-port'
  | 'tcp-udp-port'
  | 'ether'
  | 'iface'
  | 'name'

/** What may be said of an element besides its first address and port. */
export type ElementField = 'ipTo' | 'cidr' | 'portTo' | 'cidr2' | 'ether'

export interface ToolType {
  readonly name: string
  readonly aliases: readonly string[]
  readonly revision: number
  /** `both`: the family is the set's own. Null: its elements have none. */
  readonly family: 'both' | 'ipv4' | null
  readonly parts: readonly PartKind[]
  /** The last part may be left out. */
  readonly lastOptional?: boolean
  readonly create: readonly string[]
  readonly add: readonly string[]
  readonly del: readonly string[]
  readonly test: readonly string[]
  /** Beyond what every element has. */
  readonly changed: readonly ElementField[]
  readonly tested: readonly ElementField[]
  /** How help names an element, for `add` and `del`, and for `test`. */
  readonly help: readonly [create: string, change: string, test: string]
}

const extensions = ['packets', 'bytes', 'comment', 'skbmark', 'skbprio', 'skbqueue']
const add = ['timeout', ...extensions]
const addNet = ['timeout', 'nomatch', ...extensions]
const family = ['family', '-4', '-6']
const hash = [
  'hashsize',
  'maxelem',
  'timeout',
  'counters',
  'comment',
  'forceadd',
  'skbinfo',
  'bucketsize',
  'initval',
]
const bitmap = ['timeout', 'counters', 'comment', 'skbinfo']
const ignored = ['probes', 'resize']
const ignoredRange = [...ignored, 'ignored-from', 'ignored-to', 'ignored-network']

const types: Readonly<Record<SetTypeName, Omit<ToolType, 'name'>>> = {
  'bitmap:ip': {
    aliases: ['ipmap'],
    revision: 3,
    family: 'ipv4',
    parts: ['ip'],
    create: ['range', 'netmask', ...bitmap, 'from', 'to', 'network'],
    add,
    del: [],
    test: [],
    changed: ['ipTo', 'cidr'],
    tested: [],
    help: ['range IP/CIDR|FROM-TO', 'IP|IP/CIDR|FROM-TO', 'IP'],
  },
  'bitmap:ip,mac': {
    aliases: ['macipmap'],
    revision: 3,
    family: 'ipv4',
    parts: ['single-ip', 'ether'],
    lastOptional: true,
    create: ['range', ...bitmap, 'from', 'to', 'network'],
    add,
    del: [],
    test: [],
    changed: ['ether'],
    tested: ['ether'],
    help: ['range IP/CIDR|FROM-TO', 'IP[,MAC]', 'IP[,MAC]'],
  },
  'bitmap:port': {
    aliases: ['portmap'],
    revision: 3,
    family: null,
    parts: ['tcp-udp-port'],
    create: ['port-range', ...bitmap, 'from-port', 'to-port'],
    add,
    del: [],
    test: [],
    changed: ['portTo'],
    tested: [],
    help: ['range [PROTO:]FROM-TO', '[PROTO:]PORT|FROM-TO', '[PROTO:]PORT'],
  },
  'hash:ip': {
    aliases: ['iphash'],
    revision: 6,
    family: 'both',
    parts: ['ip4-single6'],
    create: [...family, ...withMasks(hash), ...ignored, 'gc'],
    add,
    del: [],
    test: [],
    changed: ['ipTo', 'cidr'],
    tested: ['ipTo', 'cidr'],
    help: ['', 'IP', 'IP'],
  },
  'hash:ip,port': {
    aliases: ['ipporthash'],
    revision: 7,
    family: 'both',
    parts: ['ip4-single6', 'proto-port'],
    create: [...family, ...hash, 'netmask', 'bitmask', ...ignoredRange],
    add,
    del: [],
    test: [],
    changed: ['ipTo', 'cidr', 'portTo'],
    tested: [],
    help: ['', 'IP,[PROTO:]PORT', 'IP,[PROTO:]PORT'],
  },
  'hash:ip,port,ip': {
    aliases: ['ipportiphash'],
    revision: 6,
    family: 'both',
    parts: ['ip4-single6', 'proto-port', 'single-ip'],
    create: [...family, ...hash, ...ignoredRange],
    add,
    del: [],
    test: [],
    changed: ['ipTo', 'cidr', 'portTo'],
    tested: [],
    help: ['', 'IP,[PROTO:]PORT,IP', 'IP,[PROTO:]PORT,IP'],
  },
  'hash:ip,port,net': {
    aliases: ['ipportnethash'],
    revision: 8,
    family: 'both',
    parts: ['ip4-single6', 'proto-port', 'ip4-net6'],
    create: [...family, ...hash, ...ignoredRange],
    add: addNet,
    del: [],
    test: ['nomatch'],
    changed: ['ipTo', 'cidr', 'portTo', 'cidr2'],
    tested: ['cidr2'],
    help: ['', 'IP,[PROTO:]PORT,IP[/CIDR]', 'IP,[PROTO:]PORT,IP[/CIDR]'],
  },
  'hash:net': {
    aliases: ['nethash'],
    revision: 7,
    family: 'both',
    parts: ['ip4-net6'],
    create: [...family, ...hash, ...ignored],
    add: addNet,
    del: [],
    test: ['nomatch'],
    changed: ['ipTo', 'cidr'],
    tested: ['cidr'],
    help: ['', 'IP[/CIDR]', 'IP[/CIDR]'],
  },
  'hash:net,port': {
    aliases: ['netporthash'],
    revision: 8,
    family: 'both',
    parts: ['ip4-net6', 'proto-port'],
    create: [...family, ...hash],
    add: addNet,
    del: [],
    test: ['nomatch'],
    changed: ['ipTo', 'cidr', 'portTo'],
    tested: ['cidr'],
    help: ['', 'IP[/CIDR]|FROM-TO,[PROTO:]PORT', 'IP[/CIDR],[PROTO:]PORT'],
  },
  'hash:net,iface': {
    aliases: ['netifacehash'],
    revision: 8,
    family: 'both',
    parts: ['ip4-net6', 'iface'],
    create: [...family, ...hash],
    add: ['timeout', 'nomatch', 'wildcard', ...extensions],
    del: [],
    test: ['nomatch'],
    changed: ['ipTo', 'cidr'],
    tested: ['cidr'],
    help: ['', 'IP[/CIDR]|FROM-TO,[physdev:]IFACE', 'IP[/CIDR],[physdev:]IFACE'],
  },
  'list:set': {
    aliases: ['setlist'],
    revision: 3,
    family: null,
    parts: ['name'],
    create: ['size', ...bitmap],
    add: ['timeout', 'before', 'after', ...extensions],
    del: ['before', 'after'],
    test: ['before', 'after'],
    changed: [],
    tested: [],
    help: ['', 'NAME [before|after NAME]', 'NAME [before|after NAME]'],
  },
}

/** `netmask` and `bitmask` behind `maxelem`. */
function withMasks(options: readonly string[]): string[] {
  return options.flatMap((name) => (name === 'maxelem' ? [name, 'netmask', 'bitmask'] : [name]))
}

/** Types that ipset knows, and this kernel is built without. */
const unsupported: readonly (readonly [name: string, alias: string])[] = [
  ['hash:mac', 'machash'],
  ['hash:ip,mac', 'ipmachash'],
  ['hash:ip,mark', 'ipmarkhash'],
  ['hash:net,net', 'netnethash'],
  ['hash:net,port,net', 'netportnethash'],
]

export const toolTypes: readonly ToolType[] = setTypeNames.map((name) => ({ name, ...types[name] }))

export const toolType = (name: SetTypeName): ToolType => ({ name, ...types[name] })

const byName = new Map(toolTypes.flatMap((type) => [type.name, ...type.aliases].map((name) => [name, type])))

/** The type of that name or alias; `unsupported` where only the kernel lacks it, null where nobody knows it. */
export function typeNamed(name: string): ToolType | 'unsupported' | null {
  const type = byName.get(name)
  if (type !== undefined) return type
  return unsupported.some((names) => names.includes(name)) ? 'unsupported' : null
}

/** Of a set of that type when nobody says: IPv4. */
export const defaultFamily = (type: ToolType): Family | null => (type.family === null ? null : 'ipv4')
