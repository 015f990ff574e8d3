/** `-j DNPT`: give the packet's destination another prefix, without any state. */
import { defineNpt } from './_npt.ts'

export const DNPT = defineNpt({
  name: 'DNPT',
  side: 'destination',
  hooks: ['PREROUTING', 'OUTPUT'],
  doc: "Give the packet's destination another prefix, without any state.",
})
