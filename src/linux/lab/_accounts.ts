/** Accounting objects (nfacct) of a host. Source: include/uapi/linux/netfilter/nfnetlink_acct.h. */
import type { AccountConfig } from '../../engine/config.ts'
import { attribute, type NetlinkSocket, NLM_F_ACK, NLM_F_CREATE, number, text } from '../_netlink.ts'

const NFNL_SUBSYS_ACCT = 7
const NFNL_MSG_ACCT_NEW = 0
const NFACCT_NAME = 1
const NFACCT_FLAGS = 5
const NFACCT_QUOTA = 6
const quotaFlags = { packets: 1, bytes: 2 } as const

/** Preconditions: the socket talks to the host's namespace. */
export function makeAccounts(netfilter: NetlinkSocket, accounts: readonly AccountConfig[]): void {
  for (const { name, quota } of accounts) {
    const most = Buffer.alloc(8)
    if (quota !== null) most.writeBigUInt64BE(quota.most)
    const payload = Buffer.concat([
      Buffer.alloc(4),
      text(NFACCT_NAME, name),
      ...(quota === null
        ? []
        : [number(NFACCT_FLAGS, quotaFlags[quota.unit]), attribute(NFACCT_QUOTA, most)]),
    ])
    const type = (NFNL_SUBSYS_ACCT << 8) | NFNL_MSG_ACCT_NEW
    netfilter.request([{ type, flags: NLM_F_ACK | NLM_F_CREATE, payload }], `make the account ${name}`)
  }
}
