/** Postern's own filters on the sample lines of the same services: what they find, and what they leave by choice. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { memoryFiles } from '../../src/guard/config/files.ts'
import { readFilter } from '../../src/guard/config/read-filter.ts'
import { createFilter } from '../../src/guard/filter/index.ts'
import { ownFilters } from '../../src/guard/filters/index.ts'
import { absent, sharedPath } from '../shared.ts'
import { frozenNowMs, samplesZone } from './corpus/driver.ts'

const installed = '/usr/lib/python3/dist-packages/fail2ban/tests/files/logs'
const logs = existsSync(installed) ? installed : sharedPath('conformance/fail2ban/logs')

const ownFilter = (reference: string) => {
  const { definition, diagnostics } = readFilter(memoryFiles({}), reference, { filters: ownFilters })
  expect(diagnostics, reference).toEqual([])
  return createFilter(definition!, { zone: samplesZone })
}

interface Sample {
  readonly line: string
  readonly match: boolean
  readonly host: string | null
}

/** Lines with what is expected of them; of those for a certain mode only what the mode says. */
function samplesOf(file: string): Sample[] {
  const lines = readFileSync(join(logs!, file), 'utf8').split(/\r?\n/)
  return lines.flatMap((line, at) => {
    const json = /^# ?failJSON:(.*)$/.exec(lines[at - 1] ?? '')?.[1]
    if (json === undefined || line === '') return []
    const { match, host } = JSON.parse(json)
    return [{ line, match: match === true, host: host ?? null }]
  })
}

/**
 * Of the lines that fail2ban's filters find, how many ours find. What is left by choice: names in the place of
 * addresses (sshd, mysqld), protocol 1 of ssh, connections that merely end, syslog of RFC 5424; refused TLS handshakes
 * (nginx, apache, dovecot), clients that hang up (postfix), addresses that cannot be looked up (exim).
 */
const found: Readonly<Record<string, string>> = {
  'apache-auth': '36 of 40',
  dovecot: '28 of 48',
  exim: '22 of 39',
  'mysqld-auth': '14 of 15',
  'named-refused': '15 of 15',
  'nginx-http-auth': '7 of 11',
  postfix: '37 of 50',
  proftpd: '10 of 10',
  'pure-ftpd': '1 of 1',
  recidive: '6 of 6',
  sshd: '36 of 103',
  vsftpd: '4 of 4',
}

/** Lines of which ours names another address, with what fail2ban's own expectation is. */
const otherwise: readonly string[] = [
  // the user's name was "test from 127.0.0.1 port 58946 ssh2:"
  'sshd: 10.10.1.2, not 127.0.0.1: Nov 11 08:04:52 redbamboo sshd[2737]: Failed password for invalid user test from 127.0.0.1 port 58946 ssh2: from 10.10.1.2 port 55555 ssh2',
  // these fail2ban leaves to other modes
  'postfix: 192.0.2.11, not null: Jun 12 08:58:35 srv postfix/smtpd[29306]: improper command pipelining after AUTH from unknown[192.0.2.11]: QUIT',
  'apache-auth: 192.0.2.1, not null: [Thu Oct 17 18:43:40.160521 2019] [evasive20:error] [pid 22589] [client 192.0.2.1:56175] client denied by server configuration: /path/index.php, referer: https://hostname/path/',
]

const silent = logs === null ? ` (${absent('conformance/fail2ban')})` : ''

describe("Postern's own filters", () => {
  it.each(Object.keys(ownFilters))('%s is read without a complaint', (name) => {
    for (const mode of ['normal', 'aggressive'])
      expect(ownFilter(`${name}[mode=${mode}]`).problems).toEqual([])
  })

  it.skipIf(logs === null)(`name nobody whom the samples do not name${silent}`, () => {
    const counts: Record<string, string> = {}
    const different: string[] = []
    for (const name of Object.keys(ownFilters).filter((one) => existsSync(join(logs!, one)))) {
      const samples = samplesOf(name)
      const filter = ownFilter(name)
      let same = 0
      for (const { line, match, host } of samples) {
        const [failure] = filter.process(line, { nowMs: frozenNowMs })
        if (failure === undefined) continue
        if (match && failure.id === host) same++
        else different.push(`${name}: ${failure.id}, not ${host}: ${line}`)
      }
      counts[name] = `${same} of ${samples.filter(({ match }) => match).length}`
    }
    expect(different).toEqual(otherwise)
    expect(counts).toEqual(found)
  })
})
