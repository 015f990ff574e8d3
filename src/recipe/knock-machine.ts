/**
 * The knocks of one client as a state machine: what the rules of the recipe do, without rules. The recipe asks it whether
 * a scan would pass, the scenario what to expect; tests hold it to the rules.
 */
import { type Knock, printKnock, type Service } from './parameter.ts'

/** Ports that a scanner can try in one protocol. */
export const portCount = 65535

const same = (a: Knock, b: Knock): boolean => a.protocol === b.protocol && a.port === b.port

export class KnockMachine {
  readonly knocks: readonly Knock[]
  /** How many knocks were right so far; 0 again once it is open. */
  #done = 0
  #isOpen = false

  constructor(knocks: readonly Knock[]) {
    this.knocks = knocks
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** A packet that begins something: the next knock goes on, the last one again does no harm, all else begins anew. */
  meet(packet: Knock): void {
    const next = this.knocks[this.#done]!
    const last = this.knocks[this.#done - 1]
    if (same(packet, next)) this.#done++
    else if (last === undefined || !same(packet, last)) this.#done = same(packet, this.knocks[0]!) ? 1 : 0
    if (this.#done < this.knocks.length) return
    this.#isOpen = true
    this.#done = 0
  }

  /** Too much time went by between two knocks. */
  forget(): void {
    this.#done = 0
  }
}

export interface Scan {
  /** For people: `TCP ports upwards, after a ping`. */
  readonly name: string
  readonly packets: readonly Knock[]
}

/**
 * Scans that a program walks through all ports with: up and down; TCP, UDP, or both at each port; each port once or
 * twice; after a ping or not. Of the ports only those that the knocks tell apart from their neighbours are tried: the
 * machine takes all others for the same, and between two of those kept there is always one of them where there was any.
 */
export function scansOf(knocks: readonly Knock[], open: Service, every = false): Scan[] {
  const named = new Set([1, portCount])
  for (const { port } of [...knocks, open])
    for (const near of [port - 1, port, port + 1]) if (0 < near && near <= portCount) named.add(near)
  const ports = every
    ? Array.from({ length: portCount }, (_, at) => at + 1)
    : [...named].sort((a, b) => a - b)
  const ways: readonly (readonly [string, readonly Service['protocol'][]])[] = [
    ['TCP', ['tcp']],
    ['UDP', ['udp']],
    ['TCP and UDP', ['tcp', 'udp']],
    ['UDP and TCP', ['udp', 'tcp']],
  ]
  const ping: Knock = { protocol: 'icmp', port: 0 }
  return ways.flatMap(([name, protocols]) =>
    (['upwards', 'downwards'] as const).flatMap((order) =>
      [1, 2].flatMap((times) => {
        const walked = order === 'upwards' ? ports : ports.toReversed()
        const packets = walked.flatMap((port) =>
          protocols.flatMap((protocol) => Array<Knock>(times).fill({ protocol, port })),
        )
        const called = `${name} ports ${order}${times === 2 ? ', each twice' : ''}`
        return [
          { name: called, packets },
          { name: `${called}, after a ping`, packets: [ping, ...packets] },
        ]
      }),
    ),
  )
}

/** The first scan that opens, or null when none does. */
export function openingScan(knocks: readonly Knock[], open: Service, every = false): Scan | null {
  return scansOf(knocks, open, every).find(({ packets }) => opens(knocks, packets)) ?? null
}

export function opens(knocks: readonly Knock[], packets: readonly Knock[]): boolean {
  const machine = new KnockMachine(knocks)
  for (const packet of packets) machine.meet(packet)
  return machine.isOpen
}

/**
 * How likely it is that a given packet of a scanner that draws each port at random is the last of a right sequence: one
 * in `ports` for each knock at a port. Echo requests count for nothing: there is one kind only.
 */
export const chanceOfPacket = (knocks: readonly Knock[], ports = portCount): number =>
  knocks.reduce((chance, { protocol }) => (protocol === 'icmp' ? chance : chance / ports), 1)

/**
 * How likely `packets` packets to ports drawn at random open: 1 - (1 - p)^(m - k + 1), where p is `chanceOfPacket` and k
 * the number of knocks. It is a little more than that where a knock may be repeated, by k - 1 packets in `ports`.
 */
export const chanceOfScanner = (knocks: readonly Knock[], packets: number, ports = portCount): number =>
  -Math.expm1(Math.max(0, packets - knocks.length + 1) * Math.log1p(-chanceOfPacket(knocks, ports)))

/** For people: how safe a sequence is from those who try at random. */
export function chanceInWords(knocks: readonly Knock[]): string {
  const count = knocks.filter(({ protocol }) => protocol !== 'icmp').length
  const possible = 1 / chanceOfPacket(knocks)
  const tries = 10 ** 6
  const chance = chanceOfScanner(knocks, tries)
  return (
    `who sends packets to ports drawn at random opens it with each with a chance of 1 in 65535^${count} ` +
    `(${Math.round(possible).toLocaleString('en')}), so with a million packets with ${percent(chance)}`
  )
}

const percent = (chance: number): string => `${Number((chance * 100).toPrecision(2))} %`

export const printKnocks = (knocks: readonly Knock[]): string => knocks.map(printKnock).join(' ')
