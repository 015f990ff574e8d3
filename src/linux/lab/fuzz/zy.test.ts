import { test } from 'vitest'
import { compareSteps } from '../compare.ts'
import { Lab } from '../lab.ts'
import { caseOf, saveTextOf } from './draft.ts'
import { openEngine } from './engine.ts'
import { generateCase } from './generate.ts'
import { timelineOf } from './scenario-file.ts'

test('one', async () => {
  const draft = generateCase(Number(process.env.CASE), { avoidsNftDifferences: false })
  const part = caseOf(draft)
  const lab = await Lab.open(part.host, part.rules, { backend: 'legacy', time: 'actual' })
  const engine = await openEngine(part.host, part.rules)
  const lines = timelineOf(draft).split('\n')
  for (const step of part.steps) {
    const k = await lab.step(step)
    const e = await engine.step({ ...step, atNs: k.actualNs })
    const d = compareSteps(step, e, k)
    if (d !== null) {
      console.log(draft.rules.map(saveTextOf).join('\n'))
      console.log(lines.slice(Math.max(0, step.number - 4), step.number).join('\n'))
      console.log(d)
      console.log('engine', JSON.stringify(e))
      console.log('kernel', JSON.stringify({ ...k, actualNs: 0 }))
      console.log('frame', 'frame' in step.action ? Buffer.from(step.action.frame).toString('hex') : '')
      console.log(
        JSON.stringify({
          ...draft.host,
          profile: 0,
          routes: 0,
          interfaces: draft.host.interfaces.map((i) => i.mtu),
        }),
      )
      break
    }
  }
  await lab.close()
}, 1e6)
