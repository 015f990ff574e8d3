/**
 * What stands at each hook, in the kernel's order.
 *
 * Kernel: enum nf_ip_hook_priorities, include/uapi/linux/netfilter_ipv4.h; the same numbers for IPv6. Only tables that
 * the ruleset names exist; conntrack and the defragmentation before it run only where a rule needs them.
 */
import type { Hook, TableName } from '../lang/rule.ts'
import { hooks } from '../lang/rule.ts'
import type { LoadedTable } from './compile.ts'

export type HookStep =
  | { readonly kind: 'table'; readonly table: LoadedTable }
  /** A nat table: only for packets that begin a connection, and for each kind of translation once. */
  | { readonly kind: 'nat'; readonly table: LoadedTable; readonly manipulation: 'source' | 'destination' }
  | { readonly kind: 'defragment' }
  | { readonly kind: 'track' }
  /** For connections that a SYN proxy opened. */
  | { readonly kind: 'proxy' }
  | { readonly kind: 'confirm' }

export type HookPlan = Readonly<Record<Hook, readonly HookStep[]>>

/** NF_IP_PRI_RAW and so on; nat depends on what it changes. */
const priorities: Readonly<Record<Exclude<TableName, 'nat'>, number>> = {
  raw: -300,
  mangle: -150,
  filter: 0,
  security: 50,
}
const natPriority = { destination: -100, source: 100 }

/** NF_IP_PRI_CONNTRACK_CONFIRM, and the one before it. */
const confirmPriority = 0x7fffffff
const proxyPriority = confirmPriority - 1

const trackingSteps: Readonly<Record<Hook, readonly (readonly [number, HookStep])[]>> = {
  PREROUTING: [
    [-400, { kind: 'defragment' }],
    [-200, { kind: 'track' }],
  ],
  OUTPUT: [
    [-400, { kind: 'defragment' }],
    [-200, { kind: 'track' }],
  ],
  INPUT: [[confirmPriority, { kind: 'confirm' }]],
  POSTROUTING: [[confirmPriority, { kind: 'confirm' }]],
  FORWARD: [],
}

/** The steps that gather fragments for tracking, where something else wants it. */
const gatheringSteps: typeof trackingSteps = {
  PREROUTING: trackingSteps.PREROUTING.filter(([, { kind }]) => kind === 'defragment'),
  INPUT: [],
  FORWARD: [],
  OUTPUT: trackingSteps.OUTPUT.filter(([, { kind }]) => kind === 'defragment'),
  POSTROUTING: [],
}

export function planHooks(tables: Iterable<LoadedTable>, tracks: boolean): HookPlan {
  const loaded = [...tables]
  const gathers = loaded.some(({ needsDefragment }) => needsDefragment)
  const proxies = loaded.some(({ proxiesSyn }) => proxiesSyn)
  const stepsAt = (hook: Hook): HookStep[] => {
    const steps: (readonly [number, HookStep])[] = tracks
      ? [...trackingSteps[hook]]
      : gathers
        ? [...gatheringSteps[hook]]
        : []
    for (const table of loaded) {
      if (!table.base.has(hook)) continue
      if (table.name === 'nat') {
        const manipulation = hook === 'PREROUTING' || hook === 'OUTPUT' ? 'destination' : 'source'
        // Without conntrack no packet has a connection, and nat looks at none.
        if (tracks) steps.push([natPriority[manipulation], { kind: 'nat', table, manipulation }])
      } else steps.push([priorities[table.name], { kind: 'table', table }])
    }
    if (proxies && (hook === 'INPUT' || hook === 'POSTROUTING'))
      steps.push([proxyPriority, { kind: 'proxy' }])
    return steps.sort(([a], [b]) => a - b).map(([, step]) => step)
  }
  return Object.fromEntries(hooks.map((hook) => [hook, stepsAt(hook)])) as Record<Hook, HookStep[]>
}
