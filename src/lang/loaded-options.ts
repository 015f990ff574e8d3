/**
 * Which options a command line understands at this moment: those of iptables, and those of the matches and target
 * loaded so far. Source: GNU getopt_long over the tables that `xtables_merge_options()` builds; `load_proto()`.
 */
import { type BaseOption, baseLongNames } from './base-options.ts'
import type { CommandEnvironment } from './command.ts'
import { optionOfOthers } from './complaints.ts'
import { ExtensionUse } from './extension-use.ts'
import { protocolName } from './names.ts'
import { nearest } from './suggest.ts'
import type { ExtensionSyntax, OptionEnvironment } from './syntax.ts'

export type Resolved =
  | { readonly kind: 'base'; readonly option: BaseOption }
  | {
      readonly kind: 'extension'
      readonly use: ExtensionUse
      readonly name: string
      /** The name or alias, unabbreviated. */
      readonly as: string
    }

export class LoadedOptions {
  protocol: OptionEnvironment['protocol'] = null
  readonly #environment: CommandEnvironment
  /** Extensions that take options, in the order of loading; a match loaded again replaces its earlier use. */
  readonly #uses: ExtensionUse[] = []
  /** Called when an option of the protocol loads its match. */
  readonly #onImplied: (use: ExtensionUse) => void
  #protocolLoaded = false

  constructor(environment: CommandEnvironment, onImplied: (use: ExtensionUse) => void) {
    this.#environment = environment
    this.#onImplied = onImplied
  }

  load(use: ExtensionUse): void {
    const earlier = this.#uses.findIndex(({ syntax }) => syntax === use.syntax)
    if (0 <= earlier) this.#uses.splice(earlier, 1)
    this.#uses.push(use)
  }

  /**
   * What a long option name stands for: exactly, or as the beginning of one name only. Where nothing fits, the match
   * of the rule's protocol is loaded if it has the option. With `exactly`, beginnings stand for nothing.
   */
  resolve(name: string, exactly = false): Resolved | null {
    const found = this.#resolveLoaded(name, exactly)
    if (found !== null || name === '') return found
    const implied = this.#impliedUse()
    if (implied === null || (exactly ? implied.canonical(name) : implied.find(name)) === null) return null
    this.#protocolLoaded = true
    this.load(implied)
    this.#onImplied(implied)
    return this.#resolveLoaded(name, exactly)
  }

  #resolveLoaded(name: string, exactly: boolean): Resolved | null {
    const base = baseLongNames.find(([each]) => each === name)
    if (base !== undefined) return { kind: 'base', option: base[1] }
    // What was loaded last is asked first.
    for (const use of this.#uses.toReversed()) {
      const canonical = use.canonical(name)
      if (canonical !== null) return { kind: 'extension', use, name: canonical, as: name }
    }
    const candidates = exactly ? [] : this.abbreviated(name)
    return candidates.length === 1 ? candidates[0]! : null
  }

  /** The options whose names begin so, each once however many of its names do. */
  abbreviated(name: string): Resolved[] {
    const found: Resolved[] = []
    const options = new Set<BaseOption>()
    for (const [long, option] of baseLongNames) {
      if (!long.startsWith(name) || options.has(option)) continue
      options.add(option)
      found.push({ kind: 'base', option })
    }
    for (const use of this.#uses) {
      const names = new Set<string>()
      for (const [as, canonical] of use.names()) {
        if (!as.startsWith(name) || names.has(canonical)) continue
        names.add(canonical)
        found.push({ kind: 'extension', use, name: canonical, as })
      }
    }
    return found
  }

  /** The match of the rule's protocol, where none of its options was met yet; null when there is none. */
  get impliedSyntax(): ExtensionSyntax | null {
    return this.#impliedUse()?.syntax ?? null
  }

  /** The match that options of the rule's protocol load by themselves; null when there is none or it is loaded. */
  #impliedUse(): ExtensionUse | null {
    const { protocol } = this
    if (protocol === null || this.#protocolLoaded) return null
    const { syntax, family } = this.#environment
    const match = syntax.matches.find(
      ({ families, impliedBy }) => families.includes(family) && impliedBy?.includes(protocol.number),
    )
    return match === undefined ? null : new ExtensionUse(match, null, this.#environment)
  }

  /** Names of the options of loaded extensions. */
  extensionNames(): string[] {
    return this.#uses.flatMap((use) => [...use.names().keys()])
  }

  /** The name that was probably meant, or null. */
  nearName(name: string): string | null {
    return nearest(name, [
      ...this.extensionNames(),
      ...(this.#impliedUse()?.names().keys() ?? []),
      ...baseLongNames.map(([long]) => long),
    ])
  }

  /** Advice on an option that belongs to extensions which are not loaded; empty when none has it. */
  adviceOnOwners(name: string): { notes?: readonly string[]; help?: string } {
    const { syntax, family } = this.#environment
    const owners: ExtensionSyntax[] = [...syntax.matches, ...syntax.targets].filter(
      (extension) =>
        extension.families.includes(family) &&
        new ExtensionUse(extension, null, this.#environment).canonical(name) !== null,
    )
    if (owners.length === 0) return {}
    const protocol = owners.find(({ impliedBy }) => impliedBy !== undefined)?.impliedBy?.[0]
    return optionOfOthers(`--${name}`, owners, protocol === undefined ? null : protocolName(protocol))
  }

  /** Whether a word is the full name of some option, in reach or not. */
  isLongName(name: string): boolean {
    return name.length > 2 && (this.resolve(name) !== null || this.adviceOnOwners(name).help !== undefined)
  }
}
