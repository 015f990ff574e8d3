/**
 * Cases for the nft backend. A packet whose header is cut off ends its way at once where legacy's `-m tcp` looks at it,
 * and goes on where iptables-nft has made an expression of its own of the match; that expression also finds ports in
 * fragments, where legacy finds none (measured). The engine does as legacy does, so such packets are left out.
 */
import { isUnreadable } from '../../../engine/journey.ts'
import { decodeFrame, decodeIp, Packet } from '../../../net/index.ts'
import { ipProtocol } from '../../../net/protocol.ts'
import type { Action } from '../../../scenario/scenario.ts'
import type { OpenEngine } from './contest.ts'
import { type CaseDraft, caseOf } from './draft.ts'

/** Without one such packet others meet other rules, so it is asked again. */
const rounds = 3

/** The draft without the steps that the engine drops unread. */
export async function withReadablePackets(draft: CaseDraft, openEngine: OpenEngine): Promise<CaseDraft> {
  let current = { ...draft, steps: draft.steps.filter(({ action }) => !isPortFragment(action)) }
  for (let round = 0; round < rounds; round++) {
    const unread = await unreadSteps(current, openEngine)
    if (unread.size === 0) break
    current = { ...current, steps: current.steps.filter((_, at) => !unread.has(at)) }
  }
  return current
}

const packet = new Packet()

/** A fragment of a protocol with ports. */
function isPortFragment(action: Action): boolean {
  if (action.kind === 'receive') decodeFrame(packet, action.frame)
  else if (action.kind === 'send') decodeIp(packet, action.packet)
  else return false
  const hasPorts = packet.protocol === ipProtocol.tcp || packet.protocol === ipProtocol.udp
  return hasPorts && (packet.isFragment || packet.fragmentHeaderOffset >= 0)
}

async function unreadSteps(draft: CaseDraft, openEngine: OpenEngine): Promise<Set<number>> {
  const { host, rules, steps } = caseOf(draft)
  const engine = await openEngine(host, rules).catch(() => null)
  const unread = new Set<number>()
  if (engine === null) return unread
  for (const [at, step] of steps.entries()) {
    if (isUnreadable((await engine.step(step)).why)) unread.add(at)
  }
  await engine.close()
  return unread
}
