import { describe, expect, it } from 'vitest'
import { listOf, oneOf, optional, orNull, record, text } from './shape.ts'

const shape = record({
  name: text({ minLength: 1 }),
  kind: orNull(oneOf('a', 'b')),
  digits: optional(text({ pattern: /^\d+$/ })),
  items: listOf(record({ words: listOf(text()) })),
})

const whole = { name: 'x', kind: 'a', items: [{ words: ['y'] }] }

describe('shapes of JSON', () => {
  it.each([
    [whole, null],
    [{ ...whole, kind: null, digits: '12' }, null],
    [3, ': an object is expected, not 3'],
    [[], ': an object is expected, not a list'],
    [{ ...whole, name: '' }, 'name: the text is too short'],
    [{ ...whole, kind: 'c' }, 'kind: one of a, b is expected, not "c"'],
    [{ ...whole, digits: '1x' }, 'digits: "1x" does not look like /^\\d+$/'],
    [{ name: 'x', kind: 'a' }, 'items: it is missing'],
    [{ ...whole, more: 1 }, ': there is no key "more" here'],
    [{ ...whole, items: {} }, 'items: a list is expected, not an object'],
    [
      { ...whole, items: [{ words: [] }, { words: ['y', null] }] },
      'items[1].words[1]: a text is expected, not null',
    ],
    [JSON.parse('{"name":"x","kind":"a","items":[],"__proto__":{}}'), ': there is no key "__proto__" here'],
  ])('%j', (value, fault) => {
    const found = shape.fault(value, '')
    expect(found === null ? null : `${found.path}: ${found.message}`).toBe(fault)
  })

  it('says the same as a JSON schema', () => {
    expect(shape.schema).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1 },
        kind: { anyOf: [{ type: 'string', enum: ['a', 'b'] }, { type: 'null' }] },
        digits: { type: 'string', pattern: '^\\d+$' },
        items: {
          type: 'array',
          items: {
            type: 'object',
            properties: { words: { type: 'array', items: { type: 'string' } } },
            required: ['words'],
            additionalProperties: false,
          },
        },
      },
      required: ['name', 'kind', 'items'],
      additionalProperties: false,
    })
  })
})
