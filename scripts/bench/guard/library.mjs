// node library.mjs LOG: the filter alone, as the daemon uses it; prints how many failures it found.
import { closeSync, openSync, readSync } from 'node:fs'
import { load, sshd } from './parts.mjs'

const { createFilter } = await load('guard/filter/index.js')
const { lineBlock } = await load('linux/follow/index.js')
const { machineZone } = await load('linux/machine-zone.js')

const filter = createFilter(sshd, { zone: machineZone })
const file = openSync(process.argv[2], 'r')
const bytes = Buffer.allocUnsafe(1 << 18)
let failures = 0
for (let kept = 0, got = -1; got !== 0; ) {
  got = readSync(file, bytes, kept, bytes.length - kept, null)
  const end = got === 0 ? kept : bytes.lastIndexOf(0x0a, kept + got - 1) + 1
  const nowMs = Date.now()
  const lines = filter.sift(lineBlock(bytes.subarray(0, end), 'utf8'), nowMs)
  for (let line = lines.next(); line !== null; line = lines.next())
    failures += filter.process(line, { nowMs }).length
  bytes.copyWithin(0, end, kept + got)
  kept += got - end
}
closeSync(file)
console.log(JSON.stringify({ found: failures }))
