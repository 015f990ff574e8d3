// A packet through rules: the engine against the kernel with the same rules and packets.
import { Kernel, kernelLack } from './kernel.mjs'
import { median, resultOf } from './measure.mjs'
import { forKernel, hostWith, kernelHost, runPackets } from './packets.mjs'
import { countryBlock, gateway, realRuleset } from './rulesets.mjs'

const noRules = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n'
const emptied = (rules) =>
  [...rules.matchAll(/^\*(\w+)/gm)].map(([, name]) => `*${name}\n${chainsOf[name]}\nCOMMIT\n`).join('')
const accepting = (...names) => names.map((name) => `:${name} ACCEPT [0:0]`).join('\n')
const chainsOf = {
  filter: accepting('INPUT', 'FORWARD', 'OUTPUT'),
  nat: accepting('PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'),
  mangle: accepting('PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'),
  raw: accepting('PREROUTING', 'OUTPUT'),
  security: accepting('INPUT', 'FORWARD', 'OUTPUT'),
}

const rounds = 9
const aroundRounds = 5
/** A second of the clock of the engine, which stands otherwise. */
const nowNs = 1_000_000_000n

export const filtering = {
  name: 'filtering',
  lack: kernelLack,
  cases: () =>
    [
      countryBlock(20),
      countryBlock(100),
      countryBlock(1_000),
      countryBlock(10_000),
      countryBlock(100_000),
      gateway(),
      realRuleset(),
    ].filter((one) => one !== null),
  measure,
}

async function measure(one) {
  const { name, rules, begin, steady } = one
  const engine = hostWith(rules)
  const bare = hostWith(noRules)
  for (const { frame, device } of begin) engine.receive(frame, device, nowNs)
  const measured = {}
  const [ours, bareEngine] = [[], []]
  const perRound = 4000
  const runEngine = () => {
    ours.push(runPackets(engine, steady, perRound, nowNs))
    bareEngine.push(runPackets(bare, one.plain, perRound, nowNs))
  }
  for (let warm = 0; warm < 5; warm++) runEngine()
  ours.length = bareEngine.length = 0
  const wrong = []
  for (const kind of ['legacy', 'nft']) {
    measured[`${kind} kernel, its rules`] = await measureKernel(one, kind, runEngine, wrong)
  }
  if (wrong.length > 0) throw new Error(`${name}: ${wrong.join('\n')}`)
  return resultOf(
    {
      name: `a packet through ${name}`,
      runs: rounds,
      unit: 'ns',
      note: 'of the kernel what its rules add to a packet, of the engine all there is to a packet',
    },
    {
      ...measured,
      'engine, the whole packet': ours,
      'engine, without rules': bareEngine,
    },
  )
}

/** What rules add to the kernel's cost: without them, with them and without again, the engine's turn in between. */
async function measureKernel({ rules, count, begin, steady, plain }, kind, runEngine, wrong) {
  const kernel = new Kernel()
  try {
    await kernel.ask({ do: 'set_up', ...kernelHost })
    const learn = (name, packets) => kernel.ask({ do: 'learn', name, packets: forKernel(packets) })
    await learn('plain', plain)
    await learn('steady', steady)
    // As many packets as take a tenth of a second, about.
    const each = Math.max(400, Math.min(20_000, Math.floor(1e8 / (1500 + count * (kind === 'nft' ? 12 : 5)))))
    const around = []
    const takePlain = async () => {
      for (let round = 0; round < aroundRounds; round++) {
        around.push(await kernel.ask({ do: 'run', name: 'plain', count: 20_000 }))
        runEngine()
      }
    }
    await kernel.ask({ do: 'run', name: 'plain', count: 20_000 })
    await takePlain()
    await kernel.ask({ do: 'restore', kind, rules })
    if (begin.length > 0) {
      await learn('begin', begin)
      await kernel.ask({ do: 'run', name: 'begin', count: begin.length })
    }
    const problem = await compareCounters(kernel, kind, rules, begin, steady)
    if (problem !== null) wrong.push(problem)
    const loaded = []
    for (let round = 0; round < rounds; round++) {
      loaded.push(await kernel.ask({ do: 'run', name: 'steady', count: each }))
      runEngine()
    }
    await kernel.ask({ do: 'restore', kind, rules: emptied(rules) })
    await takePlain()
    // Each run against the middle of those without rules; noise may make the difference nothing, never less.
    const bare = { wall: median(around.map(({ wall }) => wall)), cpu: median(around.map(({ cpu }) => cpu)) }
    return loaded.map(({ wall, cpu }) => ({
      wall: Math.max(0, wall - bare.wall),
      cpu: Math.max(0, cpu - bare.cpu),
    }))
  } finally {
    kernel.close()
  }
}

/** Every rule has counted the same on both sides after the same packets; null when it is so. */
async function compareCounters(kernel, kind, rules, begin, steady) {
  const host = hostWith(rules)
  for (const { frame, device } of begin) host.receive(frame, device, nowNs)
  await kernel.ask({ do: 'run', name: 'steady', count: steady.length })
  for (const { frame, device } of steady) host.receive(frame, device, nowNs)
  const { text } = await kernel.ask({ do: 'save', kind })
  const theirs = countersIn(text)
  const ours = countersIn(host.save('ipv4', { counters: true }))
  // What the kernel sends by itself (ICMP errors) counts in OUTPUT and POSTROUTING.
  const isOwn = (line) => /OUTPUT|POSTROUTING/.test(line)
  const differing = ours.filter((line) => !isOwn(line) && !theirs.includes(line))
  return differing.length === 0 ? null : `${kind} counts otherwise than ${differing.slice(0, 3).join(' | ')}`
}

const countersIn = (text) =>
  text.split('\n').filter((line) => line.startsWith('[') && !line.startsWith('[0:0]'))
