/** `ipset help`, in words of our own. */
import { createOptions, elementOptions, type ToolOption } from './options.ts'
import { type ToolType, toolTypes, typeNamed } from './set-types.ts'

const commands = `Commands:
  create SET TYPE [OPTIONS]     make a set
  add SET ELEMENT [OPTIONS]     add to it
  del SET ELEMENT               delete from it
  test SET ELEMENT              ask whether it is in the set
  destroy [SET]                 remove a set, or all of them
  list [SET], save [SET]        show a set, or all of them; save as restore reads it
  restore                       read commands
  flush [SET]                   remove all elements
  rename SET NAME, swap SET SET
  help [TYPE], version
Options:
  -o plain|save|xml  -s(orted)  -q(uiet)  -!, -exist  -n(ame)  -t(erse)  -f(ile) FILE
`

/** The text, and the type that nobody knows where one was asked for. */
export function help(
  typeText: string | null,
  isQuiet: boolean,
): { readonly text: string; readonly unknown: string | null } {
  const usage = `ipset v7.17\n\nUsage: ipset [options] COMMAND\n\n${commands}`
  if (isQuiet) return { text: usage, unknown: null }
  if (typeText === null) {
    const names = toolTypes.map(({ name, revision }) => `  ${name} (revision ${revision})\n`)
    return { text: `${usage}\nSet types:\n${names.join('')}`, unknown: null }
  }
  const type = typeNamed(typeText)
  if (type === null || type === 'unsupported') return { text: usage, unknown: typeText }
  return { text: `${usage}\n${typeHelp(type)}`, unknown: null }
}

function typeHelp(type: ToolType): string {
  const [create, change, test] = type.help
  const line = (command: string, form: string, names: readonly string[], table: OptionTable): string =>
    `${command} SET ${command === 'create' ? `${type.name} ` : ''}${form}\n${optionLines(names, table)}`
  return [
    line('create', create, type.create, createOptions),
    line('add', change, type.add, elementOptions),
    line('del', change, type.del, elementOptions),
    line('test', test, type.test, elementOptions),
  ].join('')
}

type OptionTable = Readonly<Record<string, ToolOption>>

const optionLines = (names: readonly string[], table: OptionTable): string =>
  names
    .flatMap((name) => table[name]?.help ?? [])
    .map((text) => `    ${text}\n`)
    .join('')
