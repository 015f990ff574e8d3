/**
 * Tells somebody of bans by mail, with what whois says and the lines that led to it; never more mails than asked for: what
 * is held back is told in the next one.
 */
import { hostname } from 'node:os'
import type { Ban } from '../../guard/ban.ts'
import type { BanAction, BanHow } from './action.ts'
import { networkOfBan } from './action.ts'
import type { Fail2banContext } from './fail2ban-action.ts'
import { ActionFailed, type RunProgram } from './run-program.ts'
import { type SmtpServer, sendBySmtp } from './smtp.ts'
import { type WhoisOptions, whois } from './whois.ts'

export interface MailOptions {
  readonly recipients: readonly string[]
  readonly sender: string
  readonly senderName: string
  /** A mail server, or the program that takes mail on this machine. */
  readonly by: SmtpServer | { readonly sendmail: string }
  /** Whom to ask about addresses; null asks nobody. */
  readonly whois: WhoisOptions | null
  /** Which lines of the log are in the mail: those of the ban, of all bans of the address, of all in the jail, or none. */
  readonly lines: MailLines
  /** Whether somebody is told that the jail began or ended. */
  readonly tellStart: boolean
  /** Mails in an hour at most. */
  readonly perHour: number
}

export const mailLines = ['matches', 'ipmatches', 'ipjailmatches', 'no'] as const
export type MailLines = (typeof mailLines)[number]

const hourMs = 3_600_000
/** How many of the bans that are told together are named. */
const mostNamed = 50

export class MailAction implements BanAction {
  readonly name: string
  readonly #context: Fail2banContext
  readonly #options: MailOptions
  readonly #run: RunProgram
  /** When the mails of the last hour went out, oldest first. */
  readonly #sentMs: number[] = []
  /** Bans that nobody was told of yet. */
  #held: Ban[] = []

  constructor(name: string, context: Fail2banContext, options: MailOptions, run: RunProgram) {
    this.name = name
    this.#context = context
    this.#options = options
    this.#run = run
  }

  async start(): Promise<void> {
    const { jail } = this.#context
    if (this.#options.tellStart) await this.#send('started', `Hi,\n\nThe jail ${jail} has been started.\n`)
  }

  async ban(bans: readonly Ban[], { restored }: BanHow): Promise<void> {
    if (restored) return
    for (const ban of bans) {
      if (!this.#mayBeSent()) {
        this.#held.push(ban)
        continue
      }
      const held = this.#held
      this.#held = []
      await this.#send(`banned ${nameOf(ban)}`, [await this.#tell(ban), ...tellHeld(held)].join('\n'))
    }
  }

  async unban(): Promise<void> {
    // Ends of bans are no news.
  }

  async check(): Promise<boolean> {
    return true
  }

  async stop(): Promise<void> {
    if (this.#held.length > 0)
      await this.#send(`banned ${this.#held.length} more`, tellHeld(this.#held).join('\n'))
    this.#held = []
    const { jail } = this.#context
    if (this.#options.tellStart) await this.#send('stopped', `Hi,\n\nThe jail ${jail} has been stopped.\n`)
  }

  #mayBeSent(): boolean {
    const nowMs = this.#context.nowMs()
    while (this.#sentMs.length > 0 && this.#sentMs[0]! <= nowMs - hourMs) this.#sentMs.shift()
    if (this.#sentMs.length >= this.#options.perHour) return false
    this.#sentMs.push(nowMs)
    return true
  }

  async #tell(ban: Ban): Promise<string> {
    const parts = [
      'Hi,\n',
      `${nameOf(ban)} has just been banned by Postern after ${ban.failures} attempts against ${ban.jail}.\n`,
    ]
    const network = networkOfBan(ban)
    if (this.#options.whois !== null && network !== null) {
      const said = await whois(network.text.split('/')[0]!, this.#options.whois)
      parts.push(`Here is more information about ${network.text}:\n\n${said.trim()}\n`)
    }
    const { lines } = this.#options
    const matches = ban.matches.join('\n')
    const text = lines === 'no' ? '' : lines === 'matches' ? matches : await this.#context.tagOf?.(lines, ban)
    if (text) parts.push(`Lines:\n\n${text}\n`)
    return parts.join('\n')
  }

  async #send(subject: string, body: string): Promise<void> {
    const { recipients, sender, senderName, by } = this.#options
    const message = [
      ['Subject', `[Postern] ${this.#context.jail}: ${subject} from ${hostname()}`],
      ['Date', mailDate(this.#context.nowMs())],
      ['From', `${senderName} <${sender}>`],
      ['To', recipients.join(', ')],
      ['MIME-Version', '1.0'],
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['Content-Transfer-Encoding', '8bit'],
    ]
      .map(([name, value]) => `${name}: ${oneLine(value!)}\n`)
      .join('')
    const text = `${message}\n${body}`
    if ('host' in by) return sendBySmtp(by, { sender, recipients }, text)
    // `-i`: a line with a dot alone does not end the message.
    const args = ['-i', '-f', sender, ...recipients]
    const result = await this.#run(by.sendmail, args, { input: text })
    if (result.status !== 0) throw new ActionFailed([by.sendmail, ...args], result)
  }
}

const nameOf = (ban: Ban): string => networkOfBan(ban)?.text ?? ban.id

/** Nothing that came from a log begins a header of its own. */
const oneLine = (text: string): string => text.replace(/[\r\n\0]+/g, ' ')

/** As RFC 5322 3.3 writes dates. */
const mailDate = (timeMs: number): string => new Date(timeMs).toUTCString().replace('GMT', '+0000')

function tellHeld(bans: readonly Ban[]): string[] {
  if (bans.length === 0) return []
  const named = bans.slice(0, mostNamed).map((ban) => `  ${nameOf(ban)} after ${ban.failures} attempts`)
  const more = bans.length > mostNamed ? [`  and ${bans.length - mostNamed} more`] : []
  return ['Banned since the last mail:', ...named, ...more, '']
}
