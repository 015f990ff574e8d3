/**
 * How many elements of restored text ipset sends in one message. It matters to who reads on behind an error: what waits
 * in a message when a later line turns out to be wrong is never sent.
 *
 * Source: build_msg(), rawdata2attr(), lib/session.c, 7.17.
 */
import type { ElementAttributes } from './kernel.ts'

/** A page. */
const bufferBytes = 4096
const attributeHeader = 4
/** struct nlmsgerr, which must still fit behind. */
const errorBytes = 20

const align = (bytes: number): number => (bytes + 3) & ~3
const attribute = (payload: number): number => attributeHeader + align(payload)

/** Bytes of a message without elements: headers, protocol, name of the set, line, and what holds the elements. */
export function emptyMessageBytes(setName: string): number {
  return 20 + attribute(1) + attribute(setName.length + 1) + attribute(4) + attributeHeader
}

/**
 * The length of the message with one more element; null where it has no room for it.
 */
export function withElement(bytes: number, element: ElementAttributes, isIpv6: boolean): number | null {
  if (bytes + attributeHeader > bufferBytes) return null
  let length = bytes + attributeHeader
  const put = (payload: number, nested: number): boolean => {
    const full = length + nested + attributeHeader + align(payload) + errorBytes > bufferBytes
    length += nested + attribute(payload)
    return !full
  }
  for (const [payload, nested] of payloads(element, isIpv6)) if (!put(payload, nested)) return null
  return put(4, 0) ? length : null
}

/** Payload of each attribute, and what a nest around it takes, in the order of the attributes. */
function* payloads(element: ElementAttributes, isIpv6: boolean): Iterable<readonly [number, number]> {
  const address = [isIpv6 ? 16 : 4, attributeHeader] as const
  if (element.ip !== undefined) yield address
  if (element.ipTo !== undefined) yield address
  if (element.cidr !== undefined) yield [1, 0]
  if (element.port !== undefined) yield [2, 0]
  if (element.portTo !== undefined) yield [2, 0]
  if (element.timeout !== undefined) yield [4, 0]
  if (element.proto !== undefined) yield [1, 0]
  if (element.physdev || element.nomatch || element.wildcard || element.before) yield [4, 0]
  if (element.ether !== undefined) yield [6, 0]
  if (element.name !== undefined) yield [element.name.length + 1, 0]
  if (element.nameref !== undefined) yield [element.nameref.length + 1, 0]
  if (element.ip2 !== undefined) yield address
  if (element.cidr2 !== undefined) yield [1, 0]
  if (element.ip2To !== undefined) yield address
  if (element.iface !== undefined) yield [element.iface.length + 1, 0]
  if (element.bytes !== undefined) yield [8, 0]
  if (element.packets !== undefined) yield [8, 0]
  if (element.comment !== undefined) yield [element.comment.length + 1, 0]
  if (element.skbmark !== undefined) yield [8, 0]
  if (element.skbprio !== undefined) yield [4, 0]
  if (element.skbqueue !== undefined) yield [2, 0]
}
