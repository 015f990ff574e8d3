/** The installed fail2ban as a judge of configurations: what its client would send its server. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { PythonValue } from '../../src/guard/config/python.ts'

const home = '/usr/lib/python3/dist-packages/fail2ban'

/** Why fail2ban cannot judge here; null when it can. */
export const fail2banAbsent: string | null = existsSync(`${home}/client/configurator.py`)
  ? null
  : 'fail2ban is not installed (apt-get install fail2ban)'

/** Files by their path in the folder of the configuration. */
export type ConfigTable = Readonly<Record<string, string | Uint8Array>>

export interface Judgement {
  /** The commands; null where fail2ban does not start. */
  readonly stream: readonly (readonly PythonValue[])[] | null
  readonly error: string | null
}

/** Reads folders as `fail2ban-client -c FOLDER -d` does; every pattern of `logpath` stands for itself. */
const driver = `
import json, logging, sys
logging.disable(logging.CRITICAL)
from fail2ban.client.configurator import Configurator
from fail2ban.client.jailreader import JailReader
from fail2ban.helpers import str2LogLevel
JailReader._glob = staticmethod(lambda path: [path])
for folder in json.load(sys.stdin):
    stream = error = None
    try:
        configurator = Configurator()
        configurator.setBaseDir(folder)
        configurator.readEarly()
        early = configurator.getEarlyOptions()
        str2LogLevel(early['loglevel'])
        configurator.Reload()
        configurator.readAll()
        configurator.getOptions(None, early, ignoreWrong=True)
        configurator.convertToProtocol(allow_no_files=True)
        stream = configurator.getConfigStream()
    except Exception as reason:
        error = repr(reason)
    print(json.dumps({'stream': stream, 'error': error}))
`

/** Judges many configurations in one process. */
export function judge(folders: readonly string[]): Judgement[] {
  const output = execFileSync('/usr/bin/python3', ['-c', driver], {
    input: JSON.stringify(folders),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  return output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Configurations as folders of this machine, while the action runs. */
export function withFolders<T>(tables: readonly ConfigTable[], action: (folders: readonly string[]) => T): T {
  const root = mkdtempSync(join(tmpdir(), 'guard-config-'))
  try {
    const folders = tables.map((table, at) => {
      const folder = join(root, String(at))
      mkdirSync(folder)
      for (const [path, content] of Object.entries(table)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true })
        writeFileSync(join(folder, path), content)
      }
      return folder
    })
    return action(folders)
  } finally {
    rmSync(root, { recursive: true })
  }
}
