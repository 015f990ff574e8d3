/**
 * Who may log in: a file of text, a user a line, that only its owner reads.
 *
 * ```
 * # name  password  [totp=SECRET]  [lists=NAME,...]
 * alice  scrypt$15$8$1$SALT$HASH  totp=JBSWY3DPEHPK3PXP
 * bob    scrypt$15$8$1$SALT$HASH  lists=authok
 * ```
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { isListName } from '../../linux/recency-list.ts'
import { decodeBase32, encodeBase32 } from './totp.ts'

export interface User {
  readonly name: string
  readonly password: PasswordHash
  /** Null: no second factor. */
  readonly totpSecret: Uint8Array | null
  /** Lists this user is put into; null for all that are configured. */
  readonly lists: readonly string[] | null
}

/** scrypt (RFC 7914) of a password. */
export interface PasswordHash {
  /** The cost N is two to the power of this. */
  readonly costLog2: number
  readonly blockSize: number
  readonly parallel: number
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** A line of the file that cannot be read, with its number. */
export class UsersFileError extends Error {
  readonly line: number
  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

const hashBytes = 32
const saltBytes = 16
/** 32 MiB and some 70 ms for each try. */
const presentCost: HashCost = { costLog2: 15, blockSize: 8, parallel: 1 }
const longestPassword = 1024

export const isUserName = (name: string): boolean => /^[\w.@-]{1,64}$/.test(name)

/** Throws `UsersFileError`. */
export function parseUsers(text: string): User[] {
  const users: User[] = []
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const user = parseUser(line, (message) => {
      throw new UsersFileError(at + 1, message)
    })
    if (users.some(({ name }) => name === user.name))
      throw new UsersFileError(at + 1, `user "${user.name}" stands here twice`)
    users.push(user)
  }
  return users
}

function parseUser(line: string, refuse: (message: string) => never): User {
  const [name = '', password = '', ...more] = line.split(/\s+/)
  if (!isUserName(name)) refuse(`"${name.slice(0, 70)}" is no name of a user`)
  const hash = parseHash(password)
  if (hash === null) return refuse(`the password of "${name}" is not "scrypt$COST$BLOCK$PARALLEL$SALT$HASH"`)
  let totpSecret: Uint8Array | null = null
  let lists: readonly string[] | null = null
  for (const word of more) {
    const [key, value = ''] = [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]
    if (key === 'totp') {
      totpSecret = decodeBase32(value)
      if (totpSecret === null || totpSecret.length < 10) refuse(`the totp secret of "${name}" is no base 32`)
    } else if (key === 'lists') {
      lists = value.split(',')
      const bad = lists.find((list) => !isListName(list))
      if (bad !== undefined) refuse(`"${bad}" cannot be the name of a recency list`)
    } else refuse(`"${word}" is neither totp=SECRET nor lists=NAME,...`)
  }
  return { name, password: hash, totpSecret, lists }
}

function parseHash(text: string): PasswordHash | null {
  const found = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]+)\$([\w-]+)$/.exec(text)
  if (found === null) return null
  const [costLog2, blockSize, parallel] = found.slice(1, 4).map(Number) as [number, number, number]
  // A hostile or mistaken cost would take all memory at each try.
  if (costLog2 < 10 || costLog2 > 20 || blockSize < 1 || blockSize > 16 || parallel < 1 || parallel > 4)
    return null
  const [salt, hash] = [Buffer.from(found[4]!, 'base64url'), Buffer.from(found[5]!, 'base64url')]
  return salt.length < 8 || hash.length !== hashBytes ? null : { costLog2, blockSize, parallel, salt, hash }
}

export const printUsers = (users: readonly User[]): string =>
  `# name  password  [totp=SECRET]  [lists=NAME,...]\n${users.map((user) => `${printUser(user)}\n`).join('')}`

function printUser({ name, password, totpSecret, lists }: User): string {
  const { costLog2, blockSize, parallel, salt, hash } = password
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  const words = [name, `scrypt$${costLog2}$${blockSize}$${parallel}$${text(salt)}$${text(hash)}`]
  if (totpSecret !== null) words.push(`totp=${encodeBase32(totpSecret)}`)
  if (lists !== null) words.push(`lists=${lists.join(',')}`)
  return words.join(' ')
}

export type HashCost = Pick<PasswordHash, 'costLog2' | 'blockSize' | 'parallel'>

export async function hashPassword(password: string, cost: HashCost = presentCost): Promise<PasswordHash> {
  const salt = randomBytes(saltBytes)
  const blank = { ...cost, salt, hash: new Uint8Array() }
  return { ...blank, hash: await derive(password, blank) }
}

/** A hash that no password has, as dear to check as another one. */
export const decoyLike = ({ costLog2, blockSize, parallel }: HashCost = presentCost): PasswordHash => ({
  costLog2,
  blockSize,
  parallel,
  salt: randomBytes(saltBytes),
  hash: randomBytes(hashBytes),
})

/** Whether a password has this hash. */
export async function passwordHas(hash: PasswordHash, password: string): Promise<boolean> {
  if (password.length > longestPassword) return false
  return timingSafeEqual(await derive(password, hash), hash.hash)
}

function derive(password: string, { costLog2, blockSize, parallel, salt }: PasswordHash): Promise<Buffer> {
  const cost = 2 ** costLog2
  // Twice what the algorithm needs (RFC 7914, section 2), which node:crypto wants to be told.
  const options = { N: cost, r: blockSize, p: parallel, maxmem: 256 * cost * blockSize + (1 << 20) }
  return new Promise((resolve, reject) => {
    // Letters that look the same are the same, however they were typed (RFC 8265, section 4.2).
    scrypt(password.normalize('NFC'), salt, hashBytes, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    )
  })
}
