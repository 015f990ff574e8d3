/** `-j SNPT`: give the packet's source another prefix, without any state. */
import { defineNpt } from './_npt.ts'

export const SNPT = defineNpt({
  name: 'SNPT',
  side: 'source',
  hooks: ['INPUT', 'POSTROUTING'],
  doc: "Give the packet's source another prefix, without any state.",
})
