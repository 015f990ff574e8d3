import { describe, expect, it } from 'vitest'
import { jsonLines, postern } from './_testing/environment.ts'

const line = 'Nov 21 18:30:00 gate app: login of eve from 198.51.100.7 refused'
const expression = 'login of <F-USER>.*</F-USER> from <HOST> refused$'
const test = (...words: string[]) => postern(['guard', 'test', ...words])

describe('postern guard test', () => {
  it('counts', async () => {
    const { status, stdout } = await test(line, expression)
    expect(status).toBe(0)
    expect(stdout).toContain('expressions (1 of 1 matched)\n        1  1  login of')
    expect(stdout).toContain('1 line: 1 matched (1 address), 0 ignored, 0 missed\n')
  })

  it('shows what was found in a line, and where', async () => {
    const { stdout } = await test('--explain', line, expression)
    expect(stdout).toContain(`${line}\ndate~~~~~~~~~~~                    ^^^      id~~~~~~~~~~\n`)
    expect(stdout).toMatch(/match 1 +failure of 198\.51\.100\.7\n/)
    expect(stdout).toMatch(/user +eve\n/)
  })

  it('says why not', async () => {
    const { status, stdout } = await test('--explain', 'Nov 21 18:30:00 gate app: hello', expression)
    expect(status).toBe(1)
    expect(stdout).toContain('no expression fits: " gate app: hello"')
    const refused = await test('--explain', line.replace('198.51', '998.51'), expression)
    expect(refused.stdout).toContain('refused: 998.51.100.7 is no address')
  })

  it('prints parts of failures', async () => {
    expect((await test('-o', 'ip', line, expression)).stdout).toBe('198.51.100.7\n')
    expect((await test('-o', '<F-USER>@<ip>', line, expression)).stdout).toBe('eve@198.51.100.7\n')
  })

  it('prints JSON', async () => {
    const [first, last] = jsonLines((await test('--json', line, expression)).stdout)
    expect(first).toMatchObject({ line, matches: [{ expression: 0, id: '198.51.100.7' }] })
    expect(last).toMatchObject({ end: true, lines: 1, matched: 1, missed: 0, addresses: 1 })
  })

  it('ignores lines', async () => {
    expect((await test(line, expression, 'eve')).stdout).toContain('0 matched, 1 ignored, 0 missed')
  })

  it("knows Postern's own filters", async () => {
    const { stdout } = await test(
      '--etc',
      'examples',
      'Nov 21 18:30:00 gate sshd[7]: Failed password for root from 198.51.100.7 port 4000 ssh2',
      'sshd',
    )
    expect(stdout).toContain('1 matched')
  })

  it('refuses what it cannot use', async () => {
    expect(await test(line, 'login of (<HOST>')).toMatchObject({ status: 2 })
    expect((await test(line, 'nowhere')).stderr).toContain('there is no filter nowhere')
    expect((await test('no-such-file', expression)).stderr).toContain('no-such-file: no such file')
    expect((await test('--maxlines', 'x', line, expression)).status).toBe(2)
  })
})
