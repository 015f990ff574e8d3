/** Whom a failure counts against: the address, the network it is counted with, or a filter's own id. */
import {
  addressBits,
  maskAddress,
  maskOfLength,
  parseAddress,
  printAddress,
  unmapped,
} from '../../net/address.ts'
import type { Failure } from '../failure.ts'

export interface SubjectSettings {
  readonly ipv4PrefixLength: number
  readonly ipv6PrefixLength: number
}

export interface Subject {
  /** What is counted and banned. */
  readonly id: string
  /** The address of the failure, canonical; absent for an id without one. */
  readonly address?: string
}

/** Something that looks like an address and is none, such as 999.1.1.1 or 1.2.3. */
const almostAddress = /^[\d.]+$|^[0-9a-fA-F]*:[0-9a-fA-F:.]*$/

/** Whom a failure counts against; null when it names no real address. */
export function subjectOf(failure: Failure, settings: SubjectSettings): Subject | null {
  const text = failure.address ?? failure.id
  const found = canonicalAddress(text)
  if (found === null) {
    if (failure.address !== undefined || (text.length > 3 && almostAddress.test(text))) return null
    return { id: failure.id }
  }
  // An id that is not the address, as `<F-ID>` gives, stands for itself.
  if (
    failure.address !== undefined &&
    failure.id !== failure.address &&
    canonicalAddress(failure.id) !== found
  )
    return { id: failure.id, address: found }
  return { id: networkOf(found, settings), address: found }
}

/** Canonical text of an address (`::ffff:192.0.2.1` becomes `192.0.2.1`), or null. */
export function canonicalAddress(text: string): string | null {
  const address = parseAddress(text)
  return address === null ? null : printAddress(unmapped(address))
}

/** The address, or the network of the jail's prefix length that it lies in (`2001:db8::/64`). */
export function networkOf(text: string, settings: SubjectSettings): string {
  const address = parseAddress(text)
  if (address === null) return text
  const length = address.family === 'ipv4' ? settings.ipv4PrefixLength : settings.ipv6PrefixLength
  if (length >= addressBits(address.family)) return text
  return `${printAddress(maskAddress(address, maskOfLength(address.family, length)))}/${length}`
}
