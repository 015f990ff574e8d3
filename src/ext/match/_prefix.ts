/** Prefixes as matches print them. */
import { addressBits, lengthOfMask, type Prefix, printAddress } from '../../net/address.ts'

/** iptables prints a mask that is no length as if there were none. */
export function printEnd({ address, mask }: Prefix): string {
  const length = lengthOfMask(mask)
  const isWhole = length === null || length === addressBits(address.family)
  return `${printAddress(address)}${isWhole ? '' : `/${length}`}`
}
