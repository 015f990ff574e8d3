/** What is said about save files, as opposed to the rules in them. */
import { type Refusal, say } from './diagnostic.ts'

export { badCounters, chainNameClash, declaredChainTooLong, natPolicy, unknownTable } from './complaints.ts'

export const missingCommit = (table: string) =>
  say('file/missing-commit', `the ${table} table has no COMMIT`, {
    notes: ['without it iptables-restore throws the section away'],
    help: 'COMMIT in a line of its own',
  })

export const missingCommitBefore = (table: string) =>
  say('file/missing-commit', `the ${table} table has no COMMIT before the next one begins`, {
    help: 'COMMIT in the line above',
  })

export const badCommit = (line: string) =>
  say('file/bad-commit', `"${line}" is not taken for COMMIT`, {
    notes: ['the line must hold the word and nothing else, not even blanks'],
    help: 'COMMIT',
    fix: 'COMMIT',
  })

export const noFinalNewline = () =>
  say('file/no-final-newline', 'the file ends right behind COMMIT', {
    said: "Bad argument `COMMIT'",
    notes: ['iptables-restore of iptables-legacy knows COMMIT only with its line end'],
    help: 'end the file with a newline',
    fix: 'COMMIT\n',
  })

export const longLine = (length: number, limit: number) =>
  say('file/long-line', `the line has ${length} characters; iptables-restore reads ${limit}`)

export const tableTwice = (table: string) =>
  say('file/table-twice', `this section replaces the ${table} table of the one above`, {
    notes: ['iptables-restore empties a table when its section begins'],
  })

/** `line` is the first of `count` that stand in no table. */
export function outsideTable(line: string, count: number): Refusal {
  const message =
    count === 1
      ? 'the line stands in no table'
      : `this line and ${count === 2 ? 'the next' : `the ${count - 1} behind it`} stand in no table`
  if (/^commit$/i.test(line)) {
    return say('file/outside-table', message, { notes: ['every COMMIT ends a section that "*TABLE" began'] })
  }
  if (line === '') return say('file/outside-table', message, { help: 'leave the line empty', fix: '' })
  return say('file/outside-table', message, {
    notes: ['rules stand between "*TABLE" and "COMMIT", or in a script of iptables commands'],
    ...(/^(-[A-Z]\b|:|\[)/.test(line) ? { help: 'begin the section with *filter' } : {}),
  })
}

export const openQuote = () =>
  say('text/open-quote', 'the quote is never closed', {
    notes: ['everything behind it, even the line end, becomes part of one word'],
    help: 'a double quote behind the word',
  })

export const longWord = (limit: number) =>
  say('text/long-word', 'the word is too long', { notes: [`iptables-restore takes up to ${limit} bytes`] })

export const manyWords = (count: number, limit: number) =>
  say('text/many-words', `the line has ${count} words`, { notes: [`iptables-restore takes up to ${limit}`] })

/** `line`: the number that iptables-restore tells. */
export function noPolicy(chain: string, isBase: boolean, line: number): Refusal {
  const whole = `:${chain} ${isBase ? 'ACCEPT' : '-'} [0:0]`
  const said = `iptables-restore: line ${line} policy invalid`
  return say('file/no-policy', `the policy of ${chain} is missing`, { help: whole, fix: whole, said })
}

/** iptables-restore's words for a policy that libiptc refuses with a code. */
export const saidOfPolicy = (policy: string, chain: string, line: number, code: string): string =>
  `Can't set policy \`${policy}' on \`${chain}' line ${line}: ` +
  (code === 'chain/bad-policy' ? 'Bad policy name' : 'Bad built-in chain name')

export const saidOfChain = (chain: string): string => `error creating chain '${chain}':File exists`

export const blankLine = () =>
  say('file/blank-line', 'the line holds blanks only', {
    said: 'no command specified',
    notes: ['iptables-restore takes it for a command and finds none'],
    help: 'leave the line empty',
    fix: '',
  })

export const indentedComment = () =>
  say('file/indented-comment', 'the comment does not begin the line', {
    notes: ['iptables-restore knows comments only from the first column on'],
  })

export const programName = () =>
  say('file/program-name', 'iptables-restore wants the options alone, without the name of the program', {
    help: 'leave it out',
    fix: '',
  })
