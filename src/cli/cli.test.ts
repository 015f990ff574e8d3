import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { CaptureReader } from '../net/capture.ts'
import { jsonLines, postern } from './_testing/environment.ts'

const knock = 'examples/port-knock/rules.v4'
const capture = 'examples/port-knock/right.pcapng'
const ping = 'eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request'
const toDatabase = 'eth0 tcp 198.51.100.7:4000 > 203.0.113.1:3306 syn'

const good = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n'
const bad = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j NOWHERE\nCOMMIT\n'
const doubtful = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\n-A INPUT -j ACCEPT\nCOMMIT\n'

const scenario = (steps: string, rules = knock) =>
  `host: { interfaces: { eth0: { address: 203.0.113.1/24 } } }\nrules: ${rules}\nsteps:\n${steps}\n`
const passing = scenario(`  - { at: 500ms, packet: "${ping}", expect: accept }`)
const atOnce = passing.replace('500ms', '0s')
const failing = scenario(`  - { at: 500ms, packet: "${ping}", expect: { verdict: drop, by: policy } }`)

/** Scenario files lie beside the rules, in the root of the checkout. */
const files = {
  'good.v4': good,
  'bad.v4': bad,
  'doubtful.v4': doubtful,
  'pass.yaml': passing,
  'now.yaml': atOnce,
  'fail.yaml': failing,
  'broken.yaml': 'steps: hello\n',
  'empty.pcap': new Uint8Array(),
  '-': good,
}

describe('exit status', () => {
  it.each<[number, string[]]>([
    [0, ['--version']],
    [0, ['--help']],
    [0, ['help', 'check']],
    [0, ['help', '-m', 'recent', '-j', 'LOG']],
    [2, []],
    [2, ['bogus']],
    [2, ['help', 'bogus']],
    [2, ['help', '-m', 'bogus']],
    [2, ['check']],
    [2, ['check', '--bogus', 'good.v4']],
    [2, ['check', '-4', '-6', 'good.v4']],
    [2, ['check', 'nofile.v4']],
    [2, ['check', 'examples']],
    [0, ['check', 'good.v4']],
    [0, ['check', '-']],
    [1, ['check', 'bad.v4']],
    [1, ['check', 'good.v4', 'bad.v4']],
    [0, ['check', 'doubtful.v4']],
    [1, ['check', '--strict', 'doubtful.v4']],
    [0, ['fmt', 'good.v4']],
    [1, ['fmt', 'bad.v4']],
    [2, ['fmt', 'good.v4', 'good.v4']],
    [0, ['trace', 'good.v4', ping]],
    [1, ['trace', 'bad.v4', ping]],
    [2, ['trace', 'good.v4']],
    [2, ['trace', 'good.v4', 'rubbish']],
    [2, ['trace', '--every', 'soon', 'good.v4', ping]],
    [2, ['trace', '--address', 'eth0', 'good.v4', ping]],
    [2, ['trace', '--route', 'nowhere', 'good.v4', ping]],
    [2, ['trace', '--host', 'nofile.yaml', 'good.v4', ping]],
    [0, ['test', 'pass.yaml']],
    [1, ['test', 'fail.yaml']],
    [1, ['test', 'broken.yaml', 'pass.yaml']],
    [2, ['test', 'nofile.yaml']],
    [2, ['test', '--on', 'moon', 'pass.yaml']],
    [2, ['test', '--json', '--format', 'tap', 'pass.yaml']],
    [0, ['replay', knock, capture]],
    [1, ['replay', knock, 'empty.pcap']],
    [1, ['replay', knock, 'good.v4']],
    [1, ['replay', 'bad.v4', capture]],
    [2, ['replay', '-', '-']],
    [2, ['replay', knock, 'nofile.pcap']],
  ])('%i: postern %j', async (status, argv) => {
    const ran = await postern(argv, { files })
    expect(ran).toMatchObject({ status })
    expect(ran.stderr + ran.stdout).not.toMatch(/defect|^ +at .*:\d+:\d+/m)
    // Whoever called it wrongly hears what is wrong, in one line, on stderr.
    if (status === 2 && argv.length > 0) expect(ran.stderr).toMatch(/^error: \S.*\n(.*\n)*$/)
    if (status === 2 && argv.length > 0) expect(ran.stdout).toBe('')
  })

  it('3 where this machine lacks something, with the way to get it', async () => {
    const path = process.env.PATH
    process.env.PATH = '/nonexistent'
    try {
      const ran = await postern(['test', '--on', 'kernel', 'pass.yaml'], { files })
      expect(ran).toMatchObject({ status: 3, stdout: '' })
      expect(ran.stderr).toMatch(/^error: .*\n {2}try: (apt-get install|run this)/)
    } finally {
      process.env.PATH = path
    }
  })
})

it('70 for a defect of our own, with the way to report it', async () => {
  const ran = await postern(['check', 'broken.v4'], {
    files: {
      get 'broken.v4'(): string {
        throw new TypeError('nothing is there')
      },
    },
  })
  expect(ran).toMatchObject({ status: 70, stdout: '' })
  expect(ran.stderr).toMatch(/^postern has a defect; please report it/)
})

describe('hints', () => {
  it.each([
    [['chek', 'x'], 'try: check'],
    [['check', '--jsno', 'x'], 'try: --json'],
    [['check', 'examples'], 'examples: is a folder'],
    [['check', 'nofile.v4'], 'nofile.v4: no such file'],
    [['help', 'hashlimit'], 'try: postern help -m hashlimit'],
    [['help', 'LOG'], 'try: postern help -j LOG'],
    [['help', '-m', 'recnt'], 'try: postern help -m recent'],
    [['trace', knock, 'eth0 imcp 1.2.3.4 > 5.6.7.8'], 'did you mean icmp?'],
    [['trace', knock, 'rubbish'], 'for example: eth0 tcp'],
    [['fmt', 'bad.v4'], 'bad.v4: 1 error, so nothing was done'],
    [['replay', knock, 'empty.pcap'], 'empty.pcap: the file is empty'],
  ])('postern %j: %s', async (argv, hint) => {
    expect((await postern(argv, { files })).stderr).toContain(hint)
  })
})

describe('--json', () => {
  it('check: an object for each diagnostic', async () => {
    const { stdout } = await postern(['check', '--json', 'bad.v4'], { files })
    expect(jsonLines(stdout)).toEqual([
      {
        file: 'bad.v4',
        line: 3,
        column: 13,
        endLine: 3,
        endColumn: 20,
        code: 'target/unknown',
        severity: 'error',
        message: 'there is no chain or target "NOWHERE"',
        notes: ['a chain must exist before a rule can jump to it: -N NOWHERE'],
        help: null,
        fix: null,
        related: null,
      },
    ])
  })

  it('test: step results and an end, as the contract has them', async () => {
    const { stdout } = await postern(['test', '--json', 'now.yaml'], { files })
    expect(jsonLines(stdout)).toMatchObject([
      {
        step: 1,
        at: 0,
        verdict: 'accept',
        by: 'filter/INPUT:1',
        why: expect.any(String),
        hits: ['filter/INPUT:1'],
        policies: [],
        sent: [],
        delivered: true,
        log: [],
        recent: {
          seenping: ['src=198.51.100.7 ttl: 64 last_seen: 0 oldest_pkt: 1 0'],
          seenecho: [],
          seenbackend: [],
        },
      },
      {
        end: true,
        save: expect.stringMatching(/^\*filter\n(.*\n)*\[1:28\] -A INPUT (.*\n)*COMMIT\n$/),
        conntrack: [],
      },
    ])
  })

  it('test: jiffies count from the first step, a rejected packet is answered', async () => {
    const rules = `|\n  *filter\n  :INPUT DROP [0:0]\n  :OUTPUT ACCEPT [0:0]\n  -A INPUT -m recent --set -j REJECT\n  COMMIT`
    const steps = `  - { at: 0s, packet: "${toDatabase}" }\n  - { at: 1s, packet: "${toDatabase}" }`
    const own = {
      'own.yaml': scenario(steps, rules).replace('} } }', '} }, routes: [default via 203.0.113.254] }'),
    }
    const [first, second] = jsonLines((await postern(['test', '--json', 'own.yaml'], { files: own })).stdout)
    expect(first).toMatchObject({ verdict: 'reject', by: 'filter/INPUT:1', policies: ['filter/OUTPUT'] })
    expect(first!.sent).toEqual([{ if: 'eth0', hex: expect.stringMatching(/^([0-9a-f]{2}){42,}$/) }])
    expect(second!.recent).toEqual({
      DEFAULT: ['src=198.51.100.7 ttl: 64 last_seen: 250 oldest_pkt: 2 0, 250'],
    })
  })

  it('test: several files and cases name themselves, failures and unreadable files stay objects', async () => {
    const { stdout } = await postern(['test', '--json', 'fail.yaml', 'broken.yaml'], { files, color: true })
    const [step, end, broken] = jsonLines(stdout)
    expect(step).toMatchObject({
      file: 'fail.yaml',
      step: 1,
      mismatches: [
        { field: 'verdict', expected: 'drop', actual: 'accept' },
        { field: 'by', expected: 'policy', actual: 'filter/INPUT:1' },
      ],
    })
    expect(end).toMatchObject({ file: 'fail.yaml', end: true })
    expect(broken).toEqual({ file: 'broken.yaml', error: expect.stringContaining('"steps" is "hello"') })
  })

  it('trace: an object for each packet, with its way', async () => {
    const { stdout } = await postern(['trace', '--json', '--every', '2s', knock, ping, toDatabase])
    const [first, second] = jsonLines(stdout)
    expect(first).toMatchObject({ packet: ping, at: 0, verdict: 'accept', by: 'filter/INPUT:1' })
    expect(first!.hits).toEqual(['filter/INPUT:1'])
    expect(second).toMatchObject({ packet: toDatabase, at: 2, verdict: 'drop', by: 'policy' })
    expect(second!.events).toContainEqual(expect.objectContaining({ kind: 'policy', policy: 'DROP' }))
    // Places would carry the whole text of the rules along.
    expect(stdout).not.toContain('"source"')
  })

  it('trace: a flow is its packets, and what became of it', async () => {
    const host = ['--address', 'eth0=203.0.113.1/24', '--address', 'eth1=192.168.1.1/24', '--forwarding']
    const way = 'eth0 198.51.100.7 > 192.168.1.9:80'
    const argv = ['good.v4', ...host, '--route', 'default via 203.0.113.254', '--every', '1s']
    const told = [`web: connect ${way}`, 'web: request 200 response 3000', 'web: close']
    const { status, stdout } = await postern(['trace', '--json', ...argv, ...told], { files })
    expect(status).toBe(0)
    const flows = jsonLines(stdout).filter(({ flow }) => flow !== undefined)
    expect(flows).toEqual([
      { flow: told[0], at: 0, outcome: 'established' },
      { flow: told[1], at: 1, outcome: 'established' },
      { flow: told[2], at: 2, outcome: 'closed' },
    ])
    expect(jsonLines(stdout)[0]).toMatchObject({ packet: expect.stringMatching(/^eth0 tcp .* syn /), at: 0 })
    expect(jsonLines(stdout).length).toBeGreaterThan(8)
    const text = await postern(['trace', ...argv, `ping eth0 198.51.100.7 > 192.168.1.9`], { files })
    expect(text.stdout).toMatch(/echo-reply(.*\n)*FLOW {4}ping .*: answered\n/)
  })

  it.each([
    ['web: close', 'no flow "web" was opened above'],
    ['web: connect eth0 198.51.100.7 > 203.0.113.1', 'the destination needs a port'],
    ['ping eth0 198.51.100.7 > 203.0.113.1:7', 'ping knows no ports'],
  ])('trace %s: %s', async (told, message) => {
    const { status, stderr } = await postern(['trace', 'good.v4', told], { files })
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })

  it('replay: an object for each packet and one for all', async () => {
    const { stdout } = await postern(['replay', '--json', knock, capture])
    const lines = jsonLines(stdout)
    expect(lines[0]).toMatchObject({
      packet: 1,
      at: 0,
      verdict: 'drop',
      by: 'policy',
      policies: ['filter/INPUT'],
    })
    const end = lines.at(-1)!
    expect(end).toMatchObject({ end: true, packets: lines.length - 1, skipped: {} })
    const counted = (end.verdicts as { packets: number }[]).reduce((sum, { packets }) => sum + packets, 0)
    expect(counted).toBe(lines.length - 1)
  })
})

describe('family', () => {
  const six = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 2001:db8::1/128 -j DROP\nCOMMIT\n'
  const both = { 'rules.v6': six, 'ip6tables.rules': six, 'rules.v4': good, other: six, '-': six }
  it.each<[number, string[]]>([
    [0, ['rules.v6']],
    [0, ['ip6tables.rules']],
    [0, ['-6', 'other']],
    [0, ['-6', '-']],
    [1, ['other']],
    [1, ['-']],
    [1, ['-4', 'rules.v6']],
    [0, ['rules.v4']],
  ])('%i: postern check %j', async (status, argv) => {
    expect(await postern(['check', ...argv], { files: both })).toMatchObject({ status })
  })

  it('trace runs IPv6 rules on IPv6 packets', async () => {
    const packet = 'eth0 icmp6 2001:db8::1 > 2001:db8::2 echo-request'
    const { stdout } = await postern(['trace', 'rules.v6', packet], { files: both })
    expect(stdout).toContain('DROP')
  })
})

describe('reports for other programs', () => {
  const argv = (format: string) => ['test', '--format', format, 'pass.yaml', 'fail.yaml', 'broken.yaml']

  it('TAP 14: a plan, points in order, YAML blocks that parse', async () => {
    const { stdout } = await postern(argv('tap'), { files, color: true })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.slice(0, 2)).toEqual(['TAP version 14', '1..3'])
    const points = lines.filter((line) => /^(not )?ok /.test(line))
    expect(points).toEqual([
      'ok 1 - pass.yaml (engine)',
      'not ok 2 - fail.yaml (engine)',
      'not ok 3 - broken.yaml',
    ])
    const blocks = [...stdout.matchAll(/^ {2}---\n((?:.*\n)*?) {2}\.\.\.$/gm)].map(([, text]) =>
      parseYaml(text!),
    )
    expect(blocks[0].failures).toMatchObject([{ step: 1, packet: ping, field: 'verdict' }, { field: 'by' }])
    expect(blocks[1].message).toContain('"steps" is "hello"')
    // Nothing else stands outside of the blocks.
    expect(lines.filter((line) => !/^(TAP|1\.\.|ok|not ok| {2})/.test(line))).toEqual([])
  })

  it('JUnit: well-formed, with counts that add up', async () => {
    const odd = { ...files, 'odd <&"\'>.yaml': failing }
    const { stdout } = await postern([...argv('junit'), 'odd <&"\'>.yaml'], { files: odd, color: true })
    const root = parseXml(stdout)
    expect(root).toMatchObject({ name: 'testsuites', attributes: { tests: '4', failures: '3' } })
    const cases = root.children.flatMap(({ children }) => children)
    expect(cases.map(({ children }) => children.length)).toEqual([0, 2, 1, 2])
    expect(root.children[3]!.attributes.name).toBe('odd <&"\'>.yaml')
  })
})

describe('screens', () => {
  const screens: [string, string[]][] = [
    ['help', ['--help']],
    ['test', ['test', 'fail.yaml', '-v', 'pass.yaml']],
    ['trace', ['trace', knock, ping, toDatabase]],
    ['replay', ['replay', knock, capture]],
    ['replay -v', ['replay', '-v', knock, capture]],
    ['help -m', ['help', '-m']],
    ['help -j', ['help', '-j', 'REJECT']],
    ['help -m conntrack', ['help', '-m', 'conntrack']],
  ]

  it.each(screens)('%s fits 80 columns', async (_, argv) => {
    const { stdout } = await postern(argv, { files })
    const wide = stdout.split('\n').filter((line) => line.length > 80 && !/^ {2}(\$|-[mpj] )/.test(line))
    expect(wide).toEqual([])
  })

  it.each(
    screens.filter(([name]) => !name.startsWith('help')),
  )('%s has colours only when wanted', async (_, argv) => {
    const plain = await postern(argv, { files })
    const painted = await postern(argv, { files, color: true })
    expect(plain.stdout).not.toContain('\u001b')
    expect(painted.stdout).toContain('\u001b[')
    expect(stripVTControlCharacters(painted.stdout)).toBe(plain.stdout)
  })

  it('a failing scenario shows what was expected and what came', async () => {
    const { stdout } = await postern(['test', 'fail.yaml'], { files })
    expect(stdout).toBe(
      [
        'fail.yaml',
        '✗ steps (1 step, 500ms, engine)',
        `  ✗ 500ms  accept  INPUT:1  ${ping}`,
        '      verdict:   expected  drop',
        '                 but got   accept',
        '      by:        expected  policy',
        '                 but got   filter/INPUT:1',
        '0 passed, 1 failed',
        '',
      ].join('\n'),
    )
  })

  it('a command that is refused fails its step unless that is expected', async () => {
    const run = (expect: string) =>
      postern(['test', 'run.yaml'], {
        files: { 'run.yaml': scenario(`  - { run: "iptables -A NOPE -j DROP"${expect} }`) },
      })
    expect(await run('')).toMatchObject({ status: 1, stdout: expect.stringContaining('no chain "NOPE"') })
    expect(await run(', expect: { refused: true }')).toMatchObject({ status: 0 })
  })

  it('shows progress on a terminal, and takes it away', async () => {
    const { stderr } = await postern(['replay', knock, capture], { interactive: true })
    const shown = stderr.split('\r\u001b[K')
    expect(shown.slice(1).filter((text) => /^\d+ packets, /.test(text))).not.toEqual([])
    // Nothing of it is left for what comes next.
    expect(shown.at(-1)).toBe('')
  })
})

describe('input and output', () => {
  it('a dash is standard input', async () => {
    expect((await postern(['fmt', '-'], { files })).stdout).toBe(
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n',
    )
    const packets = readFileSync(new URL(`../../${capture}`, import.meta.url))
    const fromFile = await postern(['replay', knock, capture])
    expect(await postern(['replay', knock, '-'], { files: { '-': packets } })).toEqual(fromFile)
    expect(await postern(['test', '-'], { files: { '-': passing } })).toMatchObject({ status: 0 })
    expect((await postern(['check', '-'], { files: { '-': bad } })).stdout).toContain('standard input:3:13')
  })

  it('replay that is interrupted says so, and does not complain of the file', async () => {
    const { status, stdout, stderr } = await postern(['replay', knock, capture], { interruptAfterChunks: 1 })
    expect(status).toBe(130)
    expect(stderr).toMatch(/interrupted: \d+ packets of \S+ counted\n$/)
    expect(stderr).not.toContain('error')
    expect(stdout).toMatch(/^VERDICT /)
  })

  it('replay --write keeps the packets that were accepted', async () => {
    const { written, stdout } = await postern(['replay', '--json', '--write', 'out.pcapng', knock, capture])
    const reader = new CaptureReader()
    const records = reader.push(written.get('out.pcapng')!)
    reader.end()
    const accepted = jsonLines(stdout).filter(({ verdict, packet }) => verdict === 'accept' && packet)
    expect(reader.problem).toBeNull()
    expect(records.length).toBe(accepted.length)
    expect(accepted.length).toBeGreaterThan(20)
  })
})

interface Element {
  readonly name: string
  readonly attributes: Record<string, string>
  readonly children: Element[]
}

/** The elements of a small XML document; throws where it is not well-formed. */
function parseXml(text: string): Element {
  const root: Element = { name: '', attributes: {}, children: [] }
  const open = [root]
  const plain = (raw: string) => {
    if (/[<>]|&(?!(amp|lt|gt|quot);)/.test(raw)) throw new Error(`not well-formed: ${raw}`)
    return raw.replace(
      /&(amp|lt|gt|quot);/g,
      (_, name) => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[name as 'amp'],
    )
  }
  const pattern = /<(\/?)([\w?]+)((?:\s+\w+="[^"<]*")*)\s*(\/|\?)?>|([^<]+)/y
  for (let end = 0; end < text.length; end = pattern.lastIndex) {
    const found = pattern.exec(text)
    if (found === null) throw new Error(`not well-formed at ${end}: ${text.slice(end, end + 40)}`)
    const [, closes, name, attributes = '', alone, words] = found
    if (words !== undefined) plain(words)
    else if (closes) {
      if (open.pop()!.name !== name) throw new Error(`</${name}> closes another element`)
    } else if (alone !== '?') {
      const pairs = [...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, plain(value!)])
      const element = { name: name!, attributes: Object.fromEntries(pairs), children: [] }
      open.at(-1)!.children.push(element)
      if (alone !== '/') open.push(element)
    }
  }
  if (open.length !== 1 || root.children.length !== 1) throw new Error('an element is not closed')
  return root.children[0]!
}
