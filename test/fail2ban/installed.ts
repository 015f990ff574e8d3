/** The installed fail2ban as a judge: Debian's package, run by the system's own Python. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../shared.ts'

const python = '/usr/bin/python3'
export const packageFolder = '/usr/lib/python3/dist-packages/fail2ban'

/** Why comparisons with fail2ban cannot run; null when it is there. */
export const missingFail2ban: string | null =
  existsSync(packageFolder) && existsSync(python) ? null : 'not installed: fail2ban'

/** Runs one of the drivers beside this file on a JSON value and returns what it answers. */
export function askFail2ban<Answer>(driver: string, question: unknown): Answer {
  const answer = execFileSync(python, [join(repositoryRoot, 'test/fail2ban', driver)], {
    input: JSON.stringify(question),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, TZ: 'UTC' },
  })
  return JSON.parse(answer) as Answer
}
