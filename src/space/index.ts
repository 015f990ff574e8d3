/**
 * Sets of packets and their algebra: what the analysis of rules speaks of.
 *
 * Here live the sets and nothing that knows a rule: which packets a match takes is said by the match itself, in
 * `ext`, through the contracts of `space.ts`.
 */
export { SpaceLimitError } from './diagrams.ts'
export { newSpace, type SpaceOptions } from './packet-space.ts'
export {
  type Bounds,
  exactly,
  type FieldName,
  fieldBits,
  type PacketSet,
  type PacketSpace,
  type Point,
  widthOf,
} from './space.ts'
