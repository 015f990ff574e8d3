/**
 * The proof of what a recipe promises: a scenario, written with a small cast. A host (203.0.113.1 on eth0, a network
 * behind eth1), a client that the recipe is for, a stranger, and somebody behind the gateway.
 */
import { registry } from '../ext/registry.ts'
import { printRuleset } from '../lang/print.ts'
import { parseRules } from '../lang/read.ts'
import type { Family } from '../lang/rule.ts'
import { SourceText } from '../lang/source.ts'
import { addRecipe } from './merge.ts'
import type { Plan } from './plan.ts'

const addresses = {
  ipv4: {
    ...{ own: '203.0.113.1', client: '198.51.100.7', stranger: '198.51.100.66', gateway: '203.0.113.254' },
    ...{ inner: '192.168.1.1', within: '192.168.1.43', ownLength: 24, innerLength: 24 },
  },
  ipv6: {
    ...{ own: '2001:db8:1::1', client: '2001:db8:2::7', stranger: '2001:db8:2::66' },
    ...{ gateway: '2001:db8:1::fe', inner: '2001:db8:f::1', within: '2001:db8:f::43' },
    ...{ ownLength: 64, innerLength: 64 },
  },
} as const

type Plain = string | number | boolean | { readonly [key: string]: Plain } | readonly Plain[]

/** One step, as a scenario file has it. */
export type StoryStep = Readonly<Record<string, Plain>>

export interface StoryCase {
  readonly name: string
  readonly steps: readonly StoryStep[]
  /** Of the host, beside its interfaces: `sockets`. */
  readonly host: Readonly<Record<string, Plain>>
}

export class Story {
  readonly family: Family
  readonly own: string
  readonly client: string
  readonly stranger: string
  /** A machine behind eth1. */
  readonly within: string
  /** The host's address on that side. */
  readonly inner: string
  /** Where the outside is, and where the machine behind. */
  readonly device: string
  readonly inside: string
  readonly cases: StoryCase[] = []

  constructor(
    family: Family,
    given: { readonly device?: string | null; readonly within?: string | null } = {},
  ) {
    this.family = family
    const { own, client, stranger, within, inner } = addresses[family]
    this.inner = inner
    this.own = own
    this.client = client
    this.stranger = stranger
    this.within = given.within ?? within
    this.device = given.device?.replace(/\+$/, '0') ?? 'eth0'
    this.inside = this.device === 'eth1' ? 'eth0' : 'eth1'
  }

  tell(name: string, steps: readonly StoryStep[], host: StoryCase['host'] = {}): void {
    this.cases.push({ name, steps, host })
  }

  /** An address with a port, as the packet notation has it. */
  end(address: string, port: number): string {
    return this.family === 'ipv6' ? `[${address}]:${port}` : `${address}:${port}`
  }

  /** A TCP segment from outside; a SYN unless other flags are given. */
  tcp(
    from: string,
    port: number,
    { to = this.own, flags = 'syn', sport = 40000, device = this.device } = {},
  ): string {
    return `${device} tcp ${this.end(from, sport)} > ${this.end(to, port)} ${flags}`
  }

  udp(from: string, port: number, { to = this.own, sport = 40000, device = this.device } = {}): string {
    return `${device} udp ${this.end(from, sport)} > ${this.end(to, port)}`
  }

  ping(from: string, id = 1): string {
    return `${this.device} ${this.family === 'ipv6' ? 'icmp6' : 'icmp'} ${from} > ${this.own} echo-request id=${id}`
  }

  /** What the host itself sends. */
  outgoing(to: string, port: number, { flags = 'syn', sport = 51000 } = {}): string {
    return `out tcp ${this.end(this.own, sport)} > ${this.end(to, port)} ${flags}`
  }
}

/** Rules of a careful server, on which recipes are shown: ssh and answers come in, all else is refused. */
const serverRules = (family: Family): string => `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
${family === 'ipv6' ? neighbourRules : ''}-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -m limit --limit 3/minute -j LOG --log-prefix "refused: "
-A INPUT -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -j DROP
COMMIT
`

/** IPv6 finds link addresses with ICMPv6: redirects, solicitations and advertisements. */
const neighbourRules = [133, 134, 135, 136]
  .map((type) => `-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j ACCEPT\n`)
  .join('')

/** The scenario as a file. */
export function scenarioText(plan: Plan, story: Story, { command }: { readonly command: string }): string {
  const { family } = plan
  const source = new SourceText('rules', serverRules(family))
  const base = parseRules(source, { family, syntax: registry }).ruleset
  const rules = printRuleset(addRecipe(base, plan), registry)
  const { own, gateway, inner, ownLength, innerLength } = addresses[family]
  const host = {
    interfaces: {
      [story.device]: { address: `${own}/${ownLength}`, mac: '02:00:00:00:00:01' },
      [story.inside]: { address: `${inner}/${innerLength}`, mac: '02:00:00:00:01:01' },
    },
    forwarding: true,
    routes: [`default via ${gateway}`, `${story.within} dev ${story.inside}`],
    neighbours: { [gateway]: '02:00:00:00:00:fe', [story.within]: '02:00:00:00:01:43' },
  }
  const block = (text: string) => text.replace(/^(?=.)/gm, '  ')
  const rulesKey = family === 'ipv4' ? 'rules' : 'rules6'
  return [
    `# What "${command}" promises, on a server that lets ssh and answers in.\n`,
    `# postern test FILE; as root, postern test --on both FILE asks this kernel, too.\n`,
    `description: ${plain(`recipe ${plan.recipe}, ${plan.name}`)}\n`,
    ...hostLines(host, ''),
    ...(plan.sets === '' ? [] : [`sets: |\n${block(plan.sets)}`]),
    `${rulesKey}: |\n${block(rules)}`,
    'cases:\n',
    ...story.cases.flatMap(({ name, steps, host: more }) => [
      `  - name: ${plain(name)}\n`,
      ...(Object.keys(more).length === 0 ? [] : hostLines({ ...host, ...more }, '    ')),
      '    steps:\n',
      ...steps.map((step) => `      - ${plain(step)}\n`),
      '\n',
    ]),
  ]
    .join('')
    .replace(/\n+$/, '\n')
}

const hostLines = (host: Readonly<Record<string, Plain>>, indent: string): string[] => [
  `${indent}host:\n`,
  ...Object.entries(host).map(([key, value]) => `${indent}  ${key}: ${plain(value)}\n`),
]

/** YAML on one line. */
function plain(value: Plain): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') {
    const isPlain = /^[A-Za-z0-9][\w./ -]*$/.test(value) && !/^(true|false|yes|no|on|off|null)$/i.test(value)
    const isNumber = /^[\d.]+$/.test(value) || /^0[xo]/.test(value) || /^\d+e\d+$/i.test(value)
    return isPlain && !isNumber && !value.endsWith(' ') ? value : JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(plain).join(', ')}]`
  const entries = Object.entries(value).map(
    ([key, each]) => `${/^[\w.-]+$/.test(key) ? key : JSON.stringify(key)}: ${plain(each)}`,
  )
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}
