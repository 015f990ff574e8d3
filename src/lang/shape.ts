/**
 * Shapes of JSON values: what may stand where, said once, for checking a value and for the JSON schema of it.
 *
 * Only what rules need. Whole documents of users (scenarios, `postern.yaml`) have a library for it, which would take
 * longer to load than a small file of rules takes to read.
 */

/** What is wrong and where: `tables[0].name`. */
export interface ShapeFault {
  readonly path: string
  readonly message: string
}

export interface Shape<T> {
  readonly isOptional: boolean
  /** What is wrong with a value at a path; null when it is a `T`. */
  fault(value: unknown, path: string): ShapeFault | null
  /** JSON schema, draft 2020-12. */
  readonly schema: object
  /** Never there; carries the type. */
  readonly type?: T
}

export type TypeOf<S> = S extends Shape<infer T> ? T : never

type Fields = { readonly [name: string]: Shape<unknown> }
type OptionalKeys<F extends Fields> = { [K in keyof F]: undefined extends TypeOf<F[K]> ? K : never }[keyof F]
type ObjectOf<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: TypeOf<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Exclude<TypeOf<F[K]>, undefined>
}

const shape = <T>(schema: object, fault: Shape<T>['fault']): Shape<T> => ({
  isOptional: false,
  schema,
  fault,
})

/** With a description for readers of the schema. */
export const described = <T>(inner: Shape<T>, description: string): Shape<T> => ({
  ...inner,
  schema: { ...inner.schema, description },
})

export const optional = <T>(inner: Shape<T>): Shape<T | undefined> => ({ ...inner, isOptional: true })

export const text = (
  rule: { readonly minLength?: number; readonly pattern?: RegExp } = {},
): Shape<string> => {
  const { minLength = 0, pattern } = rule
  const schema = {
    type: 'string',
    ...(minLength > 0 && { minLength }),
    ...(pattern !== undefined && { pattern: pattern.source }),
  }
  return shape(schema, (value, path) => {
    if (typeof value !== 'string') return { path, message: `a text is expected, not ${kindOf(value)}` }
    if (value.length < minLength) return { path, message: 'the text is too short' }
    if (pattern?.test(value) === false) return { path, message: `"${value}" does not look like ${pattern}` }
    return null
  })
}

export const oneOf = <const T extends string>(...words: readonly T[]): Shape<T> =>
  shape({ type: 'string', enum: words }, (value, path) =>
    words.some((word) => word === value)
      ? null
      : { path, message: `one of ${words.join(', ')} is expected, not ${shown(value)}` },
  )

export const orNull = <T>({ schema, fault }: Shape<T>): Shape<T | null> =>
  shape({ anyOf: [schema, { type: 'null' }] }, (value, path) => (value === null ? null : fault(value, path)))

export const listOf = <T>(item: Shape<T>): Shape<readonly T[]> =>
  shape({ type: 'array', items: item.schema }, (value, path) => {
    if (!Array.isArray(value)) return { path, message: `a list is expected, not ${kindOf(value)}` }
    for (const [at, each] of value.entries()) {
      const fault = item.fault(each, `${path}[${at}]`)
      if (fault !== null) return fault
    }
    return null
  })

/** With these keys and no others. */
export const record = <const F extends Fields>(fields: F): Shape<ObjectOf<F>> => {
  const names = Object.keys(fields)
  const required = names.filter((name) => !fields[name]!.isOptional)
  const properties = Object.fromEntries(names.map((name) => [name, fields[name]!.schema]))
  const schema = { type: 'object', properties, required, additionalProperties: false }
  return shape(schema, (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return { path, message: `an object is expected, not ${kindOf(value)}` }
    const given = value as Readonly<Record<string, unknown>>
    const stranger = Object.keys(given).find((key) => !Object.hasOwn(fields, key))
    if (stranger !== undefined) return { path, message: `there is no key "${stranger}" here` }
    for (const name of names) {
      const within = path === '' ? name : `${path}.${name}`
      if (Object.hasOwn(given, name)) {
        const fault = fields[name]!.fault(given[name], within)
        if (fault !== null) return fault
      } else if (!fields[name]!.isOptional) return { path: within, message: 'it is missing' }
    }
    return null
  })
}

const kindOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'an object'
        : shown(value)

const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null ? kindOf(value) : (JSON.stringify(value) ?? String(value))
