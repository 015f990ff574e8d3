/** Bob Jenkins' lookup3 hash of 32-bit words, as the kernel has it. Source: jhash2(), include/linux/jhash.h, Linux 6.18. */

const initial = 0xdeadbeef

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))

/** Unsigned 32 bits. */
export function jhash2(words: readonly number[], seed: number): number {
  const start = (initial + words.length * 4 + seed) | 0
  let a = start
  let b = start
  let c = start
  let at = 0
  for (; words.length - at > 3; at += 3) {
    a = (a + words[at]!) | 0
    b = (b + words[at + 1]!) | 0
    c = (c + words[at + 2]!) | 0
    a = ((a - c) ^ rotate(c, 4)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 6)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 8)) | 0
    b = (b + a) | 0
    a = ((a - c) ^ rotate(c, 16)) | 0
    c = (c + b) | 0
    b = ((b - a) ^ rotate(a, 19)) | 0
    a = (a + c) | 0
    c = ((c - b) ^ rotate(b, 4)) | 0
    b = (b + a) | 0
  }
  const left = words.length - at
  if (left === 0) return c >>> 0
  if (left > 2) c = (c + words[at + 2]!) | 0
  if (left > 1) b = (b + words[at + 1]!) | 0
  a = (a + words[at]!) | 0
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return c >>> 0
}

/** A word of network order as a little-endian machine reads it, which is how the kernel hashes addresses. */
export const swapBytes = (word: number): number =>
  ((word & 255) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
