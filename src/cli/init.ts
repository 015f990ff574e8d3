/** `postern init`: a postern.yaml for the machine as it is. */
import { dirname, resolve } from 'node:path'
import { encodeText } from '../lang/bytes.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { findFirewall, firewallText } from './init-firewall.ts'

/** What may be watched, by where its log usually lies (Debian's place first). */
const services: readonly {
  readonly jail: string
  readonly port: string
  readonly logs: readonly string[]
  /** What else tells that the service is here. */
  readonly signs: readonly string[]
}[] = [
  {
    jail: 'sshd',
    port: 'ssh',
    logs: ['/var/log/auth.log', '/var/log/secure'],
    signs: ['/usr/sbin/sshd', '/etc/ssh/sshd_config'],
  },
  { jail: 'vsftpd', port: 'ftp,ftp-data', logs: ['/var/log/vsftpd.log'], signs: ['/usr/sbin/vsftpd'] },
  {
    jail: 'proftpd',
    port: 'ftp,ftp-data',
    logs: ['/var/log/proftpd/proftpd.log'],
    signs: ['/usr/sbin/proftpd'],
  },
  {
    jail: 'nginx-http-auth',
    port: 'http,https',
    logs: ['/var/log/nginx/error.log'],
    signs: ['/usr/sbin/nginx'],
  },
  {
    jail: 'apache-auth',
    port: 'http,https',
    logs: ['/var/log/apache2/error.log', '/var/log/httpd/error_log'],
    signs: ['/usr/sbin/apache2', '/usr/sbin/httpd'],
  },
  {
    jail: 'postfix',
    port: 'smtp,submission',
    logs: ['/var/log/mail.log', '/var/log/maillog'],
    signs: ['/usr/sbin/postfix'],
  },
  {
    jail: 'dovecot',
    port: 'imap,imaps,pop3,pop3s',
    logs: ['/var/log/mail.log', '/var/log/maillog'],
    signs: ['/usr/sbin/dovecot'],
  },
  {
    jail: 'exim',
    port: 'smtp,submission',
    logs: ['/var/log/exim4/mainlog', '/var/log/exim/main.log'],
    signs: ['/usr/sbin/exim4', '/usr/sbin/exim'],
  },
  {
    jail: 'mysqld-auth',
    port: '3306',
    logs: ['/var/log/mysql/error.log', '/var/log/mariadb/mariadb.log'],
    signs: ['/usr/sbin/mariadbd', '/usr/sbin/mysqld'],
  },
]

export const init: Command = {
  name: 'init',
  summary: 'write a postern.yaml for this machine as it is',
  description:
    'Looks which services and logs are here, which rules are in force and which countries are refused, and prints a ' +
    'configuration that keeps them so; --write puts it into a file that is not there yet, and the rules in force beside ' +
    'it (rules.v4, rules.v6, sets). Nothing is put in force: postern config check reads it, postern up shows what it would do.',
  arguments: [],
  options: [{ flags: '--write <file>', doc: 'write it there' }, jsonOption],
  examples: [
    { does: 'What would it be here?', command: 'postern init' },
    {
      does: 'Write it, with the rules in force beside it',
      command: 'sudo postern init --write /etc/postern/postern.yaml',
      needs: 'root, for the rules',
    },
  ],
  run: runInit,
}

interface Found {
  readonly jail: string
  readonly port: string
  /** Null: read from the journal. */
  readonly log: string | null
}

async function runInit(
  _args: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const found = services.flatMap(({ jail, port, logs, signs }): Found[] => {
    const log = logs.find((path) => environment.exists(path)) ?? null
    const isHere = signs.some((path) => environment.exists(path))
    if (!isHere || (log === null && !environment.exists('/run/systemd/journal'))) return []
    return [{ jail, port, log }]
  })
  const folder = typeof options.write === 'string' ? dirname(resolve(options.write)) : '/etc/postern'
  const firewall = await findFirewall(folder, environment)
  if (options.json === true) {
    for (const each of found) environment.stdout(`${JSON.stringify(each)}\n`)
    for (const { key, path } of firewall.files)
      environment.stdout(`${JSON.stringify({ rules: key, path })}\n`)
    if (firewall.country !== null) environment.stdout(`${JSON.stringify({ country: firewall.country })}\n`)
    return exit.ok
  }
  const text = fileOf(found, firewallText(firewall))
  if (typeof options.write !== 'string') {
    environment.stdout(text)
    return exit.ok
  }
  if (!environment.exists(folder)) throw new UsageError(`there is no folder ${folder}`, `mkdir ${folder}`)
  const toSave = firewall.files.filter((each) => each.text !== null)
  for (const path of [options.write, ...toSave.map((each) => each.path)])
    if (environment.exists(path))
      throw new UsageError(`${path} is there already`, 'name another file in another folder, or move it away')
  for (const { path, text: rules } of toSave) {
    await environment.replaceFile(path, encodeText(rules!), 0o600)
    environment.stderr(`${path} written: what is in force now\n`)
  }
  await environment.replaceFile(options.write, encodeText(text), 0o600)
  environment.stderr(`${options.write} written; look at it, then: postern config check ${options.write}\n`)
  return exit.ok
}

const fileOf = (
  found: readonly Found[],
  firewall: string,
): string => `# The configuration of Postern. postern config check reads it, postern up runs it,
# postern up --enforce lets it change this machine.

${firewall}
guard:
  defaults:
    maxretry: 5
    findtime: 10m
    bantime: 10m
    # Never banned, besides this machine and whoever is logged in as root.
    ignoreip: [127.0.0.1/8, "::1"]
  jails:${found.length === 0 ? ' {}    # no service whose log is known was found here' : ''}
${found.map(jailOf).join('')}
# A login that opens a port: postern authport user add NAME, and a rule such as
# -A INPUT -p tcp --dport 80 -m recent --rcheck --name authok -j ACCEPT
# authport:
#   listen: "0.0.0.0:8443"
#   tls: { certificate: /etc/postern/door.pem, key: /etc/postern/door.key }
#   lists: authok

# What becomes of rules, recipes and country blocks when the daemon ends: keep or remove.
# on-stop: keep

# For Prometheus:
# metrics: 127.0.0.1:9184
`

const jailOf = ({ jail, port, log }: Found): string =>
  `    ${jail}:\n      ${log === null ? 'journal: true' : `logs: ${log}`}\n      port: ${/^\d+$/.test(port) ? port : `"${port}"`}\n`
