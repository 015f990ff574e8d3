/** A mistake of the one who asks the guard. */
export class VerbError extends Error {}
