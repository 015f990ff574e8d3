/** Random conversations of FTP, sensible and not. */
import fc from 'fast-check'
import { type Address, type Family, printAddress } from '../../src/net/address.ts'
import { type End, flag, TcpTalk, textOf } from './ftp-talk.ts'
import { chanceDecided, deviceOf, hosts, type Way, type Who } from './helper-scenes.ts'
import type { Device, TwinRouter } from './twin-router.ts'

/** `{me}` is the address of who speaks, `{other}` that of somebody else; `{me,}` has commas for its dots. */
const clientWords = [
  'USER anonymous\r\n',
  'PORT {me,},{high},{low}\r\n',
  'PORT {me,},{high},{low}\r\n',
  'EPRT |{af}|{me}|{port}|\r\n',
  'EPRT |{af}|{me}|{port}|\r\n',
  'eprt !{af}!{me}!{port}!\r\n',
  'EPRT |{af}|{me}|{port}\r\n',
  'EPRT |3|{me}|{port}|\r\n',
  'EPRT a{af}a{me}a{port}a\r\n',
  'EPRT |{af}|{other}|{port}|\r\n',
  'EPRT |{af}||{port}|\r\n',
  'EPRT |{af}|{me}|0|\r\n',
  'EPRT |{af}|{me}|70000|\r\n',
  'EPRT |2|::ffff:1.2.3.4|{port}|\r\n',
  'EPRT  |{af}|{me}|{port}|\r\n',
  'port {me,},{high},{low}\r\n',
  'PORT {me,},{high},{low} \r\n',
  'PORT {me,},{high},{low}\n',
  'PORT {me,},{high},{low}',
  'PORT {other,},{high},{low}\r\n',
  'PORT {me,},300,{low}\r\n',
  'PORT {me,},0,0\r\n',
  'PORT {me,},255,255\r\n',
  'PORT {me,},{low}\r\n',
  'PORT  {me,},{high},{low}\r\n',
  'PORT',
  'PO',
  'POR\r\n',
  'PASV\r\n',
  'EPSV\r\n',
  'NOOP\r\nPORT {me,},{high},{low}\r\n',
  'PORT {me,},{high},{low}\r\nRETR file\r\n',
  '\r\n',
  'x',
]
const serverWords = [
  '220 ready\r\n',
  '200 done\r\n',
  '227 Entering Passive Mode ({me,},{high},{low}).\r\n',
  '227 Entering Passive Mode ({me,},{high},{low}).\r\n',
  '227 Entering Passive Mode {me,},{high},{low}\r\n',
  '227 ={me,},{high},{low}\r\n',
  '227 {me,},{high},{low}',
  '227 Entering Passive Mode ({other,},{high},{low}).\r\n',
  '227 Entering Passive Mode\r\n',
  '227 ({me,},256,{low})\r\n',
  '227 ({me,},0,0)\r\n',
  '227-more\r\n',
  '229 Entering Extended Passive Mode (|||{port}|)\r\n',
  '229 Entering Extended Passive Mode (|||{port}|)\r\n',
  '229 Entering Extended Passive Mode (!!!{port}!)\r\n',
  '229 Entering Extended Passive Mode (|||{port})\r\n',
  '229 Entering Extended Passive Mode (|{af}|{me}|{port}|)\r\n',
  '229 Entering Extended Passive Mode |||{port}|\r\n',
  '229 (|||0|)\r\n',
  '229 (',
  '22',
  '229',
  '150 here\r\n227 Entering Passive Mode ({me,},{high},{low}).\r\n',
]

export type Move =
  | {
      readonly kind: 'say'
      readonly who: Who
      readonly words: string
      readonly port: number
      readonly ackShift: number
      readonly cutAt: number
    }
  | { readonly kind: 'again'; readonly who: Who; readonly which: number }
  | {
      readonly kind: 'ack'
      readonly who: Who
      readonly ackShift: number
      readonly sackAt: number | null
      readonly style: 'aligned' | 'odd' | 'broken'
    }
  | { readonly kind: 'error'; readonly who: Who; readonly type: number }
  | { readonly kind: 'close'; readonly who: Who; readonly flags: number }
  /** The other end opens the data connection that it heard of last, and the two talk a little. */
  | { readonly kind: 'data'; readonly who: Who; readonly fromPort: number }
  | { readonly kind: 'second' }

const who = fc.constantFrom<Who>('client', 'server')
const ackShift = fc.constantFrom(0, 0, 0, 0, -3, -30, 5)
export const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: who.chain((speaker) =>
      fc.record({
        kind: fc.constant('say' as const),
        who: fc.constant(speaker),
        words: fc.constantFrom(...(speaker === 'client' ? clientWords : serverWords)),
        port: fc.constantFrom(50000, 1025, 20, 21, 65535, 4660),
        ackShift,
        cutAt: fc.constantFrom(0, 0, 0, 0, 0, 2, 7, 20),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('again' as const), who, which: fc.nat({ max: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      who,
      ackShift,
      sackAt: fc.constantFrom(null, -40, -12, -3, 10),
      style: fc.constantFrom('aligned' as const, 'aligned' as const, 'odd' as const, 'broken' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('error' as const), who, type: fc.constantFrom(3, 11) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('close' as const),
      who,
      flags: fc.constantFrom(flag.fin | flag.ack, flag.rst, flag.rst | flag.ack),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('data' as const), who, fromPort: fc.constantFrom(20, 33333) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'second' as const }) },
)

function fill(words: string, family: Family, end: End, port: number): string {
  const me = printAddress(end.address)
  return words
    .replaceAll('{me,}', me.replaceAll('.', ','))
    .replaceAll('{other,}', hosts[family].far.replaceAll('.', ','))
    .replaceAll('{me}', me)
    .replaceAll('{other}', hosts[family].far)
    .replaceAll('{af}', family === 'ipv4' ? '1' : '2')
    .replaceAll('{port}', String(port))
    .replaceAll('{high}', String(port >> 8))
    .replaceAll('{low}', String(port & 255))
}

/** The address and port that words name, as their hearer reads them; where none is named, the address of the speaker. */
function endNamed(words: string, speaker: string): { address: string; port: number } | null {
  const six = /(\d+,\d+,\d+,\d+),(\d+),(\d+)/.exec(words)
  if (six !== null) {
    return { address: six[1]!.replaceAll(',', '.'), port: (Number(six[2]) * 256 + Number(six[3])) & 0xffff }
  }
  const extended = /\|\d\|([^|]+)\|(\d+)\|/.exec(words)
  if (extended !== null) return { address: extended[1]!, port: Number(extended[2]) & 0xffff }
  const passive = /\|\|\|(\d+)\|/.exec(words)
  return passive === null ? null : { address: speaker, port: Number(passive[1]) & 0xffff }
}
export class Story {
  readonly #twin: TwinRouter
  readonly #family: Family
  readonly #way: Way
  readonly #talks: TcpTalk[] = []
  #nextPort = 40000

  constructor(twin: TwinRouter, family: Family, way: Way) {
    this.#twin = twin
    this.#family = family
    this.#way = way
    this.#openControl()
  }

  get isOver(): boolean {
    return this.#talks.some(({ isOver }) => isOver)
  }

  readonly #pass = (device: Device, packet: Uint8Array, sender: Address, note: string) =>
    this.#twin.pass(device, packet, sender, note, chanceDecided)

  #openControl(): void {
    const { client, server, calls, nat } = this.#way
    const names = hosts[this.#family]
    const talk = new TcpTalk(
      this.#pass,
      this.#family,
      { device: deviceOf(client), address: names[client], port: this.#nextPort++, sequence: 0xffffff00 },
      {
        device: deviceOf(server),
        address: names[server],
        port: nat.some((rule) => rule.includes('2121')) ? 2121 : 21,
        sequence: 5000,
      },
      { address: names[calls], port: 21 },
    )
    this.#talks.unshift(talk)
    talk.open()
    talk.say(talk.server, { text: '220 ready\r\n' })
    talk.say(talk.client, { text: 'USER me\r\n' })
  }

  take(move: Move): void {
    const talk = this.#talks[0]!
    if (move.kind === 'second') {
      if (this.#talks.length < 3) this.#openControl()
      return
    }
    const end = talk[move.who]
    switch (move.kind) {
      case 'say': {
        const text = fill(move.words, this.#family, end, move.port)
        const cut = Math.min(move.cutAt, text.length - 1)
        if (cut > 0) talk.say(end, { text: text.slice(0, cut), ackShift: move.ackShift })
        talk.say(end, { text: text.slice(cut), ackShift: move.ackShift })
        return
      }
      case 'again':
        talk.again(end, move.which)
        return
      case 'ack':
        talk.say(end, {
          ackShift: move.ackShift,
          sack:
            move.sackAt === null
              ? []
              : [
                  [move.sackAt, move.sackAt + 2],
                  [move.sackAt - 30, move.sackAt - 5],
                ],
          optionsStyle: move.style,
        })
        return
      case 'error':
        talk.complain(end, move.type)
        return
      case 'close':
        talk.say(end, { flags: move.flags })
        return
      case 'data':
        this.#openData(talk, end, move.fromPort)
        return
    }
  }

  /** `end` goes where it was told to. */
  #openData(control: TcpTalk, end: End, fromPort: number): void {
    const named = (control.said.get(end) ?? [])
      .map((words) => endNamed(words, printAddress(end.peer.address)))
      .findLast((found) => found !== null)
    // The kernel is slow to answer for addresses it has no way to.
    const known: readonly string[] = Object.values(hosts[this.#family])
    if (named == null || !known.includes(named.address) || named.port === 0) return
    const listener = control.other(end)
    // What the listener listens at is what it said itself.
    const said = listener.sent
      .map((packet) => endNamed(textOf(packet), printAddress(listener.address)))
      .findLast((found) => found !== null)
    const talk = new TcpTalk(
      this.#pass,
      this.#family,
      {
        device: end.device,
        address: printAddress(end.address),
        port: fromPort === 20 ? 20 : this.#nextPort++,
        sequence: 77,
      },
      {
        device: listener.device,
        address: printAddress(listener.address),
        port: said?.port ?? named.port,
        sequence: 99,
      },
      named,
    )
    talk.open()
    talk.say(talk.client, { text: 'data' })
    talk.say(talk.server, { text: '227 Entering Passive Mode (1,2,3,4,5,6)\r\n' })
    if (talk.isOver) control.isOver = true
  }
}
