/** Decides a login: lock-out first, then name, password and code, then the lists. */
import type { ListKeeper } from './keeper.ts'
import { Lockout, type LockoutSettings } from './lockout.ts'
import { type Session, Sessions } from './sessions.ts'
import { stepOfCode } from './totp.ts'
import { decoyLike, isUserName, passwordHas, type User } from './users.ts'

export interface LoginSettings {
  readonly lists: readonly string[]
  readonly sessionSeconds: number
  /** Addresses that may be in at once: a full list of the kernel drops its oldest entry without a word. */
  readonly maxAddresses: number
  readonly lockout: LockoutSettings
}

export interface Credentials {
  readonly user: string
  readonly password: string
  readonly code: string
}

export type LoginResult =
  | { readonly kind: 'open'; readonly secret: string; readonly session: Session }
  | { readonly kind: 'wrong'; readonly locked: readonly ('address' | 'account')[] }
  | { readonly kind: 'locked'; readonly untilMs: number }
  /** Too many tries at once. */
  | { readonly kind: 'busy' }
  /** No more addresses fit. */
  | { readonly kind: 'full' }
  /** The keeper could not. */
  | { readonly kind: 'failed'; readonly message: string }

/** Passwords checked at once, each with its 32 MiB, and tries that may wait for it. */
const atOnce = 2
const mayWait = 16

export class LoginDesk {
  readonly #settings: LoginSettings
  readonly #keeper: ListKeeper
  readonly #nowMs: () => number
  readonly #lockout: Lockout
  readonly #sessions = new Sessions()
  /** The last step of each user's one-time passwords that was used. */
  readonly #lastSteps = new Map<string, number>()
  #users: ReadonlyMap<string, User> = new Map()
  /** Checked for who is not there, so that time does not tell which names exist. */
  #decoy = decoyLike()
  #checking = 0
  readonly #waiting: (() => void)[] = []

  constructor(settings: LoginSettings, keeper: ListKeeper, nowMs: () => number) {
    this.#settings = settings
    this.#keeper = keeper
    this.#nowMs = nowMs
    this.#lockout = new Lockout(settings.lockout)
  }

  /** Replaces the users; sessions of those who are gone, or have another password, end. */
  async setUsers(users: readonly User[]): Promise<void> {
    const before = this.#users
    this.#users = new Map(users.map((user) => [user.name, user]))
    this.#decoy = decoyLike(users[0]?.password)
    const same = (user: User | undefined, other: User | undefined): boolean =>
      user !== undefined &&
      other !== undefined &&
      Buffer.from(user.password.hash).equals(Buffer.from(other.password.hash))
    const gone = this.#sessions.keepOnly(
      ({ user }) => same(before.get(user), this.#users.get(user)),
      this.#nowMs(),
    )
    for (const { list, address } of gone) await this.#keeper.take(list, address)
  }

  /** `address` is canonical. */
  async login(address: string, credentials: Credentials): Promise<LoginResult> {
    const nowMs = this.#nowMs()
    const untilMs = this.#lockout.lockedUntilMs(address, credentials.user, nowMs)
    if (untilMs !== null) return { kind: 'locked', untilMs }
    const present = this.#sessions.addresses(nowMs)
    if (!present.has(address) && present.size >= this.#settings.maxAddresses) return { kind: 'full' }
    if (this.#checking >= atOnce && this.#waiting.length >= mayWait) return { kind: 'busy' }
    const attempt = this.#lockout.begin(address, credentials.user, nowMs)
    const user = await this.#inTurn(() => this.#verify(credentials))
    if (user === null) return { kind: 'wrong', locked: attempt.locked }
    attempt.forgive()
    return this.#open(address, user)
  }

  session(secret: string | null): Session | null {
    return this.#sessions.get(secret, this.#nowMs())
  }

  /** Ends a session; its address goes out of the lists that no other session keeps it in. */
  async logout(secret: string): Promise<Session | null> {
    const session = this.session(secret)
    if (session === null) return null
    for (const list of this.#sessions.close(secret, this.#nowMs()))
      await this.#keeper.take(list, session.address)
    return session
  }

  async #verify({ user: name, password, code }: Credentials): Promise<User | null> {
    const user = isUserName(name) ? this.#users.get(name) : undefined
    const right = await passwordHas(user?.password ?? this.#decoy, password)
    if (user === undefined || !right) return null
    if (user.totpSecret === null) return user
    const step = stepOfCode(user.totpSecret, code, this.#nowMs(), this.#lastSteps.get(name) ?? 0)
    if (step === null) return null
    this.#lastSteps.set(name, step)
    return user
  }

  async #open(address: string, user: User): Promise<LoginResult> {
    const { lists, sessionSeconds } = this.#settings
    const granted = grantedLists(address, lists, user.lists)
    const session: Session = {
      user: user.name,
      address,
      lists: granted,
      endsAtMs: this.#nowMs() + sessionSeconds * 1000,
    }
    try {
      for (const list of granted) await this.#keeper.put(list, address, sessionSeconds)
    } catch (error) {
      return { kind: 'failed', message: (error as Error).message }
    }
    return { kind: 'open', secret: this.#sessions.open(session), session }
  }

  async #inTurn<T>(action: () => Promise<T>): Promise<T> {
    if (this.#checking >= atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#checking++
    try {
      return await action()
    } finally {
      this.#checking--
      this.#waiting.shift()?.()
    }
  }
}

/**
 * The lists that an address is put into: of a pair such as `authok` and `authok6` the one of its family, of others each. A
 * kernel keeps the mask of the first rule that names a list, so that rules of both families cannot share one.
 *
 * `own`: the lists of the user, null for all; `authok` stands for its pair.
 */
export function grantedLists(
  address: string,
  lists: readonly string[],
  own: readonly string[] | null,
): readonly string[] {
  const isIpv6 = address.includes(':')
  const firstOf = (list: string): string | null =>
    list.endsWith('6') && lists.includes(list.slice(0, -1)) ? list.slice(0, -1) : null
  return lists
    .filter((list) => (isIpv6 ? !lists.includes(`${list}6`) : firstOf(list) === null))
    .filter((list) => own === null || own.includes(list) || own.includes(firstOf(list) ?? list))
}
