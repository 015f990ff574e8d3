/** What documents and `--help` show of the program is what it does. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadCommands } from '../src/cli/commands.ts'
import { helpCommand } from '../src/cli/help.ts'
import { firstSteps } from '../src/cli/program.ts'
import { labLack } from '../src/linux/lab/requirements.ts'
import { builtLack } from './built.ts'
import { repositoryRoot } from './shared.ts'

interface Shown {
  readonly place: string
  /** Where the reader stands: beside the README of an example, else in the root. */
  readonly cwd: string
  readonly command: string
  /** Lines below the command; null when the document shows none. A line `...` stands for any lines. */
  readonly output: string | null
}

/** Commands behind `$ ` in code blocks that run this program. */
function examplesOf(document: string): Shown[] {
  const lines = readFileSync(join(repositoryRoot, document), 'utf8').split('\n')
  const shown: Shown[] = []
  let open = false
  for (const [at, line] of lines.entries()) {
    if (line.startsWith('```')) open = !open
    if (!open || !/^\$ (sudo )?(bin\/)?postern( |$)/.test(line)) continue
    const below = lines.slice(at + 1)
    const output = below.slice(
      0,
      below.findIndex((next) => next.startsWith('```') || next.startsWith('$ ')),
    )
    while (output.at(-1) === '') output.pop()
    shown.push({
      place: `${document}:${at + 1}`,
      cwd: document.startsWith('examples/') ? dirname(document) : '.',
      command: line.slice(2),
      output: output.length === 0 ? null : output.join('\n'),
    })
  }
  return shown
}

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'examples/README.md',
  ...readdirSync(join(repositoryRoot, 'examples')).map((name) => `examples/${name}/README.md`),
].filter((path) => existsSync(join(repositoryRoot, path)))

const loaded = await loadCommands()
const helps = [...loaded, helpCommand({ names: [], print: () => '' })].flatMap(({ name, examples }) =>
  examples
    .filter(({ needs }) => needs === undefined)
    .map(({ command }) => ({ place: `postern ${name} --help`, cwd: '.', command, output: null })),
)

const first = firstSteps.map(({ command }) => ({ place: 'postern --help', cwd: '.', command, output: null }))

const shown: readonly Shown[] = [...documents.flatMap(examplesOf), ...first, ...helps]

/** Why an example cannot run here, or null. */
function lackOf({ command }: Shown): string | null {
  if (!/^sudo |--on (kernel|both)/.test(command)) return null
  const lack = labLack(command.includes('--backend nft') ? 'nft' : 'legacy')
  return lack === null ? null : lack.message
}

/** Runs the line as a reader would, with `postern` in the path. */
async function runLine({ command, cwd }: Shown): Promise<{ status: number; stdout: string; stderr: string }> {
  const line = command.replace(/^sudo /, '')
  const env = {
    ...process.env,
    PATH: `${join(repositoryRoot, 'bin')}:${dirname(process.execPath)}:${process.env.PATH}`,
    NO_COLOR: '1',
  }
  try {
    const options = { cwd: join(repositoryRoot, cwd), env, maxBuffer: 1 << 26 }
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', line], options)
    return { status: 0, stdout, stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { status: code, stdout, stderr }
  }
}

/** The virtual host that examples of the programs are run on. */
const stateFile = join(repositoryRoot, 'fw.state')

describe('examples in documents and help', () => {
  beforeAll(() => rmSync(stateFile, { force: true }))
  afterAll(() => rmSync(stateFile, { force: true }))

  it('there are some, in the README and in every folder of examples', () => {
    expect(shown.filter(({ place }) => place.startsWith('README.md')).length).toBeGreaterThan(3)
    expect(shown.filter(({ output }) => output !== null).length).toBeGreaterThan(3)
    for (const document of documents.filter((path) => /^examples\/.*\//.test(path))) {
      expect(examplesOf(document), document).not.toEqual([])
    }
    for (const { name, examples } of loaded) expect(examples, name).not.toEqual([])
  })

  it('the program is built and fresh', () => expect(builtLack()).toBeNull())

  for (const example of shown) {
    it(`${example.place}: $ ${example.command}`, async (context) => {
      const lack = lackOf(example)
      if (lack !== null) context.skip(lack)
      const { status, stdout, stderr } = await runLine(example)
      if (example.output !== null) expect(stdout.trimEnd()).toMatch(patternOf(example.output))
      // An article's rules have errors, and showing them is what `check` is for.
      const finding = /postern check .*article\.sh/.test(example.command)
      expect({ status, stderr }).toMatchObject({ status: finding ? 1 : 0 })
    })
  }
})

const patternOf = (output: string): RegExp =>
  new RegExp(
    `^${output
      .split('\n')
      .map((line) => (line === '...' ? '(?:.|\\n)*' : line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
      .join('\n')}$`,
  )
