/** Marks as rules write and explain them; MARK and CONNMARK speak of them alike. */
import type { MarkMask } from '../lang/options.ts'

export const wholeMask = 0xffff_ffff

/** `0x5`. */
export const hex = (number: number): string => `0x${number.toString(16)}`

/** `0x5`, or `0x5/0xff` where the mask leaves something out. */
export const printMark = ({ value, mask }: MarkMask): string =>
  mask === wholeMask ? hex(value) : `${hex(value)}/${hex(mask)}`
