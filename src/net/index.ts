/**
 * Bytes and headers: addresses and prefixes, decoding into a reused `Packet`, encoding, checksums, and the notation
 * that writes one packet on one line.
 *
 * What is here knows formats and nothing else: no rules, no host, no clock, no I/O. Decoding says what the bytes are and
 * what the kernel's receive path would refuse in them; what a host then does with a packet is the engine's business.
 */
export * from './address.ts'
export * from './checksum.ts'
export * from './decode.ts'
export * from './encode.ts'
export * from './packet.ts'
export * from './protocol.ts'
