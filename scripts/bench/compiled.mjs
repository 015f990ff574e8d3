// Compiled rules against the interpreter that asks them one by one.
import { resultOf } from './measure.mjs'
import { hostWith, runPackets } from './packets.mjs'
import { countryBlock, gateway, realRuleset } from './rulesets.mjs'

const nowNs = 1_000_000_000n
const runs = 15

export const compiled = {
  name: 'compiled',
  lack: () => null,
  cases: () =>
    [gateway(), realRuleset(), countryBlock(100), countryBlock(10_000)].filter((one) => one !== null),
  measure({ name, rules, count, begin, steady }) {
    const ways = { interpreter: { isInterpreted: true }, compiled: {} }
    const hosts = Object.fromEntries(Object.keys(ways).map((way) => [way, hostWith(rules)]))
    for (const [way, options] of Object.entries(ways)) {
      for (const { frame, device } of [...begin, ...steady]) {
        hosts[way].receive(frame, device, nowNs, options)
      }
    }
    const [first, second] = Object.values(hosts).map((host) => host.save('ipv4', { counters: true }))
    if (first !== second) throw new Error(`${name}: interpreter and compiled rules count otherwise`)
    const measured = { interpreter: [], compiled: [] }
    for (let run = -2; run < runs; run++) {
      for (const [way, options] of Object.entries(ways)) {
        const packets = way === 'compiled' ? 4000 : Math.max(100, Math.min(4000, Math.floor(4e6 / count)))
        const took = runPackets(hosts[way], steady, packets, nowNs, options)
        if (run >= 0) measured[way].push(took)
      }
    }
    return resultOf({ name: `interpreter and compiled rules: ${name}`, runs, unit: 'ns' }, measured)
  },
}
