/** `postern authport user`: who may log in. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import {
  defaultUsersFile,
  encodeBase32,
  hashPassword,
  isUserName,
  otpauthUri,
  parseUsers,
  printUsers,
  type User,
  UsersFileError,
} from '../daemon/authport/index.ts'
import { decodeText, encodeText } from '../lang/bytes.ts'
import { isListName } from '../linux/recency-list.ts'
import { type Command, jsonOption, type OptionValues } from './command.ts'
import { type Environment, exit, UsageError } from './environment.ts'
import { table } from './style.ts'

const verbs = ['add', 'list', 'remove'] as const
const shortestPassword = 8

export const authportUser: Command = {
  name: 'authport user',
  summary: 'add, list or remove who may log in at the auth port',
  description:
    'The password is asked for twice, or read from standard input where that is no terminal. The file keeps its scrypt ' +
    'hash alone and is readable by its owner. A running auth port takes up changes at once; sessions of a removed user end.',
  arguments: [
    { name: '<verb>', doc: verbs.join(', ') },
    { name: '[name]', doc: 'of the user: letters, digits and . _ @ -' },
  ],
  options: [
    { flags: '--users <file>', doc: `the file (default: ${defaultUsersFile})` },
    { flags: '--totp', doc: 'add: with a one-time code (RFC 6238); prints the secret for the authenticator' },
    { flags: '--list <name>', doc: 'add: only into this list', repeatable: true },
    { flags: '--replace', doc: 'add: in the place of the user of that name' },
    jsonOption,
  ],
  examples: [
    {
      does: 'Let alice in, by password and one-time code',
      command: 'postern authport user add alice --totp',
      needs: 'root, and a password typed twice',
    },
    {
      does: 'Who may log in?',
      command: 'postern authport user list',
      needs: 'root, and a user',
    },
  ],
  run: runUser,
}

async function runUser(
  [verb, name]: readonly string[],
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const path = typeof options.users === 'string' ? options.users : defaultUsersFile
  switch (verb) {
    case 'list':
      return list(await readUsers(path, environment), options, environment)
    case 'add':
      return add(path, nameOf(name), options, environment)
    case 'remove':
      return remove(path, nameOf(name), environment)
    default:
      throw new UsageError(`"${verb}" is none of ${verbs.join(', ')}`, 'postern authport user list')
  }
}

function nameOf(name: string | undefined): string {
  if (name === undefined) throw new UsageError('no user is named', 'postern authport user add alice')
  if (!isUserName(name))
    throw new UsageError(`"${name}" is no name for a user`, 'letters, digits and . _ @ -')
  return name
}

function list(users: readonly User[], options: OptionValues, environment: Environment): number {
  const row = ({ name, totpSecret, lists }: User) => ({ name, totp: totpSecret !== null, lists })
  if (options.json === true) for (const user of users) environment.stdout(`${JSON.stringify(row(user))}\n`)
  else {
    const rows = users.map(({ name, totpSecret, lists }) => [
      name,
      totpSecret === null ? 'no' : 'yes',
      lists === null ? 'all' : lists.join(','),
    ])
    environment.stdout(`${table([['USER', 'CODE', 'LISTS'], ...rows]).join('\n')}\n`)
  }
  return exit.ok
}

async function add(
  path: string,
  name: string,
  options: OptionValues,
  environment: Environment,
): Promise<number> {
  const lists = Array.isArray(options.list) ? (options.list as string[]) : null
  const bad = lists?.find((each) => !isListName(each))
  if (bad !== undefined) throw new UsageError(`"${bad}" cannot be the name of a recency list`)
  const present = await readUsers(path, environment)
  if (options.replace !== true && present.some((user) => user.name === name))
    throw new UsageError(`there is a user "${name}" already`, `postern authport user add ${name} --replace`)
  const password = await askPassword(name, environment)
  const totpSecret = options.totp === true ? randomBytes(20) : null
  const user: User = { name, password: await hashPassword(password), totpSecret, lists }
  await changeUsers(path, environment, (users) => [...users.filter((each) => each.name !== name), user])
  environment.stderr(`${name} may log in\n`)
  if (totpSecret !== null)
    environment.stdout(`${encodeBase32(totpSecret)}\n${otpauthUri(name, hostname(), totpSecret)}\n`)
  return exit.ok
}

async function askPassword(name: string, environment: Environment): Promise<string> {
  const password = await environment.askSecret(`Password for ${name}: `)
  if (password === null || password.length < shortestPassword)
    throw new UsageError(`a password has at least ${shortestPassword} characters`)
  const again = await environment.askSecret('Once more: ')
  // A pipe need not say it twice.
  if (again !== null && again !== password) throw new UsageError('these were two passwords')
  return password
}

async function remove(path: string, name: string, environment: Environment): Promise<number> {
  let found = false
  await changeUsers(path, environment, (users) => {
    found = users.some((user) => user.name === name)
    return users.filter((user) => user.name !== name)
  })
  environment.stderr(found ? `${name} may not log in any more\n` : `there is no user "${name}"\n`)
  return found ? exit.ok : exit.finding
}

const changeUsers = (
  path: string,
  environment: Environment,
  change: (users: readonly User[]) => readonly User[],
): Promise<void> =>
  environment.exclusively(path, async () => {
    const text = printUsers(change(await readUsers(path, environment)))
    await environment.replaceFile(path, encodeText(text), 0o600)
  })

/** None where there is no file yet. Throws `UsageError` for one that is not understood. */
async function readUsers(path: string, environment: Environment): Promise<User[]> {
  if (!environment.exists(path)) return []
  try {
    return parseUsers(decodeText(await environment.readFile(path)))
  } catch (error) {
    if (error instanceof UsersFileError) throw new UsageError(`${path}:${error.line}: ${error.message}`)
    throw error
  }
}
