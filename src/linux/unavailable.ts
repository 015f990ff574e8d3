/** Something this machine lacks (a privilege, a component), with the way to get it: exit status 3. */
export class UnavailableError extends Error {
  readonly hint: string | null

  constructor(message: string, hint: string | null = null) {
    super(message)
    this.name = 'UnavailableError'
    this.hint = hint
  }
}
