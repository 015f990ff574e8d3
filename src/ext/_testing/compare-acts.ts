/** Packets through rules with a target, on the engine and on the kernel: frames, counters and log lines must be the same. */
import { expect } from 'vitest'
import { frameOf, hostOf, rulesOf, stepsOf, take } from '../../engine/_testing/journey-case.ts'
import type { HostConfig } from '../../engine/config.ts'
import { Host } from '../../engine/host.ts'
import { type Outcome, printRuleRef } from '../../engine/outcome.ts'
import { SourceText } from '../../lang/source.ts'
import { compareSteps, Lab } from '../../linux/lab/index.ts'
import type { Family } from '../../net/address.ts'
import { encodePacketLine } from '../../net/notation.ts'
import type { Step, StepResult } from '../../scenario/scenario.ts'

/** A gateway: eth0 outside, eth1 with a smaller MTU inside. */
export const actingHost = hostOf(
  `eth0 203.0.113.1/24 2001:db8:1::1/64
   eth1 192.168.1.1/24 2001:db8:2::1/64 mtu 1400`,
  ['default via 203.0.113.254', 'unreachable 10.1.0.0/16', 'default via 2001:db8:1::fe'],
)

export interface Acts {
  readonly family: Family
  readonly table: string
  readonly hook: string
  /** Rules without `-A CHAIN`; all stand in chains of their own, and each packet meets each of them alone. */
  readonly rules: readonly string[]
  /** `actingHost` when left out. */
  readonly host?: HostConfig
  /** In the packet notation. */
  readonly packets: readonly string[]
}

/** Behind the rule under test a LOG line tells what is left of the packet, and its mark. */
export function actRules({ table, hook, rules }: Acts): string {
  return [
    `*${table}`,
    `:${hook} ACCEPT [0:0]`,
    ':LOGGED - [0:0]',
    ...rules.map((_, at) => `:R${at + 1} - [0:0]`),
    ...rules.map((_, at) => `-A ${hook} -m mark --mark ${at + 1} -j R${at + 1}`),
    // What TEE sends seems to come by the device it leaves by, with a link header that nobody wrote.
    `-A ${hook} -j LOGGED`,
    `-A LOGGED ${hook === 'POSTROUTING' ? '! -i eth1 ' : ''}-j LOG --log-tcp-options`,
    ...rules.map((rule, at) => `-A R${at + 1} ${rule}`),
    'COMMIT\n',
  ].join('\n')
}

/** Every packet through every rule. */
export async function compareActs(acts: Acts): Promise<void> {
  const text = actRules(acts)
  const config = acts.host ?? actingHost
  const host = new Host(config)
  expect(host.load(rulesOf(text, acts.family))).toEqual([])
  const lab = await Lab.open(config, [{ family: acts.family, source: new SourceText(acts.family, text) }], {
    backend: 'legacy',
  })
  const differences: string[] = []
  let met = 0
  try {
    let number = 0
    for (const [at, rule] of acts.rules.entries()) {
      for (const step of stepsOf(acts.packets.join('\n'))) {
        const line = { ...step.line, mark: at + 1 }
        const common = { mark: line.mark }
        const action: Step['action'] =
          line.device === null
            ? { kind: 'send', packet: encodePacketLine(line), socket: { uid: 0, gid: 0 }, ...common }
            : { kind: 'receive', device: line.device, frame: frameOf(line, config), ...common }
        const asked: Step = {
          number: ++number,
          atNs: BigInt(number) * 1_000_000n,
          action,
          expect: null,
          text: step.text,
          span: null,
        }
        const mine = resultOf(take(host, { ...step, line }, asked.atNs), asked)
        if (mine.hits.some((hit) => hit.endsWith(`/R${at + 1}:1`))) met++
        const theirs = await lab.step(asked)
        // The lab knows of no target but REJECT that answers; counters and frames tell all the same.
        const { verdict, by } = mine.verdict === 'reject' ? mine : theirs
        const difference = compareSteps(asked, mine, { ...theirs, verdict, by, recent: {} })
        if (difference !== null) differences.push(`${rule} | ${step.text}\n  ${difference}`)
      }
    }
  } finally {
    await lab.close()
  }
  expect(differences.slice(0, 4)).toEqual([])
  // The comparison is worth something only where the rules meet packets.
  expect(met).toBeGreaterThanOrEqual(acts.rules.length)
}

const resultOf = ({ hits, sent, ...outcome }: Outcome, step: Step): StepResult => ({
  ...outcome,
  step: step.number,
  at: 0,
  hits: hits.map(printRuleRef),
  sent: sent.map(({ if: device, bytes }) => ({ if: device, hex: Buffer.from(bytes).toString('hex') })),
  recent: {},
})
