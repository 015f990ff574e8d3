import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Family } from '../net/address.ts'
import { SpaceLimitError } from './diagrams.ts'
import { newSpace, orderedFields } from './packet-space.ts'
import { type FieldName, fieldBits, type PacketSet, type PacketSpace, type Point, widthOf } from './space.ts'

/** A condition in a form simple enough to be judged without any diagram: the slow twin. */
type Condition =
  | {
      readonly kind: 'equal'
      readonly field: FieldName
      readonly value: bigint
      readonly mask: bigint | null
    }
  | { readonly kind: 'between'; readonly field: FieldName; readonly low: bigint; readonly high: bigint }
  | { readonly kind: 'fact'; readonly name: string }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'and' | 'or' | 'minus'; readonly left: Condition; readonly right: Condition }

function judge(condition: Condition, point: Point): boolean {
  switch (condition.kind) {
    case 'equal': {
      const field = point.fields[condition.field] ?? 0n
      return (condition.mask === null ? field : field & condition.mask) === condition.value
    }
    case 'between': {
      const field = point.fields[condition.field] ?? 0n
      return condition.low <= field && field <= condition.high
    }
    case 'fact':
      return point.facts.has(condition.name)
    case 'not':
      return !judge(condition.of, point)
    case 'and':
      return judge(condition.left, point) && judge(condition.right, point)
    case 'or':
      return judge(condition.left, point) || judge(condition.right, point)
    case 'minus':
      return judge(condition.left, point) && !judge(condition.right, point)
  }
}

function build(condition: Condition, space: PacketSpace): PacketSet {
  switch (condition.kind) {
    case 'equal':
      return condition.mask === null
        ? space.equal(condition.field, condition.value)
        : space.equal(condition.field, condition.value, condition.mask)
    case 'between':
      return space.between(condition.field, condition.low, condition.high)
    case 'fact':
      return space.fact(condition.name)
    case 'not':
      return build(condition.of, space).not()
    default:
      return build(condition.left, space)[condition.kind](build(condition.right, space))
  }
}

/** The values a condition names and their neighbours: where a wrong border would show. */
function borders(condition: Condition): { field: FieldName; value: bigint }[] {
  switch (condition.kind) {
    case 'equal':
      return [{ field: condition.field, value: condition.value }]
    case 'between':
      return [condition.low - 1n, condition.low, condition.high, condition.high + 1n].map((value) => ({
        field: condition.field,
        value,
      }))
    case 'fact':
      return []
    case 'not':
      return borders(condition.of)
    default:
      return [...borders(condition.left), ...borders(condition.right)]
  }
}

const factNames = ['in=eth0', 'in=eth1', 'state=NEW']
const fields = Object.keys(fieldBits) as FieldName[]

function anyValue(field: FieldName, family: Family): fc.Arbitrary<bigint> {
  const largest = (1n << BigInt(widthOf(field, family))) - 1n
  return fc.oneof(fc.constantFrom(0n, 1n, largest), fc.bigInt({ min: 0n, max: largest }))
}

function anyCondition(family: Family, among: readonly FieldName[] = fields): fc.Arbitrary<Condition> {
  const anyField = fc.constantFrom(...among)
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    anyField.chain((field) =>
      fc.record({
        kind: fc.constant('equal' as const),
        field: fc.constant(field),
        value: anyValue(field, family),
        mask: fc.option(anyValue(field, family)),
      }),
    ),
    anyField.chain((field) =>
      fc.record({
        kind: fc.constant('between' as const),
        field: fc.constant(field),
        low: anyValue(field, family),
        high: anyValue(field, family),
      }),
    ),
    fc.record({ kind: fc.constant('fact' as const), name: fc.constantFrom(...factNames) }),
  )
  return fc.letrec<{ any: Condition }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 5, depthSize: 'medium' },
      leaf,
      fc.record({ kind: fc.constant('not' as const), of: tie('any') }),
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const, 'minus' as const),
        left: tie('any'),
        right: tie('any'),
      }),
    ),
  })).any
}

function anyPoint(family: Family): fc.Arbitrary<Point> {
  const values = Object.fromEntries(fields.map((field) => [field, anyValue(field, family)]))
  return fc.record({
    fields: fc.record(values, { requiredKeys: [] }) as fc.Arbitrary<Point['fields']>,
    facts: fc.subarray(factNames).map((names) => new Set(names)),
  })
}

/** Fields small enough to try every point. */
const smallFields: readonly FieldName[] = ['moreFragments', 'tcpFlags']

function everySmallPoint(): Point[] {
  const points: Point[] = []
  for (let tcpFlags = 0n; tcpFlags < 256n; tcpFlags++)
    for (const moreFragments of [0n, 1n])
      for (let facts = 0; facts < 8; facts++)
        points.push({
          fields: { tcpFlags, moreFragments },
          facts: new Set(factNames.filter((_, at) => ((facts >> at) & 1) === 1)),
        })
  return points
}

describe.each(['ipv4', 'ipv6'] as const)('%s sets', (family) => {
  test('hold the points that the condition holds for', () => {
    fc.assert(
      fc.property(anyCondition(family), fc.array(anyPoint(family), { minLength: 8 }), (condition, points) => {
        const set = build(condition, newSpace(family))
        const near = borders(condition).flatMap(({ field, value }) =>
          points.slice(0, 2).map((point) => ({ ...point, fields: { ...point.fields, [field]: value } })),
        )
        for (const point of [...points, ...near.filter((point) => inRange(point, family))])
          expect(set.has(point)).toBe(judge(condition, point))
      }),
      { numRuns: 400 },
    )
  })

  test('give a member as witness, none exactly when empty', () => {
    fc.assert(
      fc.property(anyCondition(family), (condition) => {
        const set = build(condition, newSpace(family))
        const witness = set.witness()
        expect(witness === null).toBe(set.isEmpty())
        if (witness !== null) {
          expect(set.has(witness)).toBe(true)
          expect(judge(condition, witness)).toBe(true)
          expect(inRange(witness, family)).toBe(true)
        }
      }),
      { numRuns: 400 },
    )
  })
})

const inRange = (point: Point, family: Family) =>
  Object.entries(point.fields).every(
    ([field, value]) => 0n <= value && value < 1n << BigInt(widthOf(field as FieldName, family)),
  )

test('are empty, equal, or one within the other just as their members tell, over every point', () => {
  const points = everySmallPoint()
  const condition = anyCondition('ipv4', smallFields)
  fc.assert(
    fc.property(condition, condition, (left, right) => {
      const space = newSpace('ipv4')
      const a = build(left, space)
      const b = build(right, space)
      const inA = points.map((point) => judge(left, point))
      const inB = points.map((point) => judge(right, point))
      expect(a.isEmpty()).toBe(!inA.includes(true))
      expect(a.equals(b)).toBe(inA.every((yes, at) => yes === inB[at]))
      expect(a.within(b)).toBe(inA.every((yes, at) => !yes || inB[at]))
      expect(a.equals(space.all)).toBe(!inA.includes(false))
      expect(points.map((point) => a.has(point))).toEqual(inA)
    }),
    { numRuns: 40 },
  )
})

test('obey the laws of sets', () => {
  const condition = anyCondition('ipv6')
  fc.assert(
    fc.property(condition, condition, condition, (...three) => {
      const space = newSpace('ipv6')
      const [a, b, c] = three.map((one) => build(one, space)) as [PacketSet, PacketSet, PacketSet]
      expect(a.and(b).equals(b.and(a))).toBe(true)
      expect(a.or(b.and(c)).equals(a.or(b).and(a.or(c)))).toBe(true)
      expect(a.and(b).not().equals(a.not().or(b.not()))).toBe(true)
      expect(a.minus(b).equals(a.and(b.not()))).toBe(true)
      expect(a.not().not().equals(a)).toBe(true)
      expect(a.or(a.not()).equals(space.all)).toBe(true)
      expect(a.and(a.not()).isEmpty()).toBe(true)
    }),
    { numRuns: 200 },
  )
})

test('every field has its place in the order', () => {
  expect([...orderedFields].sort()).toEqual([...fields].sort())
})

test('values and masks beyond the field', () => {
  const space = newSpace('ipv4')
  expect(space.equal('source', 1n << 32n).isEmpty()).toBe(true)
  expect(space.equal('destinationPort', 22n, 0xffff_ffffn).equals(space.equal('destinationPort', 22n))).toBe(
    true,
  )
  expect(space.equal('mark', 0xffn, 0x0fn).isEmpty()).toBe(true)
  expect(space.equal('mark', 0n, 0n).equals(space.all)).toBe(true)
  expect(space.between('ttl', -5n, 300n).equals(space.all)).toBe(true)
  expect(space.between('ttl', 9n, 8n).isEmpty()).toBe(true)
})

test('propositions are known by name', () => {
  const space = newSpace('ipv4')
  expect(space.fact('in=eth0').equals(space.fact('in=eth0'))).toBe(true)
  expect(space.fact('in=eth0').equals(space.fact('in=eth1'))).toBe(false)
  expect(space.facts).toEqual(['in=eth0', 'in=eth1'])
  expect(space.fact('in=eth1').minus(space.fact('in=eth0')).witness()).toEqual({
    fields: {},
    facts: new Set(['in=eth1']),
  })
})

test('sets of different spaces do not mix', () => {
  expect(() => newSpace('ipv4').all.and(newSpace('ipv4').all)).toThrow('different spaces')
})

test('a space refuses to outgrow its limit', () => {
  const space = newSpace('ipv6', { nodeLimit: 2000 })
  let set = space.none
  const grow = () => {
    for (let at = 0n; at < 1000n; at++)
      set = set.or(
        space.equal('source', at * 0x9e3779b97f4a7c15n).and(space.equal('destination', at * 77777n)),
      )
  }
  expect(grow).toThrow(SpaceLimitError)
  expect(space.nodeCount).toBeLessThanOrEqual(2000)
  // What was built before stays good.
  expect(set.has(set.witness()!)).toBe(true)
})

test('a thousand overlapping rules stay within a few hundred thousand nodes', () => {
  const space = newSpace('ipv4')
  let rest = space.all
  let random = 12345
  const next = (below: number) => {
    random = (Math.imul(random, 1103515245) + 12345) >>> 0
    return (random >>> 8) % below
  }
  let shadowed = 0
  for (let rule = 0; rule < 1000; rule++) {
    const lowPort = next(40000)
    const prefix = (field: 'source' | 'destination') => {
      const mask = ((1n << 32n) - 1n) ^ ((1n << BigInt(32 - (8 + next(17)))) - 1n)
      return space.equal(field, BigInt(next(1 << 24) * 256) & mask, mask)
    }
    const match = space
      .equal('protocol', next(2) === 0 ? 6n : 17n)
      .and(prefix('source'))
      .and(prefix('destination'))
      .and(space.between('destinationPort', BigInt(lowPort), BigInt(lowPort + next(20000))))
    const reaches = match.and(rest)
    if (reaches.isEmpty()) shadowed++
    rest = rest.minus(match)
  }
  expect(shadowed).toBeLessThan(1000)
  expect(space.nodeCount).toBeLessThan(500_000)
})
