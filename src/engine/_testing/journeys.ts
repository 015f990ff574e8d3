/** Measured facts about the way of packets. The engine's tests expect them; the kernel is asked for the same. */

import { conversationJourneys } from './conversation-journeys.ts'
import { hostOf, type JourneyCase } from './journey-case.ts'
import { sysctlJourneys } from './sysctl-journeys.ts'
import { trackingJourneys } from './tracking-journeys.ts'

const gateway = hostOf(
  `eth0 203.0.113.1/24 2001:db8:1::1/64
   eth1 192.168.1.1/24 2001:db8:2::1/64 mtu 1300`,
  [
    'default via 203.0.113.254',
    'unreachable 10.1.0.0/16',
    'prohibit 10.2.0.0/16',
    'blackhole 10.3.0.0/16',
    '10.4.0.0/16 via 192.168.1.77',
    '10.4.4.0/24 dev eth0 metric 5',
    '10.4.4.0/24 dev eth1 metric 2',
    'default via 2001:db8:1::fe',
    'unreachable 2001:db8:a1::/48',
    'prohibit 2001:db8:a2::/48',
    'blackhole 2001:db8:a3::/48',
    '2001:db8:a4::/48 via 2001:db8:2::77',
  ],
)
const withoutDefault = { ...gateway, routes: gateway.routes.filter(({ to }) => to.mask.words[0] !== 0) }
const endHost = { ...gateway, forwarding: { ipv4: false, ipv6: false } }

const chains = `
*filter
:INPUT DROP
:FORWARD ACCEPT
:OUTPUT ACCEPT
:a -
:b -
:c -
-A INPUT -p tcp
-A INPUT -s 198.51.100.1 -j RETURN
-A INPUT -s 198.51.100.2 -j a
-A INPUT -s 198.51.100.3 -g a
-A INPUT -s 198.51.100.4 -j b
-A INPUT -s 198.51.100.5 -g b
-A INPUT -s 198.51.100.6 -j QUEUE
-A INPUT -s 198.51.100.7 -j c
-A INPUT -j ACCEPT
-A a -p udp -j ACCEPT
-A a -p tcp -j RETURN
-A a -j DROP
-A b -g a
-A b -j DROP
-A c
-A c -j a
-A c -d 203.0.113.1 -j ACCEPT
COMMIT
`

const everyHook = `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:post -
-A POSTROUTING -j post
-A post -i eth0
-A post -i eth1
-A post -o eth0
-A post -o eth1
-A post -o lo
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -i lo
-A INPUT -i eth0
COMMIT
*security
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
COMMIT
`

const natAlone = `
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -j ACCEPT
-A OUTPUT -j ACCEPT
COMMIT
`

const policiesOnly = `
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
COMMIT
`

export const journeys: readonly JourneyCase[] = [
  {
    name: 'a host without tables accepts what routing delivers',
    host: gateway,
    rules: {},
    packets: `
      eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn  => accept by host; delivered; sent nothing
      eth0 tcp 198.51.100.7:4000 > 192.168.1.9:22 syn  => accept by host; not delivered; sent eth1 tcp ttl=63
    `,
  },
  {
    name: 'chains call, go and return',
    host: gateway,
    rules: { ipv4: chains },
    packets: `
      # A rule without a target counts; RETURN in a base chain means the policy.
      eth0 tcp 198.51.100.1 > 203.0.113.1:22 => drop by policy; hits filter/INPUT:1 filter/INPUT:2; policies filter/INPUT
      eth0 udp 198.51.100.2 > 203.0.113.1:22 => accept by filter/a:1; hits filter/INPUT:3 filter/a:1; policies
      eth0 tcp 198.51.100.2 > 203.0.113.1:22 => accept by filter/INPUT:9; hits filter/INPUT:1 filter/INPUT:3 filter/a:2 filter/INPUT:9
      eth0 icmp 198.51.100.2 > 203.0.113.1   => drop by filter/a:3; hits filter/INPUT:3 filter/a:3
      # What goes from a base chain never comes back to it: the policy decides.
      eth0 tcp 198.51.100.3 > 203.0.113.1:22 => drop by policy; hits filter/INPUT:1 filter/INPUT:4 filter/a:2; policies filter/INPUT
      # What goes from a called chain comes back to the caller.
      eth0 tcp 198.51.100.4 > 203.0.113.1:22 => accept by filter/INPUT:9; hits filter/INPUT:1 filter/INPUT:5 filter/b:1 filter/a:2 filter/INPUT:9
      eth0 tcp 198.51.100.5 > 203.0.113.1:22 => drop by policy; hits filter/INPUT:1 filter/INPUT:6 filter/b:1 filter/a:2
      # Nobody listens to the queue.
      eth0 udp 198.51.100.6 > 203.0.113.1:22 => drop by filter/INPUT:7
      eth0 tcp 198.51.100.7 > 203.0.113.1:22 => accept by filter/c:3; hits filter/INPUT:1 filter/INPUT:8 filter/c:1 filter/c:2 filter/a:2 filter/c:3
      eth0 udp 198.51.100.8 > 203.0.113.1:22 => accept by filter/INPUT:9; policies
    `,
  },
  {
    name: 'the conditions of a rule itself',
    host: gateway,
    rules: {
      ipv4: `
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:any -
-A INPUT -j any
-A FORWARD -j any
-A OUTPUT -j any
-A any -i eth0
-A any ! -i eth0
-A any -i eth+
-A any ! -i e+
-A any -o eth1
-A any ! -o eth1
-A any -p udp
-A any ! -p udp
-A any -f
-A any ! -f
-A any -s 198.51.100.0/255.255.0.255
-A any ! -s 198.51.100.0/24
-A any -d 192.168.1.0/24
-A any ! -d 192.168.1.0/24 ! -p tcp
COMMIT
`,
    },
    packets: `
      eth0 tcp 198.51.7.0 > 203.0.113.1:22  => hits filter/INPUT:1 filter/any:1 filter/any:3 filter/any:6 filter/any:8 filter/any:10 filter/any:11 filter/any:12
      eth1 udp 192.168.1.9 > 203.0.113.1:22 => hits filter/INPUT:1 filter/any:2 filter/any:3 filter/any:6 filter/any:7 filter/any:10 filter/any:12 filter/any:14
      eth0 udp 198.51.100.9 > 192.168.1.9 frag=3 => hits filter/FORWARD:1 filter/any:1 filter/any:3 filter/any:5 filter/any:7 filter/any:9 filter/any:13
      eth0 udp 198.51.100.9 > 192.168.1.9:5 frag=0+ len=36 => hits filter/FORWARD:1 filter/any:1 filter/any:3 filter/any:5 filter/any:7 filter/any:10 filter/any:13
      # In OUTPUT nothing came in: a negated name fits, every other fails.
      out udp 203.0.113.1 > 192.168.1.9:5   => hits filter/OUTPUT:1 filter/any:2 filter/any:4 filter/any:5 filter/any:7 filter/any:10 filter/any:12 filter/any:13
    `,
  },
  {
    name: 'hooks and tables in their order',
    host: gateway,
    rules: { ipv4: everyHook },
    packets: `
      eth0 tcp 198.51.100.7 > 203.0.113.1:22 => accept by policy; delivered; hits filter/INPUT:2; policies raw/PREROUTING mangle/PREROUTING mangle/INPUT filter/INPUT security/INPUT
      # A packet that is forwarded keeps the interface it came by in POSTROUTING.
      eth0 tcp 198.51.100.7 > 192.168.1.9:22 => accept by policy; not delivered; hits mangle/POSTROUTING:1 mangle/post:1 mangle/post:4; policies raw/PREROUTING mangle/PREROUTING mangle/FORWARD filter/FORWARD security/FORWARD mangle/POSTROUTING
      out udp 203.0.113.1 > 198.51.100.7:53  => accept by policy; hits mangle/POSTROUTING:1 mangle/post:3; policies raw/OUTPUT mangle/OUTPUT filter/OUTPUT security/OUTPUT mangle/POSTROUTING; sent eth0 udp ttl=64
      # What the host sends to itself passes all of output and all of input.
      out udp 203.0.113.1 > 192.168.1.1:53   => accept by policy; delivered; hits mangle/POSTROUTING:1 mangle/post:5 filter/INPUT:1; policies raw/OUTPUT mangle/OUTPUT filter/OUTPUT security/OUTPUT mangle/POSTROUTING raw/PREROUTING mangle/PREROUTING mangle/INPUT filter/INPUT security/INPUT; sent nothing
      # It hears its own broadcasts, which pass POSTROUTING twice.
      out udp 192.168.1.1 > 192.168.1.255:53 => accept by policy; delivered; policies raw/OUTPUT mangle/OUTPUT filter/OUTPUT security/OUTPUT mangle/POSTROUTING raw/PREROUTING mangle/PREROUTING mangle/INPUT filter/INPUT security/INPUT mangle/POSTROUTING; sent eth1 udp 192.168.1.1:40000 > 192.168.1.255:53
      out udp 192.168.1.1 > 239.1.1.1:53     => accept by policy; not delivered; policies raw/OUTPUT mangle/OUTPUT filter/OUTPUT security/OUTPUT mangle/POSTROUTING; sent eth0 udp 192.168.1.1:40000 > 239.1.1.1:53
    `,
  },
  {
    name: 'a nat table alone tracks nothing, so its chains see no packet',
    host: gateway,
    rules: { ipv4: natAlone },
    packets: `
      eth0 tcp 198.51.100.7 > 203.0.113.1:22 => accept by host; hits; policies
      out udp 203.0.113.1 > 198.51.100.7:53  => accept by host; hits; policies
    `,
  },
  {
    name: 'addresses that arrive',
    host: gateway,
    rules: { ipv4: policiesOnly },
    packets: `
      eth0 udp 198.51.100.7 > 192.168.1.1:9      => accept by policy; delivered
      eth0 udp 198.51.100.7 > 203.0.113.255:9    => accept by policy; delivered
      eth0 udp 198.51.100.7 > 192.168.1.255:9    => accept by policy; delivered
      eth0 udp 198.51.100.7 > 255.255.255.255:9  => accept by policy; delivered
      eth0 udp 198.51.100.7 > 224.0.0.1:9        => accept by policy; delivered
      eth0 udp 198.51.100.7 > 224.0.0.5:9        => drop by host; policies
      eth0 udp 0.0.0.0 > 255.255.255.255:9       => accept by policy; delivered
      eth0 udp 0.0.0.0 > 203.0.113.1:9           => drop by host
      eth0 udp 203.0.113.1 > 203.0.113.1:9       => drop by host
      eth0 udp 192.168.1.1 > 192.168.1.9:9       => drop by host
      eth0 udp 224.0.0.1 > 203.0.113.1:9         => drop by host
      eth0 udp 255.255.255.255 > 203.0.113.1:9   => drop by host
      eth0 udp 127.0.0.1 > 203.0.113.1:9         => drop by host
      eth0 udp 198.51.100.7 > 127.0.0.1:9        => drop by host
      eth0 udp 198.51.100.7 > 0.0.0.0:9          => drop by host
      # The lowest address of a network is an address like any other (since Linux 5.14).
      eth0 udp 198.51.100.7 > 192.168.1.0:9      => accept by policy; sent eth1 udp ttl=63
      eth0 udp 198.51.100.7 > 203.0.113.1:9 dmac=ff:ff:ff:ff:ff:ff => accept by policy; delivered
      eth0 udp 198.51.100.7 > 192.168.1.9:9 dmac=ff:ff:ff:ff:ff:ff => drop by host; policies; sent nothing
      eth0 udp 198.51.100.7 > 203.0.113.1:9 dmac=02:00:00:00:00:55 => drop by host; policies
      eth0 udp 198.51.100.7 > 203.0.113.1:9 vlan=7      => drop by host; policies
      eth0 udp 198.51.100.7 > 203.0.113.1:9 vlan=0x6000 => accept by policy; delivered
    `,
  },
  {
    name: 'bytes that the kernel refuses before any table',
    host: gateway,
    rules: { ipv4: policiesOnly.replace('*filter', '*mangle\n:PREROUTING ACCEPT\nCOMMIT\n*filter') },
    packets: `
      eth0 udp 198.51.100.7 > 203.0.113.1:9 badipsum => drop by host; policies
      eth0 raw hex=450000200000000040117a20c6336407       => drop by host; policies
      eth0 raw hex=4500001c00000000401150b3c6336407cb007101 => drop by host; policies
      eth0 raw hex=44000014000000004011                    => drop by host; policies
      eth0 udp 198.51.100.7 > 203.0.113.1:9 badsum  => accept by policy; policies mangle/PREROUTING mangle/INPUT filter/INPUT
    `,
  },
  {
    name: 'forwarding, and the errors of a router',
    host: gateway,
    rules: { ipv4: policiesOnly },
    packets: `
      eth0 udp 198.51.100.7 > 192.168.1.9:9 ttl=2  => accept by policy; sent eth1 udp 198.51.100.7:40000 > 192.168.1.9:9 ttl=1
      eth0 udp 198.51.100.7 > 192.168.1.9:9 ttl=1  => drop by host; policies filter/OUTPUT; sent eth0 icmp 203.0.113.1 > 198.51.100.7 type=11 code=0 ttl=64 tos=0xc0
      eth1 udp 192.168.1.9 > 8.8.8.8:9 ttl=1 tos=0xff => drop by host; sent eth1 icmp 192.168.1.1 > 192.168.1.9 type=11 code=0 tos=0xde
      eth0 udp 198.51.100.7 > 203.0.113.1:9 ttl=1  => accept by policy; delivered
      eth0 udp 198.51.100.7 > 192.168.1.9 ttl=1 frag=9 => drop by host; sent nothing
      eth0 icmp 198.51.100.7 > 192.168.1.9 type=3 code=1 ttl=1 => drop by host; sent nothing
      eth0 icmp 198.51.100.7 > 192.168.1.9 echo-request ttl=1 => drop by host; sent eth0 icmp type=11
      eth0 udp 198.51.100.7 > 10.1.0.1:9  => drop by host; sent eth0 icmp 203.0.113.1 > 198.51.100.7 type=3 code=1
      eth0 udp 198.51.100.7 > 10.2.0.1:9  => drop by host; sent eth0 icmp 203.0.113.1 > 198.51.100.7 type=3 code=13
      eth0 udp 198.51.100.7 > 10.3.0.1:9  => drop by host; sent nothing
      eth0 udp 198.51.100.7 > 10.4.0.1:9  => accept by policy; sent eth1 udp dmac=02:01:c0:a8:01:4d
      eth0 udp 198.51.100.7 > 10.4.4.1:9  => accept by policy; sent eth1 udp dmac=02:01:0a:04:04:01
      eth0 udp 198.51.100.7 > 203.0.113.9:9 => accept by policy; sent eth0 udp ttl=63
      # The other side takes 1300 bytes.
      eth0 udp 198.51.100.7 > 192.168.1.9:9 len=1301 df => drop by host; sent eth0 icmp 203.0.113.1 > 198.51.100.7 type=3 code=4 mtu=1300 len=576
      eth0 udp 198.51.100.7 > 192.168.1.9:9 len=1300 df => accept by policy; sent eth1 udp len=1300
      eth0 udp 198.51.100.7 > 192.168.1.9:9 len=1401 id=9 => accept by policy; sent eth1 udp len=1300 id=9; sent eth1 udp 198.51.100.7 > 192.168.1.9 len=121 id=9 frag=160
    `,
  },
  {
    name: 'no way',
    host: withoutDefault,
    rules: { ipv4: policiesOnly, ipv6: policiesOnly },
    packets: `
      eth1 udp 192.168.1.9 > 8.8.8.8:9  => drop by host; sent eth1 icmp 192.168.1.1 > 192.168.1.9 type=3 code=0
      # Nor is there a way back to tell the sender.
      eth1 udp 9.9.9.9 > 8.8.8.8:9      => drop by host; sent nothing
      out udp 192.168.1.1 > 8.8.8.8:9   => drop by host; policies; sent nothing
      out udp 192.168.1.1 > 10.1.0.1:9  => drop by host; policies
      eth1 udp [2001:db8:2::9]:5 > [2001:db8:77::1]:9 => drop by host; sent eth1 icmp6 2001:db8:2::1 > 2001:db8:2::9 type=1 code=0
      out udp [2001:db8:2::1]:5 > [2001:db8:77::1]:9  => drop by host; policies
    `,
  },
  {
    name: 'a host that does not forward',
    host: endHost,
    rules: { ipv4: policiesOnly, ipv6: policiesOnly },
    packets: `
      eth0 udp 198.51.100.7 > 203.0.113.1:9 => accept by policy; delivered
      eth0 udp 198.51.100.7 > 192.168.1.1:9 => accept by policy; delivered
      eth0 udp 198.51.100.7 > 192.168.1.9:9 => drop by host; policies; sent nothing
      eth0 udp 198.51.100.7 > 192.168.1.9:9 ttl=1 => drop by host; sent nothing
      eth0 udp 198.51.100.7 > 10.1.0.1:9    => drop by host; sent nothing
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:2::9]:9 => drop by host; sent nothing
      # IPv6 does say that there is no way.
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:a1::1]:9 => drop by host; sent eth0 icmp6 type=1 code=0
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:1::]:9   => drop by host; sent nothing
    `,
  },
  {
    name: 'sources are checked where rp_filter is on',
    host: {
      ...gateway,
      sysctls: new Map([
        ['net.ipv4.conf.eth1.rp_filter', '1'],
        ['net.ipv4.conf.eth0.rp_filter', '2'],
        ['net.ipv4.ip_default_ttl', '33'],
      ]),
    },
    rules: { ipv4: policiesOnly },
    packets: `
      # 1: the way back must be by the same interface.
      eth1 udp 192.168.1.9 > 203.0.113.1:9      => accept by policy; delivered
      eth1 udp 198.51.100.7 > 203.0.113.1:9     => drop by host; policies
      eth1 udp 198.51.100.7 > 192.168.1.255:9   => drop by host
      eth1 udp 198.51.100.7 > 224.0.0.1:9       => drop by host
      eth1 udp 0.0.0.0 > 255.255.255.255:9      => accept by policy; delivered
      # 2: there must be a way back, to a single host.
      eth0 udp 192.168.1.9 > 203.0.113.1:9      => accept by policy; delivered
      eth0 udp 10.1.0.1 > 203.0.113.1:9         => drop by host
      eth0 udp 192.168.1.255 > 203.0.113.1:9    => drop by host
      eth0 udp 198.51.100.7 > 192.168.1.9:9 ttl=1 => drop by host; sent eth0 icmp type=11 ttl=33
    `,
  },
  {
    name: 'what the host sends',
    host: gateway,
    rules: { ipv4: policiesOnly, ipv6: policiesOnly },
    packets: `
      out udp 0.0.0.0 > 198.51.100.7:9   => accept by policy; sent eth0 udp 203.0.113.1:40000 > 198.51.100.7:9 dmac=02:01:cb:00:71:fe
      out udp 0.0.0.0 > 192.168.1.9:9    => accept by policy; sent eth1 udp 192.168.1.1:40000 > 192.168.1.9:9
      out udp 9.9.9.9 > 192.168.1.9:9    => accept by policy; sent eth1 udp 9.9.9.9:40000 > 192.168.1.9:9
      out udp 0.0.0.0 > 192.168.1.9:9 id=77 => sent eth1 udp 192.168.1.1:40000 > 192.168.1.9:9 id=77
      out udp 0.0.0.0 > 192.168.1.9:9 df => sent eth1 udp 192.168.1.1:40000 > 192.168.1.9:9 id=0 df
      out udp 0.0.0.0 > 192.168.1.9:9 ttl=0 => sent eth1 udp 192.168.1.1:40000 > 192.168.1.9:9 ttl=0
      # A raw socket does not cut.
      out udp 0.0.0.0 > 192.168.1.9:9 len=1301 => drop by host; policies
      out udp 127.0.0.1 > 127.0.0.2:9    => accept by policy; delivered
      out udp 0.0.0.0 > 0.0.0.0:9        => accept by policy; delivered
      out udp 203.0.113.1 > 255.255.255.255:9 => accept by policy; delivered; sent eth0 udp 203.0.113.1:40000 > 255.255.255.255:9 dmac=ff:ff:ff:ff:ff:ff
      out udp 203.0.113.1 > 224.0.0.1:9  => accept by policy; delivered; sent eth0 udp 203.0.113.1:40000 > 224.0.0.1:9 dmac=01:00:5e:00:00:01
      out udp [2001:db8:1::1]:5 > [2001:db8:2::1]:9 => accept by policy; delivered
      out udp [2001:db8:1::1]:5 > [ff02::fb]:9  => accept by policy; not delivered; sent eth0 udp dmac=33:33:00:00:00:fb
      out udp [2001:db8:1::1]:5 > [ff02::1]:9   => accept by policy; delivered; sent eth0 udp dmac=33:33:00:00:00:01
      # Node-local groups do not leave the node.
      out udp [2001:db8:1::1]:5 > [ff01::1]:9   => accept by policy; delivered; sent nothing
      out udp [2001:db8:1::1]:5 > [ff01::5]:9   => drop by host; sent nothing
      # Nor do groups that are heard here, with no hops left.
      out udp [2001:db8:1::1]:5 > [ff02::1]:9 ttl=0 => accept by policy; delivered; sent nothing
      out udp 192.168.1.1 > 224.0.0.1:9 ttl=0   => accept by policy; delivered; sent nothing
      # Not even from itself does a host take ::1 by a wire.
      out udp [::1]:5 > [ff02::1]:9             => accept by policy; not delivered; sent eth0 udp
    `,
  },
  {
    name: 'what mangle changes in OUTPUT is routed again',
    host: gateway,
    rules: {
      ipv6: `
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A OUTPUT -p udp -j MARK --set-xmark 0x1/0x1
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A OUTPUT -s fe80::/10 -j REJECT
COMMIT
`,
    },
    packets: `
      out udp [2001:db8:1::1]:5 > [2001:db8:2::9]:9 => accept by policy; sent eth1 udp ttl=64
      # Who sends to :: means ::1, but the second look at the route takes it by the word.
      out tcp [2001:db8:1::1]:5 > [::]:9            => accept by policy; delivered
      out udp [2001:db8:1::1]:5 > [::]:9            => accept by policy; not delivered; sent eth0 udp dmac=02:06:00:00:00:fe
      # The host's own packets count as come by lo, where no link-local address is to be found.
      out tcp [fe80::9]:5 > [::1]:9                 => drop by filter/OUTPUT:1; policies mangle/OUTPUT
    `,
  },
  {
    name: 'what is routed again goes to everybody by the device of its source',
    host: gateway,
    rules: {
      ipv4: `
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A OUTPUT -p udp -j MARK --set-mark 1
COMMIT
`,
    },
    packets: `
      out tcp 192.168.1.1:5 > 255.255.255.255:9  => accept by policy; sent eth0 tcp ttl=64
      out udp 192.168.1.1:5 > 255.255.255.255:9  => accept by policy; sent eth1 udp ttl=64
      out udp 192.168.1.1:5 > 239.1.2.3:9        => accept by policy; sent eth1 udp ttl=64
      out udp 198.51.100.71:5 > 255.255.255.255:9 => drop by host; hits mangle/OUTPUT:1; sent nothing
      out udp 198.51.100.71:5 > 198.51.100.7:9   => accept by policy; sent eth0 udp ttl=64
    `,
  },
  {
    name: 'fragments of the host to itself come back as they were sent, where connections are tracked',
    host: gateway,
    rules: {
      ipv4: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A OUTPUT -m state --state NEW
COMMIT
`,
      ipv6: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A OUTPUT -m state --state NEW
COMMIT
`,
    },
    packets: `
      # IPv4 puts them together once more, IPv6 does not.
      out udp 203.0.113.1:5 > 203.0.113.1:9 id=7 frag=0+ len=36 sum=0 => drop by host; hits; policies
      out udp 203.0.113.1 > 203.0.113.1 id=7 frag=2 payload=0102 => accept by policy; hits filter/OUTPUT:1; policies raw/OUTPUT filter/OUTPUT raw/PREROUTING filter/INPUT; delivered
      out udp [2001:db8:1::1]:5 > [2001:db8:1::1]:9 id=7 frag=0+ payload=0102030405060708 sum=0 => drop by host; hits; policies
      out udp 2001:db8:1::1 > 2001:db8:1::1 id=7 frag=2 payload=01020304050607080910111213141516 => accept by policy; hits filter/OUTPUT:1; policies raw/OUTPUT filter/OUTPUT raw/PREROUTING filter/INPUT raw/PREROUTING filter/INPUT; delivered
      # The whole may be no longer than the largest piece was with its extra header; then it is not cut.
      out udp [2001:db8:1::1]:6 > [2001:db8:1::1]:9 id=8 frag=0+ payload=0102030405060708 sum=0 => drop by host; hits; policies
      out udp 2001:db8:1::1 > 2001:db8:1::1 id=8 frag=2 payload=0102 => accept by policy; hits filter/OUTPUT:1; policies raw/OUTPUT filter/OUTPUT raw/PREROUTING filter/INPUT; delivered
    `,
  },
  {
    name: 'IPv6 addresses that arrive',
    host: gateway,
    rules: { ipv6: everyHook },
    packets: `
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:1::1]:9 => accept by policy; delivered
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:2::1]:9 => accept by policy; delivered
      # A router answers to the lowest address of its networks.
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:2::]:9  => accept by policy; delivered
      eth0 udp [2001:db8:99::7]:5 > [ff02::1]:9       => accept by policy; delivered
      eth0 udp [2001:db8:99::7]:5 > [ff02::2]:9       => accept by policy; delivered
      eth0 udp [2001:db8:99::7]:5 > [ff02::1:ff00:1]:9 => accept by policy; delivered
      eth0 udp [2001:db8:99::7]:5 > [ff02::1:ff00:0]:9 => accept by policy; delivered
      # A group that is not joined is seen by PREROUTING only.
      eth0 udp [2001:db8:99::7]:5 > [ff02::1:ff00:2]:9 => drop by host; policies raw/PREROUTING mangle/PREROUTING
      eth0 udp [2001:db8:99::7]:5 > [ff0e::1]:9       => drop by host; policies raw/PREROUTING mangle/PREROUTING
      eth0 udp [2001:db8:99::7]:5 > [ff01::1]:9       => drop by host; policies
      eth0 udp [2001:db8:99::7]:5 > [ff00::1]:9       => drop by host; policies
      eth0 udp [ff02::1]:5 > [2001:db8:1::1]:9        => drop by host; policies
      eth0 udp [::1]:5 > [2001:db8:1::1]:9            => drop by host; policies
      eth0 udp [2001:db8:99::7]:5 > [::1]:9           => drop by host; policies
      # Own and unspecified sources are no martians in IPv6.
      eth0 udp [2001:db8:1::1]:5 > [2001:db8:1::1]:9  => accept by policy; delivered
      eth0 udp [::]:5 > [2001:db8:1::1]:9             => accept by policy; delivered
      eth0 udp [::]:5 > [2001:db8:2::9]:9             => drop by host; sent nothing
      eth0 udp [fe80::5]:5 > [2001:db8:1::1]:9        => accept by policy; delivered
      # A link-local source is not passed on to another link, but hairpins.
      eth0 udp [fe80::5]:5 > [2001:db8:2::9]:9        => drop by host
      eth0 udp [fe80::5]:5 > [2001:db8:1::99]:9       => accept by policy; sent eth0 udp ttl=63
    `,
  },
  {
    name: 'IPv6 forwarding, and the errors of a router',
    host: gateway,
    rules: { ipv6: policiesOnly },
    packets: `
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:2::9]:9 ttl=2 => accept by policy; sent eth1 udp ttl=1 dmac=02:06:00:00:00:09
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:2::9]:9 ttl=1 => drop by host; policies filter/OUTPUT; sent eth0 icmp6 2001:db8:1::1 > 2001:db8:99::7 type=3 code=0 ttl=64
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:2::9]:9 len=1301 => drop by host; sent eth0 icmp6 type=2 code=0 mtu=1300 len=1280
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:2::9]:9 len=1300 => accept by policy; sent eth1 udp len=1300
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:a1::1]:9 => drop by host; sent eth0 icmp6 2001:db8:1::1 > 2001:db8:99::7 type=1 code=0
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:a2::1]:9 => drop by host; sent eth0 icmp6 type=1 code=1
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:a3::1]:9 => drop by host; sent nothing
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:a4::1]:9 => accept by policy; sent eth1 udp dmac=02:06:00:00:00:77
      # The address of an error suits the interface that the packet came by, whichever way the error takes.
      eth1 udp [2001:db8:99::7]:5 > [2001:db8:a1::1]:9 => drop by host; sent eth0 icmp6 2001:db8:2::1 > 2001:db8:99::7 type=1 code=0
      # No error goes to what may be any of several hosts, nor to another link's link-local address.
      eth0 udp [2001:db8:1::]:5 > [2001:db8:a1::1]:9   => drop by host; policies; sent nothing
      eth1 udp [fe80::9]:5 > [2001:db8:99::8]:9        => drop by host; policies; sent nothing
      eth0 icmp6 2001:db8:99::7 > 2001:db8:2::9 type=1 code=4 ttl=1 => drop by host; sent nothing
      eth0 icmp6 2001:db8:99::7 > 2001:db8:2::9 echo-request ttl=1  => drop by host; sent eth0 icmp6 type=3
    `,
  },
  {
    name: 'IPv6 extension headers',
    host: gateway,
    rules: {
      ipv6: `
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -s 2001:db8:99::8
-A INPUT -p udp -j ACCEPT
-A INPUT ! -p tcp
COMMIT
`,
    },
    packets: `
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:1::1]:9 ext=hop,dst,route => accept by filter/INPUT:2
      # Fragments pass INPUT one by one where nothing tracks connections.
      eth0 udp [2001:db8:99::7]:5 > [2001:db8:1::1]:9 frag=0+ len=64 => accept by filter/INPUT:2; delivered
      eth0 udp 2001:db8:99::7 > 2001:db8:1::1 frag=3 => accept by filter/INPUT:2; delivered
      # A chain of headers that breaks off: the first rule that asks for the protocol drops at once.
      eth0 proto=60 2001:db8:99::8 > 2001:db8:1::1 payload=00 => drop by filter/INPUT:2; hits filter/INPUT:1; policies
      # Unknown hop-by-hop options: told where the option demands it, before any table.
      eth0 proto=0 2001:db8:99::7 > 2001:db8:1::1 payload=1100850100000000 => drop by host; policies filter/OUTPUT; sent eth0 icmp6 2001:db8:1::1 > 2001:db8:99::7 type=4 code=2
      eth0 proto=0 2001:db8:99::7 > ff02::1 payload=1100850100000000 => drop by host; sent eth0 icmp6 type=4 code=2
      eth0 proto=0 2001:db8:99::7 > ff02::1 payload=1100c50100000000 => drop by host; sent nothing
      eth0 proto=0 2001:db8:99::7 > 2001:db8:1::1 payload=1100450100000000 => drop by host; sent nothing
    `,
  },
  {
    name: 'fragments are whole in INPUT',
    host: gateway,
    rules: {
      ipv4: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -f
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -f
-A INPUT ! -f
COMMIT
`,
    },
    packets: `
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 id=7 frag=0+ len=36 => drop by host; hits; policies raw/PREROUTING
      eth0 udp 198.51.100.7 > 203.0.113.1 id=7 frag=2 payload=0102 => accept by policy; hits raw/PREROUTING:1 filter/INPUT:2; delivered
      eth0 udp 198.51.100.7 > 192.168.1.9 id=7 frag=2 payload=0102 => accept by policy; hits raw/PREROUTING:1; sent eth1 udp 198.51.100.7 > 192.168.1.9 id=7 frag=2
    `,
  },
  {
    name: 'one rule that needs it makes the host track every packet',
    host: gateway,
    rules: {
      ipv4: `
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -f
-A PREROUTING -s 198.51.100.9 -j NOTRACK
COMMIT
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -j ACCEPT
-A OUTPUT -j ACCEPT
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -s 198.51.100.8 -j DROP
-A INPUT -m state --state RELATED -j DROP
-A INPUT -s 198.51.100.6 -p tcp -j REJECT --reject-with tcp-reset
-A INPUT -s 198.51.100.6 -j REJECT
COMMIT
`,
    },
    packets: `
      # The nat table sees the first packet of a connection, at each kind of hook once.
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 => accept by policy; hits nat/PREROUTING:1; policies raw/PREROUTING filter/INPUT nat/INPUT
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 => accept by policy; hits; policies raw/PREROUTING filter/INPUT
      out udp 203.0.113.1:9 > 198.51.100.7:5  => accept by policy; hits; policies raw/OUTPUT filter/OUTPUT
      eth0 udp 198.51.100.9:5 > 203.0.113.1:9 => accept by policy; hits raw/PREROUTING:2; policies raw/PREROUTING filter/INPUT
      eth0 udp 198.51.100.7:6 > 192.168.1.9:9 => accept by policy; hits nat/PREROUTING:1; policies raw/PREROUTING filter/FORWARD nat/POSTROUTING
      # What is dropped leaves no connection behind.
      eth0 udp 198.51.100.8:5 > 203.0.113.1:9 => drop by filter/INPUT:1; hits nat/PREROUTING:1 filter/INPUT:1
      eth0 udp 198.51.100.8:5 > 203.0.113.1:9 => drop by filter/INPUT:1; hits nat/PREROUTING:1 filter/INPUT:1
      # An answer of REJECT belongs to the connection of what it rejects; nat looks at resets, not at errors.
      eth0 udp 198.51.100.6:5 > 203.0.113.1:9 => reject by filter/INPUT:4; hits nat/PREROUTING:1 filter/INPUT:4; policies raw/PREROUTING raw/OUTPUT filter/OUTPUT
      eth0 tcp 198.51.100.6:5 > 203.0.113.1:9 => reject by filter/INPUT:3; policies raw/PREROUTING raw/OUTPUT filter/OUTPUT nat/POSTROUTING; sent eth0 tcp 203.0.113.1:9 > 198.51.100.6:5 rst-ack id=0 df seq=0 ack=1
      # The host talks to itself: what output saw, input does not look at again.
      out udp 203.0.113.1:7 > 203.0.113.1:8   => accept by policy; hits nat/OUTPUT:1; policies raw/OUTPUT filter/OUTPUT nat/POSTROUTING raw/PREROUTING filter/INPUT
      # Fragments are put together before raw, and cut as they came when they leave.
      eth0 udp 198.51.100.7:5 > 192.168.1.9:9 id=7 frag=0+ len=60 sum=0 => drop by host; hits; policies
      eth0 udp 198.51.100.7 > 192.168.1.9 id=7 frag=5 payload=0102 => accept by policy; hits nat/PREROUTING:1; sent eth1 udp 198.51.100.7:5 > 192.168.1.9:9 ttl=63 id=7 frag=0+ len=60; sent eth1 udp 198.51.100.7 > 192.168.1.9 ttl=63 id=7 frag=5 payload=0102
    `,
  },
  {
    name: 'IPv4 options',
    host: gateway,
    rules: { ipv4: policiesOnly },
    packets: `
      # Record route: the address on the way back while the packet waits, that of the way out when it goes.
      eth0 udp 198.51.100.7 > 192.168.1.9:9 opts=070b04000000000000000000 => accept by policy; sent eth1 udp ttl=63 opts=070b08c0a801010000000000
      eth0 udp 198.51.100.7 > 203.0.113.1:9 opts=070b04000000000000000000 => accept by policy; delivered
      eth0 udp 198.51.100.7 > 192.168.1.9:9 opts=07070801020304 => accept by policy; sent eth1 udp ttl=63 opts=0707080102030400
      # An error repeats it, filled in again.
      eth0 udp 198.51.100.7 > 192.168.1.9:9 opts=070b04000000000000000000 ttl=1 => drop by host; sent eth0 icmp type=11 opts=070b0ccb007101cb00710100
      # Octet 21 or 22 is wrong.
      eth0 udp 198.51.100.7 > 203.0.113.1:9 opts=07020000 => drop by host; policies filter/OUTPUT; sent eth0 icmp 203.0.113.1 > 198.51.100.7 type=12 code=0 pointer=21
      eth0 udp 198.51.100.7 > 203.0.113.1:9 opts=0707030000000000 => drop by host; sent eth0 icmp type=12 pointer=22
      eth0 udp 198.51.100.7 > 203.0.113.1:9 opts=83070401020304 => drop by host; sent nothing
      eth0 udp 198.51.100.7 > 203.0.113.1:9 opts=860a00000001010400010000 => drop by host; sent eth0 icmp type=12 pointer=22
      eth0 udp 198.51.100.7 > 203.0.113.1:9 opts=94040000 => accept by policy; delivered
    `,
  },
  {
    name: 'REJECT takes the checksum of what the host wrote into for a wrong one',
    host: gateway,
    rules: { ipv4: '*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A INPUT -j REJECT\nCOMMIT\n' },
    packets: `
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 opts=94040000 => reject by filter/INPUT:1; sent eth0 icmp type=3
      # Record route has room for one address, for none; no checksum, no check.
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 opts=0707040000000000 => drop by filter/INPUT:1; sent nothing
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 opts=0707080102030400 => reject by filter/INPUT:1; sent eth0 icmp type=3
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 opts=0707040000000000 sum=0 => reject by filter/INPUT:1; sent eth0 icmp type=3
    `,
  },
  {
    name: 'but believes conntrack, which looked before, except for a reset of what is forwarded',
    host: gateway,
    rules: {
      ipv4: `
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
-A INPUT -j REJECT
-A FORWARD -p tcp -j REJECT --reject-with tcp-reset
-A FORWARD -j REJECT
-A OUTPUT -m state --state NEW
COMMIT
`,
    },
    packets: `
      eth0 udp 198.51.100.7:5 > 192.168.1.9:9 opts=0707040000000000 => reject by filter/FORWARD:2; sent eth0 icmp type=3
      eth0 tcp 198.51.100.7:5 > 192.168.1.9:9 syn opts=0707040000000000 => drop by filter/FORWARD:1; sent nothing
      eth0 udp 198.51.100.7:5 > 203.0.113.1:9 opts=0707040000000000 => reject by filter/INPUT:2; sent eth0 icmp type=3
      eth0 udp 198.51.100.7:6 > 203.0.113.1:9 opts=0707040000000000 sum=0x1234 => drop by filter/INPUT:2; sent nothing
      eth0 tcp 198.51.100.7:5 > 203.0.113.1:9 syn opts=0707040000000000 => reject by filter/INPUT:1; sent eth0 tcp rst-ack id=0 df seq=0
      eth0 proto=99 198.51.100.7 > 203.0.113.1 payload=ffff opts=0707040000000000 => drop by filter/INPUT:2; sent nothing
    `,
  },
  ...trackingJourneys(gateway),
  ...conversationJourneys(gateway),
  ...sysctlJourneys(gateway),
]
