/** Small extensions for the tests of this room, so that they need nothing of `ext`. */
import { refuse } from './diagnostic.ts'
import { choice, flag, markMask, portRange, type Range, text, uint32, value } from './options.ts'
import type { ExtensionSyntax, Given, OptionTable, Syntax } from './syntax.ts'
import { quoteText } from './words.ts'

type Typed<Options extends OptionTable, Data> = Omit<ExtensionSyntax<Data>, 'options' | 'parse'> & {
  readonly options: Options
  parse(given: Given<Options>): Data
}

const define = <Data, const Options extends OptionTable>(typed: Typed<Options, Data>): ExtensionSyntax =>
  typed as unknown as ExtensionSyntax

const doc = 'a test extension'
const both = ['ipv4', 'ipv6'] as const

const printPorts = ({ low, high }: Range): string => (low === high ? `${low}` : `${low}:${high}`)

interface Ports {
  readonly parts: string
}

const ports = (name: string, number: number) =>
  define<Ports, OptionTable>({
    name,
    doc,
    families: both,
    impliedBy: [number],
    examples: [],
    options: {
      'source-port': portRange({ doc, alias: ['sport'], invertible: true, service: name }),
      'destination-port': portRange({ doc, alias: ['dport'], invertible: true, service: name }),
      ...(name === 'tcp'
        ? {
            'tcp-flags': value((words) => words, { doc, words: 2, metavar: 'MASK SET', invertible: true }),
            syn: flag({ doc, invertible: true }),
          }
        : {}),
    },
    parse: (given) => ({
      parts: Object.entries(given)
        .map(([option, seen]) => {
          const { value: port, inverted } = seen!
          const shown = { 'source-port': 'sport', 'destination-port': 'dport' }[option] ?? option
          const printed = typeof port === 'string' ? ` ${port}` : port === true ? '' : ` ${printPorts(port)}`
          return `${inverted ? '! ' : ''}--${shown}${printed}`
        })
        .join(' '),
    }),
    print: ({ parts }) => parts,
  })

const comment = define<{ readonly comment: string }, OptionTable>({
  name: 'comment',
  doc,
  families: both,
  examples: [],
  options: { comment: text({ doc, maxLength: 255, required: true }) },
  parse: (given) => ({ comment: given.comment!.value }),
  print: (data) => `--comment ${quoteText(data.comment)}`,
})

const recent = define<
  { readonly mode: string; readonly seconds: number | null; readonly name: string },
  OptionTable
>({
  name: 'recent',
  doc,
  families: both,
  examples: [],
  options: {
    set: flag({ doc, invertible: true, excludes: ['rcheck', 'update', 'remove'] }),
    rcheck: flag({ doc, invertible: true, excludes: ['set', 'update', 'remove'] }),
    update: flag({ doc, invertible: true, excludes: ['rcheck', 'set', 'remove'] }),
    remove: flag({ doc, invertible: true, excludes: ['rcheck', 'update', 'set'] }),
    seconds: uint32({ doc, min: 1 }),
    reap: flag({ doc, needs: ['seconds'] }),
    hitcount: uint32({ doc }),
    name: text({ doc, maxLength: 199 }),
  },
  parse: (given) => {
    const mode = ['set', 'rcheck', 'update', 'remove'].find((each) => given[each] !== undefined)
    if (mode === undefined)
      return refuse('no-mode', 'recent needs one of --set, --rcheck, --update, --remove')
    const inverted = given[mode]!.inverted
    const bang = inverted ? '! ' : ''
    return {
      mode: `${bang}--${mode}`,
      seconds: given.seconds?.value ?? null,
      name: given.name?.value ?? 'DEFAULT',
    }
  },
  print: ({ mode, seconds, name }) =>
    `${mode}${seconds === null ? '' : ` --seconds ${seconds}`} --name ${name}`,
})

/** Like owner: only where packets leave. */
const owner = define<{ readonly uid: number }, OptionTable>({
  name: 'owner',
  doc,
  families: both,
  examples: [],
  options: { 'uid-owner': uint32({ doc, required: true }) },
  parse: (given) => ({ uid: given['uid-owner']!.value }),
  print: ({ uid }) => `--uid-owner ${uid}`,
  check: (_data, _rule, { hooks }) =>
    hooks.some((hook) => hook !== 'OUTPUT' && hook !== 'POSTROUTING')
      ? { code: 'owner/hook', message: 'owner only knows packets that leave' }
      : null,
})

const icmp = define<{ readonly type: string }, OptionTable>({
  name: 'icmp',
  doc,
  families: ['ipv4'],
  impliedBy: [1],
  examples: [],
  options: { 'icmp-type': choice(['8', '0', 'any'], { doc, required: true }) },
  parse: (given) => ({ type: given['icmp-type']!.value }),
  print: ({ type }) => `--icmp-type ${type}`,
})

const log = define<{ readonly prefix: string | null }, OptionTable>({
  name: 'LOG',
  doc,
  families: both,
  examples: [],
  options: { 'log-prefix': text({ doc, minLength: 1, maxLength: 29 }) },
  parse: (given) => ({ prefix: given['log-prefix']?.value ?? null }),
  print: ({ prefix }) => (prefix === null ? '' : `--log-prefix ${quoteText(prefix)}`),
})

const mark = define<{ readonly mark: string }, OptionTable>({
  name: 'MARK',
  doc,
  families: both,
  examples: [],
  options: { 'set-xmark': markMask({ doc, required: true }) },
  parse: (given) => {
    const { value: set, mask } = given['set-xmark']!.value
    return { mark: `0x${set.toString(16)}/0x${mask.toString(16)}` }
  },
  print: (data) => `--set-xmark ${data.mark}`,
})

const matches = [ports('tcp', 6), ports('udp', 17), comment, recent, owner, icmp]
const targets = [log, mark]

export const fakeSyntax: Syntax = {
  matches,
  targets,
  match: (name, family) =>
    matches.find((each) => each.name === name && each.families.includes(family)) ?? null,
  target: (name, family) =>
    targets.find((each) => each.name === name && each.families.includes(family)) ?? null,
}
