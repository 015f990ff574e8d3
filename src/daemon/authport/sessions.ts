/** Who is logged in, from which address, until when. Time is a parameter. */
import { randomBytes } from 'node:crypto'

export interface Session {
  readonly user: string
  /** Canonical. */
  readonly address: string
  readonly lists: readonly string[]
  readonly endsAtMs: number
}

export class Sessions {
  /** By their secret. */
  readonly #sessions = new Map<string, Session>()

  /** The secret of a new session: 256 bits. */
  open(session: Session): string {
    const secret = randomBytes(32).toString('base64url')
    this.#sessions.set(secret, session)
    return secret
  }

  /** Null when there is none, or none any more. */
  get(secret: string | null, nowMs: number): Session | null {
    const session = secret === null ? undefined : this.#sessions.get(secret)
    return session === undefined || session.endsAtMs <= nowMs ? null : session
  }

  /** Ends one; answers the lists that nobody else keeps its address in. */
  close(secret: string, nowMs: number): readonly string[] {
    const session = this.get(secret, nowMs)
    this.#sessions.delete(secret)
    if (session === null) return []
    const kept = new Set(
      [...this.#sessions.values()]
        .filter(({ address, endsAtMs }) => address === session.address && endsAtMs > nowMs)
        .flatMap(({ lists }) => lists),
    )
    return session.lists.filter((list) => !kept.has(list))
  }

  /** Forgets what is over. */
  expire(nowMs: number): void {
    for (const [secret, { endsAtMs }] of this.#sessions) if (endsAtMs <= nowMs) this.#sessions.delete(secret)
  }

  /** Addresses that are in at this moment. */
  addresses(nowMs: number): Set<string> {
    this.expire(nowMs)
    return new Set([...this.#sessions.values()].map(({ address }) => address))
  }

  /** Ends those of users that are no more; answers what is to be taken out. */
  keepOnly(
    mayStay: (session: Session) => boolean,
    nowMs: number,
  ): { readonly list: string; readonly address: string }[] {
    const gone = [...this.#sessions].filter(([, session]) => !mayStay(session))
    return gone.flatMap(([secret, { address }]) =>
      this.close(secret, nowMs).map((list) => ({ list, address })),
    )
  }
}
