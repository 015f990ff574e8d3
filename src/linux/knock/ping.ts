/** One echo request by the system's ping, which has the privilege for it. */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import type { Family } from '../../net/address.ts'
import { UnavailableError } from '../unavailable.ts'

/** Where distributions keep it: found by its place, not by a PATH that others may have written. */
const places = ['/usr/bin/ping', '/bin/ping', '/sbin/ping', '/usr/sbin/ping']

export function findPing(): string {
  const found = places.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (found === undefined) throw new UnavailableError('ping is not installed', 'apt-get install iputils-ping')
  return found
}

/** Whether the address answered within a second. Throws where ping itself could not send. */
export function ping(address: string, family: Family): Promise<boolean> {
  const program = findPing()
  const args = [family === 'ipv4' ? '-4' : '-6', '-n', '-c', '1', '-W', '1', '--', address]
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', reject)
    // 0: answered; 1: sent, and no answer; 2 and others: a mistake, such as no route.
    child.on('close', (status) => {
      if (status === 0 || status === 1) resolve(status === 0)
      else reject(new Error(said.trim().split('\n').at(-1) || `ping ended with ${status}`))
    })
  })
}
