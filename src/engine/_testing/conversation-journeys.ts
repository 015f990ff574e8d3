/** What random conversations taught about translation and tracking, each cause as one small journey. Part of the journeys. */
import type { HostConfig } from '../config.ts'
import type { JourneyCase } from './journey-case.ts'

/** On the gateway that the other journeys go through: what leaves by its eth1 has at most 1300 bytes. */
export const conversationJourneys = (gateway: HostConfig): readonly JourneyCase[] => [
  {
    name: 'what a raw socket sent is not cut in IPv6 where translation leads it to a smaller device',
    host: gateway,
    rules: {
      ipv6: `
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A OUTPUT -m conntrack --ctstate RELATED
-A PREROUTING -i lo -p icmpv6 --icmpv6-type packet-too-big
COMMIT
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A OUTPUT -d 2001:db8:1::/64 -j DNAT --to-destination 2001:db8:2::9
COMMIT
`,
    },
    packets: `
      out udp [2001:db8:1::1]:80 > [2001:db8:1::7]:53 len=1300 => accept by policy; hits nat/OUTPUT:1; sent eth1 udp [2001:db8:1::1]:80 > [2001:db8:2::9]:53 len=1300
      out udp [2001:db8:1::1]:80 > [2001:db8:1::7]:53 len=1301 => drop by host; hits mangle/OUTPUT:1 mangle/PREROUTING:1; sent nothing
    `,
  },
  {
    name: 'an error about what is not tracked is invalid, and no rule can stop its tracking any more',
    host: gateway,
    rules: {
      ipv4: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A OUTPUT -j NOTRACK
-A PREROUTING -p icmp -j NOTRACK
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -m conntrack --ctstate UNTRACKED
-A PREROUTING -m conntrack --ctstate INVALID
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -p udp -j REJECT
COMMIT
`,
    },
    packets: `
      out udp 203.0.113.1:4000 > 203.0.113.1:7 => reject by filter/INPUT:1; hits raw/OUTPUT:1 mangle/PREROUTING:1 filter/INPUT:1 raw/OUTPUT:1 raw/PREROUTING:1 mangle/PREROUTING:2
    `,
  },
  {
    name: 'who speaks in the host’s name from outside is turned to ::1 like the host, and does not get there',
    host: gateway,
    rules: {
      ipv6: `
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A OUTPUT -p icmpv6 --icmpv6-type no-route
COMMIT
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A OUTPUT -j REDIRECT
COMMIT
`,
    },
    packets: `
      out udp [2001:db8:1::1]:32107 > [2001:db8:1::7]:7  => accept by policy; delivered; hits nat/OUTPUT:1
      eth1 udp [2001:db8:1::1]:32107 > [2001:db8:1::7]:7 => drop by host; not delivered; hits mangle/OUTPUT:1
    `,
  },
  {
    name: 'who looks for sockets makes the host put fragments together first',
    host: gateway,
    rules: {
      ipv4: `
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -m socket
-A PREROUTING -p udp
COMMIT
`,
    },
    packets: `
      eth0 udp 198.51.100.7:4000 > 192.168.1.9:53 frag=0+ payload="abcdefgh" id=7 => drop by host; hits; sent nothing
      eth0 proto=17 198.51.100.7 > 192.168.1.9 frag=2 payload="abcdefgh" id=7     => accept by policy; hits mangle/PREROUTING:2
    `,
  },
  {
    name: 'a host speaks to a group by the device that has the address it speaks from',
    host: gateway,
    rules: {
      ipv4: `
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A OUTPUT -p udp -j REJECT
COMMIT
`,
    },
    packets: `
      out udp 224.0.0.1:5 > 192.168.1.1:5 id=7 => reject by filter/OUTPUT:1; sent eth1 icmp 192.168.1.1 > 224.0.0.1
      out udp 224.0.0.1:5 > 203.0.113.1:5 id=7 => reject by filter/OUTPUT:1; sent eth0 icmp 203.0.113.1 > 224.0.0.1
    `,
  },
  {
    name: 'errors in fragments are cut as before where what is read of them lies in the first, else behind it',
    host: gateway,
    rules: {
      ipv6: `
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A POSTROUTING -o eth0 -p udp -j SNAT --to-source 2001:db8:1::50
COMMIT
`,
    },
    packets: `
      eth1 udp [2001:db8:2::9]:4000 > [2001:db8:99::7]:53 => sent eth0 udp [2001:db8:1::50]:4000 > [2001:db8:99::7]:53
      eth0 proto=58 2001:db8:77::1 > 2001:db8:1::50 id=1 frag=0+ payload=0104310300000000600000000026113e20010db800010000 => sent nothing
      eth0 proto=58 2001:db8:77::1 > 2001:db8:1::50 id=1 frag=3+ payload=000000000000005020010db80099000000000000000000070fa000350026845b => sent nothing
      # Of the third fragment, and of those behind it, nothing is needed.
      eth0 proto=58 2001:db8:77::1 > 2001:db8:1::50 id=1 frag=7 payload=787878787878787878787878787878787878787878787878787878787878 => sent eth1 icmp6 frag=0+ len=104; sent eth1 icmp6 frag=7 payload="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    `,
  },
  {
    name: 'a helper has what it reads in one piece, and the host cuts it anew',
    // The first fragment's line knows no checksum of the whole.
    host: { ...gateway, sysctls: new Map([['net.netfilter.nf_conntrack_checksum', '0']]) },
    rules: {
      ipv6: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -p tcp -j CT --helper ftp
COMMIT
`,
    },
    packets: `
      eth1 tcp [2001:db8:2::9]:53 > [2001:db8:99::7]:4000 ack seq=1 ack=1 => accept by policy
      eth0 tcp [2001:db8:99::7]:4000 > [2001:db8:2::9]:53 ack seq=1 ack=1 id=1 frag=0+ payload="abcd" => sent nothing
      eth0 proto=6 2001:db8:99::7 > 2001:db8:2::9 id=1 frag=3+ payload="abcdefgh"                     => sent nothing
      eth0 proto=6 2001:db8:99::7 > 2001:db8:2::9 id=1 frag=4 payload="abcdefgh"                      => sent eth1 tcp frag=0 payload="abcdabcdefghabcdefgh"; sent no more
    `,
  },
  {
    name: 'the choice among destinations is mixed with the words that are chosen already',
    host: gateway,
    rules: {
      ipv6: `
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A OUTPUT -j DNAT --to-destination 2001:db8:2::9-2001:db8:2::a
COMMIT
`,
    },
    packets: `
      out udp [2001:db8:2::1]:5 > [ff05::7]:5         => sent eth1 udp [2001:db8:2::1]:5 > [2001:db8:2::9]:5
      out udp [2001:db8:2::1]:6 > [2001:db8:99::7]:5  => sent eth1 udp [2001:db8:2::1]:6 > [2001:db8:2::9]:5
    `,
  },
  {
    name: 'in IPv6 a host hears each fragment of what it tells a group',
    host: gateway,
    rules: {
      ipv6: `
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT
-A INPUT -m conntrack --ctstate NEW
-A OUTPUT
COMMIT
`,
    },
    packets: `
      out udp [2001:db8:2::1]:5 > [ff02::1]:5 frag=0+ payload="abcdefgh" id=7        => drop by host; hits
      out proto=17 2001:db8:2::1 > ff02::1 frag=2 payload="abcdefghabcdefgh" id=7 => accept by policy; hits filter/OUTPUT:1 filter/INPUT:1 filter/INPUT:2 filter/INPUT:1 filter/INPUT:2
    `,
  },
]
