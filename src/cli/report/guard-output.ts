/** What `-o` prints of a failure: one of its parts, or a text with tags. */
import type { Failure } from '../../guard/failure.ts'

const parts: Readonly<Record<string, (failure: Failure) => string>> = {
  id: ({ id }) => id,
  fid: ({ id }) => id,
  ip: ({ id, address }) => address ?? id,
  host: ({ id, address, name }) => address ?? name ?? id,
  user: ({ groups }) => groups.user ?? '',
  time: ({ timeMs }) => String(timeMs / 1000),
  msg: ({ matches }) => matches.join('\n'),
  matches: ({ matches }) => matches.join('\n'),
  row: (failure) => JSON.stringify([failure.id, failure.timeMs / 1000, failure.groups]),
}

export function outputOf(what: string): (failure: Failure) => string {
  const whole = Object.hasOwn(parts, what) ? parts[what] : undefined
  if (whole !== undefined) return whole
  if (!what.includes('<')) return ({ groups }) => groups[what] ?? ''
  return (failure) => what.replace(/<(?:F-)?([\w-]+)>/g, (tag, name: string) => tagOf(failure, name) ?? tag)
}

function tagOf(failure: Failure, tag: string): string | undefined {
  const name = tag.toLowerCase()
  return Object.hasOwn(parts, name) ? parts[name]!(failure) : (failure.groups[name] ?? '')
}
