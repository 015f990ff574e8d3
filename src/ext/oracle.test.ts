/** iptables' own test tables for the extensions that there are, against what iptables and the kernel did with each line. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { absent, sharedPath } from '../../test/shared.ts'
import { parseRuleText } from '../lang/parse-rule.ts'
import { printRule } from '../lang/print.ts'
import { linux618 } from '../lang/profile.ts'
import type { Hook, TableName } from '../lang/rule.ts'
import type { Family } from '../net/address.ts'
import { registry } from './registry.ts'

const files = [
  ...[
    'tcp',
    'udp',
    'multiport',
    'comment',
    'mark',
    'mac',
    'iprange',
    'addrtype',
    'length',
    'pkttype',
    'owner',
    'recent',
    'limit',
    'state',
    'conntrack',
    'dccp',
    'dscp',
    'ecn',
    'esp',
    'ipcomp',
    'sctp',
    'string',
    'tcpmss',
    'tos',
    'u32',
    'hashlimit',
    'statistic',
    'quota',
    'time',
    'cpu',
    'cgroup',
    'socket',
    'physdev',
    'osf',
    'rpfilter',
    'bpf',
    'MARK',
    'AUDIT',
    'CHECKSUM',
    'NFLOG',
    'NFQUEUE',
    'TEE',
    'TRACE',
    'CLASSIFY',
    'DSCP',
    'TOS',
    'TCPMSS',
    'TCPOPTSTRIP',
    'NOTRACK',
    'REDIRECT',
    'CONNMARK',
    'CONNSECMARK',
    'CT',
    'HMARK',
    'IDLETIMER',
    'LED',
    'RATEEST',
    'SECMARK',
    'SET',
    'SYNPROXY',
    'TPROXY',
  ].map((name) => `libxt_${name}.t`),
  ...[
    'icmp',
    'ah',
    'ttl',
    'DNAT',
    'ECN',
    'LOG',
    'MASQUERADE',
    'NETMAP',
    'REJECT',
    'SNAT',
    'TTL',
    'CLUSTERIP',
  ].map((name) => `libipt_${name}.t`),
  ...[
    'icmp6',
    'ah',
    'dst',
    'hbh',
    'frag',
    'rt',
    'mh',
    'ipv6header',
    'srh',
    'eui64',
    'hl',
    'DNAT',
    'HL',
    'LOG',
    'MASQUERADE',
    'NETMAP',
    'REJECT',
    'SNAT',
    'DNPT',
    'SNPT',
  ].map((name) => `libip6t_${name}.t`),
]

/** What the real commands did with one line in one chain. */
interface OracleLine {
  readonly file: string
  readonly line: number
  readonly tool: 'iptables' | 'ip6tables'
  readonly table: TableName
  readonly chain: Hook
  readonly rule: string
  readonly add_rc: number
  readonly saved?: string
}

const path = sharedPath('conformance/iptables/oracle-legacy.jsonl')
const lines =
  path === null
    ? []
    : readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as OracleLine)
        .filter(({ file }) => files.includes(file))

/** Exit code and saved line, as the oracle tells them. */
function ours({ tool, table, chain, rule: text }: OracleLine): { code: number; saved: string | null } {
  const family: Family = tool === 'iptables' ? 'ipv4' : 'ipv6'
  const sets = new Map<string, Family | null>()
  const { rules } = parseRuleText(text, { family, syntax: registry, table, chain, sets })
  const [rule] = rules
  if (rule === undefined) return { code: 2, saved: null }
  const place = { family, table, hooks: [chain], profile: linux618 }
  for (const use of rule.matches) {
    const match = registry.match(use.name, family)
    if (match !== null && use.kind === 'known' && (match.check?.(use.data, rule, place) ?? null) !== null)
      return { code: 1, saved: null }
  }
  const { target } = rule
  if (target.kind === 'extension') {
    const refusal = registry.target(target.name, family)?.check?.(target.data, rule, place) ?? null
    if (refusal !== null) return { code: 1, saved: null }
  }
  return { code: 0, saved: printRule(chain, rule, { family, syntax: registry }) }
}

const reason = path === null ? ` (${absent('conformance/iptables')})` : ''
describe.skipIf(path === null)(`iptables' own test tables${reason}`, () => {
  it.each(files)('%s', (file) => {
    const rows = lines.filter((line) => line.file === file)
    expect(rows.length).toBeGreaterThan(0)
    const named = ({ line, chain, rule }: OracleLine) => `${line} ${chain}: ${rule}`
    expect(rows.map((row) => ({ row: named(row), ...ours(row) }))).toEqual(
      rows.map((row) => ({ row: named(row), code: row.add_rc, saved: row.saved ?? null })),
    )
  })
})
