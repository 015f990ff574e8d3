/**
 * iptables' own test tables of extensions for both families, with ip6tables: what the oracle does not have is asked of the
 * real program here, each line in the first of its chains.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { kernelIsOutOfReach } from '../../src/ext/_testing/kernel.ts'
import { SourceText } from '../../src/lang/source.ts'
import { splitRestoreLine } from '../../src/lang/words.ts'
import { absent, sharedPath } from '../shared.ts'
import { expectAlike, type Line, ourAnswers } from './real-programs.ts'

const folder = sharedPath('conformance/iptables/t')
const files = folder === null ? [] : readdirSync(folder).filter((name) => name.startsWith('libxt_'))

const call = (...args: string[]): Line => ({
  text: ['ip6tables', ...args].join(' '),
  program: 'ip6tables',
  args,
  input: '',
})

/** Each line is added, then all are listed, deleted by their words, and what is left is flushed. */
function sessionOf(file: string): Line[] {
  const session: Line[] = []
  const added: string[][] = []
  let [table, chain] = ['filter', 'INPUT']
  const places = new Set<string>()
  for (const line of readFileSync(`${folder}/${file}`, 'utf8').split('\n')) {
    if (line.startsWith(':')) chain = line.slice(1).split(',')[0]!
    else if (line.startsWith('*')) table = line.slice(1).trim()
    else if (line.startsWith('%iptables ')) session.push({ ...call(...wordsOf(line.slice(10))), text: line })
    else if (line.trim() !== '' && !/^[#@%]/.test(line)) {
      const rule = ['-t', table, ...wordsOf(line.split(';')[0]!)]
      session.push(call('-A', chain, ...rule))
      added.push([chain, ...rule])
      places.add(`${table} ${chain}`)
    }
  }
  const taken = ourAnswers(session)
    .filter((_, at) => session[at]!.args[0] === '-A')
    .map(({ exitCode }) => exitCode === 0)
  const listings = [...places].flatMap((place) => {
    const [table = '', chain = ''] = place.split(' ')
    return [
      call('-t', table, '-S', chain),
      call('-t', table, '-L', chain, '-nvx', '--line-numbers'),
      call('-t', table, '-L', chain),
    ]
  })
  const tables = [...new Set([...places].map((place) => place.split(' ')[0]!))]
  return [
    ...session,
    ...listings,
    // What was refused would be refused with the same words.
    ...added.filter((_, at) => taken[at]).map((words) => call('-D', ...words)),
    ...tables.map((name) => call('-t', name, '-F')),
  ]
}

const wordsOf = (text: string): string[] =>
  splitRestoreLine(new SourceText('line', text), 0, text.length).words.map((word) => word.text)

describe('extensions of both families', () => {
  it('are answered by ip6tables as by the real one', ({ skip }) => {
    if (folder === null) skip(absent('conformance/iptables'))
    if (kernelIsOutOfReach !== null) skip(kernelIsOutOfReach)
    const session = files.flatMap(sessionOf)
    expect(session.filter(({ args }) => args[0] === '-A').length).toBeGreaterThanOrEqual(590)
    expectAlike(session)
    const added = session.filter(({ args }) => args[0] === '-A').length
    console.log(
      `libxt tables under ip6tables: ${added} rules, ${session.length} commands answered as by the real one`,
    )
  }, 240_000)
})
