/** Filters: lines of a log in, failures out. */
export { createFilter } from './filter.ts'
export * from './types.ts'
