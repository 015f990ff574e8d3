/**
 * Step results as JSON, an object a line, in the contract of DESIGN.md. Words that only several files, cases or
 * judges need (`file`, `case`, `judge`) are left out where there is one.
 */
import type { FileReport } from './file-report.ts'

export function renderJsonLines(files: readonly FileReport[]): string {
  const judges = new Set(files.flatMap(({ cases }) => cases.map(({ judge }) => judge)))
  const onlyEngine = judges.size === 1 && judges.has('engine')
  const objects = files.flatMap(({ name, cases, differences, problem }): object[] => {
    const file = files.length > 1 ? { file: name } : {}
    if (problem !== null) return [{ file: name, error: problem }]
    const results = cases.flatMap(({ part, judge, steps, end }) => {
      const place = { ...file, ...(part.name !== '' && { case: part.name }), ...(!onlyEngine && { judge }) }
      return [
        ...steps.map(({ result, mismatches }) => ({
          ...place,
          ...result,
          ...(mismatches.length > 0 && { mismatches }),
        })),
        { ...place, ...end },
      ]
    })
    const parted = differences.map(({ part, step, what }) => ({
      ...file,
      case: part.name,
      differs: { step, what },
    }))
    return [...results, ...parted]
  })
  return objects.map((object) => `${JSON.stringify(object, exactNumbers)}\n`).join('')
}

/** Nanoseconds are kept as integers; all that occur fit a double exactly. */
const exactNumbers = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? Number(value) : value
