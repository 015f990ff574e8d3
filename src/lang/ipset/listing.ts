/** Sets as `ipset list` and `ipset save` print them. Source: list_create(), list_adt(), lib/session.c, 7.17. */
import { printElement } from './element.ts'
import type { ElementAttributes, ListedSet, SetHeader } from './kernel.ts'
import { type Printed, printCreate, printExtensions } from './options.ts'
import { type ToolType, toolType } from './set-types.ts'
import { compareLines } from './sort.ts'

export type OutputMode = 'plain' | 'save' | 'xml'

export interface ListingOptions {
  readonly mode: OutputMode
  readonly sorted: boolean
  /** Names only, or headers only; `save` knows neither. */
  readonly only: 'names' | 'headers' | null
  /** Whether addresses are shown by their names, where they have one. Default false. */
  readonly resolved?: boolean
  /** Whether everything is told, what ipset itself leaves out, too. */
  readonly isWhole?: boolean
}

export function printSets(sets: readonly ListedSet[], options: ListingOptions): string {
  const { mode, only } = options
  const pieces: string[] = []
  if (only === 'names' && mode !== 'save') {
    for (const { header } of sets) {
      pieces.push(mode === 'xml' ? `<ipset name="${header.name}"/>\n` : `${header.name}\n`)
    }
  } else {
    for (const [at, set] of sets.entries()) {
      if (mode === 'plain' && at > 0) pieces.push('\n')
      printSet(set, options, pieces)
    }
  }
  return mode === 'xml' ? `<ipsets>\n${pieces.join('')}</ipsets>\n` : pieces.join('')
}

function printSet({ header, members }: ListedSet, options: ListingOptions, pieces: string[]): void {
  const { mode, sorted, only, resolved = false } = options
  const type = toolType(header.type)
  pieces.push(printHeader(header, type, options))
  if (mode === 'save' || only !== 'headers') {
    const prefix = mode === 'save' ? `add ${header.name} ` : mode === 'xml' ? '<member><elem>' : ''
    if (sorted && header.type.startsWith('hash:')) {
      const lines = Array.from(members(), (member) => printMember(member, type, header, mode, resolved))
      lines.sort(compareLines)
      for (const line of lines) pieces.push(prefix, line)
    } else {
      for (const member of members()) pieces.push(prefix, printMember(member, type, header, mode, resolved))
    }
    if (mode === 'xml') pieces.push('</members>\n')
  }
  if (mode === 'xml') pieces.push('</ipset>\n')
}

function printHeader(
  header: SetHeader,
  type: ToolType,
  { mode, only, isWhole = false }: ListingOptions,
): string {
  const options = printCreate(type.create, header.create, header.family, isWhole).filter(
    ([name]) => name !== 'family' || type.family === 'both',
  )
  const { name, memoryBytes, references, entries } = header
  const hasMembers = only !== 'headers'
  switch (mode) {
    case 'save':
      return `create ${name} ${type.name}${plainOptions(options)}\n`
    case 'plain':
      return (
        `Name: ${name}\nType: ${type.name}\nRevision: ${type.revision}\nHeader:${plainOptions(options)}\n` +
        `Size in memory: ${memoryBytes}\nReferences: ${references}\nNumber of entries: ${entries}\n` +
        (hasMembers ? 'Members:\n' : '')
      )
    case 'xml':
      return (
        `<ipset name="${name}">\n<type>${type.name}</type>\n<revision>${type.revision}</revision>\n` +
        `<header>${options.map(xmlOption).join('')}\n<memsize>${memoryBytes}</memsize>\n` +
        `<references>${references}</references>\n<numentries>${entries}</numentries>\n</header>\n` +
        (hasMembers ? '<members>\n' : '')
      )
  }
}

function printMember(
  member: ElementAttributes,
  type: ToolType,
  { family }: SetHeader,
  mode: OutputMode,
  resolved: boolean,
): string {
  const element = printElement(member, type, family, resolved)
  const options = printExtensions(member)
  if (mode !== 'xml') return `${element}${plainOptions(options)}\n`
  return `${element}</elem>${options.map(xmlOption).join('')}</member>\n`
}

const plainOptions = (options: readonly Printed[]): string =>
  options.map(([name, value]) => (value === null ? ` ${name}` : ` ${name} ${value}`)).join('')

const xmlOption = ([name, value]: Printed): string =>
  value === null ? `<${name}/>` : `<${name}>${value}</${name}>`
