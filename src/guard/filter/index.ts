/** Filters: lines of a log in, failures out. */
export { createFilter } from './filter.ts'
export { everyLine } from './sift.ts'
export * from './types.ts'
