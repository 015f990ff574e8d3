/**
 * The shape of a scenario file, once: validation, types and the JSON schema for editors derive from it.
 */
import { z } from 'zod'
import { outcomeWords } from './flow/outcome.ts'

const time = z
  .union([z.number().nonnegative(), z.string()])
  .describe('seconds since the case began, or a time such as `500ms`, `1.5s`, `5m`')

const address = z.string().describe('an IPv4 or IPv6 address')

const oneOrMany = <T extends z.ZodType>(item: T) => z.union([item, z.array(item)])

const interfaceShape = z
  .strictObject({
    address: oneOrMany(z.string())
      .optional()
      .describe('`203.0.113.1/24`; a list for several, of either family'),
    mac: z.string().optional().describe('`02:00:00:00:00:01`; by default numbered in this order'),
    mtu: z.number().int().min(68).max(65535).optional(),
  })
  .describe('an Ethernet interface of the host')

export const hostShape = z
  .strictObject({
    interfaces: z.record(z.string(), interfaceShape).optional(),
    forwarding: z
      .union([z.boolean(), z.strictObject({ ipv4: z.boolean().optional(), ipv6: z.boolean().optional() })])
      .optional(),
    routes: z.array(z.string()).optional().describe('as `ip route` takes them: `default via 203.0.113.254`'),
    neighbours: z.record(z.string(), z.string()).optional().describe('address: MAC'),
    clock: z
      .string()
      .optional()
      .describe('the date and time of the first step, UTC unless it says otherwise: `2026-01-31T12:00:00Z`'),
    timezone: z
      .number()
      .int()
      .min(-840)
      .max(720)
      .optional()
      .describe(
        'minutes that the kernel’s local time is behind UTC (`-60` for Berlin in winter); 0 by default',
      ),
    sockets: z
      .array(z.string())
      .optional()
      .describe(
        'listening sockets, as `tcp 22`, `udp 203.0.113.1:53`, `tcp [::]:443 dev eth0 uid 33`; with them, even with [], ' +
          'the host answers: SYN-ACKs and acknowledgements, RSTs and port unreachables, replies to pings',
      ),
    circumstances: z
      .string()
      .optional()
      .describe(
        'what holds of packets that do not say it themselves, in words of the packet notation: `cpu=0 policy-in=none policy-out=none`',
      ),
    nfacct: z
      .array(z.string())
      .optional()
      .describe('accounting objects: `http`, `downloads 100000 bytes`, `mail 20 packets` (with a quota)'),
    sets: z
      .string()
      .optional()
      .describe('the sets of ipset: text as `ipset save` prints it, or ipset commands'),
    sysctls: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  })
  .describe('the machine that the rules are for')

const verdict = z.enum(['accept', 'drop', 'reject', 'unknown'])

const flowOutcome = z
  .enum(outcomeWords)
  .describe('what becomes of a flow, where it was bad perhaps with the packet: `dropped at syn-ack`')

const expectShape = z
  .strictObject({
    verdict: verdict.optional(),
    by: z.string().optional().describe('`INPUT:3`, `filter/INPUT:3`, `policy` or `host`'),
    sent: oneOrMany(z.string())
      .optional()
      .describe('packets that leave, in the packet notation; words left out are not compared; [] for none'),
    log: oneOrMany(z.string())
      .optional()
      .describe('a text that each log line contains, in order; [] for none'),
    recent: z
      .record(z.string(), z.array(address))
      .optional()
      .describe('recency lists and the addresses they hold, in any order'),
    state: z.enum(['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED']).optional(),
    delivered: z.boolean().optional(),
    refused: z
      .boolean()
      .optional()
      .describe(
        'whether a write or a command is turned down; a `run` must be accepted unless this says otherwise',
      ),
    flow: flowOutcome.optional(),
  })
  .describe('what must hold after the step')

const rules = z
  .string()
  .describe('a file beside this one, or a block of iptables-save text or iptables commands')

const mark = z
  .number()
  .int()
  .min(0)
  .max(0xffff_ffff)
  .optional()
  .describe('the packet’s mark before any table sees it; 0 by default')

export const stepShape = z
  .strictObject({
    at: time.optional(),
    after: time.optional().describe('time since the step before, instead of `at`'),
    packet: z
      .string()
      .optional()
      .describe('packet notation: `eth0 tcp 198.51.100.7:4000 > 203.0.113.1:22 syn`'),
    frame: z
      .strictObject({ in: z.string(), hex: z.string(), mark })
      .optional()
      .describe('a whole Ethernet frame that arrives'),
    local: z
      .strictObject({
        hex: z.string(),
        uid: z.number().int().optional(),
        gid: z.number().int().optional(),
        mark,
      })
      .optional()
      .describe('an IP packet that the host sends through a raw socket'),
    write: z
      .strictObject({ recent: z.string(), text: z.string() })
      .optional()
      .describe('one write to /proc/net/xt_recent/NAME'),
    run: z.string().optional().describe('an iptables, ip6tables or ipset command'),
    flow: z
      .string()
      .optional()
      .describe(
        'a conversation, or how it goes on: `ssh: connect eth0 198.51.100.7 > 203.0.113.1:22`, then ' +
          '`ssh: request 200 response 5000`, `ssh: close`; also `udp ...`, `ping ...`, `reset`',
      ),
    repeat: z.number().int().min(1).max(100000).optional().describe('how often; 1 by default'),
    every: time.optional().describe('time between repetitions'),
    expect: z.union([verdict, flowOutcome, expectShape]).optional(),
  })
  .describe('one thing that happens: exactly one of packet, flow, frame, local, write, run')

const caseFields = {
  host: hostShape.optional(),
  rules: rules.optional(),
  rules6: rules.optional().describe('rules for IPv6, when both families are in play'),
  sets: z
    .string()
    .optional()
    .describe('the sets of ipset: a file beside this one, or a block of `ipset save` text or ipset commands'),
}

export const scenarioShape = z
  .strictObject({
    ...caseFields,
    description: z.string().optional(),
    steps: z.array(stepShape).optional(),
    cases: z
      .array(
        z.strictObject({
          name: z.string(),
          description: z.string().optional(),
          ...caseFields,
          steps: z.array(stepShape),
        }),
      )
      .optional()
      .describe('several timelines that share the host and the rules; each begins anew'),
  })
  .describe('A Postern scenario: a host, rules, and a timeline of packets with expectations')

export type ScenarioFile = z.infer<typeof scenarioShape>
export type StepFile = z.infer<typeof stepShape>
export type HostFile = z.infer<typeof hostShape>

/** JSON schema (draft 2020-12) for editors. */
export const scenarioJsonSchema = (): unknown => z.toJSONSchema(scenarioShape)
