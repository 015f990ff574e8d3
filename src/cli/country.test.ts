import { describe, expect, it } from 'vitest'
import { postern } from './_testing/environment.ts'

const zones = 'examples/country-block/zones'

describe('postern country', () => {
  it('looks at lists without changing anything', async () => {
    const words = ['country', 'sync', '--folder', zones, '--dry-run']
    const files = {
      'langblock.cfg': '# one a line\nXA\nxa\n',
      'c.yaml': 'countries: [xa]\nallow: [192.0.2.0/24]\n',
    }
    const expected = 'would refuse from now on: xa (2 prefixes of IPv4, 1 of IPv6)\n'
    expect(await postern([...words, '--countries', 'xa'])).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expected,
    })
    expect(await postern([...words, '--list', 'langblock.cfg'], { files })).toMatchObject({
      status: 0,
      stdout: expected,
    })
    const json = await postern([...words, '--config', 'c.yaml', '--json'], { files })
    expect(JSON.parse(json.stdout)).toMatchObject({
      prefixes: { ipv4: 2, ipv6: 1 },
      allow: ['192.0.2.0/24'],
      dryRun: true,
    })
  })

  it.each([
    [['sync', '--dry-run'], 2, 'no countries are named'],
    [['sync', '--countries', 'xa,../../etc/passwd', '--dry-run'], 2, 'is not a code of two letters'],
    [
      ['sync', '--list', 'evil.cfg', '--dry-run'],
      2,
      'evil.cfg: line 2: "$(reboot)" is not a code of two letters',
    ],
    [['sync', '--countries', 'xa', '--url', 'file:///etc/{cc}', '--dry-run'], 2, 'is not a URL with {cc}'],
    [['sync', '--countries', 'xb', '--folder', zones, '--dry-run'], 1, 'has no xb.zone\nnothing was changed'],
    [['sync', '--countries', 'xa', '--config', 'bad.yaml', '--dry-run'], 2, 'bad.yaml: countries'],
    [
      ['sync', '--countries', 'xa', '--allow', 'example.net', '--dry-run'],
      2,
      'allow.0: is not an address or prefix',
    ],
    [['test', '192.0.2.1', '--state', '/nonexistent/country'], 3, 'no country block is kept in'],
  ])('country %j ends with %d: %s', async (words, status, message) => {
    const files = { 'evil.cfg': 'cn\n$(reboot)\n', 'bad.yaml': 'countries: 7\n' }
    const ran = await postern(['country', ...words], { files })
    expect(ran.stderr).toContain(message)
    expect(ran.status).toBe(status)
  })

  it('says that nothing is refused before there was a sync, and prints units', async () => {
    const status = await postern(['country', 'status', '--state', '/nonexistent/country'])
    expect(status).toMatchObject({ status: 0, stdout: 'no country is refused\n' })
    expect((await postern(['country', 'timer'])).stdout).toContain('OnCalendar=weekly')
  })
})
