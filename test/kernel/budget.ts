/** How long comparisons with the kernel run, and small helpers for them. */

/** `FUZZ_FACTOR` times the usual number of runs. */
export const runs = (usual: number): number => Math.ceil(usual * Number(process.env.FUZZ_FACTOR ?? 1))

export const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (octet) => Number.parseInt(octet, 16))
