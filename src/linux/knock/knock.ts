/** Knocking: the packets in their order, each given time to arrive before the next, and what the last port said. */
import { lookup } from 'node:dns/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Family } from '../../net/address.ts'
import { type Knock, printKnock, type Service } from '../../recipe/parameter.ts'
import { type Answer, type Sent, send, type Target } from './send.ts'

export interface KnockOrder {
  readonly knocks: readonly Knock[]
  /** The port that the knocks open, to be tried behind them; null for none. */
  readonly open: Service | null
  /** Between two packets. */
  readonly delayMs: number
  /** How long to wait for an answer of the last port, and for the port to open. */
  readonly waitMs: number
}

export interface KnockOutcome {
  readonly answers: readonly { readonly knock: string; readonly answer: Answer }[]
  /** Of the port that was to be opened; null when none was named. */
  readonly opened: Answer | null
}

/** A connection that was not taken is tried again after so long. */
const retryMs = 250

/** The first address of a name, of the family that is asked for. Throws as node:dns does. */
export async function targetOf(host: string, family: Family | null): Promise<Target> {
  const found = await lookup(host, { family: family === 'ipv4' ? 4 : family === 'ipv6' ? 6 : 0 })
  return { address: found.address, family: found.family === 4 ? 'ipv4' : 'ipv6' }
}

/** `tell` hears of each packet as it is sent. Throws an Error where one cannot leave. */
export async function knockAt(
  target: Target,
  { knocks, open, delayMs, waitMs }: KnockOrder,
  tell: (knock: string) => void = () => {},
): Promise<KnockOutcome> {
  const sent: Sent[] = []
  for (const [at, knock] of knocks.entries()) {
    if (at > 0) await pause(delayMs)
    // Before a SYN would be sent again, which would spoil what comes after it.
    sent.at(-1)?.letGo()
    tell(printKnock(knock))
    sent.push(await send(target, knock))
  }
  const last = sent.at(-1)
  if (last !== undefined) {
    await Promise.race([last.answer, pause(open === null ? waitMs : delayMs)])
    last.letGo()
  }
  const opened = open === null ? null : await tryPort(target, open, waitMs)
  const answers = await Promise.all(
    sent.map(async ({ answer }, at) => ({ knock: printKnock(knocks[at]!), answer: await answer })),
  )
  return { answers, opened }
}

/** Tries a port until it takes a connection or the time is over: the last answer counts. */
async function tryPort(target: Target, open: Service, waitMs: number): Promise<Answer> {
  const untilMs = performance.now() + waitMs
  for (;;) {
    const { answer, letGo } = await send(target, open)
    const leftMs = Math.max(retryMs, untilMs - performance.now())
    const came = await Promise.race([answer, pause(Math.min(leftMs, 4 * retryMs), 'silent' as const)])
    letGo()
    if (came === 'open' || untilMs <= performance.now()) return came
    await pause(retryMs)
  }
}
