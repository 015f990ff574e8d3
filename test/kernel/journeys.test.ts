/** The kernel is asked for every packet of the engine's journeys, and must say what the engine says. */
import { beforeEach, describe, expect, it } from 'vitest'
import { frameOf, type JourneyStep, rulesOf, stepsOf, take } from '../../src/engine/_testing/journey-case.ts'
import { journeys } from '../../src/engine/_testing/journeys.ts'
import type { HostConfig } from '../../src/engine/config.ts'
import { Host } from '../../src/engine/host.ts'
import { type Outcome, printRuleRef } from '../../src/engine/outcome.ts'
import { SourceText } from '../../src/lang/source.ts'
import { compareSteps, Lab, labLack } from '../../src/linux/lab/index.ts'
import { encodePacketLine } from '../../src/net/notation.ts'
import type { Step, StepResult } from '../../src/scenario/scenario.ts'

function scenarioStep({ line, text }: JourneyStep, at: number, config: HostConfig): Step {
  const { mark } = line
  const action =
    line.device === null
      ? ({ kind: 'send', packet: encodePacketLine(line), socket: { uid: 0, gid: 0 }, mark } as const)
      : ({ kind: 'receive', device: line.device, frame: frameOf(line, config), mark } as const)
  return { number: at + 1, atNs: BigInt(at) * 1_000_000n, action, expect: null, text, span: null }
}

const resultOf = ({ hits, sent, ...outcome }: Outcome, step: Step): StepResult => ({
  ...outcome,
  step: step.number,
  at: 0,
  hits: hits.map(printRuleRef),
  sent: sent.map(({ if: device, bytes }) => ({ if: device, hex: Buffer.from(bytes).toString('hex') })),
  recent: {},
})

describe('the kernel on the journeys of the engine', () => {
  beforeEach((context) => {
    const lack = labLack('legacy')
    if (lack !== null) context.skip(lack.message)
  })

  it.each(journeys)('$name', async ({ host: config, rules, packets }) => {
    const host = new Host(config)
    const texts = Object.entries(rules).map(([family, text]) => {
      host.load(rulesOf(text, family as 'ipv4'))
      return { family: family as 'ipv4', source: new SourceText(family, text.replace(/^\s*#.*\n/gm, '')) }
    })
    const lab = await Lab.open(config, texts, { backend: 'legacy' })
    try {
      const differences: string[] = []
      for (const [at, step] of stepsOf(packets).entries()) {
        const asked = scenarioStep(step, at, config)
        const mine = resultOf(take(host, step, asked.atNs), asked)
        const difference = compareSteps(asked, mine, {
          ...(await lab.step(asked)),
          recent: {},
          log: mine.log,
        })
        if (difference !== null) differences.push(`${step.text}\n  ${difference}`)
      }
      expect(differences).toEqual([])
    } finally {
      await lab.close()
    }
  })
})
