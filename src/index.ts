/**
 * The library: rules from text, a host, and packets through it. Pure: no I/O, no clock, no Node built-ins.
 */
export * from './engine/config.ts'
export { Host } from './engine/host.ts'
export * from './engine/outcome.ts'
export type * from './lang/rule.ts'
export * from './net/index.ts'
