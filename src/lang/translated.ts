/**
 * Rules that ask for a destination which the nat table has changed before they see the packet.
 *
 * Destinations change in PREROUTING (and OUTPUT) of nat, in front of FORWARD and INPUT (and OUTPUT) of filter. So a
 * rule there meets the new address and port. Nothing is said unless it is certain, or nothing else lets the translated
 * packets through; and not where another translation leads to what the rule asks for.
 */
import {
  type Address,
  type Family,
  maskOfLength,
  type Prefix,
  printAddress,
  printPrefix,
} from '../net/address.ts'
import {
  arePortsWithin,
  type Conditions,
  conditionsOf,
  isWithin,
  mayMeet,
  mayNetworksMeet,
  mayPortsMeet,
} from './conditions-compared.ts'
import type { Refusal } from './diagnostic.ts'
import type { Range } from './option.ts'
import type { Problems } from './problems.ts'
import { reachOf } from './reach.ts'
import type { Hook, Negatable, Ruleset, Table } from './rule.ts'
import type { NewDestination, Syntax } from './syntax.ts'
import { addressChanged, portChanged, sentElsewhere } from './translated-complaints.ts'
import { type Translation, translationsOf } from './translations.ts'

/** Where packets meet the filter table behind a hook of nat. */
const behind: Readonly<Partial<Record<Hook, readonly Hook[]>>> = {
  PREROUTING: ['INPUT', 'FORWARD'],
  OUTPUT: ['OUTPUT'],
}

export function reportTranslated(ruleset: Ruleset, syntax: Syntax, problems: Problems): void {
  const nat = ruleset.tables.get('nat')
  const filter = ruleset.tables.get('filter')
  if (nat === undefined || filter === undefined) return
  const translations = translationsOf(nat, syntax, ruleset.family)
  if (translations.length > 0) new Review(filter, translations, syntax, ruleset.family, problems).run()
}

interface Candidate {
  readonly conditions: Conditions
  readonly ports: readonly Range[]
  /** The base chain that leads to it, where it is only one. */
  readonly hook: Hook
}

class Review {
  readonly #translations: readonly Translation[]
  readonly #candidates: readonly Candidate[]
  readonly #problems: Problems

  constructor(
    filter: Table,
    translations: readonly Translation[],
    syntax: Syntax,
    family: Family,
    problems: Problems,
  ) {
    this.#translations = translations
    this.#candidates = candidatesOf(filter, syntax, family)
    this.#problems = problems
  }

  run(): void {
    for (const candidate of this.#candidates) {
      const { rule } = candidate.conditions
      if (this.#translations.some(({ to }) => this.#mayLeadTo(to, candidate))) continue
      for (const translation of this.#translations) {
        const finding = this.#compare(candidate, translation)
        if (finding === null) continue
        const { span } = translation.rule
        const related = span === null ? undefined : { span, message: 'this rule changes the destination' }
        if (finding.isCertain) this.#problems.warn(finding.refusal, rule.span, related)
        else this.#problems.note(finding.refusal, rule.span, related)
        break
      }
    }
  }

  /** Whether the translated packets may be what the rule asks for. */
  #mayLeadTo({ addresses, ports }: NewDestination, { conditions, ports: asked, hook }: Candidate): boolean {
    if (ports === null || !mayPortsMeet(asked, [ports])) return false
    if ((addresses === 'local') !== (hook === 'INPUT')) return addresses === null
    return addresses === 'local' || addresses === null || mayHold(conditions.rule.destination, addresses)
  }

  #compare(
    candidate: Candidate,
    { hook, path, to, before, rule }: Translation,
  ): { readonly refusal: Refusal; readonly isCertain: boolean } | null {
    const { conditions, ports: asked } = candidate
    const chain = candidate.hook
    if (!behind[hook]!.includes(chain)) return null
    const tests = path.flatMap(({ ports }) => (ports === null ? [] : [ports]))
    if (tests.length === 0 || !tests.every((ports) => arePortsWithin(asked, ports))) return null
    if (!path.every((each) => mayMeet(each, conditions)) || before.some((each) => mayMeet(each, conditions)))
      return null
    const isCertain = path.every((each) => isWithin(conditions, each))
    const goesOn = to.addresses !== null && to.addresses !== 'local'
    if (chain === 'INPUT' && goesOn) {
      const by = path.map((each) => each.rule.inInterface).find((each) => each !== null)
      const help = `a rule in FORWARD: ${optionsFor(to, asked)}`
      const where = by === undefined || by.inverted ? null : by.value
      return { refusal: sentElsewhere(asked, to.text, where, help), isCertain }
    }
    return this.#compareEnds(candidate, { path, to, hook, rule, isCertain })
  }

  #compareEnds(
    { conditions, ports: asked, hook: chain }: Candidate,
    {
      path,
      to,
      hook,
      isCertain,
    }: Pick<Translation, 'path' | 'to' | 'hook' | 'rule'> & { isCertain: boolean },
  ) {
    const { destination } = conditions.rule
    const turned = to.addresses === 'local' ? null : to.addresses
    if (to.ports !== null && !mayPortsMeet(asked, [to.ports])) {
      const isForTheNew = turned !== null && destination !== null && mayHold(destination, turned)
      if (!isCertain && !isForTheNew && !(turned !== null && this.#nothingLetsThrough(to, chain))) return null
      return { refusal: portChanged(asked, to.ports, to.text, hook, chain), isCertain: true }
    }
    const original = path.map((each) => each.rule.destination).find((each) => each !== null)
    if (turned === null || destination === null || original === undefined || destination.inverted) return null
    if (original.inverted || mayHold(destination, turned) || !mayNetworksMeet(destination, original))
      return null
    const asks = printPrefix(destination.value).replace(/\/(32|128)$/, '')
    const now = printAddress(turned.min)
    return { refusal: addressChanged(asks, now, to.text, hook, chain), isCertain: true }
  }

  /** No rule of that base chain accepts the new destination by name. */
  #nothingLetsThrough(to: NewDestination, hook: Hook): boolean {
    return !this.#candidates.some(
      (each) =>
        each.hook === hook &&
        each.conditions.rule.target.kind !== 'none' &&
        mayPortsMeet(each.ports, [to.ports!]) &&
        (to.addresses === 'local' ||
          to.addresses === null ||
          mayHold(each.conditions.rule.destination, to.addresses)),
    )
  }
}

function candidatesOf(filter: Table, syntax: Syntax, family: Family): Candidate[] {
  const reach = reachOf(filter)
  const candidates: Candidate[] = []
  for (const { rules } of filter.chains.values()) {
    for (const rule of rules) {
      const hooks = reach.hooks.get(rule) ?? []
      const [hook] = hooks
      if (hook === undefined || hooks.length > 1 || rule.protocol === null || rule.protocol.inverted) continue
      const conditions = conditionsOf(rule, syntax, family)
      if (conditions.ports !== null) candidates.push({ conditions, ports: conditions.ports, hook })
    }
  }
  return candidates
}

/** Whether an address of the range may meet the condition; the ends of the range stand for it. */
function mayHold(
  condition: Negatable<Prefix> | null,
  { min, max }: { readonly min: Address; readonly max: Address },
): boolean {
  const whole = maskOfLength(min.family, min.family === 'ipv4' ? 32 : 128)
  return [min, max].some((address) =>
    mayNetworksMeet(condition, { value: { address, mask: whole }, inverted: false }),
  )
}

const optionsFor = ({ addresses, ports }: NewDestination, asked: readonly Range[]): string => {
  const address = addresses === null || addresses === 'local' ? '' : `-d ${printAddress(addresses.min)} `
  const { low, high } = ports ?? asked[0]!
  return `${address}--dport ${low === high ? low : `${low}:${high}`}`
}
