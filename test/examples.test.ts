/** The examples on the engine: scenarios, captures against what the kernel counted, and the articles' own rules. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Host } from '../src/engine/host.ts'
import { registry } from '../src/ext/registry.ts'
import type { Diagnostic } from '../src/lang/diagnostic.ts'
import { printRuleset } from '../src/lang/print.ts'
import { parseRules } from '../src/lang/read.ts'
import { SourceText } from '../src/lang/source.ts'
import { type CaptureRecord, readCapture } from '../src/net/capture.ts'
import { EngineJudge } from '../src/scenario/engine-judge.ts'
import { readScenario } from '../src/scenario/read.ts'
import { Replay } from '../src/scenario/replay.ts'
import { reviewRules } from '../src/scenario/review.ts'
import { loadRules } from '../src/scenario/rules.ts'
import { runCase } from '../src/scenario/run.ts'
import type { Scenario } from '../src/scenario/scenario.ts'
import { repositoryRoot } from './shared.ts'
import { missingTools } from './tools.ts'

const examples = join(repositoryRoot, 'examples')
/** Paths below examples/, with the folder. */
const files = readdirSync(examples, { recursive: true, encoding: 'utf8' }).sort()
const find = (pattern: RegExp) => files.filter((file) => pattern.test(file))
const read = (file: string) => readFileSync(join(examples, file), 'utf8')
const source = (file: string) => new SourceText(file, read(file))

async function scenarioOf(file: string): Promise<Scenario> {
  const load = async (other: string) => read(join(dirname(file), other))
  const { scenario, diagnostics } = await readScenario(source(file), load)
  expect(diagnostics).toEqual([])
  return scenario!
}

const withoutComments = (text: string) => text.replace(/^#.*\n/gm, '')

/** Tables in alphabetical order: iptables-save has them in that of first use. */
const byTable = (text: string) => text.split(/(?=^\*)/m).sort()

describe('every scenario passes on the engine', async () => {
  const scenarios = find(/scenario\.yaml$/)
  test('there are some', () => {
    expect(scenarios.length).toBeGreaterThan(10)
  })
  for (const file of scenarios) {
    const { cases } = await scenarioOf(file)
    test.each(cases)(`${file}: $name`, async (part) => {
      const report = await runCase(part, new EngineJudge(part))
      const differences = report.steps.flatMap(({ step, mismatches }) =>
        mismatches.map((mismatch) => ({ step: step.number, what: step.text, ...mismatch })),
      )
      expect(differences).toEqual([])
      expect(report.failed).toBe(false)
    })
  }
})

describe('every capture leaves the counters that the kernel had when it was recorded', () => {
  test.each(find(/\.pcapng$/))('%s', async (file) => {
    const folder = dirname(file)
    const { records, problem } = readCapture(readFileSync(join(examples, file)))
    expect(problem).toBeNull()
    const [part] = (await scenarioOf(join(folder, 'scenario.yaml'))).cases
    const host = new Host(part!.host)
    loadRules(host, [{ family: 'ipv4', source: source(rulesOf(file)) }])
    const replay = new Replay(host, part!.host)
    for (const record of records) {
      const { skipped, departure } = replay.run(record)
      if (departure === null) expect(skipped).toBeNull()
      else expect(departure.kind).toBe('same')
    }
    expect(replay.kept()).toEqual([])
    if (file === 'http-recent/get-and-close.pcapng') replay.run(lastAckOfServer(records))
    const counted = printRuleset(host.ruleset('ipv4'), registry, { withCounters: true })
    expect(byTable(counted)).toEqual(byTable(read(file.replace(/pcapng$/, 'counters'))))
  })
})

/** `rules-NAME.v4` for a capture of that name, where it exists. */
function rulesOf(capture: string): string {
  const own = capture.replace(/([^/]+)\.pcapng$/, 'rules-$1.v4')
  return files.includes(own) ? own : join(dirname(capture), 'rules.v4')
}

/** Rules kept the last ACK from leaving, so the capture lacks it: the FIN before it, with ACK as its only flag. */
function lastAckOfServer(records: readonly CaptureRecord[]): CaptureRecord {
  const fin = records.findLast(({ direction }) => direction === 'out')!
  const bytes = fin.bytes.slice()
  const flagsOffset = 14 + 20 + 13
  bytes[flagsOffset] = 0x10
  return { ...records.at(-1)!, direction: 'out', bytes }
}

describe('rules are written as iptables-save writes them', () => {
  const rules = find(/rules.*\.v4$/)
  test.each(rules)('%s', (file) => {
    const { ruleset, diagnostics } = parseRules(source(file), { syntax: registry })
    expect(diagnostics).toEqual([])
    expect(byTable(printRuleset(ruleset, registry))).toEqual(byTable(withoutComments(read(file))))
  })

  describe.each(['legacy', 'nft'])('and iptables-%s-restore takes them', (backend) => {
    test.for(rules)('%s', (file, context) => {
      const missing =
        process.getuid?.() !== 0 ? 'root is needed' : missingTools('unshare', `iptables-${backend}-restore`)
      if (missing !== null) return context.skip(missing)
      const script = `iptables-${backend}-restore < "$1" && iptables-${backend}-save`
      const saved = execFileSync('unshare', ['-n', 'sh', '-c', script, 'sh', join(examples, file)], {
        encoding: 'utf8',
      })
      expect(byTable(withoutComments(saved))).toEqual(byTable(withoutComments(read(file))))
    })
  })
})

interface Finding {
  line: number
  says: string
}

const lineOf = ({ span }: Diagnostic): number => span?.source.locate(span.start).line ?? 0

const wordsOf = ({ message, notes, help, fix }: Diagnostic): string =>
  [message, ...notes, help, fix].join('\n')

describe('what is wrong with the rules as printed is found', () => {
  test.each(find(/article\.(sh|v4)$/))('%s', (file) => {
    const findings = parse(read(file.replace(/(sh|v4)$/, 'findings.yaml'))) as Finding[]
    const { diagnostics } = parseRules(source(file), { syntax: registry })
    for (const { line, says } of findings) {
      const words = diagnostics.filter((each) => lineOf(each) === line).map(wordsOf)
      expect(words.join('\n'), `line ${line}`).toContain(says)
    }
    const foreseen = new Set(findings.map(({ line }) => line))
    const surprises = diagnostics.filter((each) => !foreseen.has(lineOf(each)))
    expect(surprises.filter(({ severity }) => severity === 'error').map(wordsOf)).toEqual([])
  })
})

describe('nothing is wrong with the rules that the examples offer, or a comment says that it is meant', () => {
  test.each(find(/\/rules[\w-]*\.v4$/))('%s', (file) => {
    const { diagnostics } = parseRules(source(file), { syntax: registry, advice: true, review: reviewRules })
    expect(diagnostics.filter(({ severity }) => severity !== 'note').map(wordsOf)).toEqual([])
  })
})

test('each folder explains itself, and the index names it', () => {
  const folders = new Set(files.map(dirname).filter((folder) => /^[\w-]+$/.test(folder)))
  for (const folder of folders) {
    expect(read('README.md')).toContain(`[${folder}](${folder})`)
    const named = [
      ...read(`${folder}/README.md`).matchAll(
        /(?<=[` ])[\w-]+\.(?:v4|scenario\.yaml|pcapng|sh|log)(?![\w-])/g,
      ),
    ]
    expect(named.map(([file]) => `${folder}/${file}`).filter((file) => !files.includes(file))).toEqual([])
    expect(named).not.toEqual([])
  }
})
