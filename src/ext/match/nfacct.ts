/**
 * `-m nfacct`: count the packet on an accounting object that the tool nfacct made. Of an object with a quota it matches
 * what goes beyond it, of others everything.
 *
 * Kernel: net/netfilter/xt_nfacct.c, nfacct_mt(); net/netfilter/nfnetlink_acct.c, nfnl_acct_overquota(), Linux 6.18.
 * Syntax: iptables extensions/libxt_nfacct.c, 1.8.9.
 */
import { text } from '../../lang/options.ts'
import { quoteText } from '../../lang/words.ts'
import type { Account } from '../context.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface AccountUse {
  /** At most 31 bytes. */
  readonly name: string
}

/** NFACCT_NAME_MAX, with the zero behind. */
const nameBytes = 32

export const nfacct = defineMatch<AccountUse, Account | null>()({
  name: 'nfacct',
  families: bothFamilies,
  doc: 'Count packets on an accounting object; match all, or those beyond its quota.',
  stateful: true,
  options: {
    'nfacct-name': text({
      doc: 'name of the object',
      metavar: 'NAME',
      minLength: 1,
      maxLength: nameBytes - 1,
      required: true,
    }),
  },
  examples: ['--nfacct-name  http'],

  parse: (given) => ({ name: given['nfacct-name']!.value }),
  // Two blanks, as iptables prints them.
  print: ({ name }) => `--nfacct-name  ${quoteText(name)}`,
  list: ({ name }) => ` nfacct-name  ${quoteText(name)}`,

  check({ name }, _rule, { accounts }) {
    if (accounts === undefined || accounts.has(name)) return null
    return {
      code: 'no-such-object',
      message: `there is no accounting object "${name}"`,
      said: 'No chain/target/match by that name',
      help: `nfacct add ${name}`,
    }
  },

  load: ({ name }, host) => host.account(name),

  evaluate(_data, { packet }, context, account) {
    if (account === null) return false
    account.packets++
    account.bytes += BigInt(packet.endOffset - packet.networkOffset)
    const { quota, packets, bytes } = account
    if (quota === null) return true
    const used = quota.unit === 'packets' ? packets : bytes
    context.note?.(`${used} of ${quota.most} ${quota.unit} are used`)
    return used > quota.most
  },
  analyse: (_data, space) => ({ must: space.none, may: space.all }),
  explain: (_data, _skb, _context, account) =>
    account?.quota == null ? 'there is no such object' : 'its quota is not used up',
})
