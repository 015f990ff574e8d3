/** Time-based one-time passwords (RFC 6238): SHA-1, 30 seconds, 6 digits, as every authenticator program has them. */
import { createHmac, timingSafeEqual } from 'node:crypto'

const stepSeconds = 30
const digits = 6
/** Steps before and after the present one that are taken too: clocks differ. */
const slackSteps = 1
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Which step a moment lies in. */
const stepAt = (ms: number): number => Math.floor(ms / 1000 / stepSeconds)

/** The password of a step (RFC 4226, section 5.3). */
export function codeOfStep(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const hash = createHmac('sha1', secret).update(counter).digest()
  const offset = hash[hash.length - 1]! & 15
  const number = hash.readUInt32BE(offset) & 0x7fffffff
  return `${number % 10 ** digits}`.padStart(digits, '0')
}

/**
 * The step whose password this is, or null. A step up to `lastStep` is spent: a password read over somebody's shoulder
 * opens nothing (RFC 6238, section 5.2).
 */
export function stepOfCode(secret: Uint8Array, code: string, nowMs: number, lastStep: number): number | null {
  if (!/^\d{6}$/.test(code)) return null
  const given = Buffer.from(code)
  let found: number | null = null
  for (let step = stepAt(nowMs) - slackSteps; step <= stepAt(nowMs) + slackSteps; step++)
    if (timingSafeEqual(Buffer.from(codeOfStep(secret, step)), given) && step > lastStep) found = step
  return found
}

/** RFC 4648 without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31]
  }
  return bits === 0 ? text : text + alphabet[(held << (5 - bits)) & 31]
}

/** Null when the text is no base 32. */
export function decodeBase32(text: string): Uint8Array | null {
  const bytes: number[] = []
  let held = 0
  let bits = 0
  for (const letter of text.replace(/=+$/, '').toUpperCase()) {
    const value = alphabet.indexOf(letter)
    if (value < 0) return null
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push((held >> bits) & 255)
    }
  }
  return Uint8Array.from(bytes)
}

/** What authenticator programs read, as a QR code or typed. */
export const otpauthUri = (user: string, host: string, secret: Uint8Array): string =>
  `otpauth://totp/${encodeURIComponent(`Postern ${host}:${user}`)}?secret=${encodeBase32(secret)}&issuer=${encodeURIComponent(`Postern ${host}`)}`
