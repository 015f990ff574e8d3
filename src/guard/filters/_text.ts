/** Puts the text of a filter together. */

/** The beginning of a syslog line once its date is cut out: host, program and process, none of them needed. */
export const syslog = (program: string): string => `\\s*(?:\\S+ )?${program}(?:\\[\\d+\\])?: `

export interface FilterText {
  readonly prefregex?: string
  readonly failregex: readonly string[]
  /** Expressions of `mode=aggressive`. */
  readonly aggressive?: readonly string[]
  readonly ignoreregex?: readonly string[]
  readonly datepattern?: string
}

/** As it would stand in a file of filter.d. */
export function filterText(text: FilterText): string {
  const lines = ['[Definition]']
  const add = (option: string, values: readonly string[]) =>
    lines.push(`${option} = ${values.map((value) => value.replaceAll('%', '%%')).join('\n    ')}`)
  if (text.prefregex !== undefined) add('prefregex', [text.prefregex])
  const modes = text.aggressive === undefined ? [] : ['<expressions-<mode>>']
  add('failregex', [...text.failregex, ...modes])
  if (text.aggressive !== undefined) {
    add('mode', ['normal'])
    add('expressions-normal', [''])
    add('expressions-aggressive', text.aggressive)
  }
  add('ignoreregex', text.ignoreregex ?? [''])
  if (text.datepattern !== undefined) add('datepattern', [text.datepattern])
  return `${lines.join('\n')}\n`
}
