// Records what passes the host's interfaces while its kernel runs some rules, and writes it as pcapng with a comment on
// the first packet of each act.
import { readFileSync, writeFileSync } from 'node:fs'
import { PcapngWriter, readCapture, writeCapture } from '../../dist/net/capture.js'
import { observe } from './observe.mjs'

/**
 * Runs `acts` (a function given `await act(comment)` to say what begins) and writes CAPTURE.pcapng with CAPTURE.counters,
 * what the kernel had counted at the end.
 */
export async function record(network, { rules, capture, devices = ['eth0'], acts }) {
  const text = readFileSync(rules, 'utf8')
  const { records, saved } = await observe(network, { text, devices, acts, readCapture })
  const writer = new PcapngWriter({ application: 'postern record-examples' })
  writeFileSync(`${capture}.pcapng`, writeCapture(writer, records))
  writeFileSync(`${capture}.counters`, saved)
  return records.length
}
