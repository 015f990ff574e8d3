/** Times in scenario files: `0s`, `500ms`, `1.5s`, `2m`, `1h`, `1d`; a bare number is seconds. */

const unitNs: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
}

/** Nanoseconds, or null when the text is no time. Decimals are exact down to the nanosecond. */
export function parseDuration(text: string): bigint | null {
  const parts = /^(\d{1,12})(?:\.(\d{1,9}))?\s*(ns|us|ms|s|m|h|d)?$/.exec(text.trim())
  if (parts === null) return null
  const [, whole, decimals = '', unit = 's'] = parts
  const scale = unitNs[unit]!
  return BigInt(whole!) * scale + (BigInt(decimals.padEnd(9, '0')) * scale) / 1_000_000_000n
}

/** The shortest of the units above that is exact: `0s`, `500ms`, `1.25s`, `2m`, `61s`. */
export function printDuration(nanoseconds: bigint): string {
  if (nanoseconds % unitNs.m! === 0n && nanoseconds >= 2n * unitNs.m!) return `${nanoseconds / unitNs.m!}m`
  if (nanoseconds === 0n || nanoseconds >= unitNs.s!) return `${printDecimal(nanoseconds, 9)}s`
  return nanoseconds >= unitNs.ms! ? `${printDecimal(nanoseconds, 6)}ms` : `${printDecimal(nanoseconds, 3)}us`
}

function printDecimal(value: bigint, digits: number): string {
  const scale = 10n ** BigInt(digits)
  const decimals = (value % scale).toString().padStart(digits, '0').replace(/0+$/, '')
  return `${value / scale}${decimals === '' ? '' : `.${decimals}`}`
}

/** Seconds as a number, for JSON. */
export const durationSeconds = (nanoseconds: bigint): number => Number(nanoseconds) / 1e9
