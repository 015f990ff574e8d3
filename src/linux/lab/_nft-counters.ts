/** Counters of the nft backend: its chains and rules are nf_tables' own, with counter expressions in them. */
import type { Family } from '../../net/address.ts'
import { findAttribute, type NetlinkSocket, textOf } from '../_netlink.ts'
import type { ChainCounters, CounterReader, RuleCounters, RuleTarget, TableCounters } from './_counters.ts'
import {
  isOfFamily,
  type ListedRule,
  listChains,
  listRules,
  readChain,
  readCounters,
  readRule,
  readVerdict,
  verdictCode,
} from './_nftables.ts'

export class NftCounterReader implements CounterReader {
  readonly #netlink: NetlinkSocket

  constructor(netlink: NetlinkSocket) {
    this.#netlink = netlink
  }

  read(): TableCounters[] {
    return (['ipv4', 'ipv6'] as const).flatMap((family) => this.#readFamily(family))
  }

  #readFamily(family: Family): TableCounters[] {
    const list = (message: ReturnType<typeof listChains>): Buffer[] =>
      this.#netlink.dump(message, 'list rules').filter((payload) => isOfFamily(payload, family))
    const rules = list(listRules(family)).map(readRule)
    const tables = new Map<string, ChainCounters[]>()
    for (const chain of list(listChains(family)).map(readChain)) {
      const chains = tables.get(chain.table) ?? []
      tables.set(chain.table, chains)
      const verdict = chain.policy === verdictCode.drop ? 'drop' : 'accept'
      chains.push({
        name: chain.name,
        policy: chain.hook === null ? null : { verdict, packets: chain.packets, counts: chain.counts },
        rules: rules
          .filter((rule) => rule.table === chain.table && rule.chain === chain.name)
          .map(countersOfRule),
      })
    }
    return [...tables].map(([name, chains]) => ({ family, name, chains }))
  }

  /** The socket belongs to whoever made it. */
  close(): void {}
}

function countersOfRule(rule: ListedRule): RuleCounters {
  const counter = rule.expressions.find(({ name }) => name === 'counter')
  return { packets: counter ? readCounters(counter.data).packets : 0, target: targetOf(rule) }
}

/** Expressions that iptables-nft writes in place of an extension target. */
const nativeTargets: Readonly<Record<string, string>> = {
  reject: 'REJECT',
  log: 'NFLOG',
  masq: 'MASQUERADE',
  redir: 'REDIRECT',
}

function targetOf(rule: ListedRule): RuleTarget {
  for (const { name, data } of rule.expressions) {
    if (name === 'target') return { kind: 'extension', name: textOf(findAttribute(data, 1)!) }
    const native = nativeTargets[name]
    if (native !== undefined) return { kind: 'extension', name: native }
    if (name !== 'immediate') continue
    const verdict = readVerdict(data)
    if (verdict === null) continue
    const { code, chain } = verdict
    if (code === verdictCode.jump || code === verdictCode.goto) {
      return { kind: 'chain', chain, goto: code === verdictCode.goto }
    }
    if (code === verdictCode.accept) return { kind: 'accept' }
    if (code === verdictCode.drop) return { kind: 'drop' }
    if (code === verdictCode.return) return { kind: 'return' }
    if (code === verdictCode.queue) return { kind: 'queue' }
  }
  return { kind: 'none' }
}
