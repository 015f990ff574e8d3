/** Actions by their names and options, as jails ask for them. */
import { existsSync, readFileSync } from 'node:fs'
import type { OwnActionName } from '../../guard/config/own.ts'
import type { ActionSettings } from '../../guard/jail-settings.ts'
import type { BanAction } from './action.ts'
import { ChainAction } from './chain-action.ts'
import { ConntrackAction } from './conntrack-action.ts'
import { Fail2banAction, type Fail2banContext, meansYes } from './fail2ban-action.ts'
import { IpsetAction } from './ipset-action.ts'
import { MailAction, type MailLines, type MailOptions, mailLines } from './mail-action.ts'
import { NftAction } from './nft-action.ts'
import { RecentAction } from './recent-action.ts'
import { ruleOptionsOf } from './rule-words.ts'
import type { RunProgram } from './run-program.ts'
import { type SmtpServer, type SmtpTls, smtpTls } from './smtp.ts'

type Make = (settings: ActionSettings, context: Fail2banContext, run: RunProgram) => BanAction

const programFolders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/local/bin']
const hasProgram = (name: string): boolean => programFolders.some((folder) => existsSync(`${folder}/${name}`))

const ipset: Make = ({ name, options }, context, run) =>
  new IpsetAction(name, context, ruleOptionsOf(context.jail, options), run)
const chain: Make = ({ name, options }, context, run) =>
  new ChainAction(name, context, ruleOptionsOf(context.jail, options), run)

/** Postern's own actions. `postern` stands for `postern-ipset` where ipset is installed, else for `postern-chain`. */
const makers: Readonly<Record<OwnActionName, Make>> = {
  postern: (...given) => (hasProgram('ipset') ? ipset : chain)(...given),
  'postern-ipset': ipset,
  'postern-chain': chain,
  'postern-auto': ({ name, options }, context, run) =>
    new ChainAction(
      name,
      context,
      { ...ruleOptionsOf(context.jail, options), sharedChain: options.shared ?? 'INPUT-AUTO' },
      run,
    ),
  'postern-nft': ({ name, options }, context, run) =>
    new NftAction(name, context, ruleOptionsOf(context.jail, options), run),
  'postern-recent': ({ name, options }, context) => new RecentAction(name, options.list ?? context.jail),
  'postern-cut': ({ name }, _context, run) => new ConntrackAction(name, run),
  'postern-mail': ({ name, options }, context, run) =>
    new MailAction(name, context, mailOptions(options), run),
}

/** Makes an action: one of Postern's own by its name, else the commands that its options hold. */
export function makeAction(settings: ActionSettings, context: Fail2banContext, run: RunProgram): BanAction {
  const { action } = settings
  if (isOwn(action)) return makers[action](settings, context, run)
  return new Fail2banAction(settings.name, context, settings.options, run)
}

const isOwn = (action: string): action is OwnActionName => Object.hasOwn(makers, action)

function mailOptions(options: ActionSettings['options']): MailOptions {
  const [server = '', whoisPort = '43'] = (options.whois ?? 'whois.iana.org').split(/:(?=\d+$)/)
  return {
    recipients: (options.dest ?? 'root').split(/[\s,]+/).filter((word) => word !== ''),
    sender: options.sender ?? 'postern',
    senderName: options.sendername ?? 'Postern',
    by: options.smtp ? smtpOf(options) : { sendmail: options.sendmail ?? '/usr/sbin/sendmail' },
    whois: server === '' || server === 'no' ? null : { server, port: Number(whoisPort) },
    lines: linesOf(options.lines ?? 'yes'),
    tellStart: meansYes(options.tellstart ?? 'no'),
    perHour: Number(options.perhour ?? 60),
  }
}

function linesOf(text: string): MailLines {
  return mailLines.find((word) => word === text) ?? (meansYes(text) ? 'matches' : 'no')
}

/** `smtp=HOST:PORT`, with `tls`, `user` and `password` (or `passwordfile`), and `cafile`. */
function smtpOf(options: ActionSettings['options']): SmtpServer {
  const [host = '', port] = (options.smtp ?? '').split(/:(?=\d+$)/)
  const tls: SmtpTls | undefined = smtpTls.find((word) => word === (options.tls ?? 'auto'))
  if (tls === undefined) throw new Error(`tls=${options.tls}: it is one of ${smtpTls.join(', ')}`)
  const textIn = (path: string): string => readFileSync(path, 'utf8')
  const password = options.passwordfile ? textIn(options.passwordfile).trimEnd() : options.password
  return {
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? (tls === 'implicit' ? 465 : 25) : Number(port),
    tls,
    ...(options.user && password ? { login: { user: options.user, password } } : {}),
    ...(options.cafile ? { ca: textIn(options.cafile) } : {}),
  }
}
