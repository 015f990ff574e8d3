/** FTP and TFTP through the kernel's helpers and the engine's: random conversations, translations and accidents. */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runs } from './budget.ts'
import { move, Story } from './ftp-story.ts'
import { hosts, type Name, rulesText, type Scene, scenes } from './helper-scenes.ts'
import { routerUnavailable } from './router.ts'
import { TftpStory, tftpMove } from './tftp-story.ts'
import { TwinRouter } from './twin-router.ts'

describe('helpers through the kernel', () => {
  const lack = routerUnavailable()
  let twin: TwinRouter

  beforeEach((context) => {
    if (lack !== null) context.skip(lack)
  })
  beforeAll(() => {
    if (lack !== null) return
    const at = (...names: Name[]) => names.flatMap((name) => [hosts.ipv4[name], hosts.ipv6[name]])
    twin = new TwinRouter({ eth0: at('out', 'out2', 'long', 'short', 'far'), eth1: at('in', 'in2') }, [
      `${hosts.ipv4.short}/32 dev eth0`,
      `${hosts.ipv4.far}/32 dev eth0`,
      `${hosts.ipv6.far}/128 dev eth0`,
    ])
  })
  afterAll(() => {
    if (lack === null) twin.close()
  })

  const begin = (scene: Scene): void =>
    twin.begin({ [scene.family]: rulesText(scene) }, { 'net.netfilter.nf_conntrack_acct': 1 })

  test('conversations of FTP', { timeout: 600_000 }, () => {
    let expected = 0
    fc.assert(
      fc.property(scenes, fc.array(move, { minLength: 5, maxLength: 30 }), (scene, moves) => {
        const { family, way } = scene
        begin(scene)
        const story = new Story(twin, family, way)
        for (const each of moves) {
          if (story.isOver) return
          story.take(each)
        }
        if (!story.isOver) expected += packetsOfExpected(twin.end([family]))
      }),
      { numRuns: runs(60) },
    )
    expect(expected).toBeGreaterThan(0)
  })

  test('conversations of TFTP', { timeout: 600_000 }, () => {
    let expected = 0
    fc.assert(
      fc.property(scenes, fc.array(tftpMove, { minLength: 1, maxLength: 15 }), (scene, moves) => {
        const { family, way } = scene
        begin(scene)
        const story = new TftpStory(twin, family, way)
        for (const each of moves) {
          if (story.isOver) return
          story.take(each)
        }
        if (!story.isOver) expected += packetsOfExpected(twin.end([family]))
      }),
      { numRuns: runs(30) },
    )
    expect(expected).toBeGreaterThan(0)
  })
})

const packetsOfExpected = (saved: readonly string[]): number =>
  saved
    .filter((line) => line.includes('--ctstatus EXPECTED'))
    .reduce((sum, line) => sum + Number(/^\[(\d+):/.exec(line)![1]), 0)
