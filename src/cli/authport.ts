/** `postern authport run`, and the process that faces the network for it. */
import { unwatchFile, watchFile } from 'node:fs'
import { resolve } from 'node:path'
import { type AuthportSettings, runDoorProcess, startAuthport } from '../daemon/authport/index.ts'
import { readConfigFile } from '../daemon/config/index.ts'
import { readAuthport } from '../daemon/up/index.ts'
import { decodeText } from '../lang/bytes.ts'
import { SourceText } from '../lang/source.ts'
import { RulesRefused } from '../scenario/rules-refused.ts'
import { type Command, jsonOption } from './command.ts'
import { type Environment, exit, UnavailableError, UsageError } from './environment.ts'

const defaultFolder = '/run/postern/authport'

export const authportRun: Command = {
  name: 'authport run',
  summary: 'a login that opens a port for the address it came from',
  description:
    'Serves a login page and an API at the addresses that the section authport of a postern.yaml names. Who logs in has ' +
    'the address put into a recency list; rules with -m recent --rcheck --name LIST let it in. Logout, or the end of ' +
    'the session, takes it out again, and so does the end of this command.\n\n' +
    'What faces the network runs in a process of its own without privilege; the other does nothing but put addresses ' +
    'into the configured lists. The file of users is read anew when it changes. Everybody behind the same address is ' +
    'let in together. With --watch nothing is done to this machine: the log says what would be.',
  arguments: [{ name: '<file>', doc: 'a postern.yaml with a section authport' }],
  options: [
    { flags: '--watch', doc: 'put nobody into a list; say who would be' },
    { flags: '--folder <folder>', doc: `where it notes whom it has let in (default: ${defaultFolder})` },
    jsonOption,
  ],
  examples: [
    {
      does: 'Open port 80 for who has logged in',
      command: 'postern authport run /etc/postern/postern.yaml',
      needs:
        'root, users, and a rule such as -A INPUT -p tcp --dport 80 -m recent --rcheck --name authok -j ACCEPT',
    },
  ],
  run: ([file], options, environment) => runAuthport(file!, options, environment),
}

async function runAuthport(
  file: string,
  options: { readonly watch?: unknown; readonly folder?: unknown; readonly json?: unknown },
  environment: Environment,
): Promise<number> {
  const enforce = options.watch !== true
  if (enforce && process.getuid?.() !== 0)
    throw new UnavailableError('writing to recency lists needs root', 'postern authport run --watch FILE')
  const settings = await readSettings(file, environment)
  const say = (message: string): void => environment.stderr(`authport: ${message}\n`)
  const running = await startAuthport({
    settings,
    enforce,
    folder: typeof options.folder === 'string' ? resolve(options.folder) : defaultFolder,
    doorCommand: [process.execPath, process.argv[1]!, 'authport', 'door'],
    nowMs: () => environment.nowMs(),
    tell: (event) => {
      const { event: what, address, user, why } = event
      const parts = [
        what,
        address,
        user === undefined ? '' : `"${user}"`,
        why === undefined ? '' : `(${why})`,
      ]
      environment.stdout(
        options.json === true
          ? `${JSON.stringify({ time: new Date(environment.nowMs()).toISOString(), ...event })}\n`
          : `authport: ${parts.filter((part) => part !== '').join(' ')}\n`,
      )
    },
    say,
  })
  say(`listening at ${running.listening.join(', ')}, for the list ${settings.lists.join(', ')}`)
  watchFile(settings.usersFile, { interval: 1000 }, () => running.renew())
  await new Promise<void>((done) => {
    if (environment.signal.aborted) done()
    environment.signal.addEventListener('abort', () => done())
  })
  unwatchFile(settings.usersFile)
  await running.stop()
  return exit.ok
}

/** Throws `RulesRefused` with what is wrong. */
async function readSettings(path: string, environment: Environment): Promise<AuthportSettings> {
  const file = readConfigFile(new SourceText(path, decodeText(await environment.readFile(path))))
  if (file.config === null) throw new RulesRefused([...file.diagnostics])
  if (file.config.authport === undefined)
    throw new UsageError(
      `${path} has no section "authport"`,
      'authport: { listen: "0.0.0.0:8443", lists: authok }',
    )
  const { settings, wrong } = readAuthport(file)
  if (wrong.length > 0) throw new RulesRefused(wrong)
  return settings
}

export const authportDoor: Command = {
  name: 'authport door',
  summary: 'the part of authport run that faces the network; started by it',
  description:
    'Not for calling by hand: postern authport run starts it with a channel over which it is told what to do. It takes ' +
    'its ports, drops all privilege, and asks the other process for what needs it.',
  arguments: [],
  options: [],
  examples: [
    { does: 'Started by', command: 'postern authport run FILE', needs: 'a file, as that command says' },
  ],
  run: async (_args, _options, { signal }) => {
    if (process.send === undefined)
      throw new UsageError('this is started by postern authport run', 'postern authport run FILE')
    await runDoorProcess(signal)
    return exit.ok
  },
}
