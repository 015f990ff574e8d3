/** Measured facts about what sysctls change in routing. Part of the journeys. */
import type { HostConfig } from '../config.ts'
import type { JourneyCase } from './journey-case.ts'

const chains = `
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -i eth0 -p tcp --dport 80 -j DNAT --to-destination 127.0.0.1:8080
-A OUTPUT -d 127.0.0.9/32 -p tcp -j DNAT --to-destination 192.168.1.9
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT
-A FORWARD
COMMIT
`

const set = (host: HostConfig, ...settings: readonly string[]): HostConfig => ({
  ...host,
  sysctls: new Map(settings.map((text) => [`net.ipv4.conf.${text}`, '1'])),
})

/** On the gateway that the other journeys go through. */
export const sysctlJourneys = (gateway: HostConfig): readonly JourneyCase[] => [
  {
    name: '127.0.0.0/8 is nothing that comes by a link',
    host: gateway,
    rules: { ipv4: chains },
    packets: `
      eth0 udp 203.0.113.7:4000 > 127.0.0.1:53 => drop by host; hits
      eth0 udp 127.0.0.1:4000 > 203.0.113.1:53 => drop by host; hits
      eth0 tcp 203.0.113.7:4000 > 203.0.113.1:80 syn => drop by host; hits nat/PREROUTING:1
      out tcp 127.0.0.1:4000 > 127.0.0.9:80 syn => drop by host
    `,
  },
  {
    name: 'unless route_localnet says so: then it is the host, but still nobody else',
    host: set(gateway, 'eth0.route_localnet'),
    rules: { ipv4: chains },
    packets: `
      eth0 udp 203.0.113.7:4000 > 127.0.0.1:53 => accept by policy; hits filter/INPUT:1; delivered
      eth0 udp 203.0.113.7:4000 > 127.0.0.77:53 => accept by policy; hits filter/INPUT:1; delivered
      eth0 udp 127.0.0.1:4000 > 203.0.113.1:53 => drop by host; hits
      # Only what is an address of its own cannot come from elsewhere.
      eth0 udp 127.0.0.77:4000 > 203.0.113.1:53 => accept by policy; hits filter/INPUT:1; delivered
      eth0 udp 127.0.0.77:4001 > 192.168.1.9:53 => accept by policy; hits filter/FORWARD:1
      eth0 tcp 203.0.113.7:4000 > 203.0.113.1:80 syn => accept by policy; hits nat/PREROUTING:1 filter/INPUT:1; delivered
      eth1 udp 192.168.1.9:4000 > 127.0.0.1:53 => drop by host; hits
      # It leaves by eth1, where the switch is off.
      out tcp 127.0.0.1:4000 > 127.0.0.9:80 syn => drop by host
    `,
  },
  {
    name: 'route_localnet of all devices is that of each; accept_local lets in what says it comes from the host',
    host: set(gateway, 'all.route_localnet', 'eth0.accept_local'),
    rules: { ipv4: chains },
    packets: `
      eth0 udp 127.0.0.1:4000 > 203.0.113.1:53 => accept by policy; hits filter/INPUT:1; delivered
      eth0 udp 127.0.0.1:4001 > 192.168.1.9:53 => accept by policy; hits filter/FORWARD:1
      eth1 udp 127.0.0.1:4000 > 203.0.113.1:53 => drop by host; hits
      eth1 udp 127.0.0.77:4000 > 203.0.113.1:53 => accept by policy; hits filter/INPUT:1; delivered
      eth1 udp 192.168.1.9:4000 > 127.0.0.1:53 => accept by policy; hits filter/INPUT:1; delivered
      out tcp 127.0.0.1:4000 > 127.0.0.9:80 syn => accept by policy; sent eth1 tcp 127.0.0.1:4000 > 192.168.1.9:80 syn
    `,
  },
  {
    name: 'what is for everybody on another link is for the host',
    host: set(gateway, 'all.bc_forwarding'),
    rules: { ipv4: chains },
    packets: `
      eth0 udp 203.0.113.7:4000 > 192.168.1.255:9 => accept by policy; hits filter/INPUT:1; sent nothing
    `,
  },
  {
    name: 'unless bc_forwarding of all and of the device say that it goes there',
    host: set(gateway, 'all.bc_forwarding', 'eth0.bc_forwarding'),
    rules: { ipv4: chains },
    packets: `
      eth0 udp 203.0.113.7:4000 > 192.168.1.255:9 => accept by policy; hits filter/FORWARD:1; sent eth1 udp 203.0.113.7:4000 > 192.168.1.255:9 ttl=63
      eth0 udp 203.0.113.7:4000 > 192.168.1.255:9 ttl=1 => hits
      eth0 udp 203.0.113.7:4000 > 203.0.113.255:9
      eth0 udp 203.0.113.7:4000 > 255.255.255.255:9 => accept by policy; hits filter/INPUT:1
      eth0 udp 203.0.113.1:4000 > 192.168.1.255:9 => drop by host; hits
      eth1 udp 192.168.1.9:4000 > 203.0.113.255:9 => accept by policy; hits filter/INPUT:1; sent nothing
      eth0 udp 203.0.113.7:4000 > 192.168.1.255:9 len=1400 => hits filter/FORWARD:1
      eth0 udp 203.0.113.7:4000 > 192.168.1.255:9 len=1400 df => hits
    `,
  },
  {
    name: 'even where the host forwards nothing else',
    host: set(
      { ...gateway, forwarding: { ipv4: false, ipv6: false } },
      'all.bc_forwarding',
      'default.bc_forwarding',
    ),
    rules: { ipv4: chains },
    packets: `
      eth0 udp 203.0.113.7:4000 > 192.168.1.255:9 => accept by policy; hits filter/FORWARD:1
      eth0 udp 203.0.113.7:4000 > 192.168.1.9:9 => hits
    `,
  },
]
