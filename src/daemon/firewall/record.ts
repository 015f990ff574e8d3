/** What the daemon put in force last, over restarts of the daemon and of the machine. */
import { join } from 'node:path'
import { z } from 'zod'
import { bootId } from '../../linux/apply/clock.ts'
import { jsonOf, makeFolder, writeDurably } from '../../linux/apply/durable.ts'
import { networkNamespace } from '../../linux/apply/state.ts'

const use = z.object({ family: z.enum(['ipv4', 'ipv6']), recipe: z.string(), name: z.string() })
const recordShape = z.object({
  bootId: z.string(),
  namespace: z.string(),
  /** Of what was declared. */
  hash: z.string(),
  /** Whose rules these are. */
  generation: z.number().nullable(),
  loadedAtMs: z.number(),
  recipes: z.array(use),
  /** As it was chosen; null for the system's own. */
  backend: z.enum(['legacy', 'nft']).nullable(),
  /** Rules that the kernel prints in other words than the file. */
  reworded: z.array(z.string()),
})

export type UseInForce = z.infer<typeof use>
export type FirewallRecord = z.infer<typeof recordShape>

const fileIn = (stateFolder: string): string => join(stateFolder, 'up', 'firewall.json')

/** Null where the daemon never put anything in force. */
export function readRecord(stateFolder: string): FirewallRecord | null {
  const read = recordShape.safeParse(jsonOf(fileIn(stateFolder)))
  return read.success ? read.data : null
}

/** Whether the kernel that it was put into is this one. */
export const isOfThisKernel = (record: FirewallRecord): boolean =>
  record.bootId === bootId() && record.namespace === networkNamespace()

export function writeRecord(stateFolder: string, record: Omit<FirewallRecord, 'bootId' | 'namespace'>): void {
  makeFolder(join(stateFolder, 'up'))
  const whole: FirewallRecord = { ...record, bootId: bootId(), namespace: networkNamespace() }
  writeDurably(fileIn(stateFolder), `${JSON.stringify(whole, null, 2)}\n`)
}
