/**
 * The part of nf_tables' netlink language that the lab speaks: making tables, chains and rules of its own, and
 * listing those of others with their counters. Source: include/uapi/linux/netfilter/nf_tables.h, Linux 6.18.
 */
import {
  type Attribute,
  attribute,
  attributesOf,
  findAttribute,
  type Message,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  nested,
  number,
  text,
  textOf,
} from '../_netlink.ts'

const NFNL_SUBSYS_NFTABLES = 10
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const generalHeaderBytes = 4

const messageType = {
  newTable: 0,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  deleteRule: 8,
  newObject: 18,
  getObject: 19,
} as const
const messageOf = (type: keyof typeof messageType): number => (NFNL_SUBSYS_NFTABLES << 8) | messageType[type]

/** NFPROTO_*. */
export const familyNumber = { inet: 1, ipv4: 2, ipv6: 10 } as const
export type NftFamily = keyof typeof familyNumber

/** NF_INET_*. */
export const hookNumber = { PREROUTING: 0, INPUT: 1, FORWARD: 2, OUTPUT: 3, POSTROUTING: 4 } as const

/** Verdict codes. NF_* from linux/netfilter.h, negative ones from nf_tables.h. */
export const verdictCode = { drop: 0, accept: 1, queue: 3, jump: -3, goto: -4, return: -5 } as const

const header = (family: number, resource = 0): Buffer => {
  const bytes = Buffer.alloc(generalHeaderBytes)
  bytes.writeUInt8(family, 0)
  bytes.writeUInt16BE(resource, 2)
  return bytes
}

const message = (
  type: keyof typeof messageType,
  flags: number,
  family: NftFamily,
  ...attributes: Buffer[]
) => ({
  type: messageOf(type),
  flags,
  payload: Buffer.concat([header(familyNumber[family]), ...attributes]),
})

/** Wraps changes into one transaction. */
export const transaction = (changes: readonly Message[]): Message[] => [
  { type: NFNL_MSG_BATCH_BEGIN, flags: 0, payload: header(0, NFNL_SUBSYS_NFTABLES) },
  ...changes,
  { type: NFNL_MSG_BATCH_END, flags: 0, payload: header(0, NFNL_SUBSYS_NFTABLES) },
]

export const newTable = (family: NftFamily, name: string): Message =>
  message('newTable', NLM_F_CREATE | NLM_F_ACK, family, text(1, name))

export const newBaseChain = (
  family: NftFamily,
  table: string,
  name: string,
  hook: keyof typeof hookNumber,
  priority: number,
): Message =>
  message(
    'newChain',
    NLM_F_CREATE | NLM_F_ACK,
    family,
    text(1, table),
    text(3, name),
    nested(4, number(1, hookNumber[hook]), number(2, priority)),
    text(7, 'filter'),
  )

export const newRule = (family: NftFamily, table: string, chain: string, expressions: Buffer[]): Message =>
  message(
    'newRule',
    NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
    family,
    text(1, table),
    text(2, chain),
    nested(4, ...expressions),
  )

const NFT_OBJECT_COUNTER = 1

/** A counter with a name, which any number of rules may add to. */
export const newCounter = (family: NftFamily, table: string, name: string): Message =>
  message(
    'newObject',
    NLM_F_CREATE | NLM_F_ACK,
    family,
    text(1, table),
    text(2, name),
    number(3, NFT_OBJECT_COUNTER),
    nested(4),
  )

/** Deletes every rule of a chain. */
export const flushChain = (family: NftFamily, table: string, chain: string): Message =>
  message('deleteRule', NLM_F_ACK, family, text(1, table), text(2, chain))

const expression = (name: string, ...data: Buffer[]): Buffer => nested(1, text(1, name), nested(2, ...data))

const register = 1

/** Things a rule can do, in the order given. */
export const expressions = {
  /** Adds to the counter of that name. */
  countAs: (name: string): Buffer => expression('objref', number(1, NFT_OBJECT_COUNTER), text(2, name)),
  verdict: (code: keyof typeof verdictCode): Buffer =>
    expression('immediate', number(1, 0), nested(2, nested(2, number(1, verdictCode[code])))),
  /** Stops the rule where the packet has no socket with an owner. */
  ifOwned: (): Buffer => expression('meta', number(1, register), number(2, 10)),
  /** An IPv6 packet with a fragment header. */
  ifFragment: (): Buffer =>
    Buffer.concat([
      expression(
        'exthdr',
        number(1, register),
        attribute(2, Buffer.of(44)),
        number(3, 0),
        number(4, 1),
        number(5, 1),
      ),
      expression('cmp', number(1, register), number(2, 0), nested(3, attribute(1, Buffer.of(1)))),
    ]),
  ifProtocol: (protocol: number): Buffer =>
    Buffer.concat([
      expression('meta', number(1, register), number(2, 16)),
      expression('cmp', number(1, register), number(2, 0), nested(3, attribute(1, Buffer.of(protocol)))),
    ]),
  /** To this port of TCP or UDP. */
  ifDestinationPort: (port: number): Buffer =>
    Buffer.concat([
      expression('payload', number(1, register), number(2, 2), number(3, 2), number(4, 2)),
      expression(
        'cmp',
        number(1, register),
        number(2, 0),
        nested(3, attribute(1, Buffer.of(port >> 8, port & 255))),
      ),
    ]),
  /** Sent by a socket of this SO_PRIORITY. */
  ifPriority: (priority: number): Buffer => {
    const value = Buffer.alloc(4)
    value.writeUInt32LE(priority)
    return Buffer.concat([
      expression('meta', number(1, register), number(2, 2)),
      expression('cmp', number(1, register), number(2, 0), nested(3, attribute(1, value))),
    ])
  },
  /** First byte of the transport header within [low, high]. */
  ifTransportByte: (low: number, high: number): Buffer =>
    Buffer.concat([
      expression('payload', number(1, register), number(2, 2), number(3, 0), number(4, 1)),
      expression('cmp', number(1, register), number(2, 5), nested(3, attribute(1, Buffer.of(low)))),
      expression('cmp', number(1, register), number(2, 3), nested(3, attribute(1, Buffer.of(high)))),
    ]),
  /** A flag of the TCP header is on, of a TCP packet that has one. */
  ifTcpFlag: (flag: number): Buffer =>
    Buffer.concat([
      expression('payload', number(1, register), number(2, 2), number(3, 13), number(4, 1)),
      expression(
        'bitwise',
        number(1, register),
        number(2, register),
        number(3, 1),
        nested(4, attribute(1, Buffer.of(flag))),
        nested(5, attribute(1, Buffer.of(0))),
      ),
      expression('cmp', number(1, register), number(2, 0), nested(3, attribute(1, Buffer.of(flag)))),
    ]),
  /** Marks are 32-bit numbers in host order. */
  setMark: (mark: number): Buffer => {
    const value = Buffer.alloc(4)
    value.writeUInt32LE(mark >>> 0)
    return Buffer.concat([
      expression('immediate', number(1, register), nested(2, attribute(1, value))),
      expression('meta', number(3, register), number(2, 3)),
    ])
  },
} as const

export interface ListedChain {
  readonly table: string
  readonly name: string
  /** Hook number of a base chain, null for others. */
  readonly hook: number | null
  /** NF_ACCEPT or NF_DROP; meaningful for base chains. */
  readonly policy: number
  /** Whether the chain has a counter at all. */
  readonly counts: boolean
  readonly packets: number
  readonly bytes: number
}

export interface ListedRule {
  readonly table: string
  readonly chain: string
  readonly expressions: readonly ListedExpression[]
}

export interface ListedExpression {
  readonly name: string
  readonly data: readonly Attribute[]
}

export const listChains = (family: NftFamily): Message => message('getChain', 0, family)
export const listCounters = (family: NftFamily): Message => message('getObject', 0, family)
export const listRules = (family: NftFamily): Message => message('getRule', 0, family)

export const isOfFamily = (payload: Buffer, family: NftFamily): boolean => payload[0] === familyNumber[family]

export function readChain(payload: Buffer): ListedChain {
  const attributes = attributesOf(payload.subarray(generalHeaderBytes))
  const hook = findAttribute(attributes, 4)
  const counters = findAttribute(attributes, 8)
  return {
    table: textOf(findAttribute(attributes, 1)!),
    name: textOf(findAttribute(attributes, 3)!),
    hook: hook === null ? null : findAttribute(attributesOf(hook), 1)!.readUInt32BE(),
    policy: findAttribute(attributes, 5)?.readUInt32BE() ?? verdictCode.accept,
    counts: counters !== null,
    ...readCounters(attributesOf(counters ?? Buffer.alloc(0))),
  }
}

export function readRule(payload: Buffer): ListedRule {
  const attributes = attributesOf(payload.subarray(generalHeaderBytes))
  const list = attributesOf(findAttribute(attributes, 4) ?? Buffer.alloc(0))
  return {
    table: textOf(findAttribute(attributes, 1)!),
    chain: textOf(findAttribute(attributes, 2)!),
    expressions: list.map(({ value }) => {
      const parts = attributesOf(value)
      return {
        name: textOf(findAttribute(parts, 1)!),
        data: attributesOf(findAttribute(parts, 2) ?? Buffer.alloc(0)),
      }
    }),
  }
}

export function readNamedCounter(payload: Buffer): { table: string; name: string; packets: number } {
  const attributes = attributesOf(payload.subarray(generalHeaderBytes))
  return {
    table: textOf(findAttribute(attributes, 1)!),
    name: textOf(findAttribute(attributes, 2)!),
    packets: readCounters(attributesOf(findAttribute(attributes, 4)!)).packets,
  }
}

/** Packets and bytes of a counter's attributes; the same numbers in a chain and in an expression. */
export function readCounters(data: readonly Attribute[]): { packets: number; bytes: number } {
  const read = (type: number): number => Number(findAttribute(data, type)?.readBigUInt64BE() ?? 0n)
  return { bytes: read(1), packets: read(2) }
}

/** What an `immediate` expression decides; null when it loads a value instead. */
export function readVerdict(data: readonly Attribute[]): { code: number; chain: string } | null {
  const verdict = findAttribute(attributesOf(findAttribute(data, 2) ?? Buffer.alloc(0)), 2)
  if (verdict === null) return null
  const parts = attributesOf(verdict)
  const chain = findAttribute(parts, 2)
  return { code: findAttribute(parts, 1)!.readInt32BE(), chain: chain === null ? '' : textOf(chain) }
}
