/**
 * Matches and targets, one file each in `match/` and `target/`: their options, how they print, what they decide of a
 * packet and which packets that is.
 *
 * What an extension needs beyond the packet comes in as a context (`context.ts`), so nothing here keeps time, reads
 * files or knows how a host is built. Nobody asks for an extension by name: all go through the registry.
 */
export * from './context.ts'
export * from './define.ts'
export { documentExtension, type ExtensionDoc, type ExtensionKind, type OptionDoc, printHelp } from './doc.ts'
export { type FactJudges, factHolds, pointOf } from './facts.ts'
export { makeRegistry, matches, type Registry, registry, targets } from './registry.ts'
