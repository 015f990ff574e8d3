/** A YAML file with the places of what stands in it. */
import { isMap, isNode, isScalar, parseDocument } from 'yaml'
import type { Diagnostic } from '../../../lang/diagnostic.ts'
import type { SourceText, Span } from '../../../lang/source.ts'
import type { Path } from '../../../scenario/shape-complaints.ts'
import { errorOf } from '../complaint.ts'
import { type Value, ValueBuilder } from '../value.ts'

export class YamlFile {
  readonly diagnostics: Diagnostic[] = []
  /** Plain data; undefined when the text is no YAML. */
  readonly data: unknown
  readonly #source: SourceText
  readonly #document: ReturnType<typeof parseDocument>

  constructor(source: SourceText) {
    this.#source = source
    this.#document = parseDocument(source.text, { prettyErrors: false, stringKeys: true })
    for (const { pos, message } of this.#document.errors.slice(0, 1)) {
      const span = this.#oneLine(pos[0], Math.max(pos[0] + 1, pos[1]))
      this.diagnostics.push(errorOf('yaml', span, `this is not YAML: ${message.split('\n')[0]}`))
    }
    this.data = this.diagnostics.length > 0 ? undefined : this.#plainData()
  }

  #plainData(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: 100 })
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error
      this.diagnostics.push(
        errorOf('yaml', this.whole(), 'an alias (*name) has no anchor (&name), or unfolds too far'),
      )
      return undefined
    }
  }

  get name(): string {
    return this.#source.name
  }

  /** The file as a whole. */
  whole(): Span {
    return { source: this.#source, start: 0, end: 0 }
  }

  /** The place of a value, or of the nearest thing around it that stands in the file. */
  spanOf(path: Path): Span {
    for (let length = path.length; length >= 0; length--) {
      const node = length === 0 ? this.#document.contents : this.#document.getIn(path.slice(0, length), true)
      if (isNode(node) && node.range) return this.#oneLine(node.range[0], node.range[1])
    }
    return this.whole()
  }

  /** The place of a key rather than of its value. */
  spanOfKey(path: Path): Span {
    const around = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true)
    const pair = isMap(around)
      ? around.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
      : undefined
    if (pair === undefined || !isScalar(pair.key) || !pair.key.range) return this.spanOf(path)
    return { source: this.#source, start: pair.key.range[0], end: pair.key.range[1] }
  }

  /** The scalar at a path as a value, its letters placed where the file writes them as they are. */
  valueAt(path: Path, text: string): Value {
    const key = this.spanOf(path)
    const builder = new ValueBuilder()
    const at = this.#source.text.indexOf(text, key.start)
    if (text !== '' && key.start <= at && at <= key.start + 1 && !text.includes('\n')) {
      builder.addSource(this.#source, at, text)
    } else builder.addText(text)
    return builder.build(key)
  }

  /** Frames show one line; what has many is pointed at by its first. */
  #oneLine(start: number, end: number): Span {
    const lineEnd = this.#source.text.indexOf('\n', start)
    return { source: this.#source, start, end: lineEnd < 0 ? end : Math.min(end, lineEnd) }
  }
}
