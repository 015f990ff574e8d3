/** What header readers need: big-endian numbers at absolute offsets. A `Packet` is one. */
export interface Reader {
  u8(offset: number): number
  u16(offset: number): number
  u32(offset: number): number
}
