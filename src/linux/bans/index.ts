/**
 * What bans do: actions of our own, which take many bans at once, and those of fail2ban's `action.d`, run as they are.
 *
 * No text from a log ever becomes part of a command: programs get words, shells get variables.
 */
export type { ActionContext, BanAction, BanHow } from './action.ts'
export { banTag } from './ban-tags.ts'
export type { Fail2banContext } from './fail2ban-action.ts'
export { fillTags, type TagValue, tagsIn } from './fail2ban-tags.ts'
export { makeAction } from './make-action.ts'
export { type RunProgram, runProgram } from './run-program.ts'
