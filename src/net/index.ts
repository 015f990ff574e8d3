/**
 * Bytes and headers: addresses and prefixes, decoding into a reused `Packet`, encoding, checksums, capture files,
 * and the notation that writes one packet on one line.
 *
 * What is here knows formats and nothing else: no rules, no host, no clock, no I/O. Decoding says what the bytes are and
 * what the kernel's receive path would refuse in them; what a host then does with a packet is the engine's business.
 */
export * from './address.ts'
export * from './capture.ts'
export * from './change.ts'
export * from './checksum.ts'
export * from './decode.ts'
export * from './encode.ts'
export * as dccp from './headers/dccp.ts'
export * as ethernet from './headers/ethernet.ts'
export * as gre from './headers/gre.ts'
export * as icmp from './headers/icmp.ts'
export { ah, esp } from './headers/ipsec.ts'
export * as ipv4Option from './headers/ipv4-option.ts'
export * as ipv6Extension from './headers/ipv6-extension.ts'
export * as sctp from './headers/sctp.ts'
export * as tcp from './headers/tcp.ts'
export * as udp from './headers/udp.ts'
export * from './link-payload.ts'
export * from './notation.ts'
export * from './packet.ts'
export * from './prefix-trie.ts'
export * from './protocol.ts'
