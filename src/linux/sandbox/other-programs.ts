/** What scripts call beside iptables: settings, downloads, and what only leaves a record. */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import type { Call, CallAnswer, SandboxFiles } from './sandbox.ts'

/** What a call reads: the file that its words name, or standard input. */
export function inputOf({ input, folder }: Call, file: string | null): Uint8Array {
  if (file === null) return input
  try {
    return readFileSync(resolve(folder, file))
  } catch {
    return input
  }
}

const said = (exitCode: number, stdout: string, stderr = ''): CallAnswer => ({
  exitCode,
  stdout: Buffer.from(stdout),
  stderr: Buffer.from(stderr),
})

/** Programs that only leave a record. */
export function answerOther(call: Call, files: string | null, sandbox: SandboxFiles): CallAnswer {
  switch (call.program) {
    case 'sysctl':
      return answerSysctl(call, sandbox)
    case 'wget':
    case 'curl':
      return answerDownload(call, files)
    case 'nft':
      return said(1, '', `postern sh: ${call.program} is not there yet\n`)
    default:
      return said(0, '')
  }
}

/** `sysctl [-w] KEY=VALUE`, `sysctl [-n] KEY`, `sysctl -p FILE`. */
function answerSysctl({ args }: Call, sandbox: SandboxFiles): CallAnswer {
  const bare = args.includes('-n')
  const answers = args
    .filter((word) => !word.startsWith('-'))
    .map((word) => {
      const [key = '', value] = word.split(/=(.*)/s)
      const path = key.replaceAll('.', '/')
      if (value !== undefined) {
        return sandbox.writeSetting(path, value) ? `${key} = ${value}\n` : null
      }
      const found = sandbox.readSetting(path)
      return found === null ? null : bare ? `${found}\n` : `${key} = ${found}\n`
    })
  const isWhole = !answers.includes(null)
  return said(
    isWhole ? 0 : 255,
    answers.join(''),
    isWhole ? '' : 'sysctl: cannot stat: No such file or directory\n',
  )
}

/** Finds the file of an address below `--files`, and puts it where -O or -o says. */
function answerDownload({ program, args, folder }: Call, files: string | null): CallAnswer {
  const address = args.findLast((word) => /^(https?|ftp):\/\//.test(word) || /^[\w.-]+\.\w+\//.test(word))
  if (address === undefined) return said(program === 'curl' ? 2 : 1, '', `${program}: no address\n`)
  const content = files === null ? null : findFile(files, address)
  if (content === null) {
    const why = files === null ? 'no folder was given with --files' : `--files has nothing for ${address}`
    return said(program === 'curl' ? 6 : 4, '', `${program}: ${why}\n`)
  }
  const target = outputOf(program, args, address)
  if (target === '-') return { exitCode: 0, stdout: content, stderr: new Uint8Array(0) }
  writeFileSync(resolve(folder, target), content)
  return said(0, '')
}

function findFile(files: string, address: string): Uint8Array | null {
  const path = address.replace(/^\w+:\/\//, '').replace(/[?#].*$/, '')
  if (path.split('/').includes('..')) return null
  for (const place of [path, basename(path)]) {
    try {
      return readFileSync(join(files, place))
    } catch {
      // The other place is tried next.
    }
  }
  return null
}

/** Where the program writes: `-` is standard output. */
function outputOf(program: string, args: readonly string[], address: string): string {
  const remote = basename(address.replace(/[?#].*$/, ''))
  const flag = program === 'wget' ? /^(-O|--output-document)(?:=?(.+))?$/ : /^(-o|--output)(?:=?(.+))?$/
  for (const [at, word] of args.entries()) {
    const found = flag.exec(word) ?? (/^-[a-zA-Z]*[oO]$/.test(word) && flag.exec(`-${word.at(-1)}`))
    if (found) return found[2] ?? args[at + 1] ?? '-'
  }
  if (program === 'wget') return remote
  return args.some((word) => /^-[a-zA-Z]*O$|^--remote-name$/.test(word)) ? remote : '-'
}
