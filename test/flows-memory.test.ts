/** A million tracked connections, in a process of its own: how much memory they take. Not timed. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { builtLack } from './built.ts'

const script = join(import.meta.dirname, '..', 'scripts', 'measure-flows.mjs')
const lack = existsSync('/proc/self/status') ? builtLack() : 'needs /proc'

const name = `a million UDP flows take less than 400 MB${lack === null ? '' : ` (${lack})`}`

test.skipIf(lack !== null)(name, { timeout: 600_000 }, () => {
  const said = execFileSync(process.execPath, [script, '1000000', 'begin', '--json'], { encoding: 'utf8' })
  const { flows, residentMb, count } = JSON.parse(said) as {
    flows: number
    residentMb: number
    count: number
  }
  expect({ flows, count }).toEqual({ flows: 1_000_000, count: 1_000_000 })
  expect(residentMb).toBeLessThan(400)
  expect(residentMb).toBeGreaterThan(50)
})
