/** Measured facts about what rules can ask of connections, and wish for them. Part of the journeys. */
import type { HostConfig } from '../config.ts'
import type { JourneyCase } from './journey-case.ts'

/** On the gateway that the other journeys go through. */
export const trackingJourneys = (gateway: HostConfig): readonly JourneyCase[] => [
  {
    name: 'zones keep connections apart, each way by itself',
    host: gateway,
    rules: {
      ipv4: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -i eth0 -p udp -j CT --zone 1
-A PREROUTING -i eth1 -p udp --sport 53 -j CT --zone-reply 1
-A PREROUTING -i eth0 -p tcp -j CT --zone-orig 2
-A PREROUTING -i eth0 -p icmp -j CT --zone mark
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -m conntrack --ctstate NEW
-A PREROUTING -m conntrack --ctstate ESTABLISHED
-A PREROUTING -m conntrack --ctstate RELATED
COMMIT
`,
    },
    packets: `
      eth0 udp 203.0.113.7:4000 > 192.168.1.9:53 => accept by policy; hits raw/PREROUTING:1 mangle/PREROUTING:1
      # From port 54 in zone 0, where nobody asked; from port 53 where answers are looked for in zone 1.
      eth0 udp 203.0.113.7:4000 > 192.168.1.9:54 => accept by policy; hits raw/PREROUTING:1 mangle/PREROUTING:1
      eth1 udp 192.168.1.9:54 > 203.0.113.7:4000 => accept by policy; hits mangle/PREROUTING:1
      eth1 udp 192.168.1.9:53 > 203.0.113.7:4000 => accept by policy; hits raw/PREROUTING:2 mangle/PREROUTING:2
      eth0 udp 203.0.113.7:4000 > 192.168.1.9:53 => accept by policy; hits raw/PREROUTING:1 mangle/PREROUTING:2
      # Answers to what began in a zone of the original direction are in zone 0.
      eth0 tcp 203.0.113.7:4000 > 192.168.1.9:80 syn seq=1 => hits raw/PREROUTING:3 mangle/PREROUTING:1
      eth1 tcp 192.168.1.9:80 > 203.0.113.7:4000 syn-ack seq=5 ack=2 => hits mangle/PREROUTING:2
      # An error is looked for in the zone that it comes in.
      eth0 icmp 203.0.113.7 > 192.168.1.9 echo-request id=7 mark=0x30005 => hits raw/PREROUTING:4 mangle/PREROUTING:1
      eth0 icmp 203.0.113.7 > 192.168.1.9 echo-request id=7 mark=5 => hits raw/PREROUTING:4 mangle/PREROUTING:1
      eth0 icmp 203.0.113.7 > 192.168.1.9 echo-request id=7 mark=6 => hits raw/PREROUTING:4 mangle/PREROUTING:1
      eth1 icmp 192.168.1.9 > 203.0.113.7 echo-reply id=7 => hits
    `,
  },
  {
    name: 'what CT puts in a connection’s place looks new, and is shared by all packets',
    host: gateway,
    rules: {
      ipv4: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -m conntrack --ctstate INVALID
-A PREROUTING -p udp -j CT --zone 1
-A PREROUTING -j NOTRACK
-A PREROUTING -m conntrack --ctstate NEW
-A PREROUTING -m conntrack --ctstate UNTRACKED
-A PREROUTING -m conntrack --ctorigsrc 0.0.0.0 --ctproto 0 --ctstatus CONFIRMED --ctexpire 0 --ctdir ORIGINAL
-A PREROUTING -m connmark --mark 5
-A PREROUTING -m connmark --mark 0 -j CONNMARK --set-mark 5
-A PREROUTING -m connbytes ! --connbytes 9:9 --connbytes-mode bytes --connbytes-dir both
-A PREROUTING -m connlabel ! --label 1 --set
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -m conntrack --ctstate NEW
-A PREROUTING -m connmark --mark 0
-A PREROUTING -m connlabel ! --label 1
COMMIT
`,
    },
    packets: `
      eth0 udp 198.51.100.7:5 > 192.168.1.9:9 => accept by policy; hits raw/PREROUTING:1 raw/PREROUTING:2 raw/PREROUTING:3 raw/PREROUTING:4 raw/PREROUTING:6 raw/PREROUTING:8 raw/PREROUTING:10 mangle/PREROUTING:1 mangle/PREROUTING:2 mangle/PREROUTING:3
      eth0 udp 198.51.100.7:6 > 192.168.1.9:9 => accept by policy; hits raw/PREROUTING:1 raw/PREROUTING:2 raw/PREROUTING:3 raw/PREROUTING:4 raw/PREROUTING:6 raw/PREROUTING:7 raw/PREROUTING:10 mangle/PREROUTING:1 mangle/PREROUTING:2 mangle/PREROUTING:3
      eth0 tcp 198.51.100.7:6 > 192.168.1.9:9 syn => accept by policy; hits raw/PREROUTING:1 raw/PREROUTING:3 raw/PREROUTING:5 raw/PREROUTING:10 mangle/PREROUTING:3
    `,
  },
  {
    name: 'marks, labels, bytes and numbers of connections',
    host: gateway,
    rules: {
      ipv4: `
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A FORWARD -p udp --dport 53 -m connlabel --label 3 --set
-A FORWARD -m connlabel --label 3
-A FORWARD -p udp --dport 53 -j CONNMARK --set-mark 0x10/0xf0
-A FORWARD -p udp --sport 53 -j CONNMARK --restore-mark --right-shift-mark 4
-A FORWARD -m mark --mark 1
-A FORWARD -m connbytes --connbytes 2 --connbytes-mode packets --connbytes-dir both
-A FORWARD -m connbytes --connbytes 30:40 --connbytes-mode avgpkt --connbytes-dir reply
-A FORWARD -p tcp -m connlimit --connlimit-above 2 --connlimit-mask 24
COMMIT
`,
    },
    packets: `
      eth0 udp 203.0.113.7:4000 > 192.168.1.9:53 len=30 => hits mangle/FORWARD:1 mangle/FORWARD:2 mangle/FORWARD:3
      eth1 udp 192.168.1.9:53 > 203.0.113.7:4000 len=32 => hits mangle/FORWARD:2 mangle/FORWARD:4 mangle/FORWARD:5 mangle/FORWARD:6 mangle/FORWARD:7
      eth1 udp 192.168.1.9:53 > 203.0.113.7:4000 len=50 => hits mangle/FORWARD:2 mangle/FORWARD:4 mangle/FORWARD:5 mangle/FORWARD:6
      # A SYN once more is no connection more, and none of its bytes.
      eth0 tcp 198.51.100.7:1 > 192.168.1.9:80 syn seq=1 => hits
      eth0 tcp 198.51.100.8:1 > 192.168.1.9:80 syn seq=1 => hits
      eth0 tcp 198.51.100.8:1 > 192.168.1.9:80 syn seq=1 => hits
      eth0 tcp 198.51.100.9:1 > 192.168.1.9:80 syn seq=1 => hits mangle/FORWARD:8
      eth0 tcp 203.0.113.9:1 > 192.168.1.9:80 syn seq=1 => hits
      # What a reset ended counts until somebody looks at it; who is counted already looks no further.
      eth0 tcp 198.51.100.8:1 > 192.168.1.9:80 rst seq=2 => hits mangle/FORWARD:6 mangle/FORWARD:8
      eth0 tcp 198.51.100.9:1 > 192.168.1.9:80 syn seq=1 => hits mangle/FORWARD:8
    `,
  },
  {
    name: 'numbers of connections and zones in IPv6',
    host: gateway,
    rules: {
      ipv6: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -i eth1 -j CT --zone-orig 65535
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A FORWARD -m connlimit --connlimit-upto 1 --connlimit-mask 64
-A FORWARD -m connlimit --connlimit-above 1 --connlimit-daddr
-A FORWARD -m conntrack --ctstate ESTABLISHED
COMMIT
`,
    },
    packets: `
      eth0 udp [2001:db8:7::1]:4000 > [2001:db8:2::9]:53 => hits mangle/FORWARD:1
      eth0 udp [2001:db8:7::2]:4000 > [2001:db8:2::9]:53 => hits mangle/FORWARD:2
      eth0 udp [2001:db8:7:1::2]:4000 > [2001:db8:2::8]:53 => hits mangle/FORWARD:1
      eth1 udp [2001:db8:2::9]:53 > [2001:db8:7::1]:4000 => hits raw/PREROUTING:1 mangle/FORWARD:1 mangle/FORWARD:3
      eth1 udp [2001:db8:2::9]:54 > [2001:db8:7::1]:4000 => hits raw/PREROUTING:1 mangle/FORWARD:1
      # Counted with its connection's zone, where it is alone.
      eth0 udp [2001:db8:7::1]:4000 > [2001:db8:2::9]:54 => hits mangle/FORWARD:1 mangle/FORWARD:3
    `,
  },
  {
    name: 'what is invalid on its way out is looked at again when it comes in by lo',
    host: gateway,
    rules: {
      ipv4: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A OUTPUT -j CT --zone 1
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -m conntrack --ctstate NEW
-A PREROUTING -m conntrack --ctstate INVALID
-A OUTPUT -m conntrack --ctstate NEW
-A OUTPUT -m conntrack --ctstate INVALID
COMMIT
`,
    },
    packets: `
      out tcp 203.0.113.1:4000 > 203.0.113.1:7 syn seq=1 => hits raw/OUTPUT:1 mangle/OUTPUT:1 mangle/PREROUTING:1
      out tcp 203.0.113.1:4000 > 203.0.113.1:7 ack seq=2 ack=5 => hits raw/OUTPUT:1 mangle/OUTPUT:2 mangle/PREROUTING:1
      out tcp 203.0.113.1:4000 > 203.0.113.1:7 fin => hits raw/OUTPUT:1 mangle/OUTPUT:2 mangle/PREROUTING:2
    `,
  },
]
