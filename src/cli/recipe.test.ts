import { describe, expect, it } from 'vitest'
import { recipeNames } from '../recipe/names.ts'
import { postern } from './_testing/environment.ts'

const knock = ['recipe', 'knock', '--open', '3306', '--knock', 'icmp', '--knock', '7', '--knock', '8000']
const rules = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-port-unreachable
COMMIT
`

describe('postern recipe', () => {
  it('prints a script, the rules alone, JSON, and the way out', async () => {
    const script = await postern(knock)
    expect(script).toMatchObject({ status: 0, stderr: '' })
    expect(script.stdout).toContain('iptables-restore --noflush')
    expect((await postern([...knock, '--as', 'save'])).stdout).toMatch(/^\*filter\n:knock-3306 /)
    expect((await postern([...knock, '--remove'])).stdout).toContain('iptables -t filter -X knock-3306 ')
    expect((await postern([...knock, '-6'])).stdout).toContain('ip6tables-restore --noflush')
    const json = JSON.parse((await postern([...knock, '--json'])).stdout)
    expect(json).toMatchObject({ family: 'ipv4', recipe: 'knock', name: '3306' })
    expect(json.scenario).toContain('cases:')
  })

  it('puts itself into a file, changes nothing the second time, and takes itself out', async () => {
    const files = { 'rules.v4': rules }
    const once = await postern([...knock, '--into', 'rules.v4'], { files })
    expect(once).toMatchObject({ status: 0, stderr: '' })
    expect(once.stdout.split('\n').findIndex((line) => line.endsWith('-j knock-3306'))).toBe(
      once.stdout.split('\n').findIndex((line) => line.includes('REJECT')) - 1,
    )
    const merged = { 'rules.v4': once.stdout }
    expect((await postern([...knock, '--into', 'rules.v4'], { files: merged })).stdout).toBe(once.stdout)
    const out = await postern([...knock, '--into', 'rules.v4', '--remove'], { files: merged })
    expect(out).toMatchObject({ status: 0, stderr: '', stdout: rules })
    const absent = await postern([...knock, '--name', 'x', '--into', 'rules.v4', '--remove'], {
      files: merged,
    })
    expect(absent.stderr).toBe('warning: rules.v4 has no recipe knock x\n  try: --name 3306\n')
  })

  it('runs as a scenario, by a pipe', async () => {
    const { stdout } = await postern([...knock, '--scenario'])
    const ran = await postern(['test', '-'], { files: { '-': stdout } })
    expect(ran).toMatchObject({ status: 0, stderr: '' })
    expect(ran.stdout).toContain('✓ a scan of TCP ports upwards (of the ports that the rules tell apart)')
  })

  it.each([
    [['knock', '--open', '22'], 'error: --knock is missing: at least 2 of them'],
    [
      ['knock', '--open', '22', '--knock', '70000', '--knock', 'x'],
      'error: --knock: "70000" is not a port from 1 to',
    ],
    [
      ['knock', '--open', '22', '--knock', '7000', '--knock', '7001'],
      'a scan of TCP ports upwards opens tcp/22',
    ],
    [
      ['portforward', '--port', '7070', '--to', '2001:db8::1'],
      'error: --to: "2001:db8::1" is not an address with a',
    ],
    [
      ['portforward', '--port', '7070', '--to', '[2001:db8::1]:80'],
      'error: --to: "[2001:db8::1]:80" is not of IPv4',
    ],
    [['autochain', '--chain', 'a"b'], 'error: --chain: "a"b" is not a name of letters'],
    [['logclog', '--prefix', '$(reboot)"'], 'is not a text of 1 to 29 printable characters'],
    [['ids', '--interface', 'eth0; reboot'], 'is not the name of an interface'],
    [['ratelimit', '--within', '1.5s'], 'is not a time of whole seconds'],
  ])('%j is refused: %s', async (words, message) => {
    const { status, stderr, stdout } = await postern(['recipe', ...words])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).toContain('  try: ')
  })

  it.each(recipeNames)('$name has help from its parameters', async ({ name }) => {
    const { status, stdout } = await postern(['recipe', name, '--help'])
    expect(status).toBe(0)
    expect(stdout).toContain('--into <file>')
    expect(stdout).toContain('--name <name>')
  })
})
