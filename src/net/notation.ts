/**
 * One packet on one line, in tcpdump's order.
 *
 *     eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn ttl=63
 *     eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request id=7 seq=1
 *     out  udp [2001:db8::1]:53 > [2001:db8::7]:4000 payload="hello"
 *     eth0 icmp 198.51.100.9 > 203.0.113.1 port-unreachable [ udp 203.0.113.1:53 > 198.51.100.9:4000 ]
 *
 * Grammar:
 *
 *     line      DEVICE packet attributes          DEVICE: the interface it arrives on, or `out`
 *     packet    PROTOCOL SOURCE > DESTINATION words-and-keys [ packet ]
 *             | raw hex=BYTES                     an IP packet as it is
 *             | frame hex=BYTES                   an Ethernet frame as it is
 *     PROTOCOL  tcp udp udplite icmp icmp6 sctp dccp ah esp gre | proto=N
 *     SOURCE    ADDRESS | ADDRESS:PORT | [ADDRESS6]:PORT
 *
 * Words and keys may stand in any order. Numbers are decimal or 0x hex.
 *
 * | of             | words and keys | when left out |
 * | --- | --- | --- |
 * | IP             | `ttl tos id len df frag` (`frag=185+`: offset in 8 bytes, `+` if more follow) | 64, 0, 0, as long as it is |
 * | IPv4           | `opts=HEX ipsum badipsum`; `ipid` where `id` means something else | none, the right checksum |
 * | IPv6           | `flow`, `ext=hop:HEX,route,dst,ah,frag` (in wire order) | none |
 * | every          | `payload=HEX` or `payload="text\n"`, `sum badsum`, `cut` (bytes that a capture kept) | empty, right |
 * | tcp            | flags joined by `-` or `none`; `seq ack win urgp res mss wscale sackok ts=V:E tcpopt=HEX` | `syn`, 0, 0, win=65535 |
 * | udp, udplite   | `udplen`, `coverage` | the true length, 0 (all) |
 * | icmp, icmp6    | a type as iptables names it, or `type=T code=C`; `id seq mtu gateway pointer rest` | echo-request, 0 |
 * | sctp           | `tag`, `chunks=init,data:FLAGS` | 0, none |
 * | dccp           | `request` ... `syncack` or `type=T`; `seq dccpopt=HEX` | request |
 * | ah, esp        | `spi seq`, `next` (ah) | 0 |
 * | gre            | `type` (EtherType), `key` | 0x800, none |
 * | line           | `mark mac dmac vlan`, `uid gid cgroup classid` (of `out`) | 0, not said |
 * | line           | `cpu policy-in policy-out`: see `circumstances.ts` | not said |
 *
 * `len` is the IP total length, as `LEN=` in kernel log lines: zeroes fill the payload up to it. A source port left out is
 * 40000. Later fragments and `proto=N` have no transport header: `payload` is all their bytes.
 *
 * Law: `parse(print(line))` is the line, and `describe(decode(encode(line)))` prints as the line does.
 */
export { type DescribeOptions, describePacket } from './notation/describe.ts'
export { encodeFrameLine, encodePacketLine } from './notation/encode.ts'
export type { Checksum, Content, Extension, Fields, IpText, PacketLine } from './notation/line.ts'
export { type ParsedLine, type ParseOptions, parsePacketLine } from './notation/parse.ts'
export { printPacketLine } from './notation/print.ts'
export { printTcpFlags } from './notation/tcp.ts'
export type { NotationError } from './notation/words.ts'
