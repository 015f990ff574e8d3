/**
 * One line that describes (a part of) a conversation.
 *
 *     ssh: connect eth0 198.51.100.7 > 203.0.113.1:22     opens a TCP connection: SYN, SYN-ACK, ACK
 *     ssh: request 200 response 5000                      200 bytes one way, 5000 back, acknowledged
 *     ssh: close                                          FIN both ways; `close by server`: the server is first
 *     ssh: reset                                          RST; `reset by server`
 *     udp eth0 198.51.100.7 > 203.0.113.1:53 request "who?" response 120
 *     ping eth0 198.51.100.7 > 203.0.113.1
 *
 * Grammar:
 *
 *     line      [NAME:] [opening] act*                    a line without an opening needs the name of a flow that stands
 *     opening   connect WAY | udp WAY | ping WAY          one flow each
 *     WAY       DEVICE SOURCE > DESTINATION key=value*    DEVICE: where the client's packets arrive, or `out`
 *     act       request SIZE | response SIZE | close [by client|by server] | reset [by client|by server] | ping
 *     SIZE      bytes, or their text in double quotes
 *     key       mark ttl tos, and uid gid with `out`
 *
 * A source port left out is one that no other flow of the case has, 40000 and on. `ping` as an act is one more echo.
 */
import { nearest } from '../../lang/suggest.ts'
import { type Address, parseAddress } from '../../net/address.ts'
import { parsePayload } from '../../net/notation/values.ts'

export interface FlowLine {
  /** Null for a flow that no later line speaks of. */
  readonly name: string | null
  /** Null where the line goes on with a flow that stands. */
  readonly opening: Opening | null
  readonly acts: readonly Act[]
}

export interface Opening {
  readonly kind: FlowKind
  /** The interface that the client's packets arrive on; null where the host itself is the client. */
  readonly device: string | null
  readonly source: Address
  /** Null where it is left out, and for ping. */
  readonly sourcePort: number | null
  readonly destination: Address
  /** 0 for ping. */
  readonly destinationPort: number
  readonly mark: number
  readonly ttl: number
  readonly tos: number
  /** Of the sending process, where the host is the client. */
  readonly uid: number
  readonly gid: number
}

export type FlowKind = 'tcp' | 'udp' | 'ping'

export type Side = 'client' | 'server'

export type Act =
  | { readonly kind: 'request' | 'response'; readonly payload: Uint8Array }
  | { readonly kind: 'close' | 'reset'; readonly by: Side }
  | { readonly kind: 'ping' }

/** What is wrong with a line, and where: offsets [start, end). */
export interface LineProblem {
  readonly message: string
  readonly start: number
  readonly end: number
  readonly help?: string
}

interface Word {
  readonly text: string
  readonly start: number
  readonly end: number
}

class Complaint extends Error {
  readonly problem: LineProblem

  constructor({ start, end }: { start: number; end: number }, message: string, help?: string) {
    super(message)
    this.problem = { message, start, end, ...(help !== undefined && { help }) }
  }
}

const openingWords = { connect: 'tcp', udp: 'udp', ping: 'ping' } as const
const actWords = ['request', 'response', 'close', 'reset', 'ping'] as const
const example = 'ssh: connect eth0 198.51.100.7 > 203.0.113.1:22'
/** Larger ones would be a long run rather than a test. */
const largestBytes = 10_000_000

/** Reads a line. Which flows stand, and whether interfaces exist, is for whoever knows the scenario. */
export function parseFlowLine(text: string): { readonly line: FlowLine } | { readonly problem: LineProblem } {
  try {
    return { line: new LineReader(text).read() }
  } catch (error) {
    if (error instanceof Complaint) return { problem: error.problem }
    throw error
  }
}

class LineReader {
  readonly #words: Word[]
  readonly #text: string
  #next = 0

  constructor(text: string) {
    this.#text = text
    this.#words = [...text.matchAll(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g)].map((match) => ({
      text: match[0],
      start: match.index,
      end: match.index + match[0].length,
    }))
  }

  read(): FlowLine {
    const name = this.#readName()
    const opening = this.#readOpening()
    const acts: Act[] = []
    while (this.#peek !== null) acts.push(this.#readAct(opening))
    if (name === null && opening === null) {
      throw new Complaint(this.#whole, 'this line opens no flow and names none', example)
    }
    if (opening === null && acts.length === 0) {
      throw new Complaint(this.#whole, 'this line does nothing', `${name}: request 200 response 5000`)
    }
    if (opening?.kind === 'udp' && acts.length === 0) {
      throw new Complaint(
        this.#whole,
        'UDP opens nothing by itself: say what is sent',
        `${this.#text} request 40`,
      )
    }
    return { name, opening, acts }
  }

  get #peek(): Word | null {
    return this.#words[this.#next] ?? null
  }

  get #whole(): { start: number; end: number } {
    return { start: 0, end: this.#text.length }
  }

  #take(what: string, help = example): Word {
    const word = this.#words[this.#next++]
    if (word !== undefined) return word
    throw new Complaint({ start: this.#text.length, end: this.#text.length }, `${what} is missing`, help)
  }

  #readName(): string | null {
    const word = this.#peek
    if (word === null || !/^[^\s:]+:$/.test(word.text)) return null
    this.#next++
    return word.text.slice(0, -1)
  }

  #readOpening(): Opening | null {
    const word = this.#peek
    if (word === null || !(word.text in openingWords)) return null
    // `ping` alone is an act of a ping that stands.
    if (word.text === 'ping' && this.#words.length <= this.#next + 2) return null
    this.#next++
    const kind = openingWords[word.text as keyof typeof openingWords]
    const device = this.#take('the interface').text
    const source = this.#readEnd('the source', kind)
    const arrow = this.#take('">"')
    if (arrow.text !== '>')
      throw new Complaint(arrow, '">" should stand between source and destination', example)
    const destination = this.#readEnd('the destination', kind)
    if (source.address.family !== destination.address.family) {
      throw new Complaint(destination.word, 'source and destination are of two families')
    }
    if (kind !== 'ping' && destination.port === null) {
      throw new Complaint(destination.word, 'the destination needs a port', `${destination.word.text}:22`)
    }
    return {
      kind,
      device: device === 'out' ? null : device,
      source: source.address,
      sourcePort: source.port,
      destination: destination.address,
      destinationPort: destination.port ?? 0,
      ...this.#readKeys(device === 'out'),
    }
  }

  #readEnd(what: string, kind: FlowKind): { address: Address; port: number | null; word: Word } {
    const word = this.#take(what)
    const parts =
      /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(word.text) ??
      /^(\d+\.\d+\.\d+\.\d+)(?::(\d{1,5}))?$/.exec(word.text) ??
      /^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/.exec(word.text)
    const address = parts === null ? null : parseAddress(parts[1]!)
    if (address === null) {
      throw new Complaint(
        word,
        `"${word.text}" is no ${kind === 'ping' ? 'address' : 'address with a port'}`,
        example,
      )
    }
    const port = parts![2] === undefined ? null : Number(parts![2])
    if (port !== null && (kind === 'ping' || port < 1 || 65535 < port)) {
      throw new Complaint(word, kind === 'ping' ? 'ping knows no ports' : `${port} is no port: 1 to 65535`)
    }
    return { address, port, word }
  }

  #readKeys(isOut: boolean): Pick<Opening, 'mark' | 'ttl' | 'tos' | 'uid' | 'gid'> {
    const most = {
      mark: 2 ** 32 - 1,
      ttl: 255,
      tos: 255,
      ...(isOut && { uid: 2 ** 32 - 2, gid: 2 ** 32 - 2 }),
    }
    const values = { mark: 0, ttl: 64, tos: 0, uid: 0, gid: 0 }
    for (let word = this.#peek; word?.text.includes('='); word = this.#peek) {
      this.#next++
      const [, key = '', value = ''] = /^([^=]*)=(.*)$/.exec(word.text)!
      const limit = most[key as keyof typeof most]
      if (limit === undefined)
        throw new Complaint(word, `"${key}" is no key here`, `one of: ${Object.keys(most).join(', ')}`)
      if (!/^(\d{1,10}|0x[0-9a-fA-F]{1,8})$/.test(value) || Number(value) > limit) {
        throw new Complaint(word, `"${value}" is no number from 0 to ${limit}`)
      }
      values[key as keyof typeof values] = Number(value)
    }
    return values
  }

  #readAct(opening: Opening | null): Act {
    const word = this.#take('an act')
    const kind = actWords.find((name) => name === word.text)
    if (kind === undefined) {
      const near = nearest(word.text, actWords)
      throw new Complaint(
        word,
        `"${word.text}" is nothing that a flow does`,
        near ?? `one of: ${actWords.join(', ')}`,
      )
    }
    const misfit = opening === null ? null : whyNot(opening.kind, kind)
    if (misfit !== null) throw new Complaint(word, misfit)
    if (kind === 'ping') return { kind }
    if (kind === 'close' || kind === 'reset') return { kind, by: this.#readSide() }
    return { kind, payload: this.#readPayload(kind, opening?.kind ?? null) }
  }

  #readSide(): Side {
    if (this.#peek?.text !== 'by') return 'client'
    this.#next++
    const word = this.#take('"client" or "server"', 'close by server')
    if (word.text === 'client' || word.text === 'server') return word.text
    throw new Complaint(word, `"${word.text}" is neither client nor server`)
  }

  #readPayload(what: string, kind: FlowKind | null): Uint8Array {
    const word = this.#take(`how many bytes the ${what} has`, `${what} 200`)
    if (word.text.startsWith('"')) {
      if (!/^"(?:\\.|[^"\\])*"$/s.test(word.text)) throw new Complaint(word, 'the quote is not closed')
      const payload = parsePayload(word.text)
      if ('wrong' in payload) throw new Complaint(word, payload.wrong)
      return payload
    }
    if (!/^\d{1,9}$/.test(word.text) || Number(word.text) > largestBytes) {
      throw new Complaint(word, `"${word.text}" is no number of bytes up to ${largestBytes}`, `${what} 200`)
    }
    if (kind === 'tcp' && Number(word.text) === 0)
      throw new Complaint(word, `a ${what} of no bytes is nothing`)
    return new Uint8Array(Number(word.text))
  }
}

/** Why a flow of this kind cannot do that, or null. */
export function whyNot(kind: FlowKind, act: Act['kind']): string | null {
  switch (act) {
    case 'ping':
      return kind === 'ping' ? null : 'only a ping pings again'
    case 'close':
    case 'reset':
      return kind === 'tcp' ? null : `only a TCP connection can ${act}`
    default:
      return kind === 'ping' ? `a ping has no ${act}` : null
  }
}
