/** What can go wrong with files, in plain words and with the file's name. */
import { type Environment, UsageError } from './environment.ts'

/** The same environment, whose files fail with `UsageError`s that name the file. */
export function withPlainFileErrors(environment: Environment): Environment {
  const { readFile, readChunks, createFile, replaceFile, removeFile, exclusively } = environment
  return {
    ...environment,
    readFile: (path) => readFile(path).catch((error) => refuse(path, error)),
    async *readChunks(path) {
      try {
        yield* readChunks(path)
      } catch (error) {
        refuse(path, error)
      }
    },
    async createFile(path) {
      const file = await createFile(path).catch((error) => refuse(path, error))
      return {
        write: (data) => file.write(data).catch((error) => refuse(path, error)),
        close: () => file.close().catch((error) => refuse(path, error)),
      }
    },
    replaceFile: (path, data, newMode) =>
      replaceFile(path, data, newMode).catch((error) => refuse(path, error)),
    removeFile: (path) => removeFile(path).catch((error) => refuse(path, error)),
    exclusively: (path, action) => exclusively(path, action).catch((error) => refuse(path, error)),
  }
}

function refuse(path: string, error: unknown): never {
  if (!(error instanceof Error) || !('code' in error)) throw error
  const name = path === '-' ? 'standard input' : path
  const [what, hint] = words[String(error.code)] ?? [
    error.message.replace(/^[A-Z]+: |, \w+ '.*'$/g, ''),
    null,
  ]
  throw new UsageError(`${name}: ${what}`, hint)
}

const words: Readonly<Record<string, readonly [what: string, hint: string | null]>> = {
  ENOENT: ['no such file', null],
  ENOTDIR: ['no such file', null],
  EACCES: ['not allowed to open it', null],
  EPERM: ['not allowed to open it', null],
  EISDIR: ['is a folder', 'name a file in it'],
  ENOSPC: ['no space left', null],
  EROFS: ['the file system is read-only', null],
  EFBIG: ['is larger than 256 MiB, more than rules or scenarios ever are', null],
}
