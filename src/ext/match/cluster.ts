/**
 * `-m cluster`: whether this machine of several, which all see the same packets, shall handle the packet's connection.
 * The connection's first source address decides.
 *
 * Kernel: net/netfilter/xt_cluster.c, xt_cluster_mt(), Linux 6.18. Syntax: iptables extensions/libxt_cluster.c, 1.8.9.
 */
import { refuse } from '../../lang/diagnostic.ts'
import { uint32 } from '../../lang/options.ts'
import type { Address } from '../../net/address.ts'
import { jhash2, swapBytes } from '../../net/jhash.ts'
import { bothFamilies, defineMatch } from '../define.ts'

export interface Cluster {
  /** Bit N stands for machine N + 1. */
  readonly nodeMask: number
  readonly inverted: boolean
  /** 1 to 32. */
  readonly totalNodes: number
  /** Unsigned 32 bits; the same on all machines. */
  readonly hashSeed: number
}

/** XT_CLUSTER_NODES_MAX. */
const mostNodes = 32

export const cluster = defineMatch<Cluster>()({
  name: 'cluster',
  families: bothFamilies,
  doc: 'Match what this machine of several shall handle, by a hash of the source.',
  stateful: true,
  needsConntrack: true,
  options: {
    'cluster-total-nodes': uint32({
      doc: 'how many machines there are, 1 to 32',
      min: 1,
      max: mostNodes,
      required: true,
    }),
    'cluster-local-node': uint32({
      doc: 'the number of this one, from 1',
      min: 1,
      max: mostNodes,
      invertible: true,
      excludes: ['cluster-local-nodemask'],
    }),
    'cluster-local-nodemask': uint32({
      doc: 'several of them: bit 0 stands for machine 1; iptables takes no mask beyond 32',
      metavar: 'MASK',
      min: 1,
      max: mostNodes,
      invertible: true,
      excludes: ['cluster-local-node'],
    }),
    'cluster-hash-seed': uint32({ doc: 'the same number on all of them', required: true }),
  },
  examples: ['--cluster-local-nodemask 0x00000002 --cluster-total-nodes 2 --cluster-hash-seed 0xfeedcafe'],

  checkFirst(given) {
    const [node, mask] = [given['cluster-local-node'], given['cluster-local-nodemask']]
    const total = given['cluster-total-nodes']?.value as number | undefined
    if (node === undefined && mask === undefined)
      refuse('no-node', 'cluster needs --cluster-local-node or --cluster-local-nodemask', {
        said: "cluster match: `--cluster-local-node' or`--cluster-local-nodemask' is missing",
      })
    if (total === undefined || given['cluster-hash-seed'] === undefined) return
    if (node !== undefined && mask === undefined && (node.value as number) > total)
      refuse('no-such-node', `machine ${node.value} is none of ${total}`, {
        said: "cluster match: `--cluster-local-node' must be <= `--cluster-total-nodes'",
      })
    if (mask !== undefined && node === undefined && (mask.value as number) >= 2 ** total)
      refuse('no-such-node', `the mask names machines beyond the ${total} there are`, {
        said: "cluster match: `--cluster-local-nodemask' too big for `--cluster-total-nodes'",
      })
  },
  parse: (given) => {
    const [node, mask] = [given['cluster-local-node'], given['cluster-local-nodemask']]
    return {
      nodeMask: node === undefined ? mask!.value : (1 << (node.value - 1)) >>> 0,
      inverted: (node ?? mask)!.inverted,
      totalNodes: given['cluster-total-nodes']!.value,
      hashSeed: given['cluster-hash-seed']!.value,
    }
  },

  print: ({ nodeMask, inverted, totalNodes, hashSeed }) =>
    `${inverted ? '! ' : ''}--cluster-local-nodemask ${hex(nodeMask)} --cluster-total-nodes ${totalNodes} --cluster-hash-seed ${hex(hashSeed)}`,
  list: ({ nodeMask, inverted, totalNodes, hashSeed }) =>
    ` cluster ${inverted ? '!' : ''}node_mask=${hex(nodeMask)} total_nodes=${totalNodes} hash_seed=${hex(hashSeed)}`,

  evaluate(data, skb, context) {
    // What all machines hear at a multicast MAC is treated as if it had been sent to this one.
    if (skb.packetType === 'multicast' && !isMulticast(skb.packet.destination)) skb.packetType = 'host'
    const connection = skb.conntrack?.connection ?? null
    if (connection === null) return false
    const { source } = (connection.master ?? connection).original
    const node = nodeOf(source, data)
    context.note?.(`machine ${node} of ${data.totalNodes} handles it`)
    return ((data.nodeMask >>> (node - 1)) & 1) === (data.inverted ? 0 : 1)
  },
  analyse: (_data, space) => ({ must: space.none, may: space.fact('connection') }),
  explain: ({ totalNodes }, { conntrack }) =>
    conntrack?.connection == null ? 'it belongs to no connection' : `another of the ${totalNodes} handles it`,
})

const hex = (number: number): string => `0x${number.toString(16).padStart(8, '0')}`

const isMulticast = ({ family, words }: Address): boolean =>
  family === 'ipv4' ? words[0]! >>> 28 === 0xe : words[0]! >>> 24 === 0xff

/**
 * From 1. Words are hashed as a little-endian machine reads them; of IPv6 addresses only the first 32 bits count, so that
 * whole providers fall to one machine (measured).
 *
 * Source: xt_cluster_hash(), which takes the number of words for one of bytes.
 */
function nodeOf(source: Address, { totalNodes, hashSeed }: Cluster): number {
  const hash = jhash2([swapBytes(source.words[0]!)], hashSeed)
  return Number((BigInt(hash) * BigInt(totalNodes)) >> 32n) + 1
}
