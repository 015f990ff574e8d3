/** Sets at the end of a case, so that two judges can be compared. */
import type { EndResult } from './scenario.ts'

/** The seed of a hash is drawn, and where it puts elements decides how large the hash grows. */
const drawn = / hashsize \d+| bucketsize \d+ initval 0x[0-9a-f]+/g

/** Of the text of `ipset save`. */
export function setLines(text: string): Pick<EndResult, 'sets'> {
  if (text === '') return {}
  const sets: string[][] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('create ')) sets.push([line.replace(drawn, '')])
    else if (line !== '') sets.at(-1)?.push(line)
  }
  // Lists keep the order of their members.
  return {
    sets: sets.flatMap(([head = '', ...members]) => [
      head,
      ...(head.includes(' list:set') ? members : members.sort()),
    ]),
  }
}
