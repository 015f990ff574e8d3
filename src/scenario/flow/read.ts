/** Flow lines of one case, in order: what a line says is held against the host and the flows before it. */
import type { HostConfig } from '../../engine/config.ts'
import { sameAddress } from '../../net/address.ts'
import type { Complain } from '../host-file.ts'
import { type Act, type FlowLine, type Opening, parseFlowLine, whyNot } from './line.ts'

/** Bytes of UDP data that fit a packet of 1500 bytes. */
const largestDatagram = { ipv4: 1472, ipv6: 1452 }

export class FlowReader {
  readonly #host: HostConfig
  readonly #openings = new Map<string, Opening>()

  constructor(host: HostConfig) {
    this.#host = host
  }

  /** Null after a complaint. */
  read(text: string, complain: Complain): FlowLine | null {
    const parsed = parseFlowLine(text)
    if ('problem' in parsed) {
      const { message, start, end, help } = parsed.problem
      complain(['flow'], message, help, { start, end: Math.max(end, start + 1) })
      return null
    }
    const { line } = parsed
    const why = line.opening === null ? this.#whyNotContinued(line) : this.#whyNotOpened(line, complain)
    if (why !== null) {
      if (why !== '') complain(['flow'], why)
      return null
    }
    if (line.opening !== null && line.name !== null) this.#openings.set(line.name, line.opening)
    return line
  }

  /** '' where a complaint was made already. */
  #whyNotOpened({ opening, acts }: FlowLine, complain: Complain): string | null {
    const { device, destination } = opening!
    if (device !== null) {
      if (!checkDevice(device, this.#host, ['flow'], complain)) return ''
    } else if (
      this.#host.interfaces.some(({ addresses }) =>
        addresses.some((own) => sameAddress(own.address, destination)),
      )
    ) {
      return 'a flow of the host with itself cannot be played: write its packets, or let a neighbour be the client'
    }
    return acts.some((act) => isTooLarge(opening!, act)) ? tooLarge : null
  }

  #whyNotContinued({ name, acts }: FlowLine): string | null {
    const opening = this.#openings.get(name!)
    if (opening === undefined) {
      const known = [...this.#openings.keys()]
      return `no flow "${name}" was opened above${known.length === 0 ? '' : `; there are ${known.join(', ')}`}`
    }
    for (const act of acts) {
      const why = whyNot(opening.kind, act.kind)
      if (why !== null) return why
      if (isTooLarge(opening, act)) return tooLarge
    }
    return null
  }
}

const tooLarge = 'this does not fit into one packet, and flows send no fragments'

const isTooLarge = ({ kind, destination }: Opening, act: Act): boolean =>
  kind === 'udp' && 'payload' in act && act.payload.length > largestDatagram[destination.family]

/** Complains of an interface that the host does not have. */
export function checkDevice(
  name: string,
  host: HostConfig,
  path: readonly string[],
  complain: Complain,
): boolean {
  if (host.interfaces.some((device) => device.name === name)) return true
  const known = host.interfaces.map((device) => device.name).join(', ')
  complain(
    path,
    `the host has no interface "${name}"`,
    known === '' ? 'name it under host: interfaces:' : `one of: ${known}`,
  )
  return false
}
