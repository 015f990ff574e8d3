import { describe, expect, it } from 'vitest'
import { runScenario } from './run-scenario.ts'

/** Pings arrive at 0, 1, 2 s ...; a command runs between each two. Returns the counters at the end, and refusals. */
async function afterCommands(rules: string, commands: readonly string[]) {
  const ping = 'packet: "eth0 icmp 198.51.100.7 > 203.0.113.1 echo-request"'
  const steps = [
    `{ ${ping} }`,
    ...commands.flatMap((run) => [`{ run: ${JSON.stringify(run)} }`, `{ ${ping} }`]),
  ]
  const { cases, diagnostics } = await runScenario(
    `host: { interfaces: { eth0: { address: 203.0.113.1/24 } } }\nrules: |\n${rules
      .split('\n')
      .map((line) => `  ${line}`)
      .join('\n')}\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`,
  )
  expect(diagnostics).toEqual([])
  const [report] = cases
  const lines = report!.end.save.split('\n').filter((line) => /INPUT|^\[/.test(line))
  return {
    lines,
    errors: report!.steps.map(({ result }) => result.error ?? null).filter((error) => error !== null),
  }
}

const rules = '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p icmp\nCOMMIT'

describe('commands on rules in force', () => {
  // Measured with iptables-legacy 1.8.9: rules keep their counters, policies begin anew.
  for (const [command, expected] of [
    [
      'iptables -A INPUT -s 192.0.2.0/24 -j DROP',
      [':INPUT ACCEPT [1:28]', '[2:56] -A INPUT -p icmp', '[0:0] -A INPUT -s 192.0.2.0/24 -j DROP'],
    ],
    [
      'iptables -I INPUT 1 -p udp -j DROP',
      [':INPUT ACCEPT [1:28]', '[0:0] -A INPUT -p udp -j DROP', '[2:56] -A INPUT -p icmp'],
    ],
    ['/sbin/iptables -P INPUT ACCEPT', [':INPUT ACCEPT [1:28]', '[2:56] -A INPUT -p icmp']],
    ['iptables -R INPUT 1 -p icmp', [':INPUT ACCEPT [1:28]', '[1:28] -A INPUT -p icmp']],
    ['iptables -N web', [':INPUT ACCEPT [1:28]', '[2:56] -A INPUT -p icmp']],
    ['iptables -L -n', [':INPUT ACCEPT [2:56]', '[2:56] -A INPUT -p icmp']],
    [
      'ip6tables -A INPUT -j DROP',
      [':INPUT ACCEPT [2:56]', '[2:56] -A INPUT -p icmp', ':INPUT ACCEPT [0:0]', '[0:0] -A INPUT -j DROP'],
    ],
  ] as const) {
    it(command, async () => {
      expect(await afterCommands(rules, [command])).toEqual({ lines: expected, errors: [] })
    })
  }

  it('refuses what iptables refuses, and changes nothing', async () => {
    const commands = ['iptables -D INPUT 7', 'iptables -A NOWHERE -j DROP', 'iptables -A INPUT -j MISSING']
    const { lines, errors } = await afterCommands(rules, commands)
    expect(lines).toEqual([':INPUT ACCEPT [4:112]', '[4:112] -A INPUT -p icmp'])
    expect(errors).toHaveLength(3)
  })

  it('quotes as a shell does', async () => {
    const { lines } = await afterCommands(rules, [`iptables -A INPUT -m comment --comment 'a "b" c' -j DROP`])
    expect(lines[2]).toBe('[1:28] -A INPUT -m comment --comment "a \\"b\\" c" -j DROP')
  })
})
