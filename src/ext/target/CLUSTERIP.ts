/**
 * `-j CLUSTERIP`: share one address among several machines.
 *
 * Syntax: iptables extensions/libipt_CLUSTERIP.c, 1.8.9. Gone from Linux since 6.3: `-m cluster` is its successor.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { choice, flag, uint16, uint32, value } from '../../lang/options.ts'
import { parseMac } from '../../lang/values.ts'
import { absentFromKernel, absentWarning } from '../_absent.ts'
import { defineTarget } from '../define.ts'

export interface NewCluster {
  readonly hashMode: string
  /** Six bytes, of a group. */
  readonly mac: readonly number[]
  readonly totalNodes: number
  readonly localNode: number
  readonly hashInit: number
}

/** Null refers to a cluster that another rule made. */
export interface ClusterIp {
  readonly cluster: NewCluster | null
}

const hashModes = ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport'] as const
const mostNodes = 16
const needs = ['new']

export const CLUSTERIP = defineTarget<ClusterIp>()({
  name: 'CLUSTERIP',
  families: ['ipv4'],
  warning: { ...absentWarning('CLUSTERIP'), help: '-m cluster' },
  doc: 'Share one address among several machines.',
  options: {
    new: flag({ doc: 'make a cluster' }),
    hashmode: choice(hashModes, { doc: 'what decides who serves', needs }),
    clustermac: value(parseGroupMac, {
      doc: 'the group address of the cluster',
      metavar: 'XX:XX:XX:XX:XX:XX',
      needs,
    }),
    'total-nodes': uint16({ doc: 'how many machines there are', max: mostNodes, needs }),
    'local-node': uint16({ doc: 'the number of this one', max: mostNodes, needs }),
    'hash-init': uint32({ doc: 'where the hash begins', needs }),
  },
  examples: [
    '--new --hashmode sourceip --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 --local-node 1 --hash-init 1',
  ],

  parse(given) {
    const { hashmode, clustermac } = given
    const [total, local] = [given['total-nodes'], given['local-node']]
    if (Object.keys(given).length === 0) return { cluster: null }
    if (hashmode === undefined || clustermac === undefined || total === undefined || local === undefined) {
      return refuse(
        'incomplete',
        'a new cluster needs --hashmode, --clustermac, --total-nodes and --local-node',
        {
          said: 'CLUSTERIP target: Invalid parameter combination',
        },
      )
    }
    return {
      cluster: {
        hashMode: hashmode.value,
        mac: clustermac.value,
        totalNodes: total.value,
        localNode: local.value,
        hashInit: given['hash-init']?.value ?? 0,
      },
    }
  },

  print: ({ cluster }) =>
    cluster === null
      ? ''
      : `--new --hashmode ${cluster.hashMode} --clustermac ${printMac(cluster)} --total-nodes ${cluster.totalNodes} --local-node ${cluster.localNode} --hash-init ${cluster.hashInit}`,

  list: ({ cluster }) =>
    cluster === null
      ? ' CLUSTERIP'
      : ` CLUSTERIP hashmode=${cluster.hashMode} clustermac=${printMac(cluster)} total_nodes=${cluster.totalNodes} local_node=${cluster.localNode} hash_init=${cluster.hashInit}`,

  check: () => ({ ...absentFromKernel('CLUSTERIP'), help: '-m cluster' }),
  act: () => ({ kind: 'continue' }),
})

const printMac = ({ mac }: NewCluster): string =>
  mac.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':')

function parseGroupMac(text: string): number[] {
  const mac = parseMac(text)
  if (mac === null) return refuse('bad-mac', 'is not a MAC address')
  if ((mac[0]! & 1) === 1) return [...mac]
  return refuse('no-group', 'is no group address: its first byte is even', {
    said: 'MAC has to be a multicast ethernet address',
  })
}
