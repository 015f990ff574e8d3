/** What the packets of a flow meet on their way, found by sending a copy of one ahead. */
import type { Device, HostServices } from '../../ext/context.ts'
import type { Hook } from '../../lang/rule.ts'
import { decodeFrame } from '../../net/decode.ts'
import { connectionStatus } from '../conntrack/connection.ts'
import type { ConntrackInfo } from '../conntrack/conntrack.ts'
import { defaultZone } from '../conntrack/zone.ts'
import { isElsewhere } from '../hook-run.ts'
import type { HookPlan, HookStep } from '../hooks.ts'
import type { Journey } from '../journey.ts'
import { manipulationAt, type Nat } from '../nat/nat.ts'
import { decrementTtl } from '../rewrite.ts'
import type { FamilyRouting, Route } from '../routing.ts'
import { HostSkb } from '../skb.ts'
import { deliveredText, type Stack } from '../stack.ts'
import { Flow, type FlowKey } from './flow.ts'
import type { FlowPlace } from './place.ts'
import { residualTable } from './residual.ts'
import { translationOf } from './translation.ts'
import { type Station, Ways } from './way.ts'

export interface FlowParts {
  readonly services: HostServices
  readonly routing: FamilyRouting
  readonly stack: Stack
  readonly nat: Nat
  readonly isForwarding: boolean
}

/**
 * The flow of a frame, and of those like it; null where its packets have to go the long way.
 *
 * `noted` is what conntrack noted on the packet. Preconditions: the frame arrived on the device, with a whole packet of TCP or
 * UDP for it.
 */
export function makeFlow(
  key: Readonly<FlowKey>,
  frame: Uint8Array,
  arrivesOn: Device,
  noted: HostSkb['conntrack'],
  plan: HookPlan,
  parts: FlowParts,
  place: FlowPlace,
  journey: Journey,
): Flow | null {
  const { routing, stack, isForwarding } = parts
  const isTracked = plan.PREROUTING.some(({ kind }) => kind === 'track')
  const known = isTracked ? (noted as ConntrackInfo | null) : null
  if (isTracked ? !isSteady(known) : noted !== null) return null
  const skb = new HostSkb('main')
  decodeFrame(skb.packet, frame.slice())
  skb.device = arrivesOn
  skb.conntrack = known
  const stations: Station[] = []
  const pass = (hook: Hook, leavesBy: Device | null): boolean => {
    const ahead = { skb, known, hook, leavesBy, place, journey }
    return plan[hook].every((step) => passStep(step, ahead, stations, parts))
  }
  if (!pass('PREROUTING', null)) return null
  const route = routing.inputOf(skb.packet, arrivesOn)
  if (route.kind === 'refused' || route.kind === 'error') return null
  if (route.kind === 'unicast') {
    if (!(isForwarding || route.isForwardedToAll) || route.device.kind !== 'ethernet') return null
    decrementTtl(skb.packet)
    stations.push({ kind: 'hop' })
    if (!pass('FORWARD', route.device) || !pass('POSTROUTING', route.device)) return null
  } else if (!pass('INPUT', null)) return null
  const onward = onwardOf(route, skb, stack)
  const ways = new Ways({
    stations,
    whereTo: onward === null ? deliveredText : stack.leavesBy(onward.device),
    leavesBy: onward?.device ?? null,
    state: known?.state ?? null,
  })
  return new Flow(key, arrivesOn, known, ways, onward)
}

const onwardOf = (route: Route, { packet }: HostSkb, stack: Stack): Flow['onward'] =>
  route.kind === 'local' ? null : { device: route.device, mac: stack.macToward(route, packet) }

/** Whether a connection stands, and nothing but its tracker looks after its packets. */
function isSteady(info: ConntrackInfo | null): info is ConntrackInfo {
  const connection = info?.connection ?? null
  return (
    connection !== null &&
    connection.template === null &&
    (info!.state === 'NEW' || info!.state === 'ESTABLISHED') &&
    connection.has(connectionStatus.confirmed) &&
    !connection.has(connectionStatus.dying) &&
    connection.help === null &&
    connection.sequence === null &&
    connection.proxied === null &&
    connection.zone === defaultZone
  )
}

interface Ahead {
  readonly skb: HostSkb
  readonly known: ConntrackInfo | null
  readonly hook: Hook
  readonly leavesBy: Device | null
  readonly place: FlowPlace
  readonly journey: Journey
}

/** Takes the packet sent ahead past one step of a hook; false where a flow cannot. */
function passStep(step: HookStep, ahead: Ahead, stations: Station[], { nat }: FlowParts): boolean {
  const { skb, known, hook, leavesBy, place, journey } = ahead
  switch (step.kind) {
    case 'defragment':
    case 'track':
    case 'confirm':
      return true
    case 'proxy':
      return false
    case 'table': {
      const { name } = step.table
      // It comes before tracking, and may keep packets from it.
      if (name === 'raw') return false
      place.begin(hook, skb.device, leavesBy)
      place.context.begin(name, skb, journey)
      const table = residualTable(step.table.base.get(hook)!, skb, place.context)
      if (table === null) return false
      stations.push({ kind: 'table', name, hook, in: skb.device, out: leavesBy, table })
      return true
    }
    case 'nat': {
      if (known === null) return true
      const connection = known.connection!
      if (known.state === 'NEW' && !nat.isSettled(connection, step.manipulation)) return false
      if (hook === 'POSTROUTING' && !known.isReply && isElsewhere(connection, leavesBy)) return false
      if (!nat.changesAt(known, hook)) return true
      const { bytes, networkOffset } = skb.packet
      const before = bytes.slice()
      if (!nat.apply(skb.packet, known, hook)) return false
      const translation = translationOf(before, bytes, networkOffset, manipulationAt(hook))
      if (translation === null) return false
      stations.push({ kind: 'translation', translation })
      return true
    }
  }
}
