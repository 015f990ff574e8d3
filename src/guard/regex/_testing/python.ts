/** Asks python3's own `re`, many questions in one process. */
import { spawnSync } from 'node:child_process'

export interface Question {
  readonly pattern: string
  readonly texts: readonly string[]
}

/** For each text: null for no match, else the spans of all groups ([-1, -1] where unset), in code points. */
export type Answer = { readonly error: string } | readonly (readonly (readonly [number, number])[] | null)[]

const script = `
import json, re, sys, warnings
warnings.simplefilter('ignore')
answers = []
for question in json.load(sys.stdin):
    try:
        expression = re.compile(question['pattern'])
    except Exception as error:
        answers.append({'error': str(error)})
        continue
    found = [expression.search(text) for text in question['texts']]
    answers.append([m and [m.span(i) for i in range(expression.groups + 1)] for m in found])
json.dump(answers, sys.stdout)
`

/** The version of python3 here, or null. */
export function pythonVersion(): string | null {
  const { status, stdout } = spawnSync(
    'python3',
    ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'],
    {
      encoding: 'utf8',
    },
  )
  return status === 0 ? stdout.trim() : null
}

export function askPython(questions: readonly Question[]): Answer[] {
  const { status, stdout, stderr } = spawnSync('python3', ['-c', script], {
    input: JSON.stringify(questions),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
  })
  if (status !== 0) throw new Error(`python3 failed: ${stderr}`)
  return JSON.parse(stdout)
}
