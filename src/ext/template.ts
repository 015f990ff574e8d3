/** What stands in the place of a packet's connection until it is tracked (`nf_ct_tmpl_alloc()`). */
import { addressOf, type Family } from '../net/address.ts'
import type { Connection, ConnectionTemplate, Tuple } from './context.ts'

/** Source: IPS_CONFIRMED and IPS_TEMPLATE of include/uapi/linux/netfilter/nf_conntrack_common.h. */
const templateStatus = (1 << 3) | (1 << 11)

/** An empty connection that holds the template. */
export function templateConnection(template: ConnectionTemplate, family: Family): Connection {
  const nowhere = addressOf(family, family === 'ipv4' ? [0] : [0, 0, 0, 0])
  const empty: Tuple = {
    source: nowhere,
    destination: nowhere,
    protocol: 0,
    sourcePort: 0,
    destinationPort: 0,
  }
  return {
    original: empty,
    reply: empty,
    status: templateStatus,
    mark: 0,
    zone: template.zone,
    helper: template.helper,
    master: null,
    counters: null,
    labels: null,
    template,
    timeoutSeconds: () => 0,
  }
}
